import Addresses
import Events

/// What one source did on one day.
package struct SourceCounts: Equatable, Sendable {
    package var connections: UInt32 = 0
    package var disconnects: UInt32 = 0
    /// 5xx for its address alone: listed, no name, too many connections.
    package var refused: UInt32 = 0
    /// 5xx for what it said.
    package var rejected: UInt32 = 0
    package var deferred: UInt32 = 0
    package var accepted: UInt32 = 0
    /// Those of `accepted` after SMTP AUTH.
    package var authenticated: UInt32 = 0
    package var authFailures: UInt32 = 0
    /// Seconds of the day of all disconnects less those of all connects: with as many of both, how long its connections
    /// lasted, whatever order they came in.
    package var dwell: Int64 = 0
    /// A bit for each of the labels 0 to 62 that it was rejected under, bit 63 for any other.
    package var labels: UInt64 = 0

    package init() {}

    /// How often it came: its connections, or what became of them where the log tells of none.
    package var attempts: Int {
        connections > 0 ? Int(connections) : Int(refused) + Int(rejected) + Int(deferred) + Int(accepted)
    }
    /// Every 5xx.
    package var rejections: Int { Int(refused) + Int(rejected) }
    package var hasDelivered: Bool { accepted > 0 }
    /// It connected and did nothing that the log tells of.
    var isConnectionOnly: Bool {
        refused | rejected | deferred | accepted | authFailures == 0
    }
    /// It got past the checks of its address, so that the server talked with it.
    package var hasTalked: Bool { rejected > 0 || accepted > 0 || authFailures > 0 }

    package static func += (left: inout SourceCounts, right: SourceCounts) {
        left.connections &+= right.connections
        left.disconnects &+= right.disconnects
        left.refused &+= right.refused
        left.rejected &+= right.rejected
        left.deferred &+= right.deferred
        left.accepted &+= right.accepted
        left.authenticated &+= right.authenticated
        left.authFailures &+= right.authFailures
        left.dwell &+= right.dwell
        left.labels |= right.labels
    }
}

/// What counts as one source: an IPv4 address, and of IPv6 a /64, as whoever has one of its addresses has all of them.
@inline(__always)
package func source(of peer: IPAddress) -> IPAddress {
    peer.isIPv4 ? peer : IPAddress(high: peer.high, low: 0)
}

/// A day's sources side by side, with an index of places (open addressing, at most three quarters taken).
///
/// Strangers decide which addresses come, so places follow from a key that Swift draws anew at each start.
struct SourceTable: Sendable {
    struct Entry: Sendable {
        var address: IPAddress
        var counts = SourceCounts()
        /// The minute that was marked last, so that one is seldom marked twice: of what it did, and of its connections.
        var lastAct = UInt16.max
        var lastConnect = UInt16.max
        /// Its number in the `PlaceTable` that goes with the sources.
        var origin: UInt16 = 0
    }
    private(set) var entries: [Entry] = []
    private var places: [Int32] = []
    private let key: UInt64

    init() {
        var hasher = Hasher()
        hasher.combine(0)
        key = UInt64(bitPattern: Int64(hasher.finalize()))
    }

    var count: Int { entries.count }

    /// Makes room for as many at once.
    mutating func reserve(_ count: Int) {
        entries.reserveCapacity(count)
        while 4 * count > 3 * places.count { grow() }
    }

    subscript(index: Int) -> Entry {
        @inline(__always) get { entries[index] }
        @inline(__always) _modify { yield &entries[index] }
    }

    @inline(__always)
    func index(of address: IPAddress) -> Int? {
        guard !places.isEmpty else { return nil }
        let mask = places.count &- 1
        var place = home(address, mask)
        while true {
            let index = Int(places[place])
            if index < 0 { return nil }
            if entries[index].address == address { return index }
            place = (place &+ 1) & mask
        }
    }

    /// Puts in an address that is not there yet.
    mutating func append(_ address: IPAddress) -> Int {
        if 4 * (entries.count + 1) > 3 * places.count { grow() }
        settle(address, Int32(entries.count))
        entries.append(Entry(address: address))
        return entries.count - 1
    }

    @inline(__always)
    private func home(_ address: IPAddress, _ mask: Int) -> Int {
        let mixed = (address.low ^ address.high &* 0x9e37_79b9_7f4a_7c15 ^ key).multipliedFullWidth(
            by: 0xd6e8_feb8_6659_fd93)
        return Int(truncatingIfNeeded: (mixed.high ^ mixed.low) &>> 8) & mask
    }

    private mutating func settle(_ address: IPAddress, _ index: Int32) {
        let mask = places.count - 1
        var place = home(address, mask)
        while places[place] >= 0 { place = (place + 1) & mask }
        places[place] = index
    }

    private mutating func grow() {
        places = [Int32](repeating: -1, count: max(64, 2 * places.count))
        for (index, entry) in entries.enumerated() { settle(entry.address, Int32(index)) }
    }
}

extension SourceTable.Entry {
    /// Counts what is no rejection; whether its minute is to be marked.
    @inline(__always)
    mutating func count(_ event: Event, _ second: Int64, _ minute: UInt16) -> Bool {
        switch event.kind {
        case .connect:
            counts.connections &+= 1
            counts.dwell &-= second
            return isNew(minute, isConnect: true)
        case .disconnect:
            counts.disconnects &+= 1
            counts.dwell &+= second
            return false
        case .acceptance:
            counts.accepted &+= 1
            if event.isAuthenticated { counts.authenticated &+= 1 }
        case .authFailure: counts.authFailures &+= 1
        case .saturation, .rejection, .deferral: return false
        }
        return isNew(minute, isConnect: false)
    }

    @inline(__always)
    mutating func reject(_ event: Event, _ minute: UInt16, _ label: UInt64) -> Bool {
        counts.labels |= label
        if event.kind == .deferral {
            counts.deferred &+= 1
        } else if event.rejectionClass?.concernsClient == true {
            counts.refused &+= 1
        } else {
            counts.rejected &+= 1
        }
        return isNew(minute, isConnect: false)
    }

    /// Another minute than the last one.
    @inline(__always)
    mutating func isNew(_ minute: UInt16, isConnect: Bool) -> Bool {
        if isConnect {
            guard lastConnect != minute else { return false }
            lastConnect = minute
        } else {
            guard lastAct != minute else { return false }
            lastAct = minute
        }
        return true
    }
}
