import Addresses
import ControlProtocol
import Dialects
import Events
import Policy
import Posix

/// Lines through the parser, and its events through every policy of a plan, with the clock of the log. Each policy has a
/// thread of its own, and comes to what it would alone: none knows of the others.
struct ReplayRun {
    let plan: ReplayPlan
    /// `nil`: as each mail server has it.
    let hold: Duration?
    private var reader: LogReader
    /// Once `finish` has been called.
    private(set) var trials: [Trial] = []
    private let threads: [TrialThread]
    private var batch: TrialThread.Batch = []
    private var event = Event()
    /// Clocks of several hosts, and the ways of their lines, differ by seconds; a minute is an event's age in no rule.
    private var window = SortingWindow(span: .minutes(1), most: 50_000)
    private(set) var lines = 0
    private(set) var unread = 0
    /// Whose connections were rejected.
    private(set) var rejecting: [MTA] = []
    private var first: Instant?
    private var last: Instant = .distantPast

    init(_ plan: ReplayPlan, hold: Duration?) throws {
        self.plan = plan
        self.hold = hold
        reader = LogReader(plan.reading.mta.kinds, plan.reading.mta.siteWords)
        do throws(SystemError) {
            threads = try plan.columns.map { column throws(SystemError) in try TrialThread(Trial(column, hold: hold)) }
        } catch { throw Failure(71, "\(error)") }
    }

    /// From the first event to the last.
    var span: Duration { first.map { last - $0 } ?? .zero }
    /// Events that came too late for their place.
    var late: Int { window.late }

    mutating func hear(_ bytes: Span<UInt8>, isCut: Bool, at time: Instant) {
        lines += 1
        guard !isCut, reader.read(bytes, at: time, into: &event) else {
            unread += 1
            return
        }
        window.add(event, at: time)
        while let next = window.next() { judge(next.event, at: next.time) }
    }

    /// Judges what still waits for its turn.
    mutating func finish() {
        while let next = window.next(isEnd: true) { judge(next.event, at: next.time) }
        handOver()
        trials = threads.map { $0.finish() }
    }

    private mutating func handOver() {
        for thread in threads { thread.judge(batch) }
        batch = []
        batch.reserveCapacity(TrialThread.batch)
    }

    private mutating func judge(_ event: Event, at now: Instant) {
        if first == nil { first = now }
        last = now
        if event.kind == .rejection || event.kind == .authFailure, event.code != nil, rejecting.last != event.mta,
            !rejecting.contains(event.mta)
        {
            rejecting.append(event.mta)
        }
        batch.append((event, now))
        if batch.count == TrialThread.batch { handOver() }
    }
}

/// One policy on trial.
final class Trial {
    let name: String
    private(set) var policy: Policy
    private(set) var effect: Effect
    private(set) var networks = ReplayNetworks()
    private let sheds: Bool
    /// As often as the daemon lets ended bans go.
    private static let beat = Duration.seconds(5)
    private var nextBeat = Instant.distantPast
    private var orders: [Order] = []

    init(_ column: ReplayPlan.Column, hold: Duration?) {
        name = column.name
        policy = Policy(column.settings.ban, allowlist: Allowlist(configured: column.settings.allow.nets))
        effect = Effect(hold: hold, bounds: .months)
        sheds = column.settings.shed.method != .off
    }

    /// What came of it once all connections have ended.
    var slots: SlotModel.Figures { effect.slotFigures(at: effect.allEnded) }
    var touched: [(prefix: Prefix, messages: Int)] { effect.touchedSenders { policy.sourceBlock($0) } }

    func judge(_ event: Event, at now: Instant) {
        if now >= nextBeat {
            networks.end(policy.advance(to: now))
            nextBeat = now + Trial.beat
        }
        if let peer = event.peer, event.kind != .deferral {
            effect.hear(
                event, isBanned: policy.isBanned(peer, at: now), source: policy.sourceBlock(peer).address, at: now)
        }
        policy.judge(event, at: now)
        guard policy.hasOrders else { return }
        policy.takeOrders(into: &orders)
        for order in orders {
            networks.follow(order, policy)
            switch order {
            // A host that returns to the set is banned already.
            case .ban(let ban) where ban.since == now:
                effect.note(
                    ban, isNetwork: policy.isByEvidence(ban), isKnown: policy.isKnown(ban.prefix.address, at: now))
            case .shed(let shed) where sheds: effect.note(shed, at: now)
            default: break
            }
        }
    }
}
