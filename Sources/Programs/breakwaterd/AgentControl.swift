import Addresses
import ControlProtocol
import Events
import Glibc
import Netfilter
import Policy
import Posix
import ProcFS
import Shedding
import Store

/// Answers to the command line. Each returns at once; long lists are made piece by piece as they are read.
extension Agent {
    func answer(_ request: Request) -> ControlServer.Answer {
        switch request {
        case .ping: return .record(Reply.done(text: "pong"))
        case .status: return .rows(once([status()]), last: { Reply.done() })
        case .list: return list()
        case .why(let prefix): return whenWritten { [unowned self] in why(prefix) }
        case .ban(let prefix, let span, let why, let origin, let shed, let dryRun, let confirmed):
            return ban(prefix, span, why, origin, shed: shed, dryRun: dryRun, confirmed: confirmed)
        case .unban(let prefixes, let dryRun): return lasting(unban(prefixes, dryRun: dryRun), dryRun)
        case .unbanAll(let dryRun, let confirmed):
            return lasting(unbanAll(dryRun: dryRun, confirmed: confirmed), dryRun)
        case .allow(let prefix, let span, let dryRun): return lasting(allow(prefix, span, dryRun: dryRun), dryRun)
        case .allowList: return allowList()
        case .disallow(let prefix, let dryRun): return lasting(disallow(prefix, dryRun: dryRun), dryRun)
        case .events(let follow, let limit):
            return whenWritten { [unowned self] in events(follow: follow, limit: limit) }
        case .samples(let since): return samples(since)
        case .worst(let limit): return worst(limit)
        case .waves(let limit): return whenWritten { [unowned self] in listWaves(limit) }
        case .wave(let number): return whenWritten { [unowned self] in wave(number) }
        case .enforce(let on, let span, let dryRun): return lasting(enforce(on, span, dryRun: dryRun), dryRun)
        case .flag(let peer, let dryRun): return flag(peer, dryRun: dryRun)
        case .reload:
            let result = reload()
            return .record(
                result.isDone ? Reply.done(text: result.text) : Reply.error(ExitStatus.configuration, result.text))
        case .settle: return settle()
        }
    }

    /// An order by hand is answered when it is on disk, so that no crash undoes what somebody was told is done.
    private func lasting(_ answer: ControlServer.Answer, _ isDryRun: Bool) -> ControlServer.Answer {
        isDryRun ? answer : whenWritten { answer }
    }

    /// Answers when everything posted so far is on disk; a disk that is away or slow delays it by half a second at most.
    func whenWritten(_ answer: @escaping () -> ControlServer.Answer) -> ControlServer.Answer {
        let mark = store.hurry()
        return .later { [unowned self] finish in
            awaitStore(mark, until: MonotonicClock.nanoseconds() + 500_000_000) { finish(answer()) }
        }
    }

    private func awaitStore(_ mark: Int, until end: Int64, _ done: @escaping () -> Void) {
        if store.isSettled(mark) || MonotonicClock.nanoseconds() >= end { return done() }
        loop.schedule(after: .milliseconds(2)) { [unowned self] in awaitStore(mark, until: end, done) }
    }

    func once(_ rows: [Record]) -> ControlServer.Rows {
        var rest: [Record]? = rows.isEmpty ? nil : rows
        return {
            defer { rest = nil }
            return rest
        }
    }

    /// Rows made from `values`, 500 for each piece.
    private func pieces<Values: Sequence>(
        _ values: Values, _ row: @escaping (Values.Element) -> Record
    ) -> ControlServer.Rows {
        var rest = values.makeIterator()
        return {
            var rows: [Record] = []
            while rows.count < 500, let value = rest.next() { rows.append(row(value)) }
            return rows.isEmpty ? nil : rows
        }
    }

    /// A question to the store; what it cannot answer is said in the log.
    func ask<Value>(_ question: () throws -> Value) -> Value? {
        do { return try question() } catch {
            journal.warn("store-read", "\(error)")
            return nil
        }
    }

    // MARK: - Looking

