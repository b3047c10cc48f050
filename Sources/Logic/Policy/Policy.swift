import Addresses
import Configuration
import Events

/// Judges events: `(state, event, now) -> orders`.
///
/// A value without clock, randomness or input of its own: the same events at the same instants give the same orders in
/// the same sequence. Orders gather until `takeOrders`, so that a burst of lines becomes one batch.
///
/// Not to be copied, as who asks a class's policy something would copy it for each question.
package struct Policy: ~Copyable {
    /// What was not done, and why; counters for `status`.
    package struct Counters: Equatable, Sendable {
        package var rejections = 0
        package var allowed = 0
        package var authenticated = 0
        package var listFailures = 0
        package var zoneSuspended = 0
    }

    /// A list is judged by what it rejected within this span.
    package static let zoneWindow = Duration.minutes(10)
    /// Known senders remembered at once; those whose time ends first leave.
    package static let maxKnown = 200_000

    package private(set) var settings: Settings.Ban
    package private(set) var ledger = Ledger()
    package private(set) var allowlist: Allowlist
    package private(set) var counters = Counters()

    private var sources: SourceTable
    private(set) var known: KnownSenders
    private var zones: ZoneGuard
    /// Where bad sources come from (PolicyNetworks).
    var evidence: NetworkEvidence
    var orders: [Order] = []
    /// What was made up for `reason` of late.
    private var reasons: [(rejectionClass: RejectionClass, zone: String?, text: String)] = []

    package init(_ settings: Settings.Ban, allowlist: Allowlist) {
        self.settings = settings
        self.allowlist = allowlist
        sources = SourceTable(limit: settings.maxSources)
        known = KnownSenders(limit: Policy.maxKnown)
        evidence = NetworkEvidence(limit: settings.maxSources)
        zones = ZoneGuard(share: settings.suspendZoneAt, window: Policy.zoneWindow)
    }

    package var trackedSources: Int { sources.count }
    package var evictedSources: Int { sources.evicted }
    package var knownSenders: Int { known.count }
    package var suspendedZones: [String] { zones.suspendedZones }
    package var hasOrders: Bool { !orders.isEmpty }

    /// The orders since the last call, in the sequence they were given.
    package mutating func takeOrders() -> [Order] {
        defer { orders.removeAll(keepingCapacity: true) }
        return orders
    }

    /// The same, in place of what `taken` holds, whose memory is used again.
    package mutating func takeOrders(into taken: inout [Order]) {
        taken.removeAll(keepingCapacity: true)
        swap(&taken, &orders)
    }

    /// New settings; what is known of sources and bans stays.
    package mutating func reconfigure(_ settings: Settings.Ban, allowlist: Allowlist, at now: Instant) {
        if settings.suspendZoneAt != self.settings.suspendZoneAt {
            for zone in zones.suspendedZones { noteResumed(zone, "is judged anew, by another share") }
            zones = ZoneGuard(share: settings.suspendZoneAt, window: Policy.zoneWindow)
        }
        let mayDiffer =
            settings != self.settings || allowlist.entries.map(\.prefix) != self.allowlist.entries.map(\.prefix)
        self.settings = settings
        self.allowlist = allowlist
        sources.limit = max(1, settings.maxSources)
        evidence.limit = max(1, settings.maxSources)
        if mayDiffer { liftNetworks(against: allowlist, at: now) }
    }

    // MARK: - Events

    /// Judges one event that arrived `now`.
    package mutating func judge(_ event: Event, at now: Instant) {
        switch event.kind {
        case .rejection, .authFailure: judgeRejection(event, at: now)
        case .acceptance: noteAcceptance(event, at: now)
        case .deferral, .connect, .disconnect, .saturation: break
        }
    }

    /// Whether a line is one of those that bans are founded on.
    package func weighs(_ event: Event) -> Bool {
        !event.isContinuation && !event.isListFailure
            && event.rejectionClass.map { (settings.classes[$0] ?? 0) > 0 } ?? false
    }

    /// Whether one rejection on a list's word is enough for this peer to be banned and its connection to be ended.
    package func endsOnListing(_ peer: IPAddress, at now: Instant) -> Bool {
        guard zones.suspendedZones.isEmpty, !allowlist.allows(peer, at: now) else { return false }
        let weight = settings.classes[.rbl] ?? 0
        guard weight > 0, !isAuthenticated(peer, at: now) else { return false }
        return weight >= settings.score || ledger.ban(covering: peer).map { $0.until > now } == true
    }

    private mutating func judgeRejection(_ event: Event, at now: Instant) {
        guard !event.isContinuation, let peer = event.peer, let rejectionClass = event.rejectionClass else { return }
        counters.rejections += 1
        let isListing = rejectionClass == .rbl || rejectionClass == .rhsbl
        if event.isListFailure {
            counters.listFailures += 1
            return
        }
        let block = sourceBlock(peer)
        if isListing { watchZone(event.zone ?? "", peer, block, at: now) }
        let weight = settings.classes[rejectionClass] ?? 0
        guard weight > 0 else { return }
        if isListing, known.isAuthenticated(peer, block: block.address, at: now) {
            counters.authenticated += 1
            return
        }
        if isListing, zones.isSuspended(event.zone ?? "") {
            counters.zoneSuspended += 1
            return
        }
        // The allowlist is the last word before an order.
        if allowlist.allows(peer, at: now) {
            counters.allowed += 1
            return
        }
        // One that has just ended may still stand in the ledger.
        let why = reason(event, rejectionClass)
        if let found = ledger.endAndReason(covering: peer), found.until > now {
            if found.why == Ban.unexplained, let ban = ledger.ban(covering: peer) { explain(ban, block, why: why) }
        } else {
            let (window, limit) = (settings.window, settings.score)
            let isOver = sources.withSource(block.address) { source in
                // The sum of many small weights may miss the limit by a rounding.
                source.addWeight(weight, window: window, at: now) >= limit - 1e-6
            }
            guard isOver else { return }
            ban(block, why: why, at: now)
        }
        // A peer that was rejected without a reply code holds no slot: the MTA closed it at once.
        if event.code != nil, !event.isRemote {
            var shed = Shed(
                peer: peer, extent: Policy.extent(event), mta: event.mta, why: why, since: now)
            shed.pid = event.pid
            shed.rejectedSessions = event.rejectedSessions
            shed.precedesReply = event.precedesReply
            orders.append(.shed(shed))
        }
    }

    /// The connection that a line is about, as exactly as the line says.
    private static func extent(_ event: Event) -> Shed.Extent {
        if let port = event.port { return .connection(port: port) }
        return event.pid.map { .served(by: $0) } ?? .only
    }

    /// After a crash the last lines are read again, and a ban of which only the element was left gets its reason back.
    private mutating func explain(_ ban: Ban, _ block: Prefix, why: String) {
        guard ban.why == Ban.unexplained, ban.prefix == block else { return }
        var ban = ban
        ban.why = why
        enter(ban)
    }

    private mutating func ban(_ block: Prefix, why: String, at now: Instant) {
        let (count, timeout) = noteBan(of: block.address, at: now)
        enter(Ban(prefix: block, since: now, until: now + timeout, timeout: timeout, why: why, count: count))
        considerNetwork(of: block, at: now)
    }

    /// The number and span of a ban that begins now, by those that were before.
    mutating func noteBan(of key: IPAddress, at now: Instant) -> (count: Int, timeout: Duration) {
        let (first, longest) = (settings.first, settings.max)
        return sources.withSource(key) { source in
            if now - source.lastBanEnd > longest { source.banCount = 0 }
            source.banCount += 1
            source.forgetWeights()
            let timeout = Policy.timeout(ban: Int(source.banCount), first: first, longest: longest)
            source.lastBanEnd = now + timeout
            return (Int(source.banCount), timeout)
        }
    }

    /// `first`, doubled for every earlier ban, at most `longest`.
    package static func timeout(ban count: Int, first: Duration, longest: Duration) -> Duration {
        var timeout = first
        var step = 1
        while step < count, timeout < longest {
            timeout *= 2
            step += 1
        }
        return min(timeout, longest)
    }

    mutating func enter(_ ban: Ban) {
        let before = ban.prefix.isHost ? Instant.distantPast : ledger[ban.prefix]?.until ?? .distantPast
        ledger[ban.prefix] = ban
        orders.append(.ban(ban))
        if !ban.prefix.isHost { cover(ban.prefix, before: before) }
    }

    /// `rbl:zen.example`. The same few again and again, so that it is seldom put together.
    private mutating func reason(_ event: Event, _ rejectionClass: RejectionClass) -> String {
        for known in reasons where known.rejectionClass == rejectionClass && known.zone == event.zone {
            return known.text
        }
        let text = event.zone.map { "\(rejectionClass.rawValue):\($0)" } ?? rejectionClass.rawValue
        if reasons.count == 16 { reasons.removeFirst() }
        reasons.append((rejectionClass, event.zone, text))
        return text
    }

    /// Whether a ban is in force that holds this peer.
    package func isBanned(_ peer: IPAddress, at now: Instant) -> Bool { ledger.isBanned(peer, at: now) }

    /// What is counted and banned for a peer: the host, or its IPv6 block.
    package func sourceBlock(_ peer: IPAddress) -> Prefix {
        peer.isIPv4 ? Prefix(peer) : Prefix(peer, bits: settings.ipv6Prefix)
    }

    // MARK: - Zones and known senders

    private mutating func watchZone(_ zone: String, _ peer: IPAddress, _ block: Prefix, at now: Instant) {
        let window = Policy.zoneWindow
        let isFirst = sources.withSource(block.address) { source in
            guard now - source.zoneCounted > window else { return false }
            source.zoneCounted = now
            return true
        }
        guard isFirst else { return }
        let isKnown = known.isSettled(peer, block: block.address, at: now)
        guard case .suspended(let knownCount, let total) = zones.count(zone, isKnown: isKnown, at: now) else { return }
        let name = zone.isEmpty ? "an unnamed list" : zone
        orders.append(
            .alarm(
                Alarm(
                    .zoneSuspended, zone: zone,
                    text: "\(name) rejected \(knownCount) known senders among \(total) sources: "
                        + "no bans on its word until it is sane again")))
        liftKnown(bannedBy: zone, at: now)
    }

    /// A list that broke has already had known senders banned within the window: those go free.
    private mutating func liftKnown(bannedBy zone: String, at now: Instant) {
        let reasons = [RejectionClass.rbl, .rhsbl].map { zone.isEmpty ? $0.rawValue : "\($0.rawValue):\(zone)" }
        let wrong = ledger.bans.filter {
            $0.origin == .local && reasons.contains($0.why) && now - $0.since <= Policy.zoneWindow
                && known.isKnown($0.prefix.address, block: $0.prefix.address, at: now)
        }
        let suspended = "\(zone.isEmpty ? "the list" : zone) is suspended"
        lift(wrong.map(\.prefix).sorted(), why: "known sender, and " + suspended)
        liftNetworks(bannedSince: now - Policy.zoneWindow, why: suspended)
    }

    private mutating func noteAcceptance(_ event: Event, at now: Instant) {
        // A message that is still to be judged makes nobody known.
        guard let peer = event.peer, !event.precedesReply, !allowlist.allows(peer, at: now) else { return }
        let until = now + settings.knownFor
        let block = sourceBlock(peer).address
        if known.note(peer, block: block, until: until, authenticated: event.isAuthenticated, since: now) {
            orders.append(.remember(Prefix(peer), until: until))
        }
        liftNetworks(around: peer)
    }

    package func isKnown(_ peer: IPAddress, at now: Instant) -> Bool {
        known.isKnown(peer, block: sourceBlock(peer).address, at: now)
    }

    package func isAuthenticated(_ peer: IPAddress, at now: Instant) -> Bool {
        known.isAuthenticated(peer, block: sourceBlock(peer).address, at: now)
    }

    private mutating func noteResumed(_ zone: String, _ why: String) {
        let name = zone.isEmpty ? "an unnamed list" : zone
        orders.append(.alarm(Alarm(.zoneResumed, zone: zone, text: "\(name) \(why): its word counts")))
    }

    // MARK: - Time

    /// Lets time pass: bans that have ended leave the ledger (the kernel drops them by itself) and are returned;
    /// suspended zones are looked at again.
    package mutating func advance(to now: Instant) -> [Ban] {
        for zone in zones.advance(to: now) {
            noteResumed(zone, "is sane again")
        }
        return ledger.removeDue(by: now)
    }

    /// Forgets known senders whose time has passed; cheap enough for once an hour.
    package mutating func expireKnown(at now: Instant) { known.expire(at: now) }

    /// A packet from a banned source was seen: its time starts anew. Not that of a network banned by evidence: there the
    /// packets may be those of a neighbour who has done nothing and tries again every few minutes.
    package mutating func refresh(_ prefix: Prefix, at now: Instant) {
        guard settings.refresh, var ban = ledger[prefix], ban.until != .distantFuture, !isByEvidence(ban) else {
            return
        }
        ban.until = max(ban.until, now + ban.timeout)
        if ban.origin == .local {
            sources.withSource(historyKey(prefix)) { $0.lastBanEnd = ban.until }
        }
        enter(ban)
    }

    // MARK: - What an administrator orders

    /// Why an order by hand is not carried out.
    package enum Refusal: Error, Equatable, CustomStringConvertible {
        case allowed(Prefix, by: Prefix, Allowlist.Kind)

        package var description: String {
            switch self {
            case .allowed(let prefix, let by, .loopback):
                "\(prefix.shortDescription) is not banned: \(by) is loopback, this host itself"
            case .allowed(let prefix, _, .own):
                "\(prefix.shortDescription) is not banned: it is this host's own address"
            case .allowed(let prefix, let by, .configured):
                "\(prefix.shortDescription) is not banned: \(by.shortDescription) is allowed in the configuration ([allow] nets)"
            case .allowed(let prefix, let by, .added):
                "\(prefix.shortDescription) is not banned: \(by.shortDescription) is allowed; "
                    + "first: breakwater allow --remove \(by.shortDescription)"
            }
        }
    }

    /// Bans by hand; without a span as the settings say for this source's next ban. Allowed networks win.
    package mutating func ban(
        _ prefix: Prefix, for span: Duration?, why: String, origin: Ban.Origin = .manual, shedding: Bool,
        at now: Instant
    ) throws(Refusal) -> Ban {
        if let entry = allowlist.entry(covering: prefix, at: now) {
            throw .allowed(prefix, by: entry.prefix, entry.kind)
        }
        let (count, usual) = nextBan(of: prefix, at: now)
        let timeout = span ?? usual
        let ban = Ban(
            prefix: prefix, since: now, until: now + timeout, timeout: timeout, why: why, origin: origin, count: count)
        enter(ban)
        if shedding {
            orders.append(.shed(Shed(peer: prefix.address, extent: .all(prefix), why: why, since: now)))
        }
        return ban
    }

    /// The number and span of the next ban of a source or network, as the settings say.
    package func nextBan(of prefix: Prefix, at now: Instant) -> (count: Int, timeout: Duration) {
        var former = ledger[prefix]?.count ?? 0
        if let source = sources.source(historyKey(prefix)), now - source.lastBanEnd <= settings.max {
            former = max(former, Int(source.banCount))
        }
        return (former + 1, Policy.timeout(ban: former + 1, first: settings.first, longest: settings.max))
    }

    /// Lifts the ban on exactly this prefix; the ban lifted, or `nil` when there was none.
    package mutating func unban(_ prefix: Prefix, why: String) -> Ban? {
        guard let ban = ledger[prefix] else { return nil }
        lift([prefix], why: why)
        return ban
    }

    /// Lifts bans, and takes back what was ordered against them and is not carried out yet: whoever carries orders out
    /// gathers them by kind, so a ban and its end in one batch could come out in either order.
    mutating func lift(_ prefixes: [Prefix], why: String) {
        let lifted = Set(prefixes)
        if lifted.isEmpty { return }
        orders.removeAll { [settings] order in
            switch order {
            case .ban(let ban): lifted.contains(ban.prefix)
            case .shed(let shed):
                lifted.contains(Prefix(shed.peer))
                    || !shed.peer.isIPv4 && lifted.contains(Prefix(shed.peer, bits: settings.ipv6Prefix))
            case .cover(let host, let network): lifted.contains(host) || lifted.contains(network)
            case .unban, .remember, .alarm: false
            }
        }
        let ends = prefixes.map { $0.isHost ? Instant.distantPast : ledger[$0]?.until ?? .distantPast }
        for prefix in prefixes {
            ledger[prefix] = nil
            orders.append(.unban(prefix, why: why))
        }
        for (prefix, end) in zip(prefixes, ends) where !prefix.isHost { cover(prefix, before: end) }
    }

    /// Allows a prefix from now on and lifts every ban inside it; the bans lifted.
    package mutating func allow(_ prefix: Prefix, until: Instant) -> [Ban] {
        allowlist.add(prefix, until: until)
        let around = ledger.networks { $0.prefix.contains(prefix) && $0.prefix != prefix && isByEvidence($0) }
        let lifted = ledger.bans(inside: prefix) + around
        lift(lifted.map(\.prefix), why: "allowed")
        return lifted
    }

    /// A message from this peer slipped through: it counts like one listing, whatever the classes weigh.
    package mutating func flag(_ peer: IPAddress, at now: Instant) {
        guard !allowlist.allows(peer, at: now), ledger.ban(covering: peer) == nil else { return }
        let block = sourceBlock(peer)
        let (window, limit) = (settings.window, settings.score)
        let isOver = sources.withSource(block.address) { source in
            source.addWeight(1, window: window, at: now) >= limit - 1e-6
        }
        if isOver { ban(block, why: "flagged", at: now) }
    }

    /// Whether a banned host need not stand in the set, since a network around it does.
    package func isCovered(_ prefix: Prefix) -> Bool { ledger.cover(of: prefix) != nil }

    package mutating func disallow(_ prefix: Prefix) -> Bool { allowlist.remove(prefix) }

    // MARK: - After a restart

    /// Takes over a ban that is in the kernel or the store; gives no order. Allowed networks win here too: then the
    /// ban is lifted.
    package mutating func adopt(_ ban: Ban, at now: Instant) {
        if allowlist.entry(covering: ban.prefix, at: now) != nil {
            orders.append(.unban(ban.prefix, why: "allowed"))
            return
        }
        ledger[ban.prefix] = ban
        adoptHistory(ban.prefix, count: ban.count, lastEnd: ban.until, at: now)
        if settings.networks, ban.origin == .local, now - ban.since < NetworkEvidence.window,
            ban.prefix == sourceBlock(ban.prefix.address),
            ban.prefix.bits > NetworkEvidence.unitBits(ban.prefix.address)
        {
            evidence.note(ban.prefix.address, at: ban.since)
        }
    }

    /// What the store knows of a source's earlier bans.
    package mutating func adoptHistory(_ prefix: Prefix, count: Int, lastEnd: Instant, at now: Instant) {
        guard now - lastEnd <= settings.max else { return }
        sources.withSource(historyKey(prefix)) {
            $0.banCount = Int32(clamping: count)
            $0.lastBanEnd = lastEnd
        }
    }

    /// Known senders with the end of their time, in no particular order.
    package func knownUntil(at now: Instant) -> [(address: IPAddress, until: Instant)] { known.live(at: now) }

    package mutating func adoptKnown(_ address: IPAddress, until: Instant, authenticated: Bool) {
        _ = known.note(
            address, block: sourceBlock(address).address, until: until, authenticated: authenticated,
            since: .distantPast)
    }
}
