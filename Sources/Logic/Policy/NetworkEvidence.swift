import Addresses
import Events

/// Which networks bad sources come from: distinct sources banned of late, by IPv4 /24 and IPv6 /48.
///
/// Exact up to eight sources of a network; beyond those, and up to a number of networks, a map of 256 bits, which is
/// exact for the hosts of a /24 and a sketch for the blocks of a /48 (linear counting: an estimate, and said so).
/// 48 bytes for each network with its place in the index, and when the table is full one not seen for long leaves.
struct NetworkEvidence: Sendable {
    /// Sources count for this long, in steps of a sixteenth of it; in a map up to twice as long.
    static let window = Duration.hours(1)
    static let step = Duration.nanoseconds(window.nanoseconds / 16)
    private static let steps: UInt32 = 16
    /// Maps kept at once, about 5 MB; a network beyond them has "at least eight".
    static let mostMaps = 65_536

    /// So many distinct sources; `isExact` false when it is an estimate or a lower bound.
    struct Count: Equatable, Sendable {
        var sources = 0
        var isExact = true
    }

    /// A lower one than before stops the growth, and forgets nobody.
    var limit: Int
    private var networks = Slab()
    private var index = AddressIndex()
    private var maps: [SourceMap] = []
    private var freeMaps: [Int32] = []
    /// Where the next one that has to leave is looked for.
    private var hand = 0

    init(limit: Int) { self.limit = max(1, limit) }

    /// Networks with a source in them, old ones included until they leave.
    var count: Int { index.count }

    /// The network that a source is counted in: the IPv4 /24, the IPv6 /48.
    static func network(of source: IPAddress) -> Prefix { Prefix(source, bits: unitBits(source)) }

    static func unitBits(_ address: IPAddress) -> Int { address.isIPv4 ? 120 : 48 }

    // MARK: - Noting

    /// Notes a bad source: a host, or the first address of its IPv6 block.
    ///
    /// One that is told late, as after a restart, counts as seen with the newest of its network.
    mutating func note(_ source: IPAddress, at now: Instant) {
        let position = position(of: NetworkEvidence.network(of: source).address, NetworkEvidence.tick(now))
        let tick = max(NetworkEvidence.tick(now), networks[position].last)
        let id = NetworkEvidence.id(of: source)
        if networks[position].map >= 0 {
            maps[Int(networks[position].map)].note(id, tick, isIPv4: source.isIPv4)
        } else if !networks[position].note(id, tick) {
            spill(position, id, tick, isIPv4: source.isIPv4)
        }
        networks[position].last = tick
    }

    /// The ninth source of a network: from now on in a map, if there is room for one.
    private mutating func spill(_ position: Int, _ id: UInt16, _ tick: UInt32, isIPv4: Bool) {
        guard let map = freeMaps.popLast() ?? newMap() else { return }
        maps[Int(map)] = SourceMap(turned: tick)
        for slot in 0..<8 { maps[Int(map)].note(networks[position].ids[slot], tick, isIPv4: isIPv4) }
        maps[Int(map)].note(id, tick, isIPv4: isIPv4)
        networks[position].map = map
    }

    private mutating func newMap() -> Int32? {
        guard maps.count < NetworkEvidence.mostMaps else { return nil }
        maps.append(SourceMap(turned: 0))
        return Int32(maps.count - 1)
    }

    private mutating func position(of network: IPAddress, _ tick: UInt32) -> Int {
        if let found = index.position(of: network, { networks[$0].address }) {
            if isOld(networks[found], tick) { clear(found, network) }
            return found
        }
        let position: Int
        if networks.count < limit {
            position = networks.count
            networks.append(Network(network))
        } else {
            position = leaving(tick)
            index.remove(networks[position].address) { networks[$0].address }
            clear(position, network)
        }
        index.insert(network, at: position) { networks[$0].address }
        return position
    }

    private mutating func clear(_ position: Int, _ network: IPAddress) {
        if networks[position].map >= 0 { freeMaps.append(networks[position].map) }
        networks[position] = Network(network)
    }

    /// The next one that is out of date, or of sixteen the one not seen for longest.
    private mutating func leaving(_ tick: UInt32) -> Int {
        var chosen = hand
        for _ in 0..<16 {
            if networks[hand].last < networks[chosen].last { chosen = hand }
            hand = hand + 1 < networks.count ? hand + 1 : 0
            if isOld(networks[chosen], tick) { break }
        }
        return chosen
    }

    // MARK: - Asking

    /// Distinct bad sources in a network, or in a wider block of several.
    func sources(in block: Prefix, at now: Instant) -> Count {
        var count = Count()
        eachNetwork(of: block, at: now) { network in
            if network.map >= 0 {
                let map = maps[Int(network.map)]
                count.sources += map.sources(isIPv4: block.isIPv4)
                if !block.isIPv4 { count.isExact = false }
            } else {
                let sources = network.sources(NetworkEvidence.tick(now))
                count.sources += sources
                // Where there was no room for a map there may have been more.
                if sources == 8, maps.count >= NetworkEvidence.mostMaps { count.isExact = false }
            }
        }
        return count
    }

    /// How many of the networks of a block hold at least `least` bad sources.
    func networks(of block: Prefix, withAtLeast least: Int, at now: Instant) -> Int {
        var count = 0
        let tick = NetworkEvidence.tick(now)
        eachNetwork(of: block, at: now) { network in
            let sources =
                network.map >= 0
                ? maps[Int(network.map)].sources(isIPv4: block.isIPv4) : network.sources(tick)
            if sources >= least { count += 1 }
        }
        return count
    }