    private func status() -> Record {
        let now = clock.now
        var row = Record(Reply.row)
        row.add("mode", mode.isEnforcing ? "enforcing" : "observing")
        row.add("mode_until", mode.until?.nanoseconds)
        row.add("backend", backend)
        row.add("since", started.nanoseconds)
        row.add("mta", serverKinds)
        row.add("servers", serverTexts.joined(separator: "; "))
        row.add("log", logPaths)
        row.add("last_line", tally.lastEvent?.nanoseconds)
        row.add("lines", tally.lines)
        row.add("unread", logs.reduce(0) { $0 + $1.reader.unread })
        row.add("unsettled", peerSearch.unanswered)
        addIntake(to: &row)
        if let sample = tally.lastSample {
            row.add("connections", sample.connections)
            row.add("slots_used", sample.slots ?? sample.connections)
            row.add("sampled", sample.time.nanoseconds)
            row.add("sample_s", max(1, settings.sample.every.nanoseconds / 1_000_000_000))
            let rate = Double(sample.new ?? 0) / max(1, settings.sample.every.inSeconds)
            row.add("new_per_second", Int(rate.rounded()))
        }
        row.add("slots_limit", slotLimit)
        row.add("limit", settings.limit.newPerSecond)
        row.add("peak", tally.peak?.slots)
        row.add("peak_at", tally.peak?.at.nanoseconds)
        addWave(to: &row)
        row.add("bans", policy.ledger.count)
        addBans(to: &row)
        row.add("networks", policy.ledger.networkCount)
        row.add("known", policy.knownSenders)
        row.add("suspended", policy.suspendedZones.joined(separator: " "))
        let drops = (try? firewall.drops()) ?? Drops()
        row.add("dropped", drops.banned.packets)
        row.add("dropped_bytes", drops.banned.bytes)
        row.add("limited", drops.limited.packets)
        row.add("limited_bytes", drops.limited.bytes)
        row.add("rejections", tally.rejections)
        row.add("rejection_tenths", tally.rejectionRate.tenths)
        row.add("rejection_peak", tally.rejectionRate.peak?.count)
        row.add("rejection_peak_at", tally.rejectionRate.peak?.at.nanoseconds)
        row.add("bans_made", tally.bans)
        row.add("sheds", tally.sheds)
        row.add("told", tally.told)
        row.add("early", early?.answered ?? 0)
        row.add("gone", tally.gone)
        row.add("observed", tally.observed)
        addDay(to: &row, at: now)
        row.add("failed", tally.failed)
        row.add("repaired", tally.repaired)
        row.add("allowed", policy.counters.allowed)
        row.add("authenticated", policy.counters.authenticated)
        row.add("list_failures", policy.counters.listFailures)
        row.add("zone_suspended", policy.counters.zoneSuspended)
        row.add("tracked", policy.trackedSources)
        row.add("evicted", policy.evictedSources)
        row.add("ban_p50_us", tally.lineToBan.quantile(0.5))
        row.add("ban_p99_us", tally.lineToBan.quantile(0.99))
        row.add("free_p50_us", tally.lineToFree.quantile(0.5))
        row.add("free_p99_us", tally.lineToFree.quantile(0.99))
        row.add("free_bounds", Latencies.bounds.map { "\(Double($0) / 1e6)" }.joined(separator: " "))
        row.add("free_buckets", tally.lineToFree.buckets.map { "\($0)" }.joined(separator: " "))
        row.add("free_sum", tally.lineToFree.sum.inSeconds)
        for (listing, count) in tally.rejected {
            row.add("rejected", "\(count) \(listing.rejectionClass.rawValue) \(listing.zone.map(label) ?? "-")")
        }
        row.add("version", Breakwaterd.version)
        row.add("rss_bytes", ProcessEntry.own.residentBytes)
        row.add("now", now.nanoseconds)
        row.add("early_problem", problems["rights"] ?? problems["early"])
        row.add(
            "problems", problems.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: "; "))
        return row
    }

    private func addBans(to row: inout Record) {
        var byHand = 0
        var kinds = [0, 0, 0, 0]
        for ban in policy.ledger.bans {
            if ban.origin != .local { byHand += 1 }
            kinds[(ban.prefix.isIPv4 ? 0 : 2) + (ban.prefix.isHost ? 0 : 1)] += 1
        }
        row.add("by_hand", byHand)
        for (count, words) in zip(kinds, ["ipv4 host", "ipv4 net", "ipv6 host", "ipv6 net"]) {
            row.add("active", "\(count) \(words)")
        }
    }

    /// A zone as one word.
    private func label(_ zone: String) -> String {
        String(Record.escaped(zone.utf8, limit: 80).map { $0 == " " ? "_" : $0 })
    }

    private func list() -> ControlServer.Answer {
        let costs = self.costs
        return .rows(
            pieces(policy.ledger.bans) { ban in
                let cost = costs[ban.prefix]
                return ban.record(hits: Int(cost?.hits ?? 0), shed: Int(cost?.shed ?? 0))
            },
            last: { [mode] in
                var last = Reply.done()
                last.add("mode", mode.isEnforcing ? "enforcing" : "observing")
                return last
            })
    }

    private func why(_ prefix: Prefix) -> ControlServer.Answer {
        let now = clock.now
        let exact = policy.ledger[prefix]
        let covering = exact ?? policy.ledger.ban(covering: prefix.address)
        let ban = covering.flatMap { $0.prefix.contains(prefix) ? $0 : nil }
        // Lines are kept under what was counted for the peer: its own address or its IPv6 block.
        var asked: Set<Prefix> = [prefix]
        if prefix.isHost { asked.insert(policy.sourceBlock(prefix.address)) }
        // Newest first; what was decided in one round has one time and keeps its order.
        var history = asked.flatMap { prefix in
            (ask { try store.reader.history(of: prefix, atMost: 40) } ?? []).reversed()
        }
        if let ban, !asked.contains(ban.prefix) {
            // Of a network around it what was decided on the network, not on its neighbours in there.
            let around = ask { try store.reader.history(of: ban.prefix, atMost: 400) } ?? []
            history += around.filter { $0.decision.prefix == ban.prefix }.reversed()
        }
        history.sort { $0.decision.time < $1.decision.time }
        // What was decided on a host is found under its block as well.
        history = history.reduce(into: []) { if !$0.suffix(8).contains($1) { $0.append($1) } }
        let rows = history.flatMap { entry in
            let time = String(entry.decision.time.nanoseconds)
            return entry.evidence.map { Record(Reply.row, [("time", time), ("kind", "line"), ("text", $0)]) }
                + [
                    Record(
                        Reply.row,
                        [
                            ("time", time), ("kind", entry.decision.kind.rawValue),
                            ("text", entry.decision.record.description),
                        ])
                ]
        }
        var last = Reply.done(ban == nil ? ExitStatus.no : ExitStatus.yes)
        last.add("mode", mode.isEnforcing ? "enforcing" : "observing")
        if let ban {
            last.add("banned", ban.prefix)
            last.add("until", ban.until.nanoseconds)
            last.add("count", ban.count)
            last.add("why", ban.why)
        }
        if let around = policy.ledger.ban(around: prefix), around.prefix != ban?.prefix {
            last.add("around", around.prefix)
            last.add("around_why", around.why)
            last.add("around_until", around.until.nanoseconds)
        }
        let either = [ban, policy.ledger.ban(around: prefix)].compactMap { $0 }
        if let network = either.first(where: { policy.isByEvidence($0) }) {
            let sources = policy.badSources(in: network.prefix, at: now)
            last.add("neighbours", sources.count)
            last.add("neighbours_exact", sources.isExact ? "yes" : "no")
        }
        if let allowed = policy.allowlist.entry(covering: prefix, at: now) { last.add("allowed", allowed.prefix) }
        if policy.isKnown(prefix.address, at: now) { last.add("known", "yes") }
        if policy.isAuthenticated(prefix.address, at: now) { last.add("authenticated", "yes") }
        return .rows(once(rows), last: { last })
    }

    private func events(follow: Bool, limit: Int) -> ControlServer.Answer {
        let records = (ask { try store.reader.decisions(atMost: limit) } ?? []).reversed().map(\.decision.timedRecord)
        return follow ? .subscription(first: records) : .rows(once(records), last: { Reply.done() })
    }

    private func samples(_ since: Duration) -> ControlServer.Answer {
        var from = clock.now - since
        return .rows(
            { [unowned self] in
                let samples = ask { try store.reader.samples(since: from, atMost: 1000) } ?? []
                guard let last = samples.last else { return nil }
                from = last.time
                return samples.map { sample in
                    var row = Record(Reply.row)
                    row.add("time", sample.time.nanoseconds)
                    row.add("connections", sample.connections)
                    row.add("slots", sample.slots)
                    row.add("new", sample.new)
                    return row
                }
            }, last: { Reply.done() })
    }

    // MARK: - Changing

    private func refuseObserving(_ what: String) -> ControlServer.Answer {
        .record(
            Reply.error(
                ExitStatus.no, "\(what): breakwater only observes now. To act: breakwater enforce on --for 1h"))
    }

    private func ban(
        _ prefix: Prefix, _ span: Duration?, _ why: String, _ origin: Ban.Origin, shed: Bool, dryRun: Bool,
        confirmed: Bool
    ) -> ControlServer.Answer {
        let now = clock.now
        if prefix.length < (prefix.isIPv4 ? 16 : 32), !confirmed, !dryRun {
            return .record(
                Reply.error(
                    ExitStatus.usage,
                    "\(prefix) is wider than \(prefix.isIPv4 ? "/16" : "/32"): add --yes if you mean it"))
        }
        if let entry = policy.allowlist.entry(covering: prefix, at: now) {
            return .record(
                Reply.error(ExitStatus.no, Policy.Refusal.allowed(prefix, by: entry.prefix, entry.kind).description))
        }
        guard mode.isEnforcing else { return refuseObserving("\(prefix.shortDescription) is not banned") }
        if dryRun {
            let given = (span ?? policy.nextBan(of: prefix, at: now).timeout).span
            return .record(Reply.done(text: "would ban \(prefix.shortDescription) for \(given)"))
        }
        let ban: Ban
        do throws(Policy.Refusal) {
            ban = try policy.ban(prefix, for: span, why: why, origin: origin, shedding: shed, at: now)
        } catch { return .record(Reply.error(ExitStatus.no, error.description)) }
        carryOutOrders()
        if let text = problems["firewall"] { return .record(Reply.error(ExitStatus.no, "not banned: \(text)")) }
        let name = prefix.shortDescription
        let how = ban.until == .distantFuture ? "for good" : "for \(ban.timeout.span)"
        return .later { [unowned self] finish in
            awaitSheds(inside: prefix, until: MonotonicClock.nanoseconds() + 3_000_000_000) { freed in
                var last = Reply.done(
                    text:
                        "banned \(name) \(how); \(freed) slot\(freed == 1 ? "" : "s") freed. undo: breakwater unban \(name)"
                )
                last.add("freed", freed)
                last.add("until", ban.until.nanoseconds)
                finish(.record(last))
            }
        }
    }

    /// Calls `done` with the number of connections ended since, when none is pending any more or time is up.
    private func awaitSheds(inside prefix: Prefix, until end: Int64, _ done: @escaping (Int) -> Void) {
        if shedder.pendingCount == 0 || MonotonicClock.nanoseconds() >= end {
            return done(Int(costs[prefix]?.shed ?? 0))
        }
        loop.schedule(after: .milliseconds(10)) { [unowned self] in
            awaitSheds(inside: prefix, until: end, done)
        }
    }

    private func unban(_ prefixes: [Prefix], dryRun: Bool) -> ControlServer.Answer {
        let now = clock.now
        var rows: [Record] = []
        var isComplete = true
        for prefix in prefixes {
            let name = prefix.shortDescription
            var row = Record(Reply.row, [("net", prefix.description)])
            if let ban = policy.ledger[prefix] {
                if !dryRun { _ = policy.unban(prefix, why: "by hand") }
                let left = ban.until == .distantFuture ? "no end" : "\((ban.until - now).span) left"
                row.add("was", "yes")
                row.add("left_s", (ban.until - now).nanoseconds / 1_000_000_000)
                var text = "\(dryRun ? "would unban" : "unbanned") \(name) (had \(left))"
                let around = policy.ledger.ban(around: prefix)
                if let around { text += "; still inside \(around.prefix), which is banned: breakwater allow \(name)" }
                row.add("text", text)
            } else {
                isComplete = false
                row.add("was", "no")
                var text = "\(name) was not banned"
                if let around = policy.ledger.ban(covering: prefix.address) {
                    text +=
                        "; it is inside \(around.prefix.shortDescription), which is: "
                        + "breakwater unban \(around.prefix.shortDescription), or breakwater allow \(name)"
                }
                row.add("text", text)
            }
            rows.append(row)
        }
        if !dryRun { carryOutOrders() }
        return .rows(once(rows), last: { Reply.done(isComplete ? ExitStatus.yes : ExitStatus.no) })
    }

    private func unbanAll(dryRun: Bool, confirmed: Bool) -> ControlServer.Answer {
        let bans = policy.ledger.bans.sorted { $0.prefix < $1.prefix }
        if dryRun { return .record(Reply.done(text: "would lift \(bans.count) bans")) }
        guard confirmed else {
            return .record(Reply.error(ExitStatus.usage, "this lifts \(bans.count) bans: add --yes if you mean it"))
        }
        for ban in bans { _ = policy.unban(ban.prefix, why: "by hand, all") }
        carryOutOrders()
        return .record(Reply.done(bans.isEmpty ? ExitStatus.no : ExitStatus.yes, text: "lifted \(bans.count) bans"))
    }

    private func allow(_ prefix: Prefix, _ span: Duration?, dryRun: Bool) -> ControlServer.Answer {
        let now = clock.now
        let name = prefix.shortDescription
        let count = policy.ledger.bans.count { prefix.contains($0.prefix) }
        func text(_ verb: String, _ lifted: String) -> String {
            let end = span.map { $0 == .forever ? "" : " for \($0.span)" } ?? ""
            return "\(verb) \(name)\(end); \(lifted) \(count) ban\(count == 1 ? "" : "s")"
        }
        if dryRun { return .record(Reply.done(text: text("would allow", "would lift"))) }
        let until = span.map { now + $0 } ?? .distantFuture
        _ = policy.allow(prefix, until: until)
        allowEntries.removeAll { $0.prefix == prefix }
        let entry = AllowEntry(prefix, until: until, by: "root")
        allowEntries.append(entry)
        store.post(.allow(entry))
        applyAllowlist()
        carryOutOrders()
        return .record(Reply.done(text: text("allowed", "lifted") + ". undo: breakwater allow --remove \(name)"))
    }

    private func applyAllowlist() {
        guard mode.isEnforcing else { return }
        do throws(FirewallError) { try firewall.setAllowed(policy.allowlist.entries.map(\.prefix)) } catch {
            problem("firewall", error.description)
        }
    }

    private func allowList() -> ControlServer.Answer {
        let now = clock.now
        let rows = policy.allowlist.entries.compactMap { entry in
            var row = Record(Reply.row, [("net", entry.prefix.shortDescription)])
            switch entry.kind {
            case .loopback: row.add("kind", "loopback")
            case .own: row.add("kind", "this host")
            case .configured: row.add("kind", "configuration")
            case .added(let until):
                guard until > now else { return Record?.none }
                row.add("kind", "by hand")
                if until != .distantFuture { row.add("until", until.nanoseconds) }
            }
            return row
        }
        return .rows(once(rows), last: { Reply.done() })
    }

    private func disallow(_ prefix: Prefix, dryRun: Bool) -> ControlServer.Answer {
        let name = prefix.shortDescription
        guard allowEntries.contains(where: { $0.prefix == prefix }) else {
            return .record(Reply.done(ExitStatus.no, text: "\(name) is not among the networks allowed by hand"))
        }
        if dryRun { return .record(Reply.done(text: "would no longer allow \(name)")) }
        _ = policy.disallow(prefix)
        allowEntries.removeAll { $0.prefix == prefix }
        store.post(.disallow(prefix))
        applyAllowlist()
        return .record(Reply.done(text: "no longer allowed: \(name). undo: breakwater allow \(name)"))
    }

    private func enforce(_ on: Bool, _ span: Duration?, dryRun: Bool) -> ControlServer.Answer {
        let word = on ? "enforcing" : "observing"
        let other = isEnforcingByConfiguration ? "enforcing" : "observe"
        if options.isObserving, on {
            return .record(Reply.error(ExitStatus.no, "the daemon was started with --observe: restart it without"))
        }
        let how = span.map { $0 == .forever ? "" : " for \($0.span), then back to \(other)" } ?? ""
        if dryRun { return .record(Reply.done(text: "would be \(word)\(how)")) }
        setMode(enforcing: on, for: span, why: "by hand", isByHand: true)
        guard mode.isEnforcing == on else {
            return .record(Reply.error(ExitStatus.no, "not \(word): \(problems["firewall"] ?? "see the log")"))
        }
        if !on, let text = problems["firewall"] {
            return .record(
                Reply.error(
                    ExitStatus.no,
                    "observing, but the rules are in force still: \(text); nft delete table inet breakwater"))
        }
        carryOutOrders()
        let (same, opposite) = on ? ("on", "off") : ("off", "on")
        let next = mode.until == nil ? ". undo: breakwater enforce \(opposite)" : ". keep: breakwater enforce \(same)"
        return .record(Reply.done(text: word + how + next))
    }

    private func flag(_ peer: IPAddress, dryRun: Bool) -> ControlServer.Answer {
        let now = clock.now
        if let entry = policy.allowlist.entry(covering: Prefix(peer), at: now) {
            return .record(
                Reply.error(
                    ExitStatus.no, Policy.Refusal.allowed(Prefix(peer), by: entry.prefix, entry.kind).description))
        }
        if dryRun { return .record(Reply.done(text: "would count \(peer)")) }
        policy.flag(peer, at: now)
        carryOutOrders()
        let block = policy.sourceBlock(peer)
        let banned =
            policy.ledger.ban(covering: peer).map { ban in
                let text = "\(ban.prefix.shortDescription) for \(ban.timeout.span)"
                return mode.isEnforcing
                    ? ", banned \(text)" : ", would have banned \(text): breakwater only observes now"
            } ?? ""
        return .record(Reply.done(text: "counted \(block.shortDescription)\(banned)"))
    }
}
