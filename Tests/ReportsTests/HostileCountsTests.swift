import Addresses
import Events
import Testing
import Waves

@testable import Reports

/// Counts that nobody counted: a file or a store says them, so that they are as large or as many as they can be written.
@Suite struct HostileCountsTests {
    private static let day = 20_000
    private static let most = (1 << 53) - 1

    // MARK: - As they are written

    private func hour(_ rows: [(name: String, count: Int)], counts: Int = 1) -> [UInt8] {
        var writer = ByteWriter()
        writer.byte(Tally.version)
        for _ in 0..<8 { writer.number(counts) }
        writer.number(rows.count)
        for row in rows {
            writer.label(Label(.rbl, row.name))
            for _ in 0..<3 { writer.number(row.count) }
        }
        return writer.bytes
    }

    private struct Listing {
        var label = 0
        var id = "SBL1"
        var rows: [(source: Int, count: Int)]
    }

    /// A day of two sources, without origins, in each of `groups`: of those that delivered IPv4 and IPv6, of the others.
    private func dayBytes(
        labels: [String] = ["zen.example"], sketch: [UInt8]? = nil, beyond: Int = 0, dwell: Int64 = 0,
        texts: [(text: String, count: Int)] = [], listings: [Listing] = [], others: Int = 0, groups: Set<Int> = [2]
    ) -> [UInt8] {
        var writer = ByteWriter()
        writer.byte(1)
        writer.number(labels.count)
        for name in labels { writer.label(Label(.rbl, name)) }
        for value in [1, 1, 0] { writer.number(value) }
        writer.number(sketch == nil ? 0 : 1)
        for register in sketch ?? [] { writer.byte(register) }
        writer.number(beyond)
        writer.number(0)
        for group in 0..<4 {
            var bits = BitWriter()
            for _ in 0..<(groups.contains(group) ? 2 : 0) {
                bits.rice(7, 3)
                bits.bits(0, 1)
                for _ in 0..<8 { bits.gamma(UInt64(UInt32.max)) }
                bits.signed(dwell)
                bits.gamma(0)
                bits.gamma(0)
            }
            writer.number(groups.contains(group) ? 2 : 0)
            writer.byte(3)
            writer.text(bits.finish())
        }
        writer.number(texts.count)
        for row in texts {
            writer.text(row.text.utf8)
            writer.number(row.count)
        }
        writer.number(others)
        writer.number(listings.count)
        for listing in listings {
            writer.number(listing.label)
            writer.text(listing.id.utf8)
            writer.number(listing.rows.count)
            for row in listing.rows {
                writer.number(row.source)
                writer.number(row.count)
            }
        }
        writer.number(others)
        return writer.bytes
    }

    /// What a file's line makes of it, with a check that fits.
    private func read(_ slot: Int, _ bytes: [UInt8]) throws -> HistoryLine {
        var writer = ByteWriter()
        writer.byte(1)
        writer.number(1)
        writer.number(slot)
        writer.text(bytes)
        let (date, data) = (LocalDay.date(Self.day), Base64.text(writer.bytes))
        let check = HistoryLine.hexadecimal(HistoryDay.check(date, "mx", data))
        return try HistoryLine(["day": date, "host": "mx", "data": data, "check": check], today: Self.day)
    }

    private func tally(_ span: Tally.Key.Span, _ bytes: [UInt8]...) throws -> Tally {
        var tally = Tally()
        for (index, bytes) in bytes.enumerated() {
            let number = span == .hour ? Self.day * 24 + index : Self.day
            try tally.merge(Tally.Key(span, number, "mx\(index)"), bytes)
        }
        return tally
    }

    // MARK: - Sketches

