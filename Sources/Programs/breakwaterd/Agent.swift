import Addresses
import ConnectionSampler
import ControlProtocol
import Dialects
import Events
import Configuration
import Glibc
import LogIntake
import MailServer
import Netfilter
import Netlink
import Policy
import Posix
import ProcFS
import Reports
import Shedding
import Store
import Waves

/// The loop in which everything meets: lines come in, policy judges them, orders go out, outcomes are written down.
///
/// One thread owns all of it. Nothing here waits: the log and the store write from threads of their own, the firewall
/// and the socket tables answer at once, and what needs time (a peer that has not acknowledged its 5xx) is a timer.
final class Agent {
    let options: AgentOptions
    let loop: EventLoop
    let clock = AnchoredClock()
    let journal: Journal
    let store: StoreWriter
    let history: HistoryWriter
    /// Counted since it was last handed to the history.
    var gathered = Agent.emptyTally()
    /// What was dropped of banned sources since it was last handed to the history, by local day.
    var drops: [Int: DropCounts] = [:]
    var readings: DropReadings
    let started: Instant
    /// Held for life: one daemon for a state directory.
    private let lock: StateLock?
    /// Under which our rules stand in the kernel (docs/decisions/observe.md); empty without the lock, as then another
    /// daemon may have the same directory.
    let tableOwner: String

    var settings: Settings
    var policy: Policy
    var logs: [FollowedLog] = []
    /// Names of logs that may yet come.
    var patterns: [PathPattern] = []
    /// Where reading ended in those that are not followed any more.
    var leftPositions: [String: String] = [:]
    var tally = Tally()
    /// `nil` while enforcing.
    var observedDay: ObservedDay?
    var waves: WaveWatch
    /// Rejections of late, by what would be banned for them and by /24 and /48.
    var rejectedSources = Lately(limit: 4096)
    var rejectedNetworks = Lately(limit: 2048)
    var mode: Mode
    /// What `enforce` said, as long as it differs from the configuration.
    var modeOverride: ModeOverride?
    /// Since when orders are only noted; `nil` while they are carried out.
    var observingSince: Instant?
    var firewall: any Firewall
    let sockets: SockDiag
    let shedder: Shedder
    let peerSearch: PeerSearch
    /// From the first time that it is wanted.
    var early: EarlyAnswer?
    /// When a slot that a line named was last looked for (`recognise`).
    var slotsSearched = Instant.distantPast
    let sampler: Sampler
    let schedule: SampleSchedule
    /// The instants of everything else that is periodic.
    let beat: SampleSchedule
    var control: ControlServer?
    var monitor: TableMonitor?
    var backend = "none (observing)"
    var slotLimit: Int?
    /// What a process that serves a connection took, when last measured.
    var slotMemory: (measure: SlotMemory, at: Instant)?
    /// Who listened when it was last looked, and what they are.
    var listenersSeen: [ListenerProcesses.Listener] = []
    var servers: [RunningServer] = []
    var isRunning = false
    /// Networks allowed by hand.
    var allowEntries: [AllowEntry] = []

    /// What each ban has cost its prefix and us.
    var costs = BanCosts()
    var evidence: [Prefix: [[UInt8]]] = [:]
    /// Connections rejected while observing, the newest at the end: they may still hold their slots when enforcing begins.
    var notedSheds: [Shed] = []
    /// Bans whose peer was shed less than a minute ago and has not tried to come back since it was.
    var shedLately: [Prefix: Instant] = [:]
    /// What is still to be looked up in this sweep over everything that should be in the kernel.
    var sweep: [SweepItem] = []
    var sweepsAgain = false
    var dueTimer: (at: Instant, id: Int)?
    /// What is wrong and lasts, by kind, for `status`.
    var problems: [String: String] = [:]
    var positionTimer: Int?
    let serviceManager = ServiceManager()

    /// Whether orders are carried out, and when that falls back by itself.
    struct Mode {
        var isEnforcing: Bool
        var until: Instant?
        var since = Instant.distantPast
    }

    enum SweepItem {
        case banned(Prefix)
        case known(IPAddress, until: Instant)
    }

