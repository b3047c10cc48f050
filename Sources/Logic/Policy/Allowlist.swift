import Addresses
import Events

/// The prefixes that are never banned nor shed: configured ones, the host's own addresses, and those an administrator
/// added while the daemon ran.
package struct Allowlist: Sendable {
    package enum Kind: Equatable, Sendable {
        case loopback
        case own
        case configured
        case added(until: Instant)
    }

    private var table = PrefixTable<Kind>()

    package init(configured: [Prefix] = [], own: [IPAddress] = []) {
        for prefix in configured { table[prefix] = .configured }
        for address in own { table[Prefix(address)] = .own }
        for prefix in Allowlist.loopback { table[prefix] = .loopback }
    }

    /// The entry that holds all of `prefix`, if one does.
    package func entry(covering prefix: Prefix, at now: Instant) -> (prefix: Prefix, kind: Kind)? {
        guard let found = table.outermost(containing: prefix) else { return nil }
        if case .added(let until) = found.value, until <= now {
            // An ended entry may hide a shorter-lived one inside it; both are dropped by `expire`, so the longest
            // match decides until then.
            guard let inner = table.longestMatch(prefix.address), inner.prefix.contains(prefix) else { return nil }
            if case .added(let innerUntil) = inner.value, innerUntil <= now { return nil }
            return (inner.prefix, inner.value)
        }
        return (found.prefix, found.value)
    }

    package func allows(_ address: IPAddress, at now: Instant) -> Bool {
        entry(covering: Prefix(address), at: now) != nil
    }

    package mutating func add(_ prefix: Prefix, until: Instant) { table[prefix] = .added(until: until) }

    /// Takes out an entry added at run time; false when there is none.
    package mutating func remove(_ prefix: Prefix) -> Bool {
        guard case .added = table[prefix] else { return false }
        table[prefix] = nil
        return true
    }

    /// Drops entries that have ended; true when there were any.
    package mutating func expire(at now: Instant) -> Bool {
        let ended = table.entries.filter {
            if case .added(let until) = $0.value { return until <= now }
            return false
        }
        for entry in ended { table[entry.prefix] = nil }
        return !ended.isEmpty
    }

    /// All entries in address order.
    package var entries: [(prefix: Prefix, kind: Kind)] {
        table.entries.map { ($0.prefix, $0.value) }.sorted { $0.prefix < $1.prefix }
    }

    /// 127.0.0.0/8 (RFC 1122, 3.2.1.3) and ::1 (RFC 4291, 2.5.3).
    private static let loopback = [
        Prefix(IPAddress(v4: 0x7f00_0000), bits: 104),
        Prefix(IPAddress(high: 0, low: 1)),
    ]
}
