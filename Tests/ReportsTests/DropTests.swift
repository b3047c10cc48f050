import Addresses
import Events
import Reports
import Testing

/// What the kernel dropped: the tables of the two weeks of July 2005, and what keeps their counts.
@Suite struct DropTests {
    // MARK: - Numbers

    @Test(arguments: [
        (0, "0"), (96_672, "96672"), (99_999, "99999"), (100_000, "100K"), (100_499, "100K"), (100_500, "101K"),
        (391_234, "391K"), (9_999_499, "9999K"), (9_999_500, "10M"), (10_499_499, "10M"), (10_499_500, "11M"),
        (9_999_499_499, "9999M"), (9_999_500_000, "10G"), (9_999_499_499_999, "10T"), (9_999_500_000_000, "10T"),
        (123_456_000_000_000_000, "123456T"), (Int.max, "9223372T"),
    ])
    func `numbers as iptables writes them`(value: Int, text: String) {
        #expect(Figures.short(value) == text)
    }

    // MARK: - The posts' tables

    @Test(arguments: [(DropWeek.first, "2005-07-23", 20), (DropWeek.second, "2005-07-30", 10)])
    func `a week's table as it was printed`(week: Range<Int>, date: String, rows: Int) throws {
        let table = try Table.rows("kernel-drops-week-" + date)
        #expect(table.count == rows)
        let section = try #require(DropWeek.base(week, try DropWeek.both()).dropped)
        #expect(section.figures.dropLast() == table[...])
        let total = table.reduce(0) { $0 + (Int($1[1]) ?? 0) }
        #expect(section.row("total")?[1] == Figures.short(total))
        #expect(section.rows.last?[1] == .short(total))
    }

    @Test func `from week to week: new, gone, moved`() throws {
        let section = try #require(DropWeek.base(DropWeek.second, try DropWeek.both()).dropChange)
        // By hand, from the two printed tables.
        #expect(
            section.figures.prefix(10) == [
                ["212.216.176.0/24", "same", "1", "1", "6663", "7193"],
                ["221.216.0.0/13", "up 5", "7", "2", "2252", "4058"],
                ["65.214.61.100", "up 14", "17", "3", "1455", "3768"],
                ["85.92.129.231", "new", "-", "4", "0", "3565"],
                ["62.221.254.34", "new", "-", "5", "0", "3143"],
                ["219.128.0.0/12", "up 3", "9", "6", "2165", "3119"],
                ["61.128.0.0/10", "down 2", "5", "7", "2648", "2933"],
                ["220.160.0.0/11", "up 12", "20", "8", "1294", "2709"],
                ["66.49.190.112", "new", "-", "9", "0", "2392"],
                ["170.206.225.64", "new", "-", "10", "0", "2309"],
            ])
        #expect(section.row("213.4.149.11") == ["213.4.149.11", "gone", "2", "-", "6659", "0"])
        #expect(section.rows.count == 24)
        #expect(section.rows.count { $0[1] == .text("gone") } == 14)
        #expect(
            section.notes == [
                "Compared with 2005-07-17 to 2005-07-23.",
                "Of the first 10, 5 are individual addresses and 5 netblocks; before 6 and 4: "
                    + "fewer individual addresses, more netblocks.",
            ])
        // The week before has nothing to be compared with.
        #expect(DropWeek.base(DropWeek.first, try DropWeek.both()).dropChange == nil)
        // As of the week after, all have dropped out entirely.
        let after = DropWeek.base(DropWeek.second.upperBound..<(DropWeek.second.upperBound + 7), try DropWeek.both())
        #expect(after.dropped?.rows == [])
        #expect(after.dropChange?.row("62.221.254.34")?.prefix(2) == ["62.221.254.34", "gone"])
        #expect(after.dropChange?.rows.count == 10)
    }

    @Test func `beyond the lines of a table the rest is one line, and the total is of all`() throws {
        var counts = DropCounts()
        for number in 1...100 {
            counts.add(Prefix(address(number)), DropCounts.Amount(packets: number, bytes: 60 * number))
        }
        let section = try #require(DropWeek.base(10..<11, [10: counts]).dropped)
        #expect(section.figures.first == ["10.0.0.100", "100", "6000"])
        #expect(section.row("75 others") == ["75 others", "2850", "171K"])
        #expect(section.row("total") == ["total", "5050", "303K"])
        #expect(section.rows.count == 27)
        #expect(DropWeek.base(10..<11, [:]).dropped == nil)
    }

    // MARK: - Counts

    @Test func `a day comes back as it was, hosts and networks of both families`() throws {
        let counts = try DropWeek.example()
        #expect(try DropCounts(counts.encoded()) == counts)
        #expect(try DropCounts(DropCounts().encoded()).isEmpty)
        for length in 0..<counts.encoded().count {
            #expect(throws: RollupError.self) { try DropCounts(Array(counts.encoded().prefix(length))) }
        }
        #expect(throws: RollupError.self) { try DropCounts(counts.encoded() + [0]) }
    }

    @Test func `whatever the bytes are, reading them ends`() throws {
        let bytes = try DropWeek.example().encoded()
        var dice = Dice(3)
        var read = 0
        for _ in 0..<20_000 {
            var broken = bytes
            for _ in 0...dice.below(3) { broken[dice.below(broken.count)] = UInt8(dice.below(256)) }
            guard let counts = try? DropCounts(broken) else { continue }
            read += 1
            #expect(try DropCounts(counts.encoded()) == counts)
        }
        #expect(read > 100 && read < 20_000)
    }

    @Test func `parts of a day add up in any order`() throws {
        var dice = Dice(7)
        var whole = DropCounts()
        var parts = [DropCounts](repeating: DropCounts(), count: 5)
        for _ in 0..<3000 {
            let prefix = Prefix(address(dice.below(400)), bits: 128 - dice.below(2) * 8)
            let amount = DropCounts.Amount(packets: 1 + dice.below(9), bytes: 40 + dice.below(500))
            whole.add(prefix, amount)
            parts[dice.below(5)].add(prefix, amount)
        }
        for _ in 0..<6 {
            parts.shuffle(using: &dice)
            let merged = try parts.dropFirst().reduce(parts[0].encoded()) {
                try #require(DropCounts.merged($0, $1.encoded()))
            }
            #expect(try DropCounts(merged) == whole)
        }
        #expect(DropCounts.merged([9], whole.encoded()) == nil)
    }

    @Test func `a day keeps those with the most packets, and the sum of all`() throws {
        var counts = DropCounts()
        for number in 0..<(DropCounts.kept + 500) {
            counts.add(Prefix(address(number)), DropCounts.Amount(packets: 1 + number, bytes: 52 * (1 + number)))
        }
        let bytes = counts.encoded()
        let kept = try DropCounts(bytes)
        #expect(kept.prefixes.count == DropCounts.kept)
        #expect(kept.prefixes[Prefix(address(499))] == nil && kept.prefixes[Prefix(address(500))] != nil)
        #expect(kept.others == DropCounts.Amount(packets: 500 * 501 / 2, bytes: 52 * 500 * 501 / 2))
        #expect(kept.total == counts.total)
        let section = try #require(DropWeek.base(10..<11, [10: kept]).dropped)
        #expect(section.row("others") != nil)
        #expect(section.notes.contains { $0.contains("125,250 packets are of others") }, "\(section.notes)")
        #expect(section.rows.last == [.text("total"), .short(counts.total.packets), .short(counts.total.bytes)])

        // From all over the world, with as many packets as a busy day's.
        var dice = Dice(5)
        var full = DropCounts()
        for _ in 0..<DropCounts.kept {
            let packets = 1 + dice.below(10_000)
            full.add(
                Prefix(IPAddress(v4: UInt32(truncatingIfNeeded: dice.next()))),
                DropCounts.Amount(packets: packets, bytes: 52 * packets))
        }
        print("a day of \(DropCounts.kept) prefixes: \(full.encoded().count) bytes")
        #expect(full.encoded().count * 365 < 10_000_000)

        var many = DropCounts()
        for number in 0..<(DropCounts.mostCounted + 10) {
            many.add(Prefix(address(number)), DropCounts.Amount(packets: 1, bytes: 40))
        }
        #expect(many.prefixes.count == DropCounts.mostCounted && many.others.packets == 10)
    }
}

