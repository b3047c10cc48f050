import Addresses
import Events
import Netlink
import Posix
import ProcFS

/// Ends connections to free their slots, and reports what came of it.
///
/// `shed` returns at once: what must be waited for (the peer's acknowledgement, the process's end) is looked at again
/// from the event loop. One report for each connection an order meant, and at least one for each order.
package final class Shedder {
    package struct Settings: Sendable {
        /// The processes in which slots are looked for; `nil` where there is no Courier to expect.
        package var slotPrograms: SlotPrograms?
        package var method: ShedMethod
        /// Never end a connection before its peer has its reply, within `toldLimit`.
        package var waitsUntilTold: Bool
        package var ports: [UInt16]
        package var toldLimit: Duration = .seconds(2)
        package var pendingLimit = 10_000
        /// How long a signalled process may take. Courier's handler waits up to 10 s for its submit.
        package var endLimit: Duration = .seconds(15)

        package init(
            slotPrograms: SlotPrograms? = .courier, method: ShedMethod = .auto, waitsUntilTold: Bool = true,
            ports: [UInt16] = [25]
        ) {
            self.slotPrograms = slotPrograms
            self.method = method
            self.waitsUntilTold = waitsUntilTold
            self.ports = ports
        }
    }

    /// Orders that found `pendingLimit` connections waiting already.
    package private(set) var overflowed = 0
    package private(set) var pendingCount = 0
    /// The processes that listen on our ports, whatever they are.
    package let listeners: ListenerProcesses
    /// Courier's slots; `nil` where there is no Courier to expect.
    package let slots: SlotIndex?
    /// Which MTA serves a port, as far as it is known: a line of another one is about no connection there.
    package var servers: [UInt16: MTA] = [:]

    let settings: Settings
    let sockets: SockDiag
    let prover: SlotProver?
    let holders: HolderIndex
    let loop: EventLoop
    let clock: AnchoredClock
    let mayShed: (IPAddress) -> Bool
    private let report: (Decision) -> Void
    private var pending: [PendingShed] = []
    var byPeer: [Endpoint: PendingShed] = [:]
    /// Orders that wait for a dump.
    var dumpOrders: [Shed] = []
    var nextDump: Int64 = .min
    /// The local ends seen in dumps.
    var localEnds: [Endpoint] = []
    private var timer: (id: Int, deadline: Int64)?
    private var isTicking = false
    /// What a look takes, as of late.
    private var lookCost: Int64 = 10_000

    /// Looks made in one round of the loop; the rest follows in the next.
    private static let looksPerTick = 256

    /// How long a connection may wait for its next look: 3 ms where few do, 20 ms where looking at all of them would take more
    /// than a twentieth of the time.
    var longestPause: Int64 { min(max(20 * Int64(pendingCount) * lookCost, 3_000_000), 20_000_000) }

    /// - Parameter mayShed: the allowlist's word, asked for every peer that an order did not name itself.
    package init(
        loop: EventLoop, sockets: SockDiag, clock: AnchoredClock, settings: Settings,
        mayShed: @escaping (IPAddress) -> Bool = { _ in true }, report: @escaping (Decision) -> Void
    ) {
        self.loop = loop
        self.sockets = sockets
        self.clock = clock
        self.settings = settings
        self.mayShed = mayShed
        self.report = report
        let listeners = ListenerProcesses(sockets: sockets, ports: settings.ports)
        self.listeners = listeners
        holders = HolderIndex(listeners: listeners)
        slots = settings.slotPrograms.map { SlotIndex(listeners: listeners, programs: $0) }
        prover = settings.slotPrograms.map { programs in
            SlotProver(programs: programs, carriers: programs.carrier.map { CarrierIndex(program: $0) })
        }
    }

    // MARK: - Taking orders

    package func shed(_ orders: [Shed]) {
        for order in orders {
            if settings.method == .off {
                finish(order, port: nil, .refused, "shedding is off")
                continue
            }
            guard pendingCount + dumpOrders.count < settings.pendingLimit else {
                overflowed += 1
                finish(order, port: nil, .failed, "\(settings.pendingLimit) connections are being shed already")
                continue
            }
            switch order.extent {
            case .connection(let port): take(order, Endpoint(address: order.peer, port: port), nil)
            case .served, .only, .all: needDump(order)
            }
        }
        tick()
    }

    func take(_ order: Shed, _ peer: Endpoint, _ connection: Connection?) {
        if byPeer[peer] != nil {
            finish(order, port: peer.port, .already, "it is being shed")
            return
        }
        let one = PendingShed(
            order, peer: peer, connection: connection, begun: MonotonicClock.nanoseconds(),
            reading: slots?.readings ?? 0)
        byPeer[peer] = one
        pending.append(one)
        pendingCount += 1
    }

    // MARK: - The round

    /// Looks at everything that is due, at most `looksPerTick`, then sets the timer for the next.
    private func tick() {
        // A report may give new orders; they are taken in the round that is running, or by its timer.
        if isTicking { return }
        isTicking = true
        if !dumpOrders.isEmpty, MonotonicClock.nanoseconds() >= nextDump { dumpForOrders() }
        // Now, so that what the dump has found is looked at in this round.
        let now = MonotonicClock.nanoseconds()
        var looksLeft = Shedder.looksPerTick
        var index = 0
        while index < pending.count, looksLeft > 0 {
            let one = pending[index]
            if !one.isFinished, one.nextLook <= now {
                looksLeft -= 1
                advance(one, now)
            }
            index += 1
        }
        pending.removeAll { $0.isFinished }
        let looks = Int64(Shedder.looksPerTick - looksLeft)
        if looks > 0 { lookCost = (3 * lookCost + (MonotonicClock.nanoseconds() - now) / looks) / 4 }
        isTicking = false
        setTimer()
    }

    private func setTimer() {
        var next = pending.lazy.filter { !$0.isFinished }.map(\.nextLook).min()
        if !dumpOrders.isEmpty { next = min(next ?? .max, nextDump) }
        guard let next else {
            if let timer { loop.cancel(timer.id) }
            timer = nil
            return
        }
        if let timer {
            if timer.deadline == next { return }
            loop.cancel(timer.id)
        }
        let id = loop.schedule(at: next) { [weak self] in
            self?.timer = nil
            self?.tick()
        }
        timer = (id, next)
    }

    private func advance(_ one: PendingShed, _ now: Int64) {
        do throws(SystemError) {
            switch one.stage {
            case .locating: try locate(one, now)
            case .telling: try tell(one, now)
            case .ending: awaitRelease(one, now)
            }
        } catch {
            finish(one, .failed, "\(error)")
        }
    }

    // MARK: - Reporting

    func finish(_ one: PendingShed, _ outcome: Outcome, _ detail: String?) {
        one.isFinished = true
        pendingCount -= 1
        if byPeer[one.peer] === one { byPeer[one.peer] = nil }
        if one.stage == .ending, let number = one.pidfd?.number { loop.remove(number) }
        one.pidfd = nil
        if outcome == .done, let slot = one.slot { slots?.forget(slot.pid) }
        let early = outcome == .done && one.slot?.isAnsweredEarly == true ? "answered early" : nil
        finish(
            one.order, port: one.peer.port, outcome, detail ?? early, pid: one.slot?.pid ?? one.holder?.ownPid,
            told: one.told,
            peer: one.peer.address)
    }

    func finish(
        _ order: Shed, port: UInt16?, _ outcome: Outcome, _ detail: String?, pid: Int32? = nil, told: Bool? = nil,
        peer: IPAddress? = nil
    ) {
        let now = clock.now
        var decision = Decision(
            .shed, at: now, prefix: peer.map { Prefix($0) } ?? Shedder.prefix(of: order), why: order.why,
            outcome: outcome)
        decision.latency = now - order.since
        decision.port = port
        decision.pid = pid
        decision.told = outcome == .done ? told : nil
        decision.detail = detail
        report(decision)
    }
}
