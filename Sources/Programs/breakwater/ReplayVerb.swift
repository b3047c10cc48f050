import Addresses
import ArgumentParser
import Configuration
import ControlProtocol
import Dialects
import Events
import LogIntake
import Policy
import Posix
import SettingsFiles

/// `replay`: old logs through the same parser and policy as the daemon's, with the clock of the log.
struct Replay: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What if: old logs against the policy, nothing touched.",
        discussion: """
            Lines are judged by the dates they carry, of all files together; files packed by gzip, xz or zstd are unpacked.
            --set changes a setting for this run: --set ban.first=1h --set 'ban.classes={rbl=1.0, unknown-user=0.2}'
            """)
    @Argument(help: "Log files, - for standard input.")
    var files: [String] = []
    @Option(name: .customLong("set"), help: ArgumentHelp("A setting for this run.", valueName: "key=value"))
    var changes: [String] = []
    @Option(
        help: ArgumentHelp(
            "How long a rejected connection holds its slot when nothing is done; by default as its mail server has it.",
            valueName: "duration"))
    var hold: String?
    @OptionGroup var common: CommonOptions

    func run() throws {
        var settings = try readSettings(common)
        for change in changes {
            guard let equals = change.firstIndex(of: "=") else {
                throw Failure(ExitStatus.usage, "--set \(shown(change)): expected key=value")
            }
            do throws(Complaint) {
                try settings.set(String(change[..<equals]), String(change[change.index(after: equals)...]))
            } catch { throw Failure(ExitStatus.usage, error.description) }
        }
        let names = try files.isEmpty ? LogInput.configured(settings) : files
        var run = ReplayRun(settings, hold: try readSpan(hold))
        var logs = try MergedLogs(names)
        while logs.next({ run.hear($0, isCut: $1.isCut, at: $2) }) {}
        run.finish()
        guard run.lines > run.unread else {
            if let failure = logs.failures.first { throw failure }
            throw Failure(
                ExitStatus.no, "not one line of a mail server's in \(names.map(shown).joined(separator: ", "))")
        }
        if common.json { common.say(run.json.description) } else { for line in run.report { common.say(line) } }
        if let failure = logs.failures.first { throw failure }
    }
}

/// Lines through parser and policy, with the clock of the log.
private struct ReplayRun {
    private let settings: Settings
    /// `nil`: as each mail server has it.
    private let hold: Duration?
    /// Whose connections were rejected.
    private var rejecting: Set<MTA> = []
    private var reader: LogReader
    private var policy: Policy
    private var event = Event()
    /// Clocks of several hosts, and the ways of their lines, differ by seconds; a minute is an event's age in no rule.
    private var window = SortingWindow<Event>(span: .minutes(1), most: 50_000)
    private(set) var lines = 0
    private(set) var unread = 0
    /// As often as the daemon lets ended bans go: to do so line by line took a look at every ban for every line.
    private static let beat = Duration.seconds(5)
    private var nextBeat = Instant.distantPast
    private var first: Instant?
    private var last: Instant = .distantPast
    /// Each source that would have been banned, with the number of its bans.
    private var banned: [Prefix: Int] = [:]
    private var bans = 0
    private var sheds: Set<Endpoint> = []
    private var networks = ReplayNetworks()
    private var accepted: [IPAddress: Int] = [:]
    /// A connection rejected: from when, until when its slot would be held.
    private struct Endpoint: Hashable {
        let peer: IPAddress
        let port: UInt16
        let second: Int64
    }
    private var slots = SlotCurve()

    init(_ settings: Settings, hold: Duration?) {
        self.settings = settings
        self.hold = hold
        reader = LogReader(settings.mta.kinds, settings.mta.siteWords)
        policy = Policy(settings.ban, allowlist: Allowlist(configured: settings.allow.nets))
    }

