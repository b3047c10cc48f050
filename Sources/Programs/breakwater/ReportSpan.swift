import ControlProtocol
import Events
import Posix
import Reports

/// What span of time a report is about, as it was asked for.
struct ReportSpan {
    /// Local hours since 1970 began; `nil` for everything.
    private(set) var hours: Range<Int>?
    /// Lines outside are not counted at all.
    private(set) var since = Instant.distantPast
    private(set) var until = Instant.distantFuture
    private(set) var title: String?

    init(day: String?, week: String?, since: String?, until: String?, now: Instant) throws {
        let given = [day != nil, week != nil, since != nil || until != nil].count { $0 }
        guard given <= 1 else {
            throw Failure(ExitStatus.usage, "--day, --week and --since/--until exclude each other")
        }
        if let day {
            let number = try ReportSpan.day(day, "--day", now)
            setDays(number..<(number + 1))
        }
        if let week {
            let number = try ReportSpan.day(week, "--week", now)
            setDays((number - 6)..<(number + 1))
        }
        if let text = since { self.since = try ReportSpan.instant(text, "--since", now) }
        if let text = until { self.until = try ReportSpan.instant(text, "--until", now) }
        guard self.since < self.until else { throw Failure(ExitStatus.usage, "--since is not before --until") }
        if since != nil || until != nil {
            title = [since.map { "since \($0)" }, until.map { "until \($0)" }].compactMap { $0 }.joined(separator: " ")
        }
    }

    private mutating func setDays(_ days: Range<Int>) {
        hours = (days.lowerBound * 24)..<(days.upperBound * 24)
        title = LocalDay.date(days.lowerBound)
        if days.count > 1 { title = (title ?? "") + " to " + LocalDay.date(days.upperBound - 1) }
    }

    /// The number of a day since 1970 began.
    private static func day(_ text: String, _ option: String, _ now: Instant) throws -> Int {
        let local = Instant(seconds: now.seconds + Int64(LocalTime.offsetSeconds(at: now)))
        switch text {
        case "today": return dayNumber(local)
        case "yesterday": return dayNumber(local) - 1
        default:
            guard let date = civil(text), date.hour + date.minute + date.second == 0, text.utf8.count == 10 else {
                throw Failure(
                    ExitStatus.usage, "\(option) \(shown(text)): expected a date like 2011-02-24, today or yesterday")
            }
            return dayNumber(date.instant())
        }
    }

    private static func dayNumber(_ local: Instant) -> Int {
        let midnight = CivilTime(local)
        return Int(CivilTime(year: midnight.year, month: midnight.month, day: midnight.day).instant().seconds / 86400)
    }

    private static func instant(_ text: String, _ option: String, _ now: Instant) throws -> Instant {
        if let span = Duration(span: text) { return now - span }
        if text == "today" || text == "yesterday" {
            let number = try day(text, option, now)
            return local(CivilTime(Instant(seconds: Int64(number) * 86400)))
        }
        guard let time = civil(text) else {
            throw Failure(
                ExitStatus.usage,
                "\(option) \(shown(text)): expected a date (2011-02-24), a time (2011-02-24T17:00) or a span (7d)")
        }
        return local(time)
    }

    private static func local(_ time: CivilTime) -> Instant {
        time.instant(offsetSeconds: LocalTime.offsetSeconds(showing: time))
    }

    /// `2011-02-24`, `2011-02-24T17:00`, `2011-02-24 17:00:30`.
    private static func civil(_ text: String) -> CivilTime? {
        let parts = text.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "T" || $0 == " " }
        let date = numbers(parts[0], "-", [4, 2, 2])
        guard let date, (1970...2200).contains(date[0]), (1...12).contains(date[1]), (1...31).contains(date[2]) else {
            return nil
        }
        var time = CivilTime(year: date[0], month: date[1], day: date[2])
        if parts.count == 2 {
            guard let clock = numbers(parts[1], ":", [2, 2, 2]) ?? numbers(parts[1], ":", [2, 2]), clock[0] < 24,
                clock[1] < 60, clock.last ?? 0 < 60
            else { return nil }
            (time.hour, time.minute, time.second) = (clock[0], clock[1], clock.count > 2 ? clock[2] : 0)
        }
        // 30 February is no day.
        return CivilTime(time.instant()) == time ? time : nil
    }

    private static func numbers(_ text: Substring, _ separator: Character, _ widths: [Int]) -> [Int]? {
        let fields = text.split(separator: separator, omittingEmptySubsequences: false)
        guard fields.map(\.utf8.count) == widths, fields.allSatisfy({ $0.utf8.allSatisfy { $0 >= 0x30 && $0 < 0x3a } })
        else { return nil }
        return fields.compactMap { Int($0) }
    }
}
