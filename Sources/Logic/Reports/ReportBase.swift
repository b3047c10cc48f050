import Addresses
import Events
import Origins

/// What all sections of one report are made of: the counts, the span, and what is known from elsewhere.
package final class ReportBase {
    package let tally: Tally
    /// Local hours and days since 1970 that the report is about.
    package let hours: Range<Int>
    package let days: Range<Int>
    /// Those that anything was counted in.
    package let recordedHours: Range<Int>
    package let recordedDays: Range<Int>
    /// The span begins before the first day with sources.
    private let isCut: Bool
    /// Where an address belongs for which it was not stored; `nil` without a database.
    package var origin: ((IPAddress) -> Origin?)?
    package var ownerName: (UInt32) -> String? = { _ in nil }
    /// What the daemon saw; `nil` where logs alone are told of.
    package var watched: Watched?
    /// What the kernel dropped, by local day since 1970.
    package var drops: [Int: DropCounts] = [:]
    /// What DNSBLs answered, if they were asked.
    package var listTests: ListTests?
    /// The windows that end with the report's last day.
    package static let window = 28

    private var totalsKept: [Range<Int>: Totals] = [:]
    private var visitorsKept: [Range<Int>: Visitors] = [:]
    private var countriesKept: [Range<Int>: OriginCounts] = [:]
    private var minutesKept: [UInt64]?

    /// - Parameters:
    ///   - hours: what the report is about; everything that was counted when `nil`.
    ///   - firstDay: before it the tally has no sources, so what is told of sources begins there.
    package init(_ tally: Tally, hours: Range<Int>? = nil, firstDay: Int = .min) {
        self.tally = tally
        let numbers = tally.hourKeys.keys.map(\.number)
        let dayNumbers = tally.dayKeys.keys.map(\.number)
        recordedHours = ReportBase.range(numbers)
        recordedDays = ReportBase.range(dayNumbers)
        let hours = hours?.clamped(to: LocalDay.possibleHours)
        self.hours = hours ?? recordedHours
        let asked =
            hours.map { Int(Int64($0.lowerBound).quotient(24))..<Int(Int64($0.upperBound + 23).quotient(24)) }
            ?? recordedDays
        days = asked.clamped(to: min(firstDay, asked.upperBound)..<asked.upperBound)
        isCut = days != asked
    }

    static func range(_ numbers: [Int]) -> Range<Int> {
        guard let least = numbers.min(), let most = numbers.max() else { return 0..<0 }
        return least..<(most + 1)
    }

    package var begin: Instant { tally.instant(localSeconds: Int64(hours.lowerBound) * 3600) }
    package var end: Instant { tally.instant(localSeconds: Int64(hours.upperBound) * 3600) }

    package var hosts: [String] {
        Set(tally.hourKeys.keys.filter { hours.contains($0.number) }.map(\.host)).sorted()
    }

    /// Summed over hours of the tally.
    package func totals(_ hours: Range<Int>) -> Totals {
        let hours = hours.clamped(to: recordedHours)
        if let known = totalsKept[hours] { return known }
        let totals = Totals(tally, hours)
        totalsKept[hours] = totals
        return totals
    }
    package var totals: Totals { totals(hours) }

    func visitors(_ days: Range<Int>) -> Visitors {
        let days = days.clamped(to: recordedDays)
        if let known = visitorsKept[days] { return known }
        let visitors = Visitors(tally, days)
        visitorsKept[days] = visitors
        return visitors
    }
    var visitors: Visitors { visitors(days) }

    /// When each of them came (`Visitors.minutes`).
    var minutes: [UInt64] {
        if let minutesKept { return minutesKept }
        let minutes = visitors.minutes(tally)
        minutesKept = minutes
        return minutes
    }

    /// Whom to name for the origins that were stored.
    package var storedCredits: [String] {
        let days = min(days.lowerBound, lastDays(ReportBase.window).lowerBound)..<days.upperBound
        return tally.dayKeys.filter { days.contains($0.key.number) }
            .reduce(into: Set<String>()) { $0.formUnion(tally.dayCounts[$1.value].origins.credits) }.sorted()
    }

    /// The days of a window that ends with the report.
    func lastDays(_ count: Int) -> Range<Int> { (days.upperBound - count)..<days.upperBound }

    func origins(_ days: Range<Int>) -> OriginCounts? {
        let days = days.clamped(to: recordedDays)
        if let known = countriesKept[days] { return known }
        let visitors = visitors(days)
        guard origin != nil || !visitors.origins.origins.isEmpty else { return nil }
        let counts = OriginCounts(visitors, origin)
        countriesKept[days] = counts
        return counts
    }

    /// A sentence where a window reaches back before the first day.
    func shortWindowNote(_ count: Int) -> [String] {
        let first = lastDays(count).lowerBound
        guard first < recordedDays.lowerBound else { return [] }
        return ["Nothing is known from before \(LocalDay.date(recordedDays.lowerBound))."]
    }

    func beyondNote(_ visitors: Visitors) -> [String] {
        var notes: [String] = []
        if isCut { notes.append("Sources are told from \(LocalDay.date(days.lowerBound)) on.") }
        if visitors.events.events > 0 {
            notes.append(
                "There were more sources than are kept: \(Figures.grouped(visitors.events.events)) events of others are "
                    + "in no line of this table.")
        }
        return notes
    }
}

/// Days and hours since 1970 by the local clock, as people write them.
package enum LocalDay {
    /// Days that an `Instant` can be in, some 270 years either way.
    package static let possible = -100_000..<100_000
    static let possibleHours = possible.lowerBound * 24..<possible.upperBound * 24

    private static func clamped(_ number: Int, _ range: Range<Int>) -> Int {
        min(max(number, range.lowerBound), range.upperBound)
    }

    /// `2011-02-24`.
    package static func date(_ day: Int) -> String {
        let time = CivilTime(Instant(seconds: Int64(clamped(day, possible)) * 86400))
        return "\(padded(time.year, 4))-\(padded(time.month, 2))-\(padded(time.day, 2))"
    }

    /// `2011-02-24 17:00`.
    package static func hour(_ hour: Int) -> String {
        let hour = clamped(hour, possibleHours)
        let day = Int(Int64(hour).quotient(24))
        return date(day) + " \(padded(hour - day * 24, 2)):00"
    }

    /// 0 for Monday; 1970 began on a Thursday.
    package static func weekday(_ day: Int) -> Int { (day % 7 + 10) % 7 }

    package static let weekdays = [
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
    ]
}
