import Addresses
import Events
import Reports
import Testing

/// The week's rhythm, and a week that is ahead of itself.
@Suite struct TimeTests {
    /// `counts` connections an hour from the first Monday on.
    static let monday = day(2014, 9, 1)

    private static func log(hours: Int, _ count: (_ hour: Int) -> Int) -> CountedLog {
        var log = CountedLog()
        for hour in 0..<hours {
            log.connections(count(hour), from: monday + .hours(Int64(hour)), over: .hours(1))
        }
        return log
    }

    /// Working days of 1,200 connections, Saturdays of 1,000, Sundays of a tenth.
    private static func usual(_ hour: Int) -> Int {
        switch hour / 24 % 7 {
        case 6: 5
        case 5: 42
        default: 50
        }
    }

    @Test func `sunday is a tenth`() throws {
        let section = ReportBase(Self.log(hours: 14 * 24, Self.usual).tally).rhythm
        #expect(section.row("Sunday")?.prefix(3) == ["Sunday", "120", "x0.1"])
        #expect(section.row("Monday")?[1] == "1200")
        guard case .grid(let grid) = section.picture else {
            Issue.record("no grid")
            return
        }
        #expect(grid.values[6] == [Int?](repeating: 5, count: 24))
        #expect(grid.values[0][8] == 50)
    }

    @Test func `what was not recorded is no zero`() throws {
        let section = ReportBase(Self.log(hours: 30) { _ in 3 }.tally).rhythm
        guard case .grid(let grid) = section.picture else {
            Issue.record("no grid")
            return
        }
        #expect(grid.values[1][5] == 3)
        #expect(grid.values[1][6] == nil)
        #expect(section.rows.count == 2)
    }

    @Test func `a monday raises no alarm by itself, a storm on one does`() throws {
        let third = Self.monday + .days(14)
        let usual = Self.log(hours: 15 * 24) { 2 * Self.usual($0) }
        let section = try #require(base(usual, third, third).change)
        #expect(section.row("Connections") == ["Connections", "2400", "2400", "x1.0", ""])
        // Only the Sunday is known: no measure.
        let second = Self.monday + .days(7)
        let short = Self.log(hours: 8 * 24) { $0 < 24 ? 0 : 2 * Self.usual($0) }
        let change = try #require(base(short, second, second).change)
        #expect(change.row("Connections") == ["Connections", "240", "2400", "x10.0", ""])
        let storm = Self.log(hours: 15 * 24) { $0 >= 14 * 24 ? 7 * Self.usual($0) : 2 * Self.usual($0) }
        #expect(try #require(base(storm, third, third).change).row("Connections")?[4] == "alarm")
    }

    @Test(arguments: [(233_000, 66, true), (186_000, 168, false), (233_000, 168, false), (120_000, 168, false)])
    func `twice a normal week, already`(count: Int, hours: Int, isAlarm: Bool) throws {
        // Weeks of 120,000, then the count within the last hours.
        var log = CountedLog()
        func fill(_ count: Int, from hour: Int, hours: Int) {
            log.connections(count, from: Self.monday + .hours(Int64(hour)), over: .hours(Int64(hours)))
        }
        fill(120_000, from: 0, hours: 168)
        fill(120_000, from: 168, hours: 168)
        if hours < 168 { fill(120_000 * (168 - hours) / 1680, from: 336, hours: 168 - hours) }
        fill(count, from: 504 - hours, hours: hours)
        let section = try #require(ReportBase(log.tally).pace)
        #expect(section.figures[0][0] == "120000")
        #expect(section.figures[0][4] == (isAlarm ? "alarm" : ""))
        if isAlarm { #expect(Int(section.figures[0][3]).map { $0 < 72 } == true) }
    }
}
