import Addresses
import Events

/// What is remembered of each source, bounded: when it is full the source seen longest ago leaves.
///
/// A slab of entries chained by last use, and an index by address. About 75 bytes for each source.
struct SourceTable {
    struct Source {
        let key: IPAddress
        /// The end of its last ban, and bans so far.
        var lastBanEnd: Instant = .distantPast
        var banCount: Int32 = 0
        /// The weight of its last rejection, if that still counts. Most sources never have another: those before it
        /// have their memory only where there are some.
        fileprivate var lastWeight: Float = 0
        fileprivate var lastTime: Instant = .distantPast
        /// Weights before the last, not older than the window, oldest first.
        fileprivate var earlier: [(time: Instant, weight: Float)] = []
        /// When this source was last counted for a zone's health.
        var zoneCounted: Instant = .distantPast
        fileprivate var older: Int32 = -1
        fileprivate var newer: Int32 = -1

        fileprivate init(_ key: IPAddress) { self.key = key }
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
    mutating func withSource<Result>(_ key: IPAddress, _ body: (inout Source) -> Result) -> Result {
        let slot = touch(key)
        return body(&slab[slot])
    }

    private mutating func touch(_ key: IPAddress) -> Int {
        let slot: Int
        if let found = index.position(of: key, { slab[$0].key }) {
            slot = found
            if slot == newest { return slot }
            unlink(slot)
        } else {
            if slab.count < limit {
                slot = slab.count
                slab.append(Source(key))
            } else {
                slot = Int(oldest)
                unlink(slot)
                index.remove(slab[slot].key) { slab[$0].key }
                evicted += 1
                slab[slot] = Source(key)
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
        if lastWeight != 0 { earlier.append((lastTime, lastWeight)) }
        earlier.removeAll { now - $0.time > window }
        (lastTime, lastWeight) = (now, Float(weight))
        if earlier.count >= SourceTable.maxPending {
            // The sum stays; the older of the two times makes it leave the window early rather than late.
            earlier[1] = (earlier[0].time, earlier[0].weight + earlier[1].weight)
            earlier.removeFirst()
        }
        return earlier.reduce(Double(lastWeight)) { $0 + Double($1.weight) }
    }

    /// Begins anew, as after a ban.
    mutating func forgetWeights() {
        lastWeight = 0
        earlier = []
    }
}
