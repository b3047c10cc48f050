import Configuration
import ControlProtocol
import Events
import Posix
import Reports
import Store

/// The history as the source of a report, in place of logs: what the daemon and `import --log` have counted.
struct HistoryInput {
    /// What a report without a span is about.
    static let usualDays = 7
    /// The days whose sources are read, of shorter spans and longer ones: the window of four weeks. A day of a wave has a
    /// hundred thousand.
    private static let sourceDays = 28
    private static let year = 365

    private let history: History
    private let days: ClosedRange<Int>

    /// `nil` when nothing has been counted yet.
    init?(_ settings: Settings, _ common: CommonOptions) throws {
        // What it counted in the last minutes is not on disk yet; without a daemon nothing is missing.
        if let client = try? common.connect() { _ = try? client.ask(.settle) }
        let directory = StateDirectory(settings.stateDirectory)
        try StateOwner.become(of: directory)
        do throws(StoreError) {
            guard let opened = try History(reading: directory), let known = try opened.days() else {
                StateOwner.resign()
                return nil
            }
            history = opened
            days = known
        } catch {
            throw Failure(
                error.isPermission ? ExitStatus.noPermission : 74,
                "the history cannot be read: \(error); root may, and --log reads logs")
        }
    }

    /// Reads what the span needs. The hours that the report is about, and the first day whose sources were all read.
    func read(_ span: ReportSpan, into input: inout ReportInput) throws -> (hours: Range<Int>, firstDay: Int) {
        let hours = span.hours ?? asked(span)
        let end = hours.upperBound.quotient(24, up: true)
        let begin = max(hours.lowerBound.quotient(24, up: false), end - HistoryInput.sourceDays)
        do throws(StoreError) {
            let from = min(hours.lowerBound, hours.upperBound - HistoryInput.year * 24)
            try history.forEach(span: 0, in: from..<hours.upperBound) { key, bytes in input.take(key, bytes) }
            let first = min(begin, end - HistoryInput.sourceDays)
            try history.forEach(span: 1, in: (end - HistoryInput.year)..<first) { key, bytes in
                input.take(key, bytes, onlyDelivering: true)
            }
            try history.forEach(span: 1, in: max(first, end - HistoryInput.year)..<end) { key, bytes in
                input.take(key, bytes)
            }
            // The span, and the one before that it is compared with.
            let days = hours.lowerBound.quotient(24, up: false)..<end
            try history.forEach(span: DropCounts.span, in: (days.lowerBound - days.count)..<end) { key, bytes in
                input.takeDrops(key, bytes)
            }
        } catch { throw Failure(74, "the history cannot be read: \(error)") }
        return (hours, begin)
    }

    /// What a report of these hours should begin with: that nothing was counted in them, or none of the last day.
    func warning(of hours: Range<Int>, _ tally: Tally) -> String? {
        let held = "\(LocalDay.date(days.lowerBound)) to \(LocalDay.date(days.upperBound))"
        if !tally.keys.contains(where: { $0.span == .hour && hours.contains($0.number) }) {
            return "nothing was counted in that span; the history holds \(held)"
        }
        let today = (Int(LocalTime.now.seconds) + LocalTime.offsetSeconds(at: LocalTime.now)).quotient(86400, up: false)
        guard days.upperBound < today - 1, hours.upperBound > days.upperBound * 24 else { return nil }
        return
            "nothing was counted since \(LocalDay.date(days.upperBound)): does the daemon run, and read the right log?"
    }

    /// `--since` and `--until` in local hours, or the usual days that end with the last one counted.
    private func asked(_ span: ReportSpan) -> Range<Int> {
        let end = (days.upperBound + 1) * 24
        guard span.title != nil else { return (end - HistoryInput.usualDays * 24)..<end }
        let now = hour(LocalTime.now, up: true)
        func hour(_ instant: Instant, up: Bool) -> Int {
            let local = Int(instant.seconds) + LocalTime.offsetSeconds(at: instant)
            return local.quotient(3600, up: up)
        }
        let last = span.until == .distantFuture ? max(end, now) : hour(span.until, up: true)
        let first = span.since == .distantPast ? min(days.lowerBound * 24, last - 24) : hour(span.since, up: false)
        return first..<max(first + 1, last)
    }
}

extension ReportInput {
    /// Adds an hour or a day of the history. One that cannot be read is told, and the others count.
    mutating func take(_ key: History.Key, _ bytes: [UInt8], onlyDelivering: Bool = false) {
        guard let span = Tally.Key.Span(rawValue: key.span) else { return }
        do throws(RollupError) {
            try tally.merge(Tally.Key(span, key.number, key.host), bytes, onlyDelivering: onlyDelivering)
        } catch {
            failures.append(
                Failure(
                    74,
                    "the history of \(span == .day ? LocalDay.date(key.number) : LocalDay.hour(key.number)) \(error)"))
        }
    }
}

extension ReportInput {
    /// Adds a day of what the kernel dropped.
    fileprivate mutating func takeDrops(_ key: History.Key, _ bytes: [UInt8]) {
        do throws(RollupError) {
            drops[key.number, default: DropCounts()].merge(try DropCounts(bytes, day: key.number))
        } catch {
            failures.append(Failure(74, "what the kernel dropped on \(LocalDay.date(key.number)) \(error)"))
        }
    }
}

extension Int {
    fileprivate func quotient(_ divisor: Int, up: Bool) -> Int {
        let (quotient, rest) = quotientAndRemainder(dividingBy: divisor)
        return quotient + (up ? (rest > 0 ? 1 : 0) : (rest < 0 ? -1 : 0))
    }
}
