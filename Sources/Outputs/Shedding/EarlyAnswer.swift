import CLinux
import Glibc
import Posix
import ProcFS

/// Lets a server that holds a rejection back give it now: ends the tarpit's sleep in the slots of listed peers
/// (docs/decisions/early.md).
///
/// Nothing is said for the server and nobody is ended here. The server wakes, logs its own line and sends its own
/// reply in its own place, and the slot is freed on that line as any other. A sleep is ended only where the listener
/// has written its verdict into the slot's environment and the slot's judge, started with that verdict in force, has
/// answered in a transaction: then the reply to MAIL or RCPT is being held back, whichever it is.
package final class EarlyAnswer {
    /// Sleeps ended so far.
    package private(set) var answered = 0
    /// What keeps it from working, and lasts: ptrace(2) forbidden, a machine it does not know.
    package private(set) var problem: String?
    /// Whether new slots are told of by the kernel; otherwise they are looked for ten times a second.
    package var isToldOfStarts: Bool { programWatch.isWatching }

    private let slots: SlotIndex
    private let programs: SlotPrograms
    private let judge: String
    private let loop: EventLoop
    private let programWatch: ProgramWatch
    private let mayAnswer: (Slot) -> Bool
    private var isActive = false
    private var watched: [Watched] = []
    private var timer: (id: Int, deadline: Int64)?
    /// New slots are looked for up to then: a program that was just started needs a moment to show.
    private var searchesUntil: Int64 = .min
    private var nextSearch: Int64 = .min
    private var lastTick: Int64 = 0

    private final class Watched {
        let slot: Slot
        let since: Int64
        var nextLook: Int64
        /// It is our tracee, on its way into the stop.
        var isSeized = false
        var isDone = false

        init(_ slot: Slot, since: Int64) {
            self.slot = slot
            self.since = since
            nextLook = since + EarlyAnswer.grain
        }
    }

    /// - Parameter mayAnswer: asked when a reply is seen to be held back; everything that policy has to say.
    /// - Returns: `nil` where the MTA has no process for each connection, or none that judges.
    package init?(_ shedder: Shedder, mayAnswer: @escaping (Slot) -> Bool) throws(SystemError) {
        guard let slots = shedder.slots, let programs = shedder.prover?.programs, let judge = programs.judge else {
            return nil
        }
        self.slots = slots
        self.programs = programs
        self.judge = judge
        self.mayAnswer = mayAnswer
        loop = shedder.loop
        programWatch = try ProgramWatch()
        if bw_trace_can_end_sleep() == 0 { problem = "answering early is known for x86-64 only" }
    }

    // MARK: - On and off

    package func start() throws(SystemError) {
        guard !isActive, problem == nil else { return }
        try loop.add(programWatch.descriptor.number) { [unowned self] in
            if programWatch.drain() { search() }
        }
        isActive = true
        slots.noteNew = { [unowned self] in note($0) }
        for slot in slots.all { note(slot) }
        search()
    }

    /// Whoever is on its way into a stop is let go, asleep as before.
    package func stop() {
        guard isActive else { return }
        isActive = false
        slots.noteNew = { _ in }
        loop.remove(programWatch.descriptor.number)
        watched.removeAll { !$0.isSeized }
        searchesUntil = .min
        setTimer()
    }

    // MARK: - Finding slots

    private func note(_ slot: Slot) {
        programWatch.follow(runningIn: slot.pid)
        guard slot.verdict != nil, !watched.contains(where: { $0.slot.pid == slot.pid && $0.slot == slot }) else {
            return
        }
        watched.append(Watched(slot, since: MonotonicClock.nanoseconds()))
        setTimer()
    }

    /// A program was started: its slot shows within a moment, later on a busy host.
    private func search() {
        let now = MonotonicClock.nanoseconds()
        if searchesUntil < now { nextSearch = now + EarlyAnswer.grain / 4 }
        searchesUntil = now + EarlyAnswer.searchSpan
        setTimer()
    }

    private func searchIfDue(_ now: Int64) {
        guard isActive, now >= nextSearch, now <= searchesUntil || !programWatch.isWatching else { return }
        do throws(SystemError) {
            try slots.refresh()
            if !programWatch.isWatching, let listener = slots.ownListeners.first {
                programWatch.follow(startedBy: listener.pid)
            }
        } catch {
            // The next order or sample tries again, and says what is wrong.
        }
        // Thousands of slots are a long list: a twentieth of the time is enough for reading it.
        let end = MonotonicClock.nanoseconds()
        let pause = programWatch.isWatching ? max(EarlyAnswer.grain, 20 * (end - now)) : EarlyAnswer.searchSpan
        nextSearch = end + min(pause, EarlyAnswer.searchSpan)
    }

    // MARK: - The round

    private func tick() {
        let now = MonotonicClock.nanoseconds()
        lastTick = now
        searchIfDue(now)
        for one in watched where one.nextLook <= now && !one.isDone {
            if one.isSeized { settle(one, now) } else { look(at: one, now) }
        }
        watched.removeAll { $0.isDone }
        setTimer()
    }

    private func setTimer() {
        var next = Int64.max
        var isWaitingForStop = false
        for one in watched {
            next = min(next, one.nextLook)
            if one.isSeized { isWaitingForStop = true }
        }
        // Looks are made together, every so often; a tracee is not kept waiting.
        if next < .max, !isWaitingForStop { next = max(next, lastTick + EarlyAnswer.grain / 2) }
        if isActive, searchesUntil >= MonotonicClock.nanoseconds() || !programWatch.isWatching {
            next = min(next, nextSearch)
        }
        if timer?.deadline == next { return }
        if let timer { loop.cancel(timer.id) }
        timer = nil
        guard next < .max else { return }
        let id = loop.schedule(at: next) { [unowned self] in
            timer = nil
            tick()
        }
        timer = (id, next)
    }

    // MARK: - One slot

    /// Looks whether it sleeps on a reply.
    private func look(at one: Watched, _ now: Int64) {
        guard slots.slot(pid: one.slot.pid)?.startTicks == one.slot.startTicks else {
            one.isDone = true
            return
        }
        // A slot that has waited for long is looked at less often: a sixteenth of its age, 2 s at most.
        one.nextLook = now + min(max((now - one.since) / 16, EarlyAnswer.grain), EarlyAnswer.longestPause)
        let entry = ProcessEntry(one.slot.pid)
        // The slot may have ended since the list of slots was read, and its pid be anybody's: nobody else is stopped, not
        // even for a moment, nor has his children's environment read, where a page of FUSE's could keep us for good.
        guard let call = entry.systemCall, bw_syscall_sleeps(call) != 0, isStill(one.slot), holdsReplyBack(one.slot),
            mayAnswer(one.slot), isStill(one.slot)
        else { return }
        guard bw_trace_interrupt(one.slot.pid) == 0 else {
            // One that an administrator traces is his.
            if errno == EPERM || errno == EACCES, isStill(one.slot), entry.tracer == 0 { notePtrace() }
            one.isDone = true
            return
        }
        one.isSeized = true
        settle(one, now)
    }

    /// Waits for the stop of a tracee, and lets it go: awake when it is what it was taken for.
    private func settle(_ one: Watched, _ now: Int64) {
        let pid = one.slot.pid
        var signal: Int32 = 0
        switch UInt32(bitPattern: bw_trace_stopped(pid, &signal)) {
        case BW_TRACE_NOT_YET.rawValue:
            // 1 ms is the loop's grain. The process needs a moment on a processor to stop.
            one.nextLook = now + 1_000_000
            return
        case BW_TRACE_STOPPED.rawValue:
            // A tracee's pid is nobody else's, so what is proved now stays true.
            if isActive, isStill(one.slot), holdsReplyBack(one.slot), bw_trace_end_sleep(pid) == 1 {
                answered += 1
                slots.noteAnsweredEarly(pid)
            }
        case BW_TRACE_OTHERWISE.rawValue: break
        default:
            one.isSeized = false
            one.isDone = true
            return
        }
        guard bw_trace_release(pid, signal) == 0 || errno != ESRCH else {
            // Killed in its stop, and still our tracee: until we have waited for it, its parent cannot, and the listener
            // would count its slot as taken for good.
            one.nextLook = now + 1_000_000
            return
        }
        one.isSeized = false
        one.isDone = !isActive
        // Its line is read and its slot freed meanwhile; if not, its next reply may be held back, too.
        one.nextLook = now + EarlyAnswer.longestPause
    }

    /// Whether the slot's judge has answered with the listener's verdict in force.
    ///
    /// Courier (1.0.16, courieresmtpd.c): submit is started anew after EHLO, AUTH and RSET, with BLOCK emptied once the
    /// peer has authenticated. It writes nothing before MAIL, and from MAIL to RSET AUTH is refused. So a sleep after
    /// its first byte follows an answer of its own, or an error within a transaction; never a failed AUTH.
    private func holdsReplyBack(_ slot: Slot) -> Bool {
        ProcessEntry(slot.pid).children.prefix(EarlyAnswer.mostChildren).contains { child in
            let entry = ProcessEntry(child)
            guard entry.programName == judge, let environment = entry.environment,
                Slot.Verdict(environment: environment.span) == slot.verdict
            else { return false }
            return (entry.bytesWritten ?? 0) > 0
        }
    }

    private func isStill(_ slot: Slot) -> Bool {
        let entry = ProcessEntry(slot.pid)
        guard let stat = entry.stat, stat.startTicks == slot.startTicks, stat.parent == slot.listener else {
            return false
        }
        return entry.programName == programs.slot
    }

    private func notePtrace() {
        problem =
            "ptrace is forbidden here (CAP_SYS_PTRACE, Yama, seccomp or a security module), so no tarpit is cut short"
        stop()
    }

    /// How often a slot is looked at whose reply is expected.
    private static let grain: Int64 = 20_000_000
    /// New slots are looked for this long after a start, and this often where starts are not told.
    private static let searchSpan: Int64 = 100_000_000
    private static let longestPause: Int64 = 2_000_000_000
    private static let mostChildren = 16
}
