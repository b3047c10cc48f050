import Addresses
import ConnectionSampler
import Events
import Netfilter
import Policy
import Posix
import ProcFS
import Store

/// What happens by the clock: samples as often as the configuration says, everything else every five seconds. Both
/// count from one instant, so that with samples every five seconds an idle daemon wakes once for both.
extension Agent {
    static let beatSpan = Duration.seconds(5)

    func scheduleSample() {
        loop.schedule(at: schedule.next(after: MonotonicClock.nanoseconds())) { [unowned self] in
            takeSample(clock.now)
            scheduleSample()
        }
    }

    func scheduleTick() {
        loop.schedule(at: beat.next(after: MonotonicClock.nanoseconds())) { [unowned self] in
            tick()
            scheduleTick()
        }
    }

    private func tick() {
        let now = clock.now
        keepDay(at: now)
        lookForServers()
        lookForLogs()
        for log in logs where log.stream.poll() { read(log) }
        noteLogTroubles(now)
        let dialogue = "Courier logs its clients' own lines (ESMTP_LOG_DIALOG), so no line can be believed: set it to 0"
        problem("dialogue", logs.contains { $0.reader.hasDialogue } ? dialogue : nil)
        let accounts = "AUTH lets clients write lines into qpsmtpd's own log, so none is believed: use logging/syslog"
        problem("qpsmtpd", logs.contains { $0.reader.hasClientLines } ? accounts : nil)
        noteOverflow(now)
        if let text = early?.problem, problems["early"] == nil { problem("early", text) }
        looksDue(now)
        looksForReturns(now)
        for ban in policy.advance(to: now) { noteEnd(ban) }
        if mode.isEnforcing { keepFirewall(now) }
        if allowEntries.contains(where: { $0.until <= now }) { refreshAllowlist() }
        if tally.ticks % 12 == 0 { eachMinute(now) }
        if tally.ticks % Agent.historyTicks == Agent.historyTicks - 1 { writeHistory() }
        problem("history", history.problem)
        if tally.ticks % 720 == 0 { policy.expireKnown(at: now) }
        tally.ticks += 1
        serviceManager.notifyWatchdog()
    }

    /// Rejections that Exim could not log in the last hour: a HELO of 8,000 letters hides them.
    private func noteOverflow(_ now: Instant) {
        let count = logs.reduce(0) { $0 + $1.reader.overflowed }
        if count > tally.overflowed.count { tally.overflowed.at = now }
        tally.overflowed.count = count
        let isLately = count > 0 && now - tally.overflowed.at < .hours(1)
        problem(
            "exim",
            isLately
                ? "\(count) entries had no room in Exim's buffer, as a client filled it with its HELO, and nobody is banned "
                    + "for them -> end such connections in an ACL: docs/mtas/exim.md" : nil)
    }

    /// The tick feeds the watchdog; where ticks are too far apart, a timer of its own.
    func feedWatchdog() {
        guard let interval = serviceManager.watchdog, interval < Agent.beatSpan else { return }
        loop.schedule(after: interval) { [unowned self] in
            serviceManager.notifyWatchdog()
            feedWatchdog()
        }
    }

    private func takeSample(_ now: Instant) {
        do {
            sampler.noteStarted(tally.takeConnects())
            let sample = try sampler.sample()
            let slots = sample.slots ?? sample.connections
            tally.lastSample = sample
            if tally.peak.map({ slots > $0.slots || !isSameDay($0.at, now) }) ?? true {
                tally.peak = (slots, now)
            }
            store.post(
                .sample(
                    StoredSample(time: now, connections: sample.connections, slots: slots, new: sample.new ?? 0)))
            watchForWave(sample, slots: slots, at: now)
        } catch {
            journal.warn("sample", "\(error)")
        }
    }

    /// Bans that end before the next tick are asked for packets first: one that was hit starts anew, and what an element
    /// has counted is gone with it.
    private func looksDue(_ now: Instant) {
        guard mode.isEnforcing else { return }
        let due = policy.ledger.due(by: now + Agent.beatSpan + .seconds(1)).map(\.prefix)
        for start in stride(from: 0, to: due.count, by: 1000) {
            look(at: Array(due[start..<min(start + 1000, due.count)]), now)
        }
    }

    static let mostShedLately = 5000
    private static let returnSpan = Duration.minutes(1)

    /// Who was shed and knocks again within a minute has a server that reconnects at once: its history says so.
    private func looksForReturns(_ now: Instant) {
        guard !shedLately.isEmpty else { return }
        shedLately = shedLately.filter { now - $0.value < Agent.returnSpan && policy.ledger[$0.key] != nil }
        guard mode.isEnforcing else { return }
        let waiting = Array(shedLately.keys)
        for start in stride(from: 0, to: waiting.count, by: 1000) {
            look(at: Array(waiting[start..<min(start + 1000, waiting.count)]), now)
        }
    }

    private func noteReturn(_ prefix: Prefix, _ now: Instant) {
        guard let shed = shedLately.removeValue(forKey: prefix) else { return }
        let seconds = max(1, Int((now - shed).inSeconds.rounded(.up)))
        write(
            Decision(
                .note, at: now, prefix: prefix,
                why: "came back within \(seconds) s of the end of its connection, and was dropped", outcome: .done))
    }

    /// Reads the counters of these bans and begins those anew that have been hit.
    private func look(at prefixes: [Prefix], _ now: Instant) {
        guard !prefixes.isEmpty else { return }
        do throws(FirewallError) {
            for element in try firewall.elements(for: prefixes, in: .banned) { note(element, now) }
        } catch { problem("firewall", error.description) }
    }

