import Addresses

/// What policy wants done. Plain values: whoever carries them out decides nothing.
package enum Order: Equatable, Sendable {
    /// Put the prefix into the set, or give it a new end if it is there.
    case ban(Ban)
    /// Take the prefix out of the set.
    case unban(Prefix, why: String)
    /// A host that is banned still need not stand in the set, once the network around it does: that ends no earlier.
    case cover(Prefix, by: Prefix)
    /// End connections of a peer, to free their slots.
    case shed(Shed)
    /// A sender whose mail was accepted: past the limits until `until`.
    case remember(Prefix, until: Instant)
    /// Something the administrator should read; never repeated while it lasts.
    case alarm(Alarm)
}

/// One ban, as it stands in a set and in the store.
package struct Ban: Equatable, Sendable {
    package var prefix: Prefix
    package var since: Instant
    package var until: Instant
    /// The span it was given, and is given again by a packet when refreshing is on.
    package var timeout: Duration
    /// In the form of `list`: `rbl:zen.example`, `by hand: text`.
    package var why: String
    package var origin: Origin
    /// How many bans this source has had, this one included.
    package var count: Int

    /// The `why` of an element that is in the set and not in the store: what led to it was lost in a crash, or
    /// somebody put it there with nft.
    package static let unexplained = "found in the set"

    package enum Origin: String, Sendable {
        case local
        case manual
        case imported
    }

    package init(
        prefix: Prefix, since: Instant, until: Instant, timeout: Duration, why: String, origin: Origin = .local,
        count: Int = 1
    ) {
        self.prefix = prefix
        self.since = since
        self.until = until
        self.timeout = timeout
        self.why = why
        self.origin = origin
        self.count = count
    }
}

package struct Shed: Equatable, Sendable {
    package enum Extent: Equatable, Sendable {
        /// The one connection of `peer` from this port.
        case connection(port: UInt16)
        /// The one connection of `peer` that this process holds; the process may have ended, or be one of another pid
        /// namespace: then as `only`.
        case served(by: Int32)
        /// The only connection of `peer`; left alone when there are several, since the line did not say which.
        case only
        /// Every connection from inside `prefix` (a ban by hand).
        case all(Prefix)
    }
    package var peer: IPAddress
    package var extent: Extent
    /// Whose line caused it; `nil` for a ban by hand.
    package var mta: MTA?
    /// The process that wrote the line (`Event.pid`).
    package var pid: Int32?
    /// So many sessions the peer has with that process, and each was rejected (`Event.rejectedSessions`).
    package var rejectedSessions: Int?
    /// Its 5xx comes as the answer to a later command (`Event.precedesReply`).
    package var precedesReply = false
    package var why: String
    /// When the line that caused it had been read: what latencies count from.
    package var since: Instant

    package init(peer: IPAddress, extent: Extent, mta: MTA? = nil, why: String, since: Instant) {
        self.peer = peer
        self.mta = mta
        self.extent = extent
        self.why = why
        self.since = since
    }
}

package struct Alarm: Equatable, Sendable {
    package enum Kind: String, Sendable {
        case zoneSuspended = "zone-suspended"
        case zoneResumed = "zone-resumed"
    }
    package var kind: Kind
    package var zone: String
    package var text: String

    package init(_ kind: Kind, zone: String, text: String) {
        self.kind = kind
        self.zone = zone
        self.text = text
    }
}

/// What came of an order.
package enum Outcome: String, Sendable {
    case done
    /// It was so before.
    case already
    /// The connection or process had ended by itself.
    case gone
    /// A check said no; the detail says which.
    case refused
    case failed
}

/// One decision and what came of it: a line of the log, of `events`, and of the store's history.
package struct Decision: Equatable, Sendable {
    package enum Kind: String, Sendable {
        case ban
        case unban
        case shed
        case saturation
        case waveBegin = "wave-begin"
        case waveEnd = "wave-end"
        case note
    }
    package var time: Instant
    package var kind: Kind
    package var prefix: Prefix?
    package var why: String
    package var outcome: Outcome
    /// From the line having been read to the order being carried out.
    package var latency: Duration?
    /// For a shed: whether the peer had acknowledged its 5xx.
    package var told: Bool?
    /// For a ban: the span given.
    package var timeout: Duration?
    /// For a ban: the how manieth of this source.
    package var count: Int?
    package var port: UInt16?
    package var pid: Int32?
    /// Orders only logged, not carried out (`mode = "observe"`).
    package var isObserved = false
    package var detail: String?

    package init(_ kind: Kind, at time: Instant, prefix: Prefix? = nil, why: String, outcome: Outcome) {
        self.kind = kind
        self.time = time
        self.prefix = prefix
        self.why = why
        self.outcome = outcome
    }
}
