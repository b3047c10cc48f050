import Events

/// What a dialect remembers of sessions and messages that are still going on, in bounded memory.
///
/// A log that loses lines would fill it for ever, so an entry ends in three ways: it is taken out, it is found older
/// than `longestAge`, or it is the oldest when room is needed. The last two are counted.
struct SessionTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// Entries that ended without having been taken out.
    private(set) var evicted = 0

    private struct Entry: Sendable {
        var key: Key
        var value: Value
        var heard: Instant

        mutating func update(_ change: (inout Value) -> Void) { change(&value) }
    }
    private let capacity: Int
    private let longestAge: Duration
    private var places: [Key: Int] = [:]
    /// In the order in which they came, as a ring: `next` is the oldest once it is full.
    private var entries: [Entry?] = []
    private var next = 0

    init(capacity: Int, longestAge: Duration) {
        self.capacity = max(1, capacity)
        self.longestAge = longestAge
    }

    var count: Int { places.count }

    /// The value of `key`; `nil` when there is none, or when it is too old at `now` to be about the same session.
    mutating func value(_ key: Key, at now: Instant) -> Value? {
        guard let place = places[key], let heard = entries[place]?.heard else { return nil }
        if now - heard > longestAge {
            evicted += 1
            remove(key)
            return nil
        }
        return entries[place]?.value
    }

    /// Sets or replaces; its age counts from `now`.
    mutating func set(_ key: Key, _ value: Value, at now: Instant) {
        if let place = places[key] {
            entries[place] = Entry(key: key, value: value, heard: now)
            return
        }
        if entries.count < capacity {
            places[key] = entries.count
            entries.append(Entry(key: key, value: value, heard: now))
            return
        }
        if let oldest = entries[next] {
            places[oldest.key] = nil
            evicted += 1
        }
        entries[next] = Entry(key: key, value: value, heard: now)
        places[key] = next
        next = (next + 1) % capacity
    }

    /// Changes a value in its place; nothing happens when there is none.
    mutating func update(_ key: Key, _ change: (inout Value) -> Void) {
        guard let place = places[key] else { return }
        entries[place]?.update(change)
    }

    mutating func remove(_ key: Key) {
        guard let place = places.removeValue(forKey: key) else { return }
        entries[place] = nil
    }
}
