import Addresses
import Events

/// What a dialect remembers of sessions and messages that are still going on, in bounded memory.
///
/// A log that loses lines would fill it for ever, so an entry ends in three ways: it is taken out, it is found older
/// than `longestAge`, or it is the oldest when room is needed. The last two are counted.
///
/// Half of a log's lines ask for their session, so this is no dictionary of the library's: values are looked at and
/// changed where they stand (`place`), and a key's place is one multiplication away.
struct SessionTable<Key: SessionKey, Value: Sendable>: Sendable {
    /// Entries that ended without having been taken out.
    private(set) var evicted = 0
    private(set) var count = 0

    private struct Entry: Sendable {
        var key: Key
        var value: Value
        var heard: Instant
        var isKept = true
    }
    private let capacity: Int
    private let longestAge: Int64
    /// In the order in which they came, as a ring: `next` is the oldest once it is full.
    private var entries: [Entry] = []
    private var next = 0
    /// Places in `entries`, counted from 1, each in the slot of its key's hash or in the next free one behind it. At
    /// least half of the slots are free, and they are few as long as few entries are kept.
    private var slots: [Int32] = []
    /// Nobody who chooses keys knows it, so that he cannot choose many for one slot.
    private let secret = UInt64(truncatingIfNeeded: 0.hashValue)

    init(capacity: Int, longestAge: Duration) {
        self.capacity = max(1, min(capacity, 1 << 24))
        self.longestAge = longestAge.nanoseconds
    }

    /// Where the value of `key` stands until the table changes; `nil` when there is none, or when it is too old at `now`
    /// to be about the same session.
    mutating func place(_ key: Key, at now: Instant) -> Int? {
        guard let slot = slot(key) else { return nil }
        let place = Int(slots[slot]) &- 1
        let (age, isFar) = now.nanoseconds.subtractingReportingOverflow(entries[place].heard.nanoseconds)
        if isFar ? entries[place].heard < now : age > longestAge {
            evicted += 1
            free(slot)
            return nil
        }
        return place
    }

    subscript(place: Int) -> Value {
        @inline(__always) get { entries[place].value }
        @inline(__always) _modify { yield &entries[place].value }
    }

    /// The value of `key`; `nil` when there is none, or when it is too old at `now` to be about the same session.
    mutating func value(_ key: Key, at now: Instant) -> Value? { place(key, at: now).map { entries[$0].value } }

    /// Sets or replaces; its age counts from `now`.
    mutating func set(_ key: Key, _ value: Value, at now: Instant) {
        if let slot = slot(key) {
            let place = Int(slots[slot]) &- 1
            entries[place].value = value
            entries[place].heard = now
            return
        }
        let entry = Entry(key: key, value: value, heard: now)
        if entries.count < capacity {
            entries.append(entry)
            occupy(entries.count - 1)
            return
        }
        if entries[next].isKept, let oldest = slot(entries[next].key) {
            free(oldest)
            evicted += 1
        }
        entries[next] = entry
        occupy(next)
        next = next + 1 == capacity ? 0 : next + 1
    }

    /// Changes a value in its place; nothing happens when there is none.
    @inline(__always)
    mutating func update(_ key: Key, _ change: (inout Value) -> Void) {
        guard let slot = slot(key) else { return }
        change(&entries[Int(slots[slot]) &- 1].value)
    }

    mutating func remove(_ key: Key) {
        if let slot = slot(key) { free(slot) }
    }
}

extension SessionTable {
    /// The slot that leads to the entry of `key`.
    private func slot(_ key: Key) -> Int? {
        guard !slots.isEmpty else { return nil }
        let mask = slots.count &- 1
        var slot = Int(truncatingIfNeeded: key.mixed(with: secret)) & mask
        while true {
            let place = Int(slots[slot]) &- 1
            if place < 0 { return nil }
            if entries[place].key == key { return slot }
            slot = (slot &+ 1) & mask
        }
    }

    private mutating func occupy(_ place: Int) {
        count += 1
        if count * 2 > slots.count {
            slots = [Int32](repeating: 0, count: max(8, slots.count * 2))
            for place in entries.indices where entries[place].isKept { fill(place) }
        } else {
            fill(place)
        }
    }

    private mutating func fill(_ place: Int) {
        let mask = slots.count &- 1
        var slot = Int(truncatingIfNeeded: entries[place].key.mixed(with: secret)) & mask
        while slots[slot] != 0 { slot = (slot &+ 1) & mask }
        slots[slot] = Int32(truncatingIfNeeded: place &+ 1)
    }

    /// Ends the entry of a slot. Those behind it that would be nearer to their own slots move up.
    private mutating func free(_ freed: Int) {
        entries[Int(slots[freed]) &- 1].isKept = false
        count -= 1
        let mask = slots.count &- 1
        var hole = freed
        var slot = (freed &+ 1) & mask
        while slots[slot] != 0 {
            let own = Int(truncatingIfNeeded: entries[Int(slots[slot]) &- 1].key.mixed(with: secret)) & mask
            if (slot &- own) & mask >= (slot &- hole) & mask {
                slots[hole] = slots[slot]
                hole = slot
            }
            slot = (slot &+ 1) & mask
        }
        slots[hole] = 0
    }
}

/// What a session is known by.
protocol SessionKey: Equatable, Sendable {
    /// A number whose low bits differ as a rule where the keys do, and in no way that can be foreseen without `secret`.
    func mixed(with secret: UInt64) -> UInt64
}

/// Both halves of the product of two numbers in one.
@inline(__always)
func mixed(_ first: UInt64, _ second: UInt64) -> UInt64 {
    let product = (first ^ 0x9e37_79b9_7f4a_7c15).multipliedFullWidth(by: second ^ 0xd1b5_4a32_d192_ed03)
    return product.high ^ product.low
}

extension Int32: SessionKey {
    @inline(__always)
    func mixed(with secret: UInt64) -> UInt64 { Dialects.mixed(UInt64(truncatingIfNeeded: self) ^ secret, 0) }
}

extension UInt64: SessionKey {
    @inline(__always)
    func mixed(with secret: UInt64) -> UInt64 { Dialects.mixed(self ^ secret, 0) }
}

extension IPAddress: SessionKey {
    @inline(__always)
    func mixed(with secret: UInt64) -> UInt64 { Dialects.mixed(low ^ secret, Dialects.mixed(high ^ secret, 0)) }
}
