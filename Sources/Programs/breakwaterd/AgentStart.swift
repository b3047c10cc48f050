import Addresses
import Configuration
import ConnectionSampler
import Dialects
import Events
import Glibc
import LogIntake
import MailServer
import Netfilter
import Netlink
import Policy
import Posix
import SettingsFiles
import Shedding
import Store

/// Coming up: configuration, store, what is in the kernel, and the listeners, in an order that leaves nothing
/// half-done when one of them fails.
extension Agent {
    /// Reads the configuration; every complaint is said before the start is given up.
    static func readSettings(_ path: String) throws(StartFailure) -> Settings {
        let reading: SettingsReading
        do throws(SystemError) { reading = try SettingsFiles.read(path) } catch {
            throw StartFailure(error.code == EACCES ? 77 : 66, "\(error)")
        }
        guard reading.complaints.isEmpty else {
            let lines = reading.complaints.map(\.description).joined(separator: "\n")
            throw StartFailure(78, "the configuration is wrong:\n\(lines)")
        }
        var settings = reading.settings
        // Its list holds single addresses.
        if settings.firewall.backend == .xtRecent { settings.ban.networks = false }
        return settings
    }

    /// One daemon for a state directory. A directory that cannot be used is no reason not to protect.
    static func lockState(_ directory: StateDirectory, _ journal: Journal) throws(StartFailure) -> StateLock? {
        do throws(StateLock.Failure) { return try StateLock(directory) } catch {
            if case .alreadyRunning = error { throw StartFailure(StateLock.Failure.exitCode, error.description) }
            journal.warn("state", "\(error); going on without memory")
            return nil
        }
    }

    /// What the store knows from before.
    struct Memory: ~Copyable {
        var policy: Policy
        var costs = BanCosts()
        var mode: ModeOverride?
        var allowed: [AllowEntry] = []
        var positions: [String: String] = [:]
    }

    /// Bans put into the ledger here have not been compared with the kernel yet.
    static func recall(_ store: StoreWriter, _ settings: Settings, at now: Instant, _ journal: Journal) -> Memory {
        func ask<Value>(_ question: () throws -> Value) -> Value? {
            do { return try question() } catch {
                journal.warn("store-read", "\(error)")
                return nil
            }
        }
        let reader = store.reader
        let allowed = ask { try reader.allowEntries(at: now) } ?? []
        var policy = Policy(settings.ban, allowlist: allowlist(settings, allowed))
        let former = ask { try reader.formerBans(at: now, atMost: settings.ban.maxSources) } ?? []
        for entry in former {
            policy.adoptHistory(entry.ban.prefix, count: entry.ban.count, lastEnd: entry.ban.until, at: now)
        }
        var costs = BanCosts()
        for entry in ask({ try reader.bans(at: now) }) ?? [] {
            policy.adopt(entry.ban, at: now)
            guard policy.ledger[entry.ban.prefix] != nil else { continue }
            costs[entry.ban.prefix] = BanCosts.Cost(since: entry.ban.since, hits: entry.hits, shed: entry.sheds)
        }
        for sender in ask({ try reader.knownSenders(at: now) }) ?? [] {
            policy.adoptKnown(sender.prefix.address, until: sender.until, authenticated: sender.isAuthenticated)
        }
        return Memory(
            policy: policy, costs: costs, mode: ask { try reader.modeOverride(at: now) } ?? nil, allowed: allowed,
            positions: ask { try reader.logPositions() } ?? [:])
    }

    static func shedding(_ settings: Settings) -> Shedder.Settings {
        let method: ShedMethod =
            switch settings.shed.method {
            case .auto: .auto
            case .signal: .signal
            case .destroy: .destroy
            case .off: .off
            }
        var shedding = Shedder.Settings(
            method: method, waitsUntilTold: settings.shed.told, ports: settings.mta.ports)
        shedding.toldLimit = settings.shed.toldTimeout
        return shedding
    }

    /// The group that may read; its absence is said once and costs only those who would be in it.
    func controlGroup() -> UInt32? {
        guard !settings.controlGroup.isEmpty else { return nil }
        guard let group = getgrnam(settings.controlGroup) else {
            journal.note("no group \"\(settings.controlGroup)\": only root may ask over the control socket")
            return nil
        }
        return group.pointee.gr_gid
    }

    static func allowlist(_ settings: Settings, _ added: [AllowEntry]) -> Allowlist {
        var list = Allowlist(configured: settings.allow.nets, own: ownAddresses())
        for entry in added { list.add(entry.prefix, until: entry.until) }
        return list
    }

    static func makeFirewall(_ settings: Settings) throws(FirewallError) -> any Firewall {
        switch settings.firewall.backend {
        case .nft: try NFTables()
        case .xtRecent: XTRecent()
        case .none: NoFirewall()
        }
    }

    var plan: FirewallPlan {
        FirewallPlan(
            ports: settings.mta.ports, newPerSecond: settings.limit.newPerSecond, burst: settings.limit.burst,
            perSource: settings.limit.perSource, allowed: policy.allowlist.entries.map(\.prefix), owner: tableOwner)
    }

