import Configuration
import Dialects
import Events
import LogIntake
import Posix
import Reports

/// Logs read into a tally. What is read of the history instead is added to the same (`HistoryInput`).
struct ReportInput {
    var tally: Tally
    private(set) var lines = 0
    /// Lines that were no event.
    private(set) var unread = 0
    /// Lines that stood in another file as well.
    private(set) var repeated = 0
    var failures: [Failure] = []
    /// What the kernel dropped, by local day: of the history alone.
    var drops: [Int: DropCounts] = [:]
    var isEmpty: Bool { tally.isEmpty && drops.isEmpty }
    private var reader: LogReader
    private var event = Event()
    private let span: ReportSpan

    init(_ settings: Settings, _ span: ReportSpan) {
        self.span = span
        reader = LogReader(settings.mta.kinds, settings.mta.siteWords)
        tally = Tally { LocalTime.offsetSeconds(at: $0) }
    }

    mutating func read(_ names: [String]) throws {
        var logs = try MergedLogs(names)
        logs.readAll { hear($0, isCut: $1.isCut, at: $2) }
        repeated = logs.repeated
        failures = logs.failures
    }

    private mutating func hear(_ bytes: Span<UInt8>, isCut: Bool, at time: Instant) {
        lines += 1
        // Half an address is another address: a line that was cut is not judged.
        guard !isCut, reader.read(bytes, at: time, into: &event) else {
            unread += 1
            return
        }
        guard time >= span.since, time < span.until else { return }
        tally.add(event, at: time, header: reader.header, in: bytes)
    }
}
