import Addresses
import Events

/// What is remembered of each source, bounded: when it is full the source seen longest ago leaves.
///
/// A slab of entries chained by last use, and an index by address. About 110 bytes for each source.
struct SourceTable {
    struct Source {
        let key: IPAddress
        var lastSeen: Instant
        /// Weights not older than the window, oldest first. Empty for a source that was banned at its first rejection.
        var pending: [(time: Instant, weight: Float)] = []
        /// Bans so far, and the end of the last one.
        var banCount: Int32 = 0
        var lastBanEnd: Instant = .distantPast
        /// When this source was last counted for a zone's health.
        var zoneCounted: Instant = .distantPast
        fileprivate var older: Int32 = -1
        fileprivate var newer: Int32 = -1
    }

    /// More pending weights than this and the two oldest become one: a bound for memory, never a reason to ban earlier.
    static let maxPending = 64

    private(set) var evicted = 0
    /// A lower one than before stops the growth, and forgets nobody.
    var limit: Int
    private var slab: [Source] = []
    private var index = AddressIndex()
    private var oldest: Int32 = -1
    private var newest: Int32 = -1

    init(limit: Int) { self.limit = max(1, limit) }

    var count: Int { index.count }

    func source(_ key: IPAddress) -> Source? { index.position(of: key) { slab[$0].key }.map { slab[$0] } }

    /// Changes the entry of `key`, which is made if need be, and counts as used now.
    mutating func withSource<Result>(_ key: IPAddress, at now: Instant, _ body: (inout Source) -> Result) -> Result {
        let slot = touch(key, at: now)
        return body(&slab[slot])
    }

    private mutating func touch(_ key: IPAddress, at now: Instant) -> Int {
        let slot: Int
        if let found = index.position(of: key, { slab[$0].key }) {
            slot = found
            unlink(slot)
            slab[slot].lastSeen = now
        } else {
            if slab.count < limit {
                slot = slab.count
                slab.append(Source(key: key, lastSeen: now))
            } else {
                slot = Int(oldest)
                unlink(slot)
                index.remove(slab[slot].key) { slab[$0].key }
                evicted += 1
                slab[slot] = Source(key: key, lastSeen: now)
            }
            index.insert(key, at: slot) { slab[$0].key }
        }
        linkAsNewest(slot)
        return slot
    }

    private mutating func unlink(_ slot: Int) {
        let (older, newer) = (slab[slot].older, slab[slot].newer)
        if older >= 0 { slab[Int(older)].newer = newer } else { oldest = newer }
        if newer >= 0 { slab[Int(newer)].older = older } else { newest = older }
    }

    private mutating func linkAsNewest(_ slot: Int) {
        slab[slot].older = newest
        slab[slot].newer = -1
        if newest >= 0 { slab[Int(newest)].newer = Int32(slot) } else { oldest = Int32(slot) }
        newest = Int32(slot)
    }
}

extension SourceTable.Source {
    /// Adds a weight and returns the sum within the window that ends now.
    mutating func addWeight(_ weight: Double, window: Duration, at now: Instant) -> Double {
        pending.removeAll { now - $0.time > window }
        pending.append((now, Float(weight)))
        if pending.count > SourceTable.maxPending {
            // The sum stays; the older of the two times makes it leave the window early rather than late.
            pending[1] = (pending[0].time, pending[0].weight + pending[1].weight)
            pending.removeFirst()
        }
        return pending.reduce(0) { $0 + Double($1.weight) }
    }
}
