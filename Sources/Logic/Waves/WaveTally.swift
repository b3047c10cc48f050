import Addresses
import Events

/// Counts what happens during a wave, from the events and decisions of that time.
///
/// Bounded: 100,000 sources and 50,000 networks are told apart, about 8 MB in the worst of waves. Those beyond are not
/// counted, and the count is called an estimate.
struct WaveTally: Sendable {
    private var counted = WaveCounts()
    private var sources: Set<IPAddress> = []
    private var networks: [Prefix: Int] = [:]
    /// Of a wave that was taken up again, as far as they are not in the two above.
    private var formerSources = 0
    private var formerNetworks = 0
    /// Good senders turned away, when first, and not accepted since.
    private var waiting: [IPAddress: Instant] = [:]
    private var delayed: Set<IPAddress> = []

    private static let mostSources = 100_000
    private static let mostNetworks = 50_000
    private static let mostGood = 20_000
    private static let worstTold = 8

    init() {}

    /// Goes on from the counts that were stored. `seen` are sources that were counted in them.
    init(resuming counts: WaveCounts, seen: some Sequence<IPAddress>) {
        counted = counts
        counted.isEstimate = true
        for source in seen { count(source, rejections: 0) }
        for share in counts.worst { networks[share.network] = share.rejections }
        formerSources = max(0, counts.sources - sources.count)
        formerNetworks = max(0, counts.networks - networks.count)
    }

    /// The counts so far.
    var counts: WaveCounts {
        var counts = counted
        counts.sources = formerSources + sources.count
        counts.networks = formerNetworks + networks.count
        counts.worst = networks.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .prefix(WaveTally.worstTold).map { WaveCounts.Share(network: $0.key, rejections: $0.value) }
        counts.good.turnedAway += waiting.count
        return counts
    }

    /// - Parameters:
    ///   - source: what would be banned for the event's peer.
    ///   - isGood: its mail has been accepted before, or it is allowed.
    mutating func note(_ event: Event, source: IPAddress?, isGood: Bool, at now: Instant) {
        switch event.kind {
        case .rejection:
            guard !event.isContinuation else { return }
            counted.rejections += 1
            counted.classes[event.rejectionClass ?? .other, default: 0] += 1
            if let source { count(source, rejections: 1) }
            if isGood, WaveTally.turnsAway(event) { turnAway(event.peer, at: now) }
        case .deferral:
            counted.deferrals += 1
            if isGood { turnAway(event.peer, at: now) }
        case .acceptance:
            counted.acceptances += 1
            if isGood { noteAccepted(event.peer, at: now) }
        case .saturation:
            counted.saturations += 1
            if isGood { turnAway(event.peer, at: now) }
        case .connect, .disconnect, .authFailure: break
        }
    }

    /// Only refusals that a wave, or a guard against it, may be the reason for: a good sender's mail for a user that
    /// does not exist is refused on any day.
    private static func turnsAway(_ event: Event) -> Bool {
        switch event.rejectionClass {
        case .rbl, .rhsbl, .clientHost, .connLimit: !event.isListFailure
        default: false
        }
    }

    private mutating func count(_ source: IPAddress, rejections: Int) {
        if sources.count < WaveTally.mostSources || sources.contains(source) {
            sources.insert(source)
        } else {
            counted.isEstimate = true
        }
        let network = Prefix(source, bits: source.isIPv4 ? 120 : 48)
        if networks.count < WaveTally.mostNetworks || networks[network] != nil {
            networks[network, default: 0] += rejections
        } else {
            counted.isEstimate = true
        }
    }

    // MARK: - Good senders

    private mutating func turnAway(_ peer: IPAddress?, at now: Instant) {
        guard let peer, waiting[peer] == nil, waiting.count < WaveTally.mostGood else { return }
        waiting[peer] = now
    }

    private mutating func noteAccepted(_ peer: IPAddress?, at now: Instant) {
        counted.good.accepted += 1
        comeBack(peer, at: now)
    }

    /// A sender that was turned away is accepted, by now perhaps after the wave.
    mutating func comeBack(_ peer: IPAddress?, at now: Instant) {
        guard let peer, let since = waiting.removeValue(forKey: peer) else { return }
        counted.good.longestDelay = max(counted.good.longestDelay, now - since)
        if delayed.insert(peer).inserted { counted.good.delayed += 1 }
    }

    /// Whether somebody may still come back.
    var isAwaiting: Bool { !waiting.isEmpty }

    // MARK: - What was done

    mutating func note(_ decision: Decision, isGood: Bool) {
        switch decision.kind {
        case .ban, .shed:
            if decision.isObserved {
                counted.observed += 1
            } else if decision.outcome == .done, decision.kind == .ban {
                counted.bans += 1
                if isGood { counted.good.banned += 1 }
            } else if decision.outcome == .done {
                counted.sheds += 1
                if decision.told == true { counted.told += 1 }
            }
        case .unban, .saturation, .note, .waveBegin, .waveEnd: break
        }
    }
}
