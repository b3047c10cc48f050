import Addresses
import Events

/// Records on their way to disk, bounded.
///
/// What describes a state (a ban, a counter) is kept once for each subject, the last word counting; what tells a
/// history (decisions, samples) is kept in order. When the disk hangs the history's oldest part is given up, and
/// counted; bans are not.
struct Pending: Sendable {
    enum BanChange: Sendable {
        case put(StoredBan)
        case end(Instant)
    }
    private(set) var bans: [Prefix: BanChange] = [:]
    private(set) var decisions: [(decision: Decision, evidence: [[UInt8]])] = []
    private(set) var samples: [StoredSample] = []
    private(set) var waves: [Int: StoredWave] = [:]
    private(set) var known: [Prefix: KnownSender] = [:]
    private(set) var counters: [String: Int64] = [:]
    private(set) var positions: [String: String] = [:]
    private(set) var allow: [Prefix: AllowEntry?] = [:]
    /// Outer `nil`: nothing to say. Inner `nil`: no override.
    private(set) var mode: ModeOverride??
    /// Records given up at a bound.
    private(set) var dropped = 0

    var count: Int {
        bans.count + decisions.count + samples.count + waves.count + known.count + counters.count + positions.count
            + allow.count + (mode == nil ? 0 : 1)
    }

    mutating func add(_ record: StoreRecord) {
        switch record {
        case .ban(let ban): bans[ban.ban.prefix] = .put(ban)
        case .unban(let prefix, let time):
            if case .put(var ban) = bans[prefix] {
                ban.ban.until = min(ban.ban.until, time)
                bans[prefix] = .put(ban)
            } else {
                bans[prefix] = .end(time)
            }
        case .decision(let decision, let evidence):
            decisions.append((decision, evidence.cut))
            dropped += giveUpOldest(of: &decisions, above: Bound.decisions)
        case .sample(let sample):
            samples.append(sample)
            dropped += giveUpOldest(of: &samples, above: Bound.samples)
        case .wave(let wave): dropped += put(wave, at: wave.number, in: &waves, StoreRecord.mostWaves)
        case .known(let sender): dropped += put(sender, at: sender.prefix, in: &known, Bound.known)
        case .counter(let name, let value): dropped += put(value, at: name, in: &counters, Bound.names)
        case .logPosition(let path, let text): dropped += put(text, at: path, in: &positions, Bound.names)
        case .allow(let entry): dropped += put(entry, at: entry.prefix, in: &allow, Bound.allow)
        case .disallow(let prefix): dropped += put(nil, at: prefix, in: &allow, Bound.allow)
        case .mode(let override): mode = .some(override)
        }
    }

    /// Adds what came later.
    mutating func add(_ later: Pending) {
        for (prefix, change) in later.bans {
            switch change {
            case .put(let ban): add(.ban(ban))
            case .end(let time): add(.unban(prefix, at: time))
            }
        }
        decisions += later.decisions
        dropped += giveUpOldest(of: &decisions, above: Bound.decisions)
        samples += later.samples
        dropped += giveUpOldest(of: &samples, above: Bound.samples)
        for (number, wave) in later.waves { dropped += put(wave, at: number, in: &waves, StoreRecord.mostWaves) }
        for (prefix, sender) in later.known { dropped += put(sender, at: prefix, in: &known, Bound.known) }
        for (name, value) in later.counters { dropped += put(value, at: name, in: &counters, Bound.names) }
        for (path, text) in later.positions { dropped += put(text, at: path, in: &positions, Bound.names) }
        for (prefix, entry) in later.allow { dropped += put(entry, at: prefix, in: &allow, Bound.allow) }
        if let override = later.mode { mode = .some(override) }
        dropped += later.dropped
    }

    mutating func takeDropped() -> Int {
        defer { dropped = 0 }
        return dropped
    }

    /// Of each kind. Bans have none here: there is one for each prefix, and policy bounds the prefixes.
    private enum Bound {
        /// A burst of 10,000 rejections leads to 20,000, which the disk takes in half a second.
        static let decisions = 40_000
        static let samples = 2_000
        static let known = 200_000
        static let names = 1_000
        static let allow = 10_000
    }
}

extension Array<[UInt8]> {
    /// Evidence within its bounds, as whoever posts it keeps it already; copied only where it is not.
    fileprivate var cut: [[UInt8]] {
        if count <= StoreRecord.mostEvidenceLines, allSatisfy({ $0.count <= StoreRecord.mostEvidenceBytes }) {
            return self
        }
        return prefix(StoreRecord.mostEvidenceLines).map { [UInt8]($0.prefix(StoreRecord.mostEvidenceBytes)) }
    }
}

/// A tenth goes at once, so that a full queue does not shift all of it for each record. Returns how many went.
private func giveUpOldest<Element>(of list: inout [Element], above bound: Int) -> Int {
    guard list.count > bound else { return 0 }
    let surplus = list.count - bound + bound / 10
    list.removeFirst(surplus)
    return surplus
}

/// Returns how many records were given up: one when the table is full and the subject new.
private func put<Key, Value>(_ value: Value, at key: Key, in table: inout [Key: Value], _ bound: Int) -> Int {
    guard table.count < bound || table[key] != nil else { return 1 }
    table[key] = value
    return 0
}
