import Addresses
import Events

/// Senders whose mail was accepted, for some weeks: past the limits, and the measure of a list's sanity.
///
/// Keyed by host; an IPv6 host also stands for its block, since that is what would be banned.
struct KnownSenders {
    private struct Entry {
        var until: Instant
        var isAuthenticated: Bool
        /// When its first message was accepted; long ago for those taken over at a start.
        var since: Instant
        /// The end that the kernel and the store have heard of.
        var told: Instant
    }
    private var hosts: [IPAddress: Entry] = [:]
    private var blocks: [IPAddress: Entry] = [:]
    /// Each IPv4 /24 and IPv6 /48 that a host is in.
    private var networks: Set<IPAddress> = []
    private let limit: Int
    private(set) var evicted = 0

    init(limit: Int) { self.limit = max(1, limit) }

    var count: Int { hosts.count }

    func isKnown(_ address: IPAddress, block: IPAddress, at now: Instant) -> Bool {
        isLive(hosts[address], now) || !blocks.isEmpty && isLive(blocks[block], now)
    }

    func isAuthenticated(_ address: IPAddress, block: IPAddress, at now: Instant) -> Bool {
        func isSo(_ entry: Entry?) -> Bool { entry.map { $0.until > now && $0.isAuthenticated } ?? false }
        return isSo(hosts[address]) || !blocks.isEmpty && isSo(blocks[block])
    }

    /// Known for so long that it says something about a list: whoever sends spam from fresh addresses delivers a message
    /// before it is listed, but seldom the day before.
    func isSettled(_ address: IPAddress, block: IPAddress, at now: Instant) -> Bool {
        func isSo(_ entry: Entry?) -> Bool {
            entry.map { $0.until > now && ($0.isAuthenticated || now - $0.since >= KnownSenders.settling) } ?? false
        }
        return isSo(hosts[address]) || !blocks.isEmpty && isSo(blocks[block])
    }

    private static let settling = Duration.days(1)

    private func isLive(_ entry: Entry?, _ now: Instant) -> Bool { entry.map { $0.until > now } ?? false }

    /// Notes an accepted message. True when the kernel should hear of it: a new sender, or one whose remaining time
    /// has shrunk by a day or more, so that a busy sender costs one order a day.
    mutating func note(
        _ address: IPAddress, block: IPAddress, until: Instant, authenticated: Bool, since: Instant
    ) -> Bool {
        let old = hosts[address]
        if old == nil {
            if hosts.count >= limit { evict() }
            networks.insert(NetworkEvidence.network(of: address).address)
        }
        let isNews = old.map { until - $0.told >= .days(1) || (authenticated && !$0.isAuthenticated) } ?? true
        let end = max(until, old?.until ?? until)
        hosts[address] = Entry(
            until: end, isAuthenticated: authenticated || old?.isAuthenticated == true,
            since: old?.since ?? since, told: isNews ? end : old?.told ?? end)
        if block != address {
            let around = blocks[block]
            blocks[block] = Entry(
                until: max(until, around?.until ?? until),
                isAuthenticated: authenticated || around?.isAuthenticated == true, since: around?.since ?? since,
                told: until)
        }
        return isNews
    }

    /// Whether any is in this network of one or more /24 (IPv6: /48); one whose time has just passed may count still.
    func isAny(inside block: Prefix) -> Bool {
        let unit = NetworkEvidence.unitBits(block.address)
        return (0..<(1 << max(0, min(16, unit - Int(block.bits))))).contains {
            networks.contains(block.address.network($0, ofLength: unit))
        }
    }

    func live(at now: Instant) -> [(address: IPAddress, until: Instant)] {
        hosts.compactMap { address, entry in entry.until > now ? (address, entry.until) : nil }
    }

    mutating func expire(at now: Instant) {
        hosts = hosts.filter { $0.value.until > now }
        blocks = blocks.filter { $0.value.until > now }
        gatherNetworks()
    }

    private mutating func gatherNetworks() {
        networks = Set(hosts.keys.lazy.map { NetworkEvidence.network(of: $0).address })
    }

    /// Makes room by an eighth at once, so that a full table does not cost a scan for each sender.
    private mutating func evict() {
        let leaving = hosts.sorted { ($0.value.until, $0.key) < ($1.value.until, $1.key) }.prefix(
            max(1, hosts.count / 8))
        guard let cut = leaving.last?.value.until else { return }
        for (address, _) in leaving { hosts[address] = nil }
        evicted += leaving.count
        blocks = blocks.filter { $0.value.until > cut }
        gatherNetworks()
    }
}