    // MARK: - Start

    /// Prepares everything; nothing is decided or changed in the kernel before `run`, but for adopting what is there.
    init(_ options: AgentOptions) throws {
        self.options = options
        settings = try Agent.readSettings(options.configPath)
        journal = try Journal(level: options.isVerbose ? .debug : .notice)
        loop = try EventLoop()
        started = clock.now
        let directory = StateDirectory(settings.stateDirectory)
        let lock = try Agent.lockState(directory, journal)
        tableOwner = lock == nil ? "" : directory.identity ?? ""
        self.lock = lock
        let clock = self.clock
        store = try StoreWriter(directory) { clock.now }
        history = try HistoryWriter(directory, merging: Agent.mergeHistory, thinning: Agent.thinHistory) { clock.now }
        readings = Agent.recallReadings(directory, journal)
        let memory = Agent.recall(store, settings, at: started, journal)
        let isEnforcing = memory.mode.map(\.enforces) ?? (settings.mode == .enforce)
        let modeEnd = memory.mode.flatMap { $0.until == .distantFuture ? nil : $0.until }
        allowEntries = memory.allowed
        policy = memory.policy
        costs = memory.costs
        modeOverride = memory.mode
        let opening = LogOpening(
            settings: settings.mta, positions: memory.positions, isFromStart: options.fromStart)
        logs = try Agent.openLogs(opening, &patterns)
        leftPositions = memory.positions
        waves = WaveWatch(limit: nil)
        firewall = NoFirewall()

        sockets = try SockDiag()
        let relay = Relay()
        shedder = Shedder(
            loop: loop, sockets: sockets, clock: clock, settings: Agent.shedding(settings),
            mayShed: { [relay] peer in relay.agent.map { !$0.policy.allowlist.allows(peer, at: $0.clock.now) } ?? false
            },
            report: { [relay] in relay.agent?.noteShed($0) })
        peerSearch = PeerSearch(shedder)
        let index = shedder.slots
        sampler = Sampler(sockets: sockets, ports: settings.mta.ports, clock: clock) {
            guard let index else { return nil }
            do { try index.refresh() } catch { return nil }
            return index.ownListeners.isEmpty ? nil : (index.count, Set(index.ownListeners.flatMap(\.ports)))
        }
        let origin = MonotonicClock.nanoseconds()
        schedule = SampleSchedule(from: origin, every: settings.sample.every)
        beat = SampleSchedule(from: origin, every: Agent.beatSpan)
        mode = Mode(isEnforcing: false, until: nil)
        relay.agent = self
        try finishStart(isEnforcing: isEnforcing && !options.isObserving, until: modeEnd)
    }

    /// Lets closures made during `init` reach the agent afterwards.
    private final class Relay {
        weak var agent: Agent?
    }

    private func finishStart(isEnforcing: Bool, until: Instant?) throws(StartFailure) {
        if isEnforcing {
            do throws(FirewallError) { try takeUpFirewall() } catch {
                let code: Int32 =
                    switch error.kind {
                    case .notPermitted: 77
                    case .inUse: StateLock.Failure.exitCode
                    default: 69
                    }
                throw StartFailure(code, "the firewall cannot be used: \(error.description)")
            }
            mode = Mode(isEnforcing: true, until: until)
        } else {
            mode.until = until
            observingSince = started
            leaveNoRules()
        }
        fallBack(at: until)
        keepDay(at: started)
        lookForServers()
        noteLogTroubles(started)
        resumeWave()
        checkRights()
        setEarly()
        let group = controlGroup()
        do throws(SystemError) {
            let server = try ControlServer(
                path: settings.controlSocket, group: group, loop: loop, answer: { [unowned self] in answer($0) })
            control = server
            if group != nil, !server.isOpenToGroup {
                journal.warn(
                    "control",
                    "the group \(settings.controlGroup) cannot be given the control socket: only root may ask")
            }
        } catch {
            throw StartFailure(
                error.code == EADDRINUSE ? 75 : 73,
                error.code == EADDRINUSE
                    ? "another breakwaterd answers at \(settings.controlSocket)"
                    : "the control socket cannot be made: \(error); set control_socket\(getuid() == 0 ? "" : ", or run as root")"
            )
        }
        var record = Record(
            "start", [("version", Breakwaterd.version), ("mode", mode.isEnforcing ? "enforcing" : "observing")])
        record.add("log", logPaths)
        record.add("ports", settings.mta.ports.map { "\($0)" }.joined(separator: ","))
        record.add("slots", slotLimit)
        record.add("bans", policy.ledger.count)
        record.add("known", policy.knownSenders)
        journal.say(record)
    }

