import Addresses
import Events

/// How often each source, or network, was seen in the last five to ten minutes, in bounded memory: a count for this
/// stretch of five minutes and one for the last.
///
/// When a stretch has more of them than `limit`, the half that was seen least is forgotten, and those seen no more than
/// its last: who was seen often stays.
package struct Lately: Sendable {
    package struct Seen: Comparable, Sendable {
        package var count: Int
        package var last: Instant

        package static func < (a: Seen, b: Seen) -> Bool { (a.count, a.last) < (b.count, b.last) }
    }
    private var current: [Prefix: Seen] = [:]
    private var former: [Prefix: Seen] = [:]
    private var since = Instant.distantPast
    private let limit: Int
    private static var stretch: Duration { .minutes(5) }

    package init(limit: Int) { self.limit = max(2, limit) }

    package mutating func note(_ source: Prefix, at now: Instant) {
        turn(at: now)
        if let seen = current[source] {
            current[source] = Seen(count: seen.count + 1, last: now)
            return
        }
        if current.count >= limit {
            let middle = current.values.sorted()[limit / 2]
            current = current.filter { middle < $0.value }
        }
        current[source] = Seen(count: 1, last: now)
    }

    private mutating func turn(at now: Instant) {
        guard now - since >= Lately.stretch else { return }
        former = now - since < Lately.stretch * 2 ? current : [:]
        current = [:]
        since = now
    }

    /// All that are remembered.
    package mutating func all(at now: Instant) -> [Prefix: Seen] {
        turn(at: now)
        return current.merging(former) { Seen(count: $0.count + $1.count, last: $0.last) }
    }
}
