import Addresses

/// What one log line says happened, in the words all dialects share.
///
/// Values only: everything here was copied out of the line, so an event outlives the buffer it was read from.
package struct Event: Equatable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case rejection
        case deferral
        case acceptance
        case connect
        case disconnect
        case saturation
        case authFailure = "auth-failure"
    }

    package var kind: Kind
    /// Whose line it was.
    package var mta = MTA.courier
    /// Set for rejections, deferrals and authentication failures.
    package var rejectionClass: RejectionClass?
    /// The SMTP reply code, 400...599.
    package var code: UInt16?
    package var peer: IPAddress?
    /// The peer's TCP port; `nil` where the MTA does not log it.
    package var port: UInt16?
    /// The DNSBL that listed the peer, as far as the line names it; lower case.
    package var zone: String?
    /// The process that wrote the line: as a rule the one that holds the peer's connection, alone or among others.
    package var pid: Int32?
    /// The host that wrote the line is another than this one, so its processes and connections are not ours to touch.
    package var isRemote = false
    /// Where a line holds several addresses in the peer's place, since a client chose some of them: all of these, and
    /// `peer` is `nil`. Which of them is the peer, only the kernel knows. Bounded by the dialect.
    package var candidates: [IPAddress] = []
    /// What the line says if the candidate in the same place is the peer, `nil` for no event at all; empty where the
    /// fields above hold for each of them.
    package var readings: [Reading?] = []
    /// The line was written before the reply it is about. For a rejection: when the connection began, and its 5xx comes
    /// as the answer to a later command. For an acceptance: before the message came, which may still be refused.
    package var precedesReply = false
    /// Where the line names no port: how many sessions the peer has open with this process, when the log showed a
    /// rejection in every one of them; `nil` when it did not. A process with as many connections of the peer holds none
    /// that was not rejected.
    package var rejectedSessions: Int?
    /// An acceptance after SMTP AUTH.
    package var isAuthenticated = false
    /// An inner line of a multi-line reply (`517-`): shown by `parse`, judged by its last line only.
    package var isContinuation = false
    /// The reply's text says that the list itself failed (127.255.255.x, "query refused" ...): never a reason to ban.
    package var isListFailure = false
    /// The number of connections that a saturation line states.
    package var connections: Int?
    /// A saturation line that says the limit is reached, not merely near.
    package var isAtLimit = false

    package init(
        _ kind: Kind = .rejection, class rejectionClass: RejectionClass? = nil, code: UInt16? = nil,
        peer: IPAddress? = nil,
        port: UInt16? = nil, zone: String? = nil
    ) {
        self.kind = kind
        self.rejectionClass = rejectionClass
        self.code = code
        self.peer = peer
        self.port = port
        self.zone = zone
    }

    /// As `Event()` is; field by field, which is cheaper than another value's copy.
    @inlinable
    package mutating func clear() {
        kind = .rejection
        mta = .courier
        rejectionClass = nil
        code = nil
        peer = nil
        port = nil
        if zone != nil { zone = nil }
        pid = nil
        isRemote = false
        if !candidates.isEmpty { candidates = [] }
        if !readings.isEmpty { readings = [] }
        precedesReply = false
        rejectedSessions = nil
        isAuthenticated = false
        isContinuation = false
        isListFailure = false
        connections = nil
        isAtLimit = false
    }
}

extension Event {
    /// What depends on where in its line the peer stands: all that is read from there on.
    package struct Reading: Equatable, Sendable {
        package var kind = Kind.rejection
        package var rejectionClass: RejectionClass?
        package var code: UInt16?
        package var port: UInt16?
        package var zone: String?
        package var isListFailure = false

        package init() {}

        package init(_ event: Event) {
            kind = event.kind
            rejectionClass = event.rejectionClass
            code = event.code
            port = event.port
            zone = event.zone
            isListFailure = event.isListFailure
        }
    }

    /// Makes that candidate the peer; false, and then this is no event, when it is none of them.
    package mutating func settle(on candidate: IPAddress) -> Bool {
        guard let place = candidates.firstIndex(of: candidate) else { return false }
        if place < readings.count {
            guard let reading = readings[place] else { return false }
            take(reading)
        }
        peer = candidate
        candidates = []
        readings = []
        return true
    }

    package mutating func take(_ reading: Reading) {
        kind = reading.kind
        rejectionClass = reading.rejectionClass
        code = reading.code
        port = reading.port
        zone = reading.zone
        isListFailure = reading.isListFailure
    }
}

/// The kind of reason behind a 5xx or 4xx reply.
package enum RejectionClass: String, Sendable, CaseIterable {
    case rbl
    case rhsbl
    case relayDenied = "relay-denied"
    case helo
    case unknownUser = "unknown-user"
    case recipient
    case clientHost = "client-host"
    case sender
    case auth
    case content
    case connLimit = "conn-limit"
    case other
}