    mutating func hear(_ bytes: Span<UInt8>, isCut: Bool, at time: Instant) {
        lines += 1
        guard !isCut, reader.read(bytes, at: time, into: &event) else {
            unread += 1
            return
        }
        window.add(event, at: time)
        while let next = window.next() { judge(next.value, at: next.time) }
    }

    /// Judges what still waits for its turn.
    mutating func finish() {
        while let next = window.next(isEnd: true) { judge(next.value, at: next.time) }
    }

    private mutating func judge(_ event: Event, at now: Instant) {
        if first == nil { first = now }
        last = now
        if now >= nextBeat {
            networks.end(policy.advance(to: now))
            nextBeat = now + ReplayRun.beat
        }
        policy.judge(event, at: now)
        if event.kind == .acceptance, !event.precedesReply, let peer = event.peer { accepted[peer, default: 0] += 1 }
        if event.kind == .connect, let peer = event.peer, let key = SlotCurve.key(of: event) {
            slots.begin(peer, key, at: now, refused: policy.ledger.ban(covering: peer) != nil)
        }
        if event.kind == .disconnect, let peer = event.peer, let key = SlotCurve.key(of: event) {
            slots.end(peer, key, at: now)
        }
        var isShed = false
        for order in policy.takeOrders() {
            networks.follow(order, policy)
            switch order {
            // A network is no source, and a host that returns to the set is banned already.
            case .ban(let ban) where policy.isByEvidence(ban) || ban.since != now: break
            case .ban(let ban):
                bans += 1
                banned[ban.prefix, default: 0] += 1
            case .shed(let shed):
                isShed = true
                if case .connection(let port) = shed.extent {
                    sheds.insert(Endpoint(peer: shed.peer, port: port, second: 0))
                } else {
                    sheds.insert(Endpoint(peer: shed.peer, port: 0, second: now.seconds))
                }
            case .unban, .cover, .remember, .alarm: break
            }
        }
        if event.kind == .rejection || event.kind == .authFailure, event.code != nil, let peer = event.peer {
            rejecting.insert(event.mta)
            slots.reject(
                peer, SlotCurve.key(of: event) ?? 0, at: now, hold: hold ?? event.mta.usualHold, isShed: isShed)
        }
    }

    /// Banned sources that also delivered mail in these logs: what to look at first.
    private var alsoAccepted: [(prefix: Prefix, messages: Int)] {
        var found: [Prefix: Int] = [:]
        for (peer, count) in accepted {
            let block = policy.sourceBlock(peer)
            if banned[block] != nil { found[block, default: 0] += count }
            if let network = networks.around(peer) { found[network, default: 0] += count }
        }
        return found.map { ($0.key, $0.value) }.sorted { $0.prefix < $1.prefix }
    }

    private var span: Duration { first.map { last - $0 } ?? .zero }

    var report: [String] {
        let curve = slots.result
        var text =
            "\(StatusAnswer.age(span)), \(grouped(lines)) lines, \(grouped(unread)) unread; would ban \(grouped(banned.count)) "
            + "sources \(grouped(bans)) times and end \(grouped(sheds.count)) connections; "
            + "slot-seconds of rejected connections at most \(grouped(curve.secondsBefore)) -> \(grouped(curve.secondsAfter)), "
            + "peak \(grouped(curve.peakBefore)) -> \(grouped(curve.peakAfter))"
        let both = alsoAccepted
        text += networks.clause
        if window.late > 0 { text += "; \(grouped(window.late)) events more than a minute out of order" }
        text += both.isEmpty ? "; none of them sent accepted mail" : "; \(both.count) of them also sent accepted mail:"
        return [text]
            + both.prefix(50).map {
                "  \($0.prefix.shortDescription)  \($0.messages) message\($0.messages == 1 ? "" : "s") accepted"
            }
            + (both.count > 50 ? ["  ... and \(both.count - 50) more (--json lists all)"] : [])
            + networks.lines
    }