    /// Takes the firewall up: what is in the kernel is adopted, what only the store knows is put back.
    func takeUpFirewall() throws(FirewallError) {
        if settings.firewall.backend == .xtRecent, settings.firewall.installRules {
            try XTRecent.install(ports: settings.mta.ports)
        }
        let made = try Agent.makeFirewall(settings)
        if let other = try (made as? NFTables)?.owner(), other != tableOwner, StateDirectory.isHeld(other) {
            throw FirewallError(inUseBy: other)
        }
        // Before the start: nothing that others do after it is missed, and a failure leaves no rules behind.
        let watching = try (made as? NFTables).map { tables throws(FirewallError) in
            try TableMonitor(passingOver: tables.portID)
        }
        let adoption = try made.start(plan, at: clock.now)
        firewall = made
        for warning in adoption.warnings { journal.warn("firewall-start", warning) }
        if let monitor = watching {
            self.monitor = monitor
            do { try loop.add(monitor.descriptor) { monitor.receive() } } catch {
                journal.warn("monitor", "\(error)")
            }
        }
        adopt(adoption.elements)
        observingSince = nil
        backend = made.form == "nft" ? "nft inet/breakwater" : made.form
    }

    private func adopt(_ elements: [Element]) {
        let now = clock.now
        var adopted = 0
        var bannedThere: Set<Prefix> = []
        bannedThere.reserveCapacity(elements.count)
        var knownThere: Set<Prefix> = []
        for element in elements {
            switch element.place {
            case .known:
                knownThere.insert(element.prefix)
                policy.adoptKnown(
                    element.prefix.address, until: now + (element.expires ?? .forever), authenticated: false)
            case .banned:
                // A ban noted while observing is newer than what the set kept from before: it goes in with its own time.
                if let observingSince, let ban = policy.ledger[element.prefix], ban.since > observingSince {
                    count(element, at: now)
                    continue
                }
                bannedThere.insert(element.prefix)
                // What policy has already is what the store told; the kernel knows best how long it has left.
                let told = policy.ledger[element.prefix]
                var ban =
                    told
                    ?? Ban(
                        prefix: element.prefix, since: now, until: now, timeout: element.timeout ?? .forever,
                        why: Ban.unexplained)
                let until = now + (element.expires ?? .forever)
                // Most stand there, to the second, as the store has them.
                if told == nil || max(until - ban.until, ban.until - until) > .seconds(1) {
                    ban.until = until
                    policy.adopt(ban, at: now)
                    if policy.ledger[element.prefix] == nil { continue }
                }
                adopted += 1
                if costs[element.prefix] == nil { costs[element.prefix] = BanCosts.Cost(since: ban.since) }
                // While nobody looked the kernel went on counting.
                count(element, at: now)
            }
        }
        for (prefix, _) in readings.all where !bannedThere.contains(prefix) { readings.forget(prefix) }
        let missing = policy.ledger.bans.filter {
            !bannedThere.contains($0.prefix) && $0.until > now && !policy.isCovered($0.prefix)
        }
        let changes = missing.map {
            FirewallChange.ban($0.prefix, timeout: $0.until == .distantFuture ? .forever : $0.until - now)
        }
        let results = firewall.apply(changes, at: now)
        noteCounters(of: results, at: now)
        let restored = results.count { $0.outcome == .done }
        let known = policy.knownUntil(at: now).filter { !knownThere.contains(Prefix($0.address)) }
        _ = firewall.apply(known.map { .remember(Prefix($0.address), timeout: $0.until - now) }, at: now)
        journal.note("adopted \(adopted) bans from the kernel, put back \(restored) from the store")
    }

    // MARK: - Mode

    /// From noting to acting, or back. Going back takes the rules out and leaves the sets: nothing is dropped any more,
    /// and acting again finds every ban that has not run out.
    func setMode(enforcing: Bool, for span: Duration?, why: String, isByHand: Bool) {
        let now = clock.now
        let until = span.flatMap { $0 == .forever ? nil : now + $0 }
        do throws(FirewallError) {
            if enforcing, !mode.isEnforcing {
                try takeUpFirewall()
            } else if !enforcing, mode.isEnforcing {
                countAll(at: now)
                if let tables = firewall as? NFTables {
                    noteLeft(try tables.takeOutRules(of: tableOwner))
                } else {
                    var idle = plan
                    idle.ports = []
                    try firewall.change(to: idle)
                }
                letGoOfFirewall()
            }
            problem("firewall", nil)
        } catch {
            problem("firewall", error.description)
            if enforcing { return }
            letGoOfFirewall()
        }
        let begins = enforcing && !mode.isEnforcing
        mode = Mode(isEnforcing: enforcing, until: until, since: begins ? now : mode.since)
        keepDay(at: now)
        // What the configuration says anyway is no override: a later change of the file shall count.
        let isOverride = isByHand && (until != nil || enforcing != (settings.mode == .enforce))
        modeOverride = isOverride ? ModeOverride(enforces: enforcing, until: until ?? .distantFuture) : nil
        store.post(.mode(modeOverride))
        var decision = Decision(.note, at: now, why: "\(enforcing ? "enforcing" : "observing"): \(why)", outcome: .done)
        decision.timeout = span
        write(decision)
        fallBack(at: until)
        setEarly()
        if begins { shedNoted() }
        serviceManager.notify("STATUS=\(enforcing ? "enforcing" : "observing"), \(policy.ledger.count) bans")
    }