    private func eachNetwork(of block: Prefix, at now: Instant, _ body: (Network) -> Void) {
        let tick = NetworkEvidence.tick(now)
        let unit = NetworkEvidence.unitBits(block.address)
        for number in 0..<(1 << max(0, min(16, unit - Int(block.bits)))) {
            let address = block.address.network(number, ofLength: unit)
            guard let position = index.position(of: address, { networks[$0].address }) else { continue }
            if !isOld(networks[position], tick) { body(networks[position]) }
        }
    }

    private func isOld(_ network: Network, _ tick: UInt32) -> Bool {
        tick > network.last && tick - network.last > NetworkEvidence.steps
    }

    private static func tick(_ now: Instant) -> UInt32 {
        UInt32(truncatingIfNeeded: max(0, now.nanoseconds) / step.nanoseconds)
    }

    /// What tells sources of one network apart: the last byte of an IPv4 address, the number of a /64 in its /48.
    private static func id(of source: IPAddress) -> UInt16 {
        UInt16(truncatingIfNeeded: source.isIPv4 ? source.low & 0xff : source.high)
    }
}

/// One network: eight sources with the step in which each was last seen, or a map of more. 40 bytes.
private struct Network: Sendable {
    /// The upper 24 bits of an IPv4 network, the upper 48 of an IPv6 one and a bit that tells them apart.
    private let key: UInt64
    private(set) var ids = InlineArray<8, UInt16>(repeating: 0)
    /// Steps modulo 255, from 1; 0 is a free place. An older one than the window is cleared before it could be mistaken.
    private var stamps = InlineArray<8, UInt8>(repeating: 0)
    /// The step in which any was seen last.
    var last: UInt32 = 0
    /// The place of its map; -1 while eight are enough.
    var map: Int32 = -1

    init(_ address: IPAddress) {
        key = address.v4.map { UInt64($0 >> 8) } ?? 1 << 63 | address.high >> 16
    }

    var address: IPAddress {
        key >> 63 == 0
            ? IPAddress(v4: UInt32(truncatingIfNeeded: key) << 8) : IPAddress(high: key << 16, low: 0)
    }

    private static func stamp(_ tick: UInt32) -> UInt8 { UInt8(tick % 255) + 1 }

    private static func isLive(_ stamp: UInt8, _ now: UInt8) -> Bool {
        stamp != 0 && (Int(now) - Int(stamp) + 255) % 255 <= 16
    }

    /// False when all eight places are taken by others.
    mutating func note(_ id: UInt16, _ tick: UInt32) -> Bool {
        let now = Network.stamp(tick)
        var free: Int?
        for slot in 0..<8 {
            if !Network.isLive(stamps[slot], now) {
                stamps[slot] = 0
                free = free ?? slot
            } else if ids[slot] == id {
                stamps[slot] = now
                return true
            }
        }
        guard let free else { return false }
        ids[free] = id
        stamps[free] = now
        return true
    }

    func sources(_ tick: UInt32) -> Int {
        let now = Network.stamp(tick)
        var count = 0
        for slot in 0..<8 where Network.isLive(stamps[slot], now) { count += 1 }
        return count
    }
}

/// Many sources of one network as bits: those of this window and those of the one before.
private struct SourceMap: Sendable {
    private var newer = InlineArray<4, UInt64>(repeating: 0)
    private var older = InlineArray<4, UInt64>(repeating: 0)
    private var turned: UInt32

    init(turned: UInt32) { self.turned = turned }

    mutating func note(_ id: UInt16, _ tick: UInt32, isIPv4: Bool) {
        if tick &- turned > 16 {
            older = tick &- turned > 32 ? InlineArray(repeating: 0) : newer
            newer = InlineArray(repeating: 0)
            turned = tick
        }
        // Fibonacci hashing: neighbouring blocks get bits far apart.
        let bit = isIPv4 ? Int(id & 0xff) : Int((id &* 40_503) >> 8)
        newer[bit / 64] |= 1 << UInt64(bit % 64)
    }

    func sources(isIPv4: Bool) -> Int {
        let bits = (0..<4).reduce(0) { $0 + (newer[$1] | older[$1]).nonzeroBitCount }
        if isIPv4 { return bits }
        // So many that by chance as many bits are set: 256/256 + 256/255 + ...
        return Int((0..<min(bits, 255)).reduce(0.0) { $0 + 256 / Double(256 - $1) }.rounded())
    }
}

/// An array that grows piece by piece: one that doubles has three times its memory while it is copied.
private struct Slab: Sendable {
    private var pieces: [[Network]] = []
    private(set) var count = 0
    private static let size = 1024

    subscript(position: Int) -> Network {
        get { pieces[position / Slab.size][position % Slab.size] }
        _modify { yield &pieces[position / Slab.size][position % Slab.size] }
    }

    mutating func append(_ network: Network) {
        if count % Slab.size == 0 {
            pieces.append([])
            pieces[pieces.count - 1].reserveCapacity(Slab.size)
        }
        pieces[pieces.count - 1].append(network)
        count += 1
    }
}

extension IPAddress {
    /// The `number`th network of this length from here on.
    func network(_ number: Int, ofLength bits: Int) -> IPAddress {
        isIPv4
            ? IPAddress(high: 0, low: low + UInt64(number) << UInt64(128 - bits))
            : IPAddress(high: high + UInt64(number) << UInt64(64 - bits), low: 0)
    }
}
