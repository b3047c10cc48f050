import Addresses
import Events

/// What each ban has cost its prefix and us.
package struct BanCosts: Sendable {
    package struct Cost: Equatable, Sendable {
        /// When the ban began: another instant is another ban.
        package let since: Instant
        /// Packets dropped.
        package var hits: UInt32
        package var shed: UInt32

        package init(since: Instant, hits: Int = 0, shed: Int = 0) {
            self.since = since
            self.hits = UInt32(clamping: hits)
            self.shed = UInt32(clamping: shed)
        }
    }

    private var hosts = HostTable<Cost>()
    private var networks: [Prefix: Cost] = [:]

    package init() {}

    package subscript(prefix: Prefix) -> Cost? {
        get { prefix.isHost ? hosts[prefix.address] : networks[prefix] }
        set {
            if prefix.isHost { hosts[prefix.address] = newValue } else { networks[prefix] = newValue }
        }
    }
}