    /// The mode without `enforce`.
    var isEnforcingByConfiguration: Bool { settings.mode == .enforce && !options.isObserving }

    /// At the end of its time a mode goes back to what the configuration says.
    func fallBack(at until: Instant?) {
        guard let until else { return }
        loop.schedule(after: max(.zero, until - clock.now)) { [unowned self] in endOverride(of: until) }
    }

    private func endOverride(of until: Instant) {
        // Another `enforce` may have come in between.
        guard mode.until == until else { return }
        setMode(enforcing: isEnforcingByConfiguration, for: nil, why: "its time is over", isByHand: false)
        guard mode.until == until else { return }
        // The firewall could not be taken up.
        loop.schedule(after: .minutes(1)) { [unowned self] in endOverride(of: until) }
    }

    /// Observing acts on nothing, also not by rules that an earlier, enforcing run left behind.
    func leaveNoRules() {
        guard settings.firewall.backend == .nft, !tableOwner.isEmpty else { return }
        do throws(FirewallError) {
            let taken = try NFTables().takeOutRules(of: tableOwner)
            if taken == .done { journal.note("took out the rules that were in force; the sets stay") }
            noteLeft(taken)
        } catch  where error.kind == .notPermitted {
            // Without the right to look there is none to change it either: an earlier run had no more.
        } catch { journal.warn("firewall", error.description) }
    }

    private func noteLeft(_ taken: RulesTakenOut) {
        guard case .left(let owner) = taken else { return }
        journal.note(
            "the rules in table inet breakwater are left alone: "
                + (owner.isEmpty ? "they do not say whose they are" : "they are of another state directory, \(owner)")
                + "; to be rid of them: breakwater enforce off there, or nft delete table inet breakwater")
    }

    func letGoOfFirewall() {
        if let monitor { loop.remove(monitor.descriptor) }
        monitor = nil
        observingSince = clock.now
        firewall = NoFirewall()
        backend = "none (observing)"
        sweep = []
        sweepsAgain = false
    }

    // MARK: - Reload

    /// Reads the configuration again. With a complaint everything stays as it is; the answer is a sentence.
    func reload() -> (isDone: Bool, text: String) {
        serviceManager.notify("RELOADING=1\nMONOTONIC_USEC=\(MonotonicClock.nanoseconds() / 1000)")
        defer { serviceManager.notify("READY=1") }
        let new: Settings
        do throws(StartFailure) { new = try Agent.readSettings(options.configPath) } catch {
            journal.warn("reload", error.text)
            return (false, error.text + "\nnothing changed")
        }
        var restart: [String] = []
        if new.stateDirectory != settings.stateDirectory { restart.append("state_directory") }
        if new.controlSocket != settings.controlSocket || new.controlGroup != settings.controlGroup {
            restart.append("control_socket")
        }
        if new.mta != settings.mta { restart.append("[mta]") }
        if new.shed != settings.shed { restart.append("[shed]") }
        if new.firewall != settings.firewall { restart.append("[firewall]") }
        if new.sample != settings.sample { restart.append("[sample]") }
        let old = settings
        settings.ban = new.ban
        settings.limit = new.limit
        settings.allow = new.allow
        if new.mode != old.mode {
            settings.mode = new.mode
            setMode(enforcing: isEnforcingByConfiguration, for: nil, why: "configuration", isByHand: false)
        }
        refreshAllowlist(force: true)
        if mode.isEnforcing, old.limit != new.limit {
            do throws(FirewallError) { try firewall.change(to: plan) } catch { problem("firewall", error.description) }
        }
        var text = restart.isEmpty ? "reloaded" : "reloaded; needs a restart: \(restart.joined(separator: ", "))"
        if new.mode != old.mode, mode.isEnforcing != isEnforcingByConfiguration {
            text += "; not enforcing: \(problems["firewall"] ?? "see the log")"
        }
        journal.note(text)
        return (true, text)
    }

    /// The host's addresses may have changed, and entries may have ended.
    func refreshAllowlist(force: Bool = false) {
        let now = clock.now
        allowEntries.removeAll { $0.until <= now }
        let list = Agent.allowlist(settings, allowEntries)
        let before = policy.allowlist.entries.map(\.prefix)
        policy.reconfigure(settings.ban, allowlist: list, at: now)
        guard force || before != list.entries.map(\.prefix) else { return }
        for ban in policy.ledger.bans where list.entry(covering: ban.prefix, at: now) != nil {
            _ = policy.unban(ban.prefix, why: "allowed")
        }
        if mode.isEnforcing {
            do throws(FirewallError) { try firewall.setAllowed(list.entries.map(\.prefix)) } catch {
                problem("firewall", error.description)
            }
        }
    }
}
