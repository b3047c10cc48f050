import Addresses
import Events
import Netfilter
import Policy
import Shedding
import Store

/// Carrying orders out: bans first, so that nobody who is shed comes straight back.
extension Agent {
    /// Everything policy ordered in this round, as one batch.
    func carryOutOrders() {
        guard policy.hasOrders else { return }
        let orders = policy.takeOrders()
        let now = clock.now
        var changes: [FirewallChange] = []
        var bans: [Prefix: Ban] = [:]
        var sheds: [Shed] = []
        var covers: [(host: Prefix, network: Prefix)] = []
        for order in orders {
            switch order {
            case .ban(let ban):
                bans[ban.prefix] = ban
                let timeout = ban.until == .distantFuture ? .forever : ban.until - now
                // The element of an earlier ban may outlast it by a moment, so only a source's first counts as new.
                let isNew = ban.origin == .local && ban.count == 1 && costs[ban.prefix] == nil
                changes.append(isNew ? .newBan(ban.prefix, timeout: timeout) : .ban(ban.prefix, timeout: timeout))
            case .unban(let prefix, let why):
                changes.append(.unban(prefix))
                // A ban of this same round is over before it began: it must not be stored as one that lasts.
                bans[prefix] = nil
                noteUnban(prefix, why: why, at: now)
            case .cover(let host, let network): covers.append((host, network))
            case .remember(let prefix, let until):
                changes.append(.remember(prefix, timeout: until - now))
                let isAuthenticated = policy.isAuthenticated(prefix.address, at: now)
                store.post(.known(KnownSender(prefix, until: until, isAuthenticated: isAuthenticated)))
            case .shed(let shed):
                sheds.append(shed)
            case .alarm(let alarm):
                write(Decision(.note, at: now, why: alarm.text, outcome: .done))
                problem("zone \(alarm.zone)", alarm.kind == .zoneSuspended ? alarm.text : nil)
            }
        }
        if mode.isEnforcing {
            apply(changes, bans: bans, covers: covers)
            if settings.shed.method != .off, !sheds.isEmpty { shedder.shed(sheds) }
        } else {
            observe(bans: bans, sheds: sheds, at: now)
            liftLeftBehind(changes, at: now)
        }
    }

    private func apply(
        _ changes: [FirewallChange], bans: [Prefix: Ban], covers: [(host: Prefix, network: Prefix)]
    ) {
        guard !changes.isEmpty else { return }
        var firstError: FirewallError?
        var notThere: Set<Prefix> = []
        // Banned networks that leave the set when a wider one is put in around them.
        let inner = bans.keys.filter { !$0.isHost }.flatMap(policy.ledger.networks(inside:))
        countBefore(bans.keys.filter { costs[$0] != nil } + inner, at: clock.now)
        let results = firewall.apply(changes, at: clock.now)
        noteCounters(of: results, at: clock.now)
        forgetCounters(unlessThere: inner)
        for result in results {
            if let error = result.error, firstError == nil { firstError = error }
            if result.outcome == .failed { tally.failed += 1 }
            if result.change.isBan, result.outcome != .done { notThere.insert(result.change.prefix) }
            guard result.change.isBan, let ban = bans[result.change.prefix] else { continue }
            noteBan(ban, result.outcome, detail: result.error?.description)
        }
        // Only once the network stands there, so that no host is let in between.
        let covered = covers.filter { !notThere.contains($0.network) }.map { FirewallChange.unban($0.host) }
        if !covered.isEmpty {
            noteCounters(of: firewall.apply(covered, at: clock.now), at: clock.now)
        }
        problem("firewall", firstError?.description)
        scheduleDueNetworks()
    }

    /// A new ban is a decision; a refreshed one is the same ban with a later end.
    private func noteBan(_ ban: Ban, _ outcome: Outcome, detail: String?) {
        let now = clock.now
        let isNew = costs[ban.prefix]?.since != ban.since
        if isNew { costs[ban.prefix] = BanCosts.Cost(since: ban.since) }
        store.post(.ban(stored(ban)))
        guard isNew else { return }
        var decision = Decision(.ban, at: now, prefix: ban.prefix, why: ban.why, outcome: outcome)
        decision.timeout = ban.timeout
        decision.count = ban.count
        decision.latency = max(.zero, now - ban.since)
        decision.detail = detail ?? evidenceText(of: ban)
        if outcome == .done {
            tally.bans += 1
            if ban.origin == .local { tally.lineToBan.add(max(.zero, now - ban.since)) }
        }
        write(decision)
    }

    /// For a network: which of its sources are banned, or would be, each by itself.
    private func evidenceText(of ban: Ban) -> String? {
        guard policy.isByEvidence(ban) else { return nil }
        let hosts = policy.ledger.bans(inside: ban.prefix).filter { $0.prefix != ban.prefix }
        let names = hosts.prefix(6).map(\.prefix.shortDescription).joined(separator: " ")
        return hosts.count > 6 ? "\(names) ..." : names
    }

    private func noteUnban(_ prefix: Prefix, why: String, at now: Instant) {
        costs[prefix] = nil
        store.post(.unban(prefix, at: now))
        var decision = Decision(.unban, at: now, prefix: prefix, why: why, outcome: .done)
        decision.isObserved = !mode.isEnforcing
        write(decision)
    }

