import Addresses
import Events

/// What a policy comes to: whom it bans, which connections it ends, what that gives back, and which known senders it
/// touches. Of a log that is replayed, and of a day that the daemon only observes.
///
/// A known sender is touched when it is banned: one that the policy knows by then, or whose mail is accepted before or
/// after in the same time. Bounded; what is beyond a bound is left out, and `isPartial` says so.
package struct Effect: Sendable {
    /// The most of each thing that is remembered.
    package struct Bounds: Sendable {
        package var sources: Int
        package var senders: Int
        package var connections: Int

        package init(sources: Int, senders: Int, connections: Int) {
            self.sources = sources
            self.senders = senders
            self.connections = connections
        }

        /// About 8 MB when all is full.
        package static let day = Bounds(sources: 100_000, senders: 50_000, connections: 32_768)
        /// For months: about 400 MB when all is full.
        package static let months = Bounds(sources: 4_000_000, senders: 2_000_000, connections: 262_144)
    }

    private struct Sender: Sendable {
        var messages: Int32 = 0
        var isTouched = false
    }

    /// Bans of sources that began.
    package private(set) var bans = 0
    package private(set) var isPartial = false
    private let bounds: Bounds
    private var slots: SlotModel
    /// By the first address of what is banned for a source.
    private var banned: HostTable<Void> = HostTable()
    private var senders: HostTable<Sender> = HostTable()
    private var touchedCount = 0
    private var networksBanned = PrefixTable<Int>()

    /// - Parameter hold: as in `SlotModel`.
    package init(hold: Duration? = nil, bounds: Bounds) {
        self.bounds = bounds
        slots = SlotModel(hold: hold, most: bounds.connections)
    }

    /// Sources that were banned at least once.
    package var sources: Int { banned.count }
    package var networks: Int { networksBanned.count }
    package var touched: Int { touchedCount }

    package func slotFigures(at now: Instant) -> SlotModel.Figures { slots.figures(at: now) }
    /// When all connections have ended as far as is known.
    package var allEnded: Instant { slots.allEnded }

    /// The known senders that were touched, in address order, with the messages accepted from each. Where a source is an
    /// IPv6 block, `prefix` is that.
    package func touchedSenders(_ block: (IPAddress) -> Prefix) -> [(prefix: Prefix, messages: Int)] {
        senders.addresses.indices.filter { senders.values[$0].isTouched }
            .map { (block(senders.addresses[$0]), Int(senders.values[$0].messages)) }
            .sorted { $0.0 < $1.0 }
    }

    /// Takes an event in, before its orders. `isBanned`: its peer was banned before this event came. `source`: what would
    /// be banned for the peer.
    package mutating func hear(_ event: Event, isBanned: Bool, source: IPAddress, at now: Instant) {
        guard let peer = event.peer else { return }
        switch event.kind {
        case .connect where !event.isRemote:
            slots.begin(peer, SlotModel.mark(event, at: now), at: now, isRefused: isBanned)
        case .disconnect where !event.isRemote:
            slots.end(peer, SlotModel.mark(event, at: now), at: now)
        // Without a code the server closed the connection at once.
        case .rejection where event.code != nil && !event.isContinuation && !event.isRemote,
            .authFailure where event.code != nil && !event.isContinuation && !event.isRemote:
            slots.reject(peer, SlotModel.mark(event, at: now), by: event.mta, at: now, isRefused: isBanned)
        case .acceptance where !event.precedesReply:
            accept(source, isBanned: isBanned)
        default: break
        }
    }

    /// A ban that begins; one that was given a later end is no new one. `isKnown`: its source is a known sender.
    package mutating func note(_ ban: Ban, isNetwork: Bool, isKnown: Bool) {
        if isNetwork {
            if networksBanned.count < bounds.sources {
                networksBanned[ban.prefix] = (networksBanned[ban.prefix] ?? 0) + 1
            } else {
                isPartial = true
            }
            return
        }
        bans += 1
        let source = ban.prefix.address
        if banned.place(of: source) == nil {
            if banned.count < bounds.sources { banned[source] = () } else { isPartial = true }
        }
        if isKnown || senders.place(of: source) != nil { touch(source) }
    }

    /// A connection that is ended.
    package mutating func note(_ shed: Shed, at now: Instant) {
        switch shed.extent {
        case .connection(let port): slots.shed(shed.peer, SlotModel.mark(port: port, pid: nil, at: now), at: now)
        case .served(let pid): slots.shed(shed.peer, SlotModel.mark(port: nil, pid: pid, at: now), at: now)
        case .only: slots.shed(shed.peer, SlotModel.mark(port: nil, pid: nil, at: now), at: now)
        case .all: break
        }
    }

    private mutating func accept(_ source: IPAddress, isBanned: Bool) {
        if isBanned || banned.place(of: source) != nil || isInNetwork(source) { touch(source) }
        guard let place = sender(source) else { return }
        senders.update(place) { $0.messages &+= 1 }
    }

    private func isInNetwork(_ source: IPAddress) -> Bool {
        !networksBanned.isEmpty && networksBanned.longestMatch(source) != nil
    }

    private mutating func touch(_ source: IPAddress) {
        guard let place = sender(source), !senders.values[place].isTouched else { return }
        senders.update(place) { $0.isTouched = true }
        touchedCount += 1
    }

    private mutating func sender(_ source: IPAddress) -> Int? {
        if senders.count >= bounds.senders {
            guard let place = senders.place(of: source) else {
                isPartial = true
                return nil
            }
            return place
        }
        return senders.place(of: source, adding: Sender())
    }
}

extension SlotModel {
    fileprivate static func mark(_ event: Event, at now: Instant) -> UInt32 {
        mark(port: event.port, pid: event.pid, at: now)
    }
}