/// The two weeks as days of counts whose sums print as they were printed.
enum DropWeek {
    /// Each ends with the day of its post.
    static let second = dayNumber(day(2005, 7, 24))..<dayNumber(day(2005, 7, 31))
    static let first = dayNumber(day(2005, 7, 17))..<dayNumber(day(2005, 7, 24))

    static func both() throws -> [Int: DropCounts] {
        try days("2005-07-23", first).merging(try days("2005-07-30", second)) { $1 }
    }

    static func base(_ days: Range<Int>, _ drops: [Int: DropCounts]) -> ReportBase {
        let base = ReportBase(Tally(), hours: days.lowerBound * 24..<days.upperBound * 24)
        base.drops = drops
        return base
    }

    /// Spread over the days of the week by chance; bytes that were rounded are any that round so.
    private static func days(_ date: String, _ week: Range<Int>) throws -> [Int: DropCounts] {
        var dice = Dice(UInt64(week.lowerBound))
        var days: [Int: DropCounts] = [:]
        for row in try Table.rows("kernel-drops-week-" + date) {
            let prefix = try Prefix(parsing: row[0])
            var rest = try DropCounts.Amount(packets: number(row[1]), bytes: exact(row[2], &dice))
            for day in week {
                let isLast = day == week.upperBound - 1
                let part = DropCounts.Amount(
                    packets: isLast ? rest.packets : dice.below(rest.packets + 1),
                    bytes: isLast ? rest.bytes : dice.below(rest.bytes + 1))
                rest = DropCounts.Amount(packets: rest.packets - part.packets, bytes: rest.bytes - part.bytes)
                days[day, default: DropCounts()].add(prefix, part)
            }
        }
        return days
    }

    private static func exact(_ text: String, _ dice: inout Dice) throws -> Int {
        guard text.hasSuffix("K") else { return try number(text) }
        return try number(String(text.dropLast())) * 1000 - 500 + dice.below(1000)
    }

    private static func number(_ text: String) throws -> Int { try #require(Int(text)) }

    static func example() throws -> DropCounts {
        var counts = DropCounts()
        let prefixes = [
            "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.0", "255.255.255.255", "::/0", "2001:db8::/32",
            "2001:db8::", "2001:db8:66:1::/64", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ]
        for (number, prefix) in prefixes.enumerated() {
            counts.add(
                try Prefix(parsing: prefix), DropCounts.Amount(packets: 1 << (5 * number), bytes: 1 << (5 * number + 6))
            )
        }
        return counts
    }
}
