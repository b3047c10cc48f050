import Addresses
import Events
import Origins
import Reports
import Testing

/// Where sources belonged when they were counted goes with what they did.
@Suite struct PlaceTests {
    private let lines = RandomLog.lines(3000, seed: 7)

    /// A made-up world that changes with its year.
    private func origin(_ peer: IPAddress, _ year: UInt64) -> Origin? {
        let key = (peer.low ^ peer.high) &* 0x9e37_79b9_7f4a_7c15 &+ year
        guard key % 7 != 0 else { return nil }
        let countries = ["CN", "DE", "US", "VN"]
        return Origin(
            country: key % 5 == 0 ? nil : Country(countries[Int(key >> 8 & 3)]),
            asn: key % 11 == 0 ? nil : UInt32(key % 900))
    }

    private func copy(of tally: Tally) throws -> Tally {
        var copy = Tally()
        for key in tally.keys.shuffled() { try copy.merge(key, try #require(tally.encoded(key))) }
        return copy
    }

    private func places(_ tally: Tally, _ origin: ((IPAddress) -> Origin?)? = nil) -> [Report.Section?] {
        let base = ReportBase(tally)
        base.origin = origin
        return [base.countries, base.countryDays, base.systems]
    }

    @Test func `stored origins say what a look-up said on that day`() throws {
        var tally = RandomLog.tally(lines)
        let then = places(tally) { origin($0, 2025) }
        #expect(places(tally) == [nil, nil, nil])
        tally.locate(credits: ["Somebody's data of 2025"]) { origin($0, 2025) }
        let stored = try copy(of: tally)
        #expect(stored.contents == tally.contents)
        #expect(places(stored) == then)
        // Another database, or none, changes nothing of it.
        #expect(places(stored) { origin($0, 2026) } == then)
        #expect(places(RandomLog.tally(lines)) { origin($0, 2026) } != then)
        #expect(ReportBase(stored).storedCredits == ["Somebody's data of 2025"])
    }

    @Test func `of two parts of a day the first look-up stays, and what had none is asked for`() throws {
        var (first, second) = (RandomLog.tally(lines.prefix(1500)), RandomLog.tally(lines.dropFirst(1500)))
        first.locate(credits: ["2025"]) { origin($0, 2025) }
        var both = first
        both.merge(second)
        let asked = places(both) { origin($0, 2025) }
        second.locate(credits: ["2026"]) { origin($0, 2026) }
        var merged = try copy(of: first)
        merged.merge(try copy(of: second))
        #expect(ReportBase(merged).storedCredits == ["2025", "2026"])
        #expect(places(merged) != asked)
        var unlocated = first
        unlocated.merge(RandomLog.tally(lines.dropFirst(1500)))
        #expect(places(try copy(of: unlocated)) { origin($0, 2025) } == asked)
    }

    @Test func `a day without its minutes keeps its origins`() throws {
        var tally = RandomLog.tally(lines)
        tally.locate(credits: []) { origin($0, 2025) }
        var thin = Tally()
        for key in tally.keys {
            let bytes = try #require(tally.encoded(key))
            try thin.merge(key, key.span == .day ? try #require(Tally.thinned(key, bytes)) : bytes)
        }
        #expect(places(thin) == places(tally))
    }

    /// Stored by the first version, which had no origins.
    private static let old =
        "0102000C7370616D686175732E6F726706000201000200000000000000000000021E1077200000B428963E4E000000A8922E01013D0B"
        + "01000400E03604804A2805021D3531312068747470733A2F2F7777772E7370616D686175732E6F72672F0311353530205573657220"
        + "756E6B6E6F776E2E010001000853424C3234363531020002020100"

    @Test func `a day that an older version stored is read`() throws {
        let digits = Array(Self.old.utf8)
        let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)
        }
        var tally = Tally()
        try tally.merge(Tally.Key(.day, 20_777, "mx"), bytes)
        let rows = ReportBase(tally).networks.figures.map { $0.prefix(4) }
        #expect(rows == [["192.0.2.0/24", "2", "3", "3"], ["2001:db8:1::/48", "1", "1", "1"]])
        let section = try #require(places(tally) { _ in Origin(country: Country("CN")) }[0])
        #expect(section.figures[0][1] == "4")
    }
}
