import Addresses
import Events

/// The bans in force, hosts and networks apart as in the kernel's sets. A host's ban takes about 70 bytes.
package struct Ledger: Sendable {
    private var hosts = HostTable<PackedBan>()
    private var networks = PrefixTable<Ban>()
    /// Few, as IPv6 sources are banned by their block: so the hosts of an IPv6 network are found without a look at all others.
    private var hostsIPv6: Set<IPAddress> = []
    private var reasons = SharedTexts()
    private var hostEnds = EarliestEnds()

    package init() {}

    package var count: Int { hosts.count + networks.count }
    package var networkCount: Int { networks.count }

    package subscript(prefix: Prefix) -> Ban? {
        get { prefix.isHost ? hosts[prefix.address]?.ban(of: prefix.address) : networks[prefix] }
        set {
            var ban = newValue
            if let why = ban?.why { ban?.why = reasons.shared(why) }
            guard prefix.isHost else { return networks[prefix] = ban }
            let place = hosts.set(prefix.address, ban.map(PackedBan.init))
            if let place, place < hosts.count { hostEnds.note(hosts.values[place].until, at: place) }
            if prefix.address.isIPv4 { return }
            if ban == nil { hostsIPv6.remove(prefix.address) } else { hostsIPv6.insert(prefix.address) }
        }
    }

    /// The ban that holds this address: its own, or that of a network around it.
    package func ban(covering address: IPAddress) -> Ban? {
        hosts[address]?.ban(of: address) ?? (networks.isEmpty ? nil : networks.longestMatch(address)?.value)
    }

    /// The same of that ban alone, without making it.
    func endAndReason(covering address: IPAddress) -> (until: Instant, why: String)? {
        if let place = hosts.place(of: address) { return (hosts.values[place].until, hosts.values[place].why) }
        return networks.isEmpty ? nil : networks.longestMatch(address).map { ($0.value.until, $0.value.why) }
    }

    /// Without making the ban, which is more than ten times as much to do.
    func isBanned(_ address: IPAddress, at now: Instant) -> Bool {
        if let place = hosts.place(of: address), hosts.values[place].until > now { return true }
        return !networks.isEmpty && (networks.longestMatch(address).map { $0.value.until > now } ?? false)
    }

    /// All bans as they are now, in no particular order; made one by one as they are asked for.
    package var bans: some Sequence<Ban> & Sendable {
        Bans(hosts: hosts, networks: networks.entries.map(\.value))
    }

    /// Bans whose end lies at or before `instant`, in address order.
    package func due(by instant: Instant) -> [Ban] {
        let hosts = hostEnds.places(upTo: instant, of: self.hosts.count) { self.hosts.values[$0].until }
            .map { self.hosts.values[$0].ban(of: self.hosts.addresses[$0]) }
        return (hosts + networks.entries.map(\.value).filter { $0.until <= instant }).sorted { $0.prefix < $1.prefix }
    }

    /// Takes out the bans whose end lies at or before `instant`; in address order.
    mutating func removeDue(by instant: Instant) -> [Ban] {
        let due = due(by: instant)
        for ban in due { self[ban.prefix] = nil }
        hostEnds.renew(upTo: instant, of: hosts.count) { hosts.values[$0].until }
        return due
    }

    /// Bans inside `prefix`, itself included, in address order.
    package func bans(inside prefix: Prefix) -> [Ban] {
        if prefix.isHost { return self[prefix].map { [$0] } ?? [] }
        return bans.filter { prefix.contains($0.prefix) }.sorted { $0.prefix < $1.prefix }
    }

    /// Banned networks strictly inside one, in no particular order. Looks at those of longer prefixes alone, so that in a
    /// wave of IPv6 sources, each a /64, none looks at the others.
    package func networks(inside network: Prefix) -> [Prefix] {
        networks.entries(inside: network).map(\.prefix).filter { $0.isIPv4 == network.isIPv4 }
    }

    /// Bans of single hosts inside a network, in no particular order.
    func hosts(inside network: Prefix) -> [Ban] {
        guard network.isIPv4 else {
            return hostsIPv6.filter { network.contains($0) }.compactMap { hosts[$0]?.ban(of: $0) }
        }
        let free = 128 - Int(network.bits)
        // To ask for each address of a /24 is cheaper than to look at each of many bans.
        if 1 << free < hosts.count {
            return (0..<(1 << UInt64(free))).compactMap { (number: UInt64) in
                let address = IPAddress(high: 0, low: network.address.low + number)
                return hosts[address]?.ban(of: address)
            }
        }
        return hosts.addresses.indices.compactMap { index in
            let address = hosts.addresses[index]
            return address.isIPv4 && network.contains(address) ? hosts.values[index].ban(of: address) : nil
        }
    }

    /// A ban of a network around it that ends no earlier than the ban of this host, which need not stand in the set then.
    package func cover(of host: Prefix) -> Ban? {
        guard host.isHost, !networks.isEmpty, let until = hosts[host.address]?.until else { return nil }
        // `::/0` holds no IPv4 host, whatever their numbers say.
        return networks.outermost(containing: host) { $0.until >= until && $0.prefix.isIPv4 == host.isIPv4 }?.value
    }

    /// The widest ban of a network strictly around `prefix`.
    package func ban(around prefix: Prefix) -> Ban? {
        networks.outermost(containing: prefix) { $0.prefix != prefix && $0.prefix.isIPv4 == prefix.isIPv4 }?.value
    }

    /// Bans of networks that `counts` says yes to, IPv6 blocks of one source included.
    func networks(where counts: (Ban) -> Bool) -> [Ban] { networks.entries.lazy.map(\.value).filter(counts) }

    private struct Bans: Sequence, IteratorProtocol, Sendable {
        let hosts: HostTable<PackedBan>
        let networks: [Ban]
        private var given = 0

        init(hosts: HostTable<PackedBan>, networks: [Ban]) {
            self.hosts = hosts
            self.networks = networks
        }

        var underestimatedCount: Int { hosts.count + networks.count - given }

        mutating func next() -> Ban? {
            guard given < hosts.count + networks.count else { return nil }
            defer { given += 1 }
            if given >= hosts.count { return networks[given - hosts.count] }
            return hosts.values[given].ban(of: hosts.addresses[given])
        }
    }
}

