import ControlProtocol
import Events
import Glibc
import Logging
import Posix

/// What the daemon says on stderr: one line for each decision, warnings the first time and then summed.
///
/// Under systemd a line begins with its priority (sd-daemon(3)), elsewhere with the time. Writing never blocks.
final class Journal {
    let log: Logger
    private let writer: LineWriter
    /// Warnings by their key: when last said, and how many were swallowed since.
    private var said: [String: (at: Int64, swallowed: Int)] = [:]
    private static let quietSpan: Int64 = 60_000_000_000
    /// Different warnings remembered at once; beyond it the table starts anew.
    private static let maxKeys = 256

    init(level: Logger.Level) throws(SystemError) {
        let writer = try LineWriter(descriptor: STDERR_FILENO)
        self.writer = writer
        log = Logger(label: "breakwaterd") { _ in LineHandler(writer: writer, logLevel: level) }
    }

    func decision(_ decision: Decision) {
        log.notice("\(decision.record)")
    }

    /// What a line was read as; with --verbose only.
    func event(_ event: Event) {
        guard log.logLevel <= .debug else { return }
        var record = Record("line", [("event", event.kind.rawValue)])
        record.add("class", event.rejectionClass?.rawValue)
        record.add("code", event.code)
        record.add("peer", event.peer)
        record.add("port", event.port)
        record.add("zone", event.zone)
        if event.isAuthenticated { record.add("authenticated", "yes") }
        if event.isListFailure { record.add("list_failure", "yes") }
        log.debug("\(record)")
    }

    /// A warning that may repeat: said at once, then at most once a minute with the count of those in between.
    func warn(_ key: String, _ text: @autoclosure () -> String) {
        let now = MonotonicClock.nanoseconds()
        if let entry = said[key], now - entry.at < Journal.quietSpan {
            said[key] = (entry.at, entry.swallowed + 1)
            return
        }
        let swallowed = said[key]?.swallowed ?? 0
        if said.count >= Journal.maxKeys { said = [:] }
        said[key] = (now, 0)
        var record = Record("warning")
        record.add("text", text())
        if swallowed > 0 { record.add("repeated", swallowed) }
        log.warning("\(record)")
    }

    func note(_ text: String) {
        log.notice("\(Record("note", [("text", text)]))")
    }

    /// Lines go out together from now on, whenever `wake` is called: at the end of a round of the loop.
    func gather() { writer.gather() }
    func wake() { writer.wake() }

    func drain() { writer.drain() }
}

/// swift-log's output, line by line.
private struct LineHandler: LogHandler {
    let writer: LineWriter
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    private let isUnderSystemd = getenv("JOURNAL_STREAM") != nil

    init(writer: LineWriter, logLevel: Logger.Level) {
        self.writer = writer
        self.logLevel = logLevel
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        if isUnderSystemd {
            writer.write("<\(LineHandler.priority(event.level))>\(event.message)")
        } else {
            writer.write("\(LocalTime.now.rfc3339Microseconds) \(event.message)")
        }
    }

    /// syslog(3) priorities.
    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .critical: 2
        case .error: 3
        case .warning: 4
        case .notice: 5
        case .info: 6
        case .debug, .trace: 7
        }
    }
}
