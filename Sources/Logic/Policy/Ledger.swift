import Addresses
import Events

/// The bans in force, hosts and networks apart as in the kernel's sets.
package struct Ledger: Sendable {
    private var hosts: [IPAddress: Ban] = [:]
    private var networks = PrefixTable<Ban>()

    package init() {}

    package var count: Int { hosts.count + networks.count }
    package var networkCount: Int { networks.count }

    package subscript(prefix: Prefix) -> Ban? {
        get { prefix.isHost ? hosts[prefix.address] : networks[prefix] }
        set {
            if prefix.isHost { hosts[prefix.address] = newValue } else { networks[prefix] = newValue }
        }
    }

    /// The ban that holds this address: its own, or that of a network around it.
    package func ban(covering address: IPAddress) -> Ban? {
        hosts[address] ?? (networks.isEmpty ? nil : networks.longestMatch(address)?.value)
    }

    /// All bans, in no particular order.
    package var bans: [Ban] { Array(hosts.values) + networks.entries.map(\.value) }

    /// Bans whose end lies at or before `instant`, in address order.
    package func due(by instant: Instant) -> [Ban] {
        (hosts.values.filter { $0.until <= instant } + networks.entries.map(\.value).filter { $0.until <= instant })
            .sorted { $0.prefix < $1.prefix }
    }

    /// Bans inside `prefix`, itself included, in address order.
    package func bans(inside prefix: Prefix) -> [Ban] {
        if prefix.isHost { return hosts[prefix.address].map { [$0] } ?? [] }
        return bans.filter { prefix.contains($0.prefix) }.sorted { $0.prefix < $1.prefix }
    }
}