    /// Counts what an element has dropped; a ban that was hit begins anew.
    private func note(_ element: Element, _ now: Instant) {
        guard count(element, at: now) else { return }
        noteReturn(element.prefix, now)
        policy.refresh(element.prefix, at: now)
    }

    /// Others may have changed our table: it is put right, and what was in it looked through.
    private func keepFirewall(_ now: Instant) {
        guard let monitor, monitor.isDisturbed else { return }
        monitor.isDisturbed = false
        do {
            let repairs = try firewall.repair()
            if repairs.total > 0 {
                tally.repaired += repairs.total
                write(Decision(.note, at: now, why: "put back in the firewall: \(repairs)", outcome: .done))
            }
            startSweep()
        } catch {
            monitor.isDisturbed = true
            problem("firewall", error.description)
        }
    }

    /// Looks at all bans and known senders, a slice for each turn of the loop, for counters and for what is missing.
    func startSweep() {
        guard mode.isEnforcing else { return }
        // What has been looked at already in a sweep that is running may be gone since.
        if !sweep.isEmpty {
            sweepsAgain = true
            return
        }
        sweep =
            policy.ledger.bans.map { .banned($0.prefix) }
            + policy.knownUntil(at: clock.now).map { .known($0.address, until: $0.until) }
        continueSweep()
    }

    private func continueSweep() {
        guard !sweep.isEmpty else { return }
        let now = clock.now
        // A hundred look-ups are about half a millisecond.
        // A copy: a slice would share the memory, and taking it out would copy all the rest.
        let slice = Array(sweep.suffix(100))
        sweep.removeLast(slice.count)
        let wanted: [FirewallChange] = slice.compactMap { item in
            switch item {
            case .banned(let prefix):
                guard let ban = policy.ledger[prefix], ban.until > now + .seconds(2), !policy.isCovered(prefix)
                else { return nil }
                return .ban(prefix, timeout: ban.until == .distantFuture ? .forever : ban.until - now)
            case .known(let address, let until):
                return until > now + .seconds(2) ? .remember(Prefix(address), timeout: until - now) : nil
            }
        }
        do throws(FirewallError) {
            let result = try firewall.reconcile(wanted, at: now)
            for element in result.found where element.place == .banned { note(element, now) }
            notePutBack(result.restored, at: now)
        } catch { problem("firewall", error.description) }
        if !sweep.isEmpty {
            loop.schedule(after: .milliseconds(1)) { [unowned self] in continueSweep() }
        } else if sweepsAgain {
            sweepsAgain = false
            startSweep()
        }
    }

    private func notePutBack(_ restored: [ChangeResult], at now: Instant) {
        var bans = 0
        for result in restored where result.outcome == .done {
            tally.repaired += 1
            if result.change.isBan { bans += 1 }
        }
        noteCounters(of: restored, at: now)
        if bans > 0 {
            write(Decision(.note, at: now, why: "put back \(bans) bans that were gone", outcome: .done))
        }
    }

    /// A network hidden by a wider one goes in when that one ends.
    func scheduleDueNetworks() {
        guard mode.isEnforcing, let due = firewall.nextDue, due < dueTimer?.at ?? .distantFuture else { return }
        if let dueTimer { loop.cancel(dueTimer.id) }
        let id = loop.schedule(after: max(.zero, due - clock.now)) { [unowned self] in
            dueTimer = nil
            let results = firewall.advance(to: clock.now)
            tally.failed += results.count { $0.outcome == .failed }
            noteCounters(of: results, at: clock.now)
            scheduleDueNetworks()
        }
        dueTimer = (due, id)
    }

    private func eachMinute(_ now: Instant) {
        // The first is the start.
        if tally.ticks > 0 {
            tally.rejectionRate.endMinute(total: tally.rejections, at: now) { isSameDay($0, now) }
        }
        lookForServers(anew: true)
        startSweep()
        postCounters()
        measureSlots()
        postMeasures()
        postWave()
        refreshAllowlist()
        Heap.trim()
    }

    func postCounters() {
        let counters = [
            ("lines", tally.lines), ("rejections", tally.rejections), ("bans", tally.bans), ("sheds", tally.sheds),
            ("told", tally.told),
        ]
        for (name, value) in counters { store.post(.counter(name, Int64(value))) }
    }

    /// What a slot costs. Of a busy server more is known than of an idle one, whose last process has all that is shared to
    /// itself: a measure of fewer slots counts once the one before is a day old.
    func measureSlots() {
        guard (tally.lastSample?.connections ?? 0) > 0 else { return }
        let now = clock.now
        do throws(SystemError) {
            let found = try SlotMemory.measure(
                listeners: servers.map(\.listener.pid), ports: settings.mta.ports, sockets: sockets)
            guard let found else { return }
            if let known = slotMemory, found.slots < known.measure.slots, now - known.at < .days(1) { return }
            slotMemory = (found, now)
        } catch { journal.warn("slots", "\(error)") }
    }

    func postMeasures() {
        store.post(.counter(StoreRecord.slotLimitCounter, Int64(slotLimit ?? 0)))
        if let slotMemory { store.post(.counter(StoreRecord.slotBytesCounter, Int64(slotMemory.measure.bytes))) }
    }

    private func isSameDay(_ left: Instant, _ right: Instant) -> Bool {
        LocalTime.day(of: left) == LocalTime.day(of: right)
    }
}