    // MARK: - The loop

    func run() throws {
        let signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP])
        try loop.add(signals.descriptor.number) { [unowned self] in
            while let signal = signals.next() {
                if signal == SIGHUP { _ = reload() } else { loop.stop() }
            }
        }
        isRunning = true
        for log in logs { try listen(to: log) }
        loop.afterRound = { [unowned self] in
            carryOutOrders()
            journal.wake()
        }
        journal.gather()
        try loop.add(store.noticeDescriptor) { [unowned self] in hearStore() }
        scheduleSample()
        scheduleTick()
        learnNormal()
        feedWatchdog()
        readLogs()
        // What reading the store and the sets took is not needed again.
        Heap.trim()
        serviceManager.notify(
            "READY=1\nSTATUS=\(mode.isEnforcing ? "enforcing" : "observing"), \(policy.ledger.count) bans")
        try loop.run()
        stop()
    }

    /// Bans stay in the kernel; only our own traces go.
    private func stop() {
        serviceManager.notify("STOPPING=1")
        countAll(at: clock.now)
        postPositions()
        postCounters()
        postWave()
        writeHistory()
        control?.close()
        if !history.close(timeout: .seconds(2)) {
            journal.warn("history", "the disk did not take the last counts in time")
        }
        if !store.close(timeout: .seconds(2)) {
            journal.warn("store", "the disk did not take the last records in time")
        }
        journal.note("stopped; \(policy.ledger.count) bans stay in the kernel")
        journal.drain()
    }

    /// The store lost its file and has a new one, or writes nothing for now.
    private func hearStore() {
        let now = clock.now
        for notice in store.takeNotices() {
            write(Decision(.note, at: now, why: notice.description, outcome: .done))
            guard notice.asksForAll else { continue }
            for ban in policy.ledger.bans { store.post(.ban(stored(ban))) }
            for entry in allowEntries { store.post(.allow(entry)) }
            postWave()
            store.post(.mode(modeOverride))
            postPositions()
            for sender in policy.knownUntil(at: now) {
                store.post(
                    .known(
                        KnownSender(
                            Prefix(sender.address), until: sender.until,
                            isAuthenticated: policy.isAuthenticated(sender.address, at: now))))
            }
        }
    }

    func stored(_ ban: Ban) -> StoredBan {
        let cost = costs[ban.prefix]
        return StoredBan(ban, hits: Int(cost?.hits ?? 0), sheds: Int(cost?.shed ?? 0))
    }

    var logPaths: String { logs.map(\.stream.name).joined(separator: ", ") }

    // MARK: - Decisions

    /// Says, stores and publishes what was decided.
    func write(_ decision: Decision) {
        journal.decision(decision)
        store.post(.decision(decision, evidence: takeEvidence(of: decision)))
        publish(decision)
        noteForWave(decision)
    }

    func takeEvidence(of decision: Decision) -> [[UInt8]] {
        let key = decision.prefix.map { $0.isHost ? policy.sourceBlock($0.address) : $0 }
        return key.flatMap { evidence.removeValue(forKey: $0) } ?? []
    }

    func publish(_ decision: Decision) {
        if let control, control.hasSubscribers { control.publish(decision.timedRecord) }
    }

    /// Something is wrong and lasts: shown by `status` until it is over.
    func problem(_ kind: String, _ text: String?) {
        if let text {
            problems[kind] = text
            journal.warn(kind, text)
        } else if problems.removeValue(forKey: kind) != nil {
            journal.note("\(kind): over")
        }
    }
}