    @Test func `a sketch of all that registers can say has an estimate, and is no day's`() throws {
        let full = [UInt8](repeating: 53, count: DistinctSketch.places)
        #expect(try #require(DistinctSketch(registers: full)).estimate == Self.most)
        #expect(try tally(.day, dayBytes(sketch: full)).dayCounts.first?.distinct.count == Self.most)
        #expect(throws: RollupError(description: "has counts that no day has")) {
            try read(24, dayBytes(sketch: full))
        }
    }

    // MARK: - Rows that come again

    @Test func `a row that comes twice is refused`() throws {
        func expect(_ words: String, _ key: Tally.Key.Span, _ bytes: [UInt8]) {
            var tally = Tally()
            #expect(throws: RollupError(description: words)) { try tally.merge(Tally.Key(key, 0, "mx"), bytes) }
        }
        #expect(try tally(.hour, hour([("a", 1), ("b", 1)])).hourCounts.count == 1)
        expect("has a label twice", .hour, hour([(String, Int)](repeating: ("zen.example", Self.most), count: 1040)))
        expect("has a label twice", .day, dayBytes(labels: ["a", "b", "a"]))
        expect("has a source twice", .day, dayBytes(groups: [0, 2]))
        #expect(try tally(.day, dayBytes(groups: [0])).dayCounts.first?.sources.count == 2)
        let many = [(text: String, count: Int)](repeating: ("550 no", Self.most), count: 512)
        expect("has a text twice", .day, dayBytes(texts: many))
        let pairs = [(source: Int, count: Int)](repeating: (0, Self.most), count: 1100)
        expect("has a source that is none", .day, dayBytes(listings: [Listing(rows: pairs)]))
        let same = Listing(rows: [(0, Self.most), (1, Self.most)])
        expect("has a listing twice", .day, dayBytes(listings: [same, same]))
        let counted = try tally(.day, dayBytes(listings: [same, Listing(id: "SBL2", rows: [(1, 9)])]))
        #expect(counted.dayCounts.first?.listings.counts.values.sorted() == [9, Self.most, Self.most])
    }

    // MARK: - Sums

    @Test func `sums stay where numbers end`() throws {
        #expect(Int.max.plus(.max) == Self.most && Int.min.plus(5) == 5 && (-1).plus(-1) == 0 && 2.plus(3) == 5)
        #expect([Int](repeating: .max, count: 3000).sum == Self.most)
        let rows = (0..<1000).map { (name: "list\($0).example", count: Self.most) }
        let key = Tally.Key(.hour, Self.day * 24, "mx")
        let twice = try #require(Tally.merged(key, hour(rows, counts: Self.most), hour(rows, counts: Self.most)))
        #expect(twice == hour(rows.sorted { $0.name < $1.name }, counts: Self.most))
        let totals = Totals(try tally(.hour, twice, twice), Self.day * 24..<Self.day * 24 + 24)
        #expect(totals.rejected == Self.most && totals.permanent(.rbl) == Self.most)
        #expect(totals.counts.attempts == Self.most && totals.deferred == Self.most)
    }

    @Test func `every section of the largest counts`() throws {
        let rows = (0..<1000).map { (name: "list\($0).example", count: Self.most) }
        let texts = (0..<500).map { (text: "550 no \($0)", count: Self.most) }
        let listings = (0..<60).map { Listing(id: "SBL\($0)", rows: [(0, Self.most), (1, Self.most)]) }
        let full = [UInt8](repeating: 53, count: DistinctSketch.places)
        let bytes = dayBytes(
            sketch: full, beyond: Self.most, dwell: .max, texts: texts, listings: listings, others: Self.most)
        var (tally, drops) = (Tally(), [Int: DropCounts]())
        for (day, host) in [(0, "a"), (0, "b"), (1, "a"), (7, "a"), (40, "a")] {
            let number = Self.day - 40 + day
            for hour in 0..<24 {
                try tally.merge(Tally.Key(.hour, number * 24 + hour, host), self.hour(rows, counts: Self.most))
            }
            try tally.merge(Tally.Key(.day, number, host), bytes)
            drops[number, default: DropCounts()].merge(try DropCounts(dropBytes(64)))
        }
        // Nothing of these may come over a wave, either.
        var watched = Watched(step: .minutes(5))
        watched.waves = [try Self.wave()]
        for hours in [nil, (Self.day * 24 - 24)..<(Self.day * 24 + 24)] as [Range<Int>?] {
            let base = ReportBase(tally, hours: hours)
            base.drops = drops
            base.watched = watched
            let report = base.report("all")
            #expect(report.sections.contains { $0.key == "texts" } && report.sections.contains { $0.key == "waves" })
            for section in report.sections {
                for cell in section.rows.joined() {
                    if case .count(let count) = cell { #expect(count >= 0, "\(section.key)") }
                }
            }
        }
    }

    private static func wave() throws -> Wave {
        var record = Record("wave")
        for key in [
            "number", "high", "low", "limit", "peak", "at_limit_ms", "slot_ms", "saved_slot_ms", "good_delayed",
            "good_turned_away", "sheds", "good_longest_delay_ms", "last",
        ] { record.add(key, Int.max) }
        record.add("begin", Int.min)
        return try #require(Wave(record))
    }

    // MARK: - Drops

    private func dropBytes(_ count: Int, packets: Int = HostileCountsTests.most) -> [UInt8] {
        var writer = ByteWriter()
        for value in [1, 0, 0, count] { writer.number(value) }
        for _ in 0..<count {
            writer.number(7)
            writer.byte(128)
            writer.number(packets)
            writer.number(packets)
        }
        writer.number(0)
        return writer.bytes
    }

    @Test func `drops do not pass by going round`() throws {
        let drops = try DropCounts(dropBytes(2000))
        #expect(drops.total == DropCounts.Amount(packets: Self.most, bytes: Self.most))
        for count in [1, 2, 1024, 2000] {
            #expect(throws: RollupError(description: "has counts that no day has")) { try read(25, dropBytes(count)) }
        }
        #expect(try read(25, dropBytes(2000, packets: 1 << 20)) != .nothing)
        var sum = DropCounts()
        sum.add(Prefix(IPAddress(v4: 1)), DropCounts.Amount(packets: -5, bytes: 7))
        sum.merge(sum)
        #expect(sum.total == DropCounts.Amount(packets: 0, bytes: 14))
    }

    // MARK: - Days and hours

    @Test(arguments: [
        Int.max, .min, .max - 1, .min + 7, .max / 24, .max / 24 + 1, .min / 24 - 1, 10_000_000_000, -10_000_000_000,
    ])
    func `a day or an hour of any number`(number: Int) throws {
        var tally = Tally()
        let refusal = RollupError(description: "is of no day that can be")
        for span in [Tally.Key.Span.hour, .day] {
            let bytes = span == .hour ? hour([]) : dayBytes()
            #expect(throws: refusal) { try tally.merge(Tally.Key(span, number, "mx"), bytes) }
        }
        #expect(tally.isEmpty)
        #expect(throws: refusal) { try DropCounts(dropBytes(1), day: number) }
        let rows = [(UInt8(0), number, hour([])), (UInt8(1), number, dayBytes()), (UInt8(2), number, dropBytes(1))]
        let day = HistoryDay(day: number, host: "mx", counts: rows)
        #expect(throws: refusal) { try day.summary(nil) }
        #expect(!day.counts.isEmpty)
        let edge = number > 0 ? "2243-10-17" : "1696-03-17"
        #expect(LocalDay.date(number) == edge && LocalDay.hour(number).hasPrefix(edge))
        #expect((0..<7).contains(LocalDay.weekday(number)))
        let base = ReportBase(try self.tally(.hour, hour([])), hours: min(0, number)..<max(0, number))
        #expect(base.report("all").sections.count > 3)
    }

    @Test func `weekdays`() {
        #expect((-8...7).map(LocalDay.weekday) == [2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3])
    }

    @Test func `quotients round down`() {
        #expect([-25, -24, -23, -1, 0, 23, 24].map { Int64($0).quotient(24) } == [-2, -1, -1, -1, 0, 0, 1])
        #expect(Int64.min.quotient(24) == -384_307_168_202_282_326)
    }
}
