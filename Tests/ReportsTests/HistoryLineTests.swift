import Addresses
import Events
import Testing

@testable import Reports

/// A day of a host as a line of a file, and back.
@Suite struct HistoryLineTests {
    private static let day = 20_000

    /// Two hosts' days with all that a tally has; one host's name is as bad as a name can be.
    private static let days: [HistoryDay] = {
        var tally = Tally()
        for (index, host) in ["mx", "a\"\t\\x41\u{9b}=", ""].enumerated() {
            for hour in 0..<24 where hour % (index + 1) == 0 {
                let key = Tally.Key(.hour, day * 24 + hour, host)
                let place = tally.hourIndex(key)
                tally.hourCounts[place].connections = 7 + hour
                tally.hourCounts[place].accepted = index
                tally.hourCounts[place].reject(
                    tally.labels.number(.rbl, "zen.example"), isPermanent: true, isListFailure: false)
                tally.hourCounts[place].reject(
                    tally.labels.number(.rbl, "Listed by, =1\t"), isPermanent: false, isListFailure: true)
                tally.hourCounts[place].reject(tally.labels.number(.helo, nil), isPermanent: true, isListFailure: false)
            }
            let place = tally.dayIndex(Tally.Key(.day, day, host))
            for last in 0..<(30 + index) {
                var event = Event(.rejection, class: .rbl, code: 554)
                let peer =
                    last % 3 == 0 ? IPAddress(high: UInt64(last) << 32, low: 9) : IPAddress(v4: UInt32(last) << 9)
                _ = tally.dayCounts[place].reject(event, peer, Int64(last) * 1000, 0)
                event.kind = .acceptance
                if last % 4 == 0 { tally.dayCounts[place].count(event, peer, 70000) }
            }
            _ = tally.dayCounts[place].texts.add(Array("550 no \u{1b}[31m".utf8), count: 3)
            tally.dayCounts[place].listings.add(ListingTable.Name(label: 0, id: "SBL1"), source: 2, count: 5)
        }
        return Set(tally.keys.map(\.host)).sorted().map { host in
            var counts = tally.pieces.filter { $0.key.host == host }
                .map { ($0.key.span.rawValue, $0.key.number, $0.bytes) }
            if host == "mx" {
                var drops = DropCounts()
                drops.add(Prefix(IPAddress(v4: 0xc633_6400), bits: 24), DropCounts.Amount(packets: 7, bytes: 420))
                counts.append((DropCounts.span, day, drops.encoded()))
            }
            return HistoryDay(day: day, host: host, counts: counts)
        }
    }()

    private static func text(_ day: HistoryDay) throws -> String { HistoryLine.text(day, try day.summary(nil)) }

    @Test func `what is written is read back, whatever a host is called`() throws {
        #expect(Self.days.count == 3)
        for day in Self.days {
            let text = try Self.text(day)
            #expect(text.utf8.allSatisfy { $0 == 0x09 || ($0 >= 0x20 && $0 < 0x7f) }, "\(text)")
            #expect(try HistoryLine(text, today: Self.day) == .day(day))
            let (date, data, check) = HistoryLine.fields(day)
            let fields = ["day": date, "host": day.host, "data": data, "check": check]
            #expect(try HistoryLine(fields, today: Self.day) == .day(day))
        }
        for line in HistoryLine.heading(credits: ["x\n9"]) + [""] {
            #expect(try HistoryLine(line, today: 0) == .nothing)
        }
        let part = HistoryLine.Part(length: 1024, hash: 0x0123_4567_89ab_cdef, bytes: 7..<(1 << 40))
        #expect(try HistoryLine(HistoryLine.text(part), today: 0) == .part(part))
        #expect(try HistoryLine(HistoryLine.text(days: 3, parts: 1), today: 0) == .end(days: 3, parts: 1))
    }

    @Test func `a day is known again when one of two has lost its minutes`() throws {
        let counts = try #require(Self.days.first).counts
        let whole = try #require(counts.first { $0.span == 1 }?.bytes)
        let thin = try #require(Tally.thinned(Tally.Key(.day, Self.day, ""), whole))
        #expect(thin != whole)
        #expect(HistoryDay.isSame(span: 1, whole, whole) && HistoryDay.isSame(span: 1, whole, thin))
        #expect(HistoryDay.isSame(span: 1, thin, whole))
        let other = try #require(Self.days.last?.counts.first { $0.span == 1 }?.bytes)
        #expect(!HistoryDay.isSame(span: 1, whole, other) && !HistoryDay.isSame(span: 1, thin, other))
        #expect(!HistoryDay.isSame(span: 1, [], whole) && !HistoryDay.isSame(span: 2, [1], [2]))
    }

