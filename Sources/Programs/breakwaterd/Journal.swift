import ControlProtocol
import Events
import Glibc
import Posix

/// What the daemon says on stderr: one line for each decision, warnings the first time and then summed.
///
/// Under systemd a line begins with its priority (sd-daemon(3)), elsewhere with the time. Writing never blocks.
final class Journal {
    /// How much a line matters, as the priorities of syslog(3).
    enum Level: Int {
        case warning = 4
        case notice = 5
        case debug = 7
    }

    private let level: Level
    private let writer: LineWriter
    private let isUnderSystemd = getenv("JOURNAL_STREAM") != nil
    /// The line being made; kept for its memory.
    private var line: [UInt8] = []
    /// Warnings by their key: when last said, and how many were swallowed since.
    private var said: [String: (at: Int64, swallowed: Int)] = [:]
    private static let quietSpan: Int64 = 60_000_000_000
    /// Different warnings remembered at once; beyond it the table starts anew.
    private static let maxKeys = 256

    /// Lines that matter less than `level` are not said.
    init(level: Level) throws(SystemError) {
        self.level = level
        writer = try LineWriter(descriptor: STDERR_FILENO)
    }

    func say(_ record: Record, _ level: Level = .notice) {
        guard level.rawValue <= self.level.rawValue else { return }
        line.removeAll(keepingCapacity: true)
        line.append(contentsOf: isUnderSystemd ? "<\(level.rawValue)>".utf8 : LocalTime.now.rfc3339Microseconds.utf8)
        if !isUnderSystemd { line.append(0x20) }
        record.write(to: &line)
        line.append(0x0a)
        writer.write(line)
    }

    func decision(_ decision: Decision, _ level: Level = .notice) {
        guard level.rawValue <= self.level.rawValue else { return }
        say(decision.record, level)
    }

    /// What a line was read as; with --verbose only.
    func event(_ event: Event) {
        guard level == .debug else { return }
        var record = Record("line", [("event", event.kind.rawValue)])
        record.add("class", event.rejectionClass?.rawValue)
        record.add("code", event.code)
        record.add("peer", event.peer)
        record.add("port", event.port)
        record.add("zone", event.zone)
        if event.isAuthenticated { record.add("authenticated", "yes") }
        if event.isListFailure { record.add("list_failure", "yes") }
        say(record, .debug)
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
        say(record, .warning)
    }

    func note(_ text: String) { say(Record("note", [("text", text)])) }

    /// Lines go out together from now on, whenever `wake` is called: at the end of a round of the loop.
    func gather() { writer.gather() }
    func wake() { writer.wake() }

    func drain() { writer.drain() }
}
