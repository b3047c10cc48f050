import Addresses
import Events

/// Which of the wanted networks stand in the kernel's interval sets.
///
/// Those sets refuse ranges that overlap, and merging them would lengthen bans. So only the outermost networks stand
/// in the kernel; a network inside a wider one is covered by it, and waits until the wider one ends or is lifted.
/// Pure: the owner hands in the time, carries out what is returned, and says what came of it.
struct Networks {
    private struct Wanted {
        var until: Instant
        /// Whether it stands in the kernel, as far as known.
        var isHeld: Bool
    }
    /// By family, since the IPv6 set knows nothing of IPv4 packets even if `::/0` contains their mapped addresses.
    private var tables: (v4: PrefixTable<Wanted>, v6: PrefixTable<Wanted>) = (PrefixTable(), PrefixTable())
    /// Covered by a wider network.
    private var covered: Set<Prefix> = []
    private var earliestEnd = Instant.distantFuture

    /// What the kernel must be told. Removals come first.
    struct Steps: Equatable {
        var remove: [Prefix] = []
        var add: [Addition] = []
        struct Addition: Equatable {
            var prefix: Prefix
            var until: Instant
            /// It stands in the kernel and is given a new end.
            var isHeld = false
        }
    }

    var count: Int { tables.v4.count + tables.v6.count }

    /// Wants `prefix` until then, whatever was wanted of it before.
    mutating func want(_ prefix: Prefix, until: Instant) -> Steps {
        var steps = Steps()
        let isHeld = self[prefix]?.isHeld ?? false
        self[prefix] = Wanted(until: until, isHeld: isHeld)
        earliestEnd = min(earliestEnd, until)
        if cover(of: prefix) != nil {
            covered.insert(prefix)
            if isHeld { steps.remove.append(prefix) }
            return steps
        }
        covered.remove(prefix)
        for inner in entries(inside: prefix) {
            covered.insert(inner.prefix)
            if inner.value.isHeld { steps.remove.append(inner.prefix) }
        }
        steps.add.append(.init(prefix: prefix, until: until, isHeld: isHeld))
        return steps
    }

    /// Wants `prefix` no more; what it covered comes to light.
    mutating func unwant(_ prefix: Prefix) -> Steps {
        guard let wanted = self[prefix] else { return Steps() }
        self[prefix] = nil
        var steps = Steps()
        if wanted.isHeld { steps.remove.append(prefix) }
        if covered.remove(prefix) == nil { steps.add = uncovered(by: prefix) }
        return steps
    }

    /// Forgets what has ended; returns the networks that come to light.
    mutating func advance(to now: Instant) -> Steps {
        guard earliestEnd <= now else { return Steps() }
        var steps = Steps()
        var ended: [Prefix] = []
        earliestEnd = .distantFuture
        for (prefix, wanted) in tables.v4.entries + tables.v6.entries {
            if wanted.until <= now { ended.append(prefix) } else { earliestEnd = min(earliestEnd, wanted.until) }
        }
        for prefix in ended {
            self[prefix] = nil
            covered.remove(prefix)
        }
        guard !covered.isEmpty else { return steps }
        // The kernel has dropped what ended by itself.
        for prefix in ended { steps.add += uncovered(by: prefix) }
        return steps
    }

    /// When a network comes to light: the end of the earliest that covers another.
    var nextDue: Instant? {
        covered.lazy.compactMap { cover(of: $0)?.until }.min()
    }

    /// The kernel has it now, or has it no more.
    mutating func settle(_ prefix: Prefix, isHeld: Bool) {
        self[prefix]?.isHeld = isHeld
    }

    /// Whether `prefix` is wanted and need not stand in the kernel, since a wider network covers it.
    func isCovered(_ prefix: Prefix) -> Bool { covered.contains(prefix) }

    /// Whether a wider network is wanted, so that `prefix` cannot stand in the kernel.
    func isInsideAnother(_ prefix: Prefix) -> Bool { cover(of: prefix) != nil }

    private func cover(of prefix: Prefix) -> (prefix: Prefix, until: Instant)? {
        let table = prefix.isIPv4 ? tables.v4 : tables.v6
        guard let outer = table.outermost(containing: prefix), outer.prefix != prefix else { return nil }
        return (outer.prefix, outer.value.until)
    }

    /// The covered networks inside `prefix` that nothing covers any more.
    private mutating func uncovered(by prefix: Prefix) -> [Steps.Addition] {
        var additions: [Steps.Addition] = []
        guard !covered.isEmpty else { return additions }
        for inner in entries(inside: prefix) where covered.contains(inner.prefix) && cover(of: inner.prefix) == nil {
            covered.remove(inner.prefix)
            additions.append(.init(prefix: inner.prefix, until: inner.value.until))
        }
        return additions
    }

    private func entries(inside prefix: Prefix) -> [(prefix: Prefix, value: Wanted)] {
        (prefix.isIPv4 ? tables.v4 : tables.v6).entries(inside: prefix)
    }

    private subscript(prefix: Prefix) -> Wanted? {
        get { prefix.isIPv4 ? tables.v4[prefix] : tables.v6[prefix] }
        set { if prefix.isIPv4 { tables.v4[prefix] = newValue } else { tables.v6[prefix] = newValue } }
    }
}