    @Test func `a person can read it`() throws {
        let day = try #require(Self.days.first { $0.host == "mx" })
        let cells = try Self.text(day).split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        #expect(
            cells.dropLast(2) == [
                "2024-10-04", "mx", "444", "0", "48", "24", "0", "0", "30", "8", "7", "helo 24, rbl 24",
                "Listed\\x20by,\\x20\\x3d1\\x09 24, zen.example 24", "",
            ])
        #expect(cells.count == HistoryLine.columns.count)
    }

    @Test func `one byte changed anywhere in what is read back is noticed`() throws {
        let day = try #require(Self.days.first { $0.host == "mx" })
        let cells = try Self.text(day).split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        var missed: [String] = []
        for column in [0, 1, cells.count - 2, cells.count - 1] {
            for index in cells[column].utf8.indices {
                var changed = Array(cells[column].utf8)
                let place = cells[column].utf8.distance(from: cells[column].startIndex, to: index)
                changed[place] = changed[place] == UInt8(ascii: "1") ? UInt8(ascii: "2") : UInt8(ascii: "1")
                var other = cells
                other[column] = String(decoding: changed, as: UTF8.self)
                let line = other.joined(separator: "\t")
                if (try? HistoryLine(line, today: Self.day)) != nil { missed.append("\(column):\(place)") }
            }
        }
        #expect(missed.isEmpty)
        #expect(throws: RollupError.self) { try HistoryLine(cells.dropLast().joined(separator: "\t"), today: Self.day) }
    }

    /// With a check that fits.
    private func line(_ date: String, _ packed: [UInt8], host: String = "mx") -> [String: String] {
        let data = Base64.text(packed)
        return [
            "day": date, "host": host, "data": data,
            "check": HistoryLine.hexadecimal(HistoryDay.check(date, host, data)),
        ]
    }

    @Test func `counts that are none are refused, though the check fits`() throws {
        let day = try #require(Self.days.first { $0.host == "mx" })
        let date = LocalDay.date(Self.day)
        #expect(try HistoryLine(line(date, day.packed), today: Self.day) == .day(day))
        for bad in [
            "2024-13-01", "2023-02-29", "24-10-04", "2024-10-04 ", "1969-12-31", "-024-10-04", "9999-10-04",
            "0000-01-01",
        ] {
            #expect(throws: RollupError.self, "\(bad)") { try HistoryLine(line(bad, day.packed), today: Self.day) }
        }
        #expect(throws: RollupError.self) { try HistoryLine(line(date, day.packed), today: Self.day - 1) }
        let longName = String(repeating: "x", count: 256)
        #expect(throws: RollupError.self) { try HistoryLine(line(date, day.packed, host: longName), today: Self.day) }
        for end in 0..<day.packed.count {
            #expect(throws: RollupError.self) {
                try HistoryLine(line(date, Array(day.packed.prefix(end))), today: Self.day)
            }
        }
        #expect(throws: RollupError.self) { try HistoryLine(line(date, day.packed + [0]), today: Self.day) }
        var newer = day.packed
        newer[0] = 9
        #expect(throws: RollupError.self) { try HistoryLine(line(date, newer), today: Self.day) }

        func hour(_ slot: Int, _ connections: Int) -> [UInt8] {
            var writer = ByteWriter()
            writer.byte(Tally.version)
            for value in [connections, 0, 0, 0, 0, 0, 0, 0, 0] { writer.number(value) }
            var whole = ByteWriter()
            whole.number(slot)
            whole.text(writer.bytes)
            return whole.bytes
        }
        func packed(_ hours: [UInt8]...) -> [UInt8] { [Tally.version, UInt8(hours.count)] + hours.joined() }
        #expect(try HistoryLine(line(date, packed(hour(3, 5), hour(23, 5))), today: Self.day) != .nothing)
        for bytes in [
            packed(), packed(hour(3, 5), hour(3, 5)), packed(hour(4, 5), hour(3, 5)), packed(hour(25, 5)),
            packed(hour(3, 1 << 40)),
        ] {
            #expect(throws: RollupError.self) { try HistoryLine(line(date, bytes), today: Self.day) }
        }
    }

    @Test(arguments: [
        "part\t1024\tzz\t0\t9", "part\t1024\t0\t9\t9", "part\t1024\t0\t-1\t9", "part\t0\t0\t0\t9", "part\t1024\t0\t0",
        "end\tx\t0", "198.51.100.7\t1h\twhy", "198.51.100.7", "\t", "day\thost",
    ])
    func `other lines are no history's`(line: String) {
        #expect(throws: RollupError.self) { try HistoryLine(line, today: Self.day) }
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"), ("\u{fb}\u{3f}", "w7s/"),
    ])
    func `base 64 as RFC 4648 has it`(plain: String, text: String) {
        #expect(Base64.text(Array(plain.utf8)) == text)
        #expect(Base64.bytes(text) == Array(plain.utf8))
    }

    @Test(arguments: ["Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zm 9", "Zm9v=", "=Zm9", "Zg==Zg==", "Zm9-"])
    func `what is no base 64`(text: String) { #expect(Base64.bytes(text) == nil) }
}