    /// How long each mail server was taken to hold a rejected connection.
    private var holds: [JSON] {
        rejecting.sorted { $0.rawValue < $1.rawValue }.map { mta in
            JSON.object([
                ("mta", .string(mta.rawValue)),
                ("hold_s", .integer((hold ?? mta.usualHold).nanoseconds / 1_000_000_000)),
            ])
        }
    }

    var json: JSON {
        let curve = slots.result
        return .document(
            "replay",
            [
                ("lines", JSON(lines)), ("unread", JSON(unread)),
                ("seconds", .integer(span.nanoseconds / 1_000_000_000)),
                ("bans", JSON(bans)), ("sheds", JSON(sheds.count)), ("slot_seconds_before", JSON(curve.secondsBefore)),
                ("slot_seconds_after", JSON(curve.secondsAfter)), ("peak_before", JSON(curve.peakBefore)),
                ("peak_after", JSON(curve.peakAfter)),
                ("also_accepted", .array(alsoAccepted.map { .string($0.prefix.description) })),
                ("sources", JSON(banned.count)), ("networks", networks.json),
                ("elements_most", JSON(networks.mostElements)), ("late", JSON(window.late)),
                (
                    "hold_s",
                    JSON((hold ?? rejecting.map(\.usualHold).max()).map { Int($0.nanoseconds / 1_000_000_000) })
                ),
                ("holds", .array(holds)),
            ])
    }
}

/// How many slots rejected connections held, as they were and as they would have been. An estimate: a log tells when a
/// connection began and was rejected, not when it ended, so an end that is not logged is `hold` after the rejection.
private struct SlotCurve {
    private var open: [IPAddress: [Int64: (begin: Instant, refused: Bool)]] = [:]
    private var openCount = 0
    private var steps: [(at: Int64, before: Int, after: Int)] = []
    private var secondsBefore: Int64 = 0
    private var secondsAfter: Int64 = 0
    /// Connections remembered at once: without a logged end nothing says that one is over.
    private static let limit = 500_000

    /// One connection of a peer: by its port, or by the process that serves it.
    static func key(of event: Event) -> Int64? { event.port.map { Int64($0) } ?? event.pid.map { -Int64($0) } }

    mutating func begin(_ peer: IPAddress, _ key: Int64, at now: Instant, refused: Bool) {
        if openCount >= SlotCurve.limit {
            open = [:]
            openCount = 0
        }
        if open[peer, default: [:]].updateValue((now, refused), forKey: key) == nil { openCount += 1 }
    }

    mutating func end(_ peer: IPAddress, _ key: Int64, at now: Instant) {
        if open[peer]?.removeValue(forKey: key) != nil { openCount -= 1 }
    }

    /// Counted once for each connection, at its first rejection.
    mutating func reject(_ peer: IPAddress, _ key: Int64, at now: Instant, hold: Duration, isShed: Bool) {
        guard let entry = open[peer]?.removeValue(forKey: key) else { return }
        openCount -= 1
        let end = now + hold
        secondsBefore += (end - entry.begin).nanoseconds / 1_000_000_000
        steps.append((entry.begin.seconds, 1, entry.refused ? 0 : 1))
        steps.append((end.seconds, -1, 0))
        if !entry.refused {
            let endAfter = isShed ? now : end
            secondsAfter += (endAfter - entry.begin).nanoseconds / 1_000_000_000
            steps.append((endAfter.seconds, 0, -1))
        }
    }

    var result: (secondsBefore: Int, secondsAfter: Int, peakBefore: Int, peakAfter: Int) {
        var (before, after, peakBefore, peakAfter) = (0, 0, 0, 0)
        for step in steps.sorted(by: { $0.at != $1.at ? $0.at < $1.at : $0.before + $0.after < $1.before + $1.after }) {
            before += step.before
            after += step.after
            peakBefore = max(peakBefore, before)
            peakAfter = max(peakAfter, after)
        }
        return (Int(clamping: secondsBefore), Int(clamping: secondsAfter), peakBefore, peakAfter)
    }
}