/// A ban without its prefix, its span as a number: 48 bytes.
private struct PackedBan: Sendable {
    let since: Instant
    let until: Instant
    let timeoutNanoseconds: Int64
    let why: String
    let count: Int32
    let origin: Ban.Origin

    init(_ ban: Ban) {
        since = ban.since
        until = ban.until
        timeoutNanoseconds = ban.timeout.nanoseconds
        why = ban.why
        count = Int32(clamping: ban.count)
        origin = ban.origin
    }

    func ban(of address: IPAddress) -> Ban {
        Ban(
            prefix: Prefix(address), since: since, until: until, timeout: .nanoseconds(timeoutNanoseconds), why: why,
            origin: origin, count: Int(count))
    }
}

/// Equal texts share their memory: nearly all bans have one of a handful of reasons.
private struct SharedTexts: Sendable {
    /// Beyond this, texts are kept each by itself; a reply text that invents zones fills the table, not the memory.
    private static let limit = 1000
    /// Shorter ones have no memory of their own.
    private static let shortest = 16
    private var texts: Set<String> = []

    mutating func shared(_ text: String) -> String {
        guard text.utf8.count >= SharedTexts.shortest, texts.count < SharedTexts.limit || texts.contains(text) else {
            return text
        }
        return texts.insert(text).memberAfterInsert
    }
}

/// Of every 128 hosts an instant before which none of their bans ends, so that what ends next is found without a look at
/// each: some of 50,000 bans end every few seconds.
private struct EarliestEnds: Sendable {
    private var bounds: [Instant] = []
    private static let block = 128

    mutating func note(_ end: Instant, at place: Int) {
        let block = place / EarliestEnds.block
        while bounds.count <= block { bounds.append(.distantFuture) }
        bounds[block] = min(bounds[block], end)
    }

    /// Where bans stand that have ended by `instant`.
    func places(upTo instant: Instant, of count: Int, _ end: (Int) -> Instant) -> [Int] {
        var found: [Int] = []
        for (block, bound) in bounds.enumerated() where bound <= instant {
            for place in EarliestEnds.places(block, of: count) where end(place) <= instant { found.append(place) }
        }
        return found
    }

    /// A ban may have been taken out or been given a later end since its end was noted.
    mutating func renew(upTo instant: Instant, of count: Int, _ end: (Int) -> Instant) {
        for (block, bound) in bounds.enumerated() where bound <= instant {
            bounds[block] = .distantFuture
            for place in EarliestEnds.places(block, of: count) { bounds[block] = min(bounds[block], end(place)) }
        }
    }

    private static func places(_ block: Int, of count: Int) -> Range<Int> {
        let start = min(count, block * EarliestEnds.block)
        return start..<min(count, start + EarliestEnds.block)
    }
}
