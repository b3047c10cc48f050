import Events

/// How often each key was seen in the last five to ten minutes, in bounded memory: a count for this stretch of five
/// minutes and one for the last.
///
/// When a stretch has more keys than `limit`, the half that was seen least is forgotten: who was seen often stays.
package struct Lately<Key: Hashable & Comparable & Sendable>: Sendable {
    package struct Seen: Equatable, Sendable {
        package var count: Int
        package var last: Instant
    }
    private var current: [Key: Seen] = [:]
    private var former: [Key: Seen] = [:]
    private var since = Instant.distantPast
    private let limit: Int
    private static var stretch: Duration { .minutes(5) }

    package init(limit: Int) { self.limit = max(2, limit) }

    package mutating func note(_ key: Key, at now: Instant) {
        turn(at: now)
        if let seen = current[key] {
            current[key] = Seen(count: seen.count + 1, last: now)
            return
        }
        if current.count >= limit {
            let kept = current.sorted {
                ($1.value.count, $1.value.last, $0.key) < ($0.value.count, $0.value.last, $1.key)
            }
            current = Dictionary(uniqueKeysWithValues: kept.prefix(limit / 2).map { ($0.key, $0.value) })
        }
        current[key] = Seen(count: 1, last: now)
    }

    private mutating func turn(at now: Instant) {
        guard now - since >= Lately.stretch else { return }
        former = now - since < Lately.stretch * 2 ? current : [:]
        current = [:]
        since = now
    }

    /// All that are remembered.
    package mutating func all(at now: Instant) -> [Key: Seen] {
        turn(at: now)
        return current.merging(former) { Seen(count: $0.count + $1.count, last: $0.last) }
    }
}
