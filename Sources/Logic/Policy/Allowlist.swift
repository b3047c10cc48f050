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

    private var fixed = PrefixTable<Kind>()
    /// Apart from the fixed ones: what was added over one of those takes nothing away when it ends.
    private var added = PrefixTable<Instant>()
    /// Which first bytes of IPv4 addresses an entry has or had: nearly all who are rejected begin with another.
    private var firstBytes = [Bool](repeating: false, count: 256)

    package init(configured: [Prefix] = [], own: [IPAddress] = []) {
        for prefix in configured { fixed[prefix] = .configured }
        for address in own { fixed[Prefix(address)] = .own }
        for prefix in Allowlist.loopback { fixed[prefix] = .loopback }
        for entry in fixed.entries { noteFirstBytes(entry.prefix) }
    }

    private mutating func noteFirstBytes(_ prefix: Prefix) {
        for byte in 0..<256 where firstBytes[byte] == false {
            firstBytes[byte] = prefix.overlaps(Prefix(IPAddress(v4: UInt32(byte) << 24), bits: 104))
        }
    }

    /// The entry that holds all of `prefix`, if one does.
    package func entry(covering prefix: Prefix, at now: Instant) -> (prefix: Prefix, kind: Kind)? {
        if let found = fixed.outermost(containing: prefix) { return (found.prefix, found.value) }
        guard let found = added.outermost(containing: prefix, where: { $0 > now }) else { return nil }
        return (found.prefix, .added(until: found.value))
    }

    /// Whether an entry shares an address with `prefix`, in either direction.
    package func overlaps(_ prefix: Prefix, at now: Instant) -> Bool {
        fixed.overlaps(prefix) || entry(covering: prefix, at: now) != nil
            || added.entries(inside: prefix).contains { $0.value > now }
    }

    package func allows(_ address: IPAddress, at now: Instant) -> Bool {
        if address.isIPv4, !firstBytes[Int(address.low >> 24 & 0xff)] { return false }
        return entry(covering: Prefix(address), at: now) != nil
    }

    package mutating func add(_ prefix: Prefix, until: Instant) {
        added[prefix] = until
        noteFirstBytes(prefix)
    }

    /// Takes out an entry added at run time; false when there is none.
    package mutating func remove(_ prefix: Prefix) -> Bool {
        guard added[prefix] != nil else { return false }
        added[prefix] = nil
        return true
    }

    /// All entries in address order, those included that have ended; a prefix both fixed and added comes twice.
    package var entries: [(prefix: Prefix, kind: Kind)] {
        (fixed.entries.map { ($0.prefix, $0.value) } + added.entries.map { ($0.prefix, .added(until: $0.value)) })
            .sorted { $0.0 < $1.0 }
    }

    /// 127.0.0.0/8 (RFC 1122, 3.2.1.3) and ::1 (RFC 4291, 2.5.3).
    private static let loopback = [
        Prefix(IPAddress(v4: 0x7f00_0000), bits: 104),
        Prefix(IPAddress(high: 0, low: 1)),
    ]
}