    /// A ban has run its time: what it cost is written down and forgotten.
    func noteEnd(_ ban: Ban) {
        store.post(.ban(stored(ban)))
        costs[ban.prefix] = nil
        readings.forget(ban.prefix)
        if mode.isEnforcing, !firewall.endsBansByItself { _ = firewall.apply([.unban(ban.prefix)], at: clock.now) }
    }

    private func observe(bans: [Prefix: Ban], sheds: [Shed], at now: Instant) {
        for ban in bans.values.sorted(by: { $0.prefix < $1.prefix }) where costs[ban.prefix]?.since != ban.since {
            costs[ban.prefix] = BanCosts.Cost(since: ban.since)
            tally.observed += 1
            noteForDay(ban, at: now)
            // So that the list, and what `enforce on` will ban, outlive a restart.
            store.post(.ban(stored(ban)))
            var decision = Decision(.ban, at: now, prefix: ban.prefix, why: ban.why, outcome: .done)
            decision.timeout = ban.timeout
            decision.count = ban.count
            decision.detail = evidenceText(of: ban)
            decision.isObserved = true
            write(decision)
        }
        for shed in sheds {
            tally.observed += 1
            noteForDay(shed)
            var decision = Decision(.shed, at: now, prefix: Prefix(shed.peer), why: shed.why, outcome: .done)
            if case .connection(let port) = shed.extent { decision.port = port }
            decision.isObserved = true
            write(decision)
        }
        noteSheds(sheds, at: now)
    }

    /// No server, as it comes, keeps a silent peer for longer than this after it was rejected.
    private static let longestHold = MTA.allCases.map(\.usualHold).reduce(.minutes(15), max)
    private static let mostNotedSheds = 5_000

    private func noteSheds(_ sheds: [Shed], at now: Instant) {
        notedSheds += sheds
        guard notedSheds.count > Agent.mostNotedSheds else { return }
        notedSheds.removeAll { now - $0.since > Agent.longestHold }
        notedSheds.removeFirst(max(0, notedSheds.count - Agent.mostNotedSheds * 3 / 4))
    }

    /// Enforcing begins in the middle of a wave, as a rule: who was rejected before and still holds a slot goes now.
    func shedNoted() {
        let now = clock.now
        let noted = notedSheds
        notedSheds = []
        guard settings.shed.method != .off, !noted.isEmpty else { return }
        if let index = shedder.slots {
            do { try index.refresh() } catch { journal.warn("slots", "\(error)") }
        }
        var seen: [IPAddress: Set<Int>] = [:]
        shedder.shed(
            noted.filter { shed in
                guard now - shed.since < Agent.longestHold, policy.ledger.ban(covering: shed.peer) != nil,
                    !policy.allowlist.allows(shed.peer, at: now), !policy.isAuthenticated(shed.peer, at: now)
                else { return false }
                switch shed.extent {
                case .connection(let port):
                    let isHeld = shed.mta != .courier || shedder.slots?.slot(peer: shed.peer, port: port) != nil
                    return isHeld && seen[shed.peer, default: []].insert(Int(port)).inserted
                // A process that serves one peer after the other may have been given another connection of his since.
                case .served(let pid): return seen[shed.peer, default: []].insert(-Int(pid)).inserted
                case .only, .all: return seen[shed.peer, default: []].insert(0).inserted
                }
            })
    }

    /// The sets of an earlier, enforcing time stay while we observe; what is lifted meanwhile must not come back with them.
    private func liftLeftBehind(_ changes: [FirewallChange], at now: Instant) {
        let lifted = changes.filter { if case .unban = $0 { true } else { false } }
        guard !lifted.isEmpty, settings.firewall.backend == .nft, !tableOwner.isEmpty else { return }
        do throws(FirewallError) {
            let tables = try NFTables()
            guard try tables.owner() == tableOwner else { return }
            let results = tables.apply(lifted, at: now)
            noteCounters(of: results, at: now)
            for result in results { if let error = result.error { journal.warn("lift", error.description) } }
        } catch  where error.kind == .notPermitted {
            // As in `leaveNoRules`.
        } catch { journal.warn("lift", error.description) }
    }

    /// What came of a shed, whenever it is known.
    func noteShed(_ decision: Decision) {
        // A second line of a connection that is being ended says nothing new, and a peer can cause a hundred of them.
        if decision.outcome == .already { return }
        if decision.outcome == .gone { return noteGone(decision) }
        if decision.outcome == .done {
            tally.sheds += 1
            if decision.told == true { tally.told += 1 }
            // Who was rejected before enforcing began has waited for that.
            if let latency = decision.latency, clock.now - latency >= mode.since { tally.lineToFree.add(latency) }
            if let peer = decision.prefix?.address, let ban = policy.ledger.ban(covering: peer) {
                costs[ban.prefix]?.shed &+= 1
                // So that the list has it after a restart, too.
                store.post(.ban(stored(ban)))
                // In a network the next packet may be another host's.
                if shedLately.count < Agent.mostShedLately, !policy.isByEvidence(ban) {
                    shedLately[ban.prefix] = clock.now
                }
            }
        } else if decision.outcome == .failed {
            tally.failed += 1
        }
        write(decision)
    }

    /// The connection had ended by itself. Nothing was done, so nothing is written down but the number: peers that are
    /// banned already can cause any number of these.
    private func noteGone(_ decision: Decision) {
        tally.gone += 1
        _ = takeEvidence(of: decision)
        journal.decision(decision, .debug)
        publish(decision)
    }
}
