import Addresses

/// How far the counter of each element in the kernel has been counted, so that only what came since counts again.
///
/// Elements without a packet take no room. What is known here has to outlive the daemon, as the counters do.
package struct DropReadings: Sendable {
    package struct Reading: Equatable, Sendable {
        package var packets: UInt64
        package var bytes: UInt64

        package init(packets: UInt64, bytes: UInt64) {
            self.packets = packets
            self.bytes = bytes
        }
    }

    private var hosts = HostTable<Reading>()
    private var networks: [Prefix: Reading] = [:]
    /// Whether anything changed since this was last set to false.
    package var isChanged = false

    package init() {}

    /// Takes what a counter says now; what it has counted since the last time. A counter that is lower than it was is
    /// that of another element, made since: all of it is new.
    package mutating func growth(_ prefix: Prefix, _ reading: Reading) -> Reading {
        let last = self[prefix]
        if last == reading || (last == nil && reading.packets == 0) { return Reading(packets: 0, bytes: 0) }
        self[prefix] = reading.packets == 0 ? nil : reading
        guard let last, reading.packets >= last.packets, reading.bytes >= last.bytes else { return reading }
        return Reading(packets: reading.packets - last.packets, bytes: reading.bytes - last.bytes)
    }

    /// The element is gone, or made anew.
    package mutating func forget(_ prefix: Prefix) {
        if self[prefix] != nil { self[prefix] = nil }
    }

    package mutating func restore(_ prefix: Prefix, _ reading: Reading) {
        self[prefix] = reading
    }

    package var all: [(prefix: Prefix, reading: Reading)] {
        zip(hosts.addresses, hosts.values).map { (Prefix($0), $1) } + networks.map { ($0.key, $0.value) }
    }

    private subscript(prefix: Prefix) -> Reading? {
        get { prefix.isHost ? hosts[prefix.address] : networks[prefix] }
        set {
            isChanged = true
            if prefix.isHost { hosts[prefix.address] = newValue } else { networks[prefix] = newValue }
        }
    }
}
