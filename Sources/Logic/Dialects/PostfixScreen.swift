import Addresses
import Bytes
import Events

/// postscreen's lines that have no queue id, and dnsblog's, which asks the lists for it.
///
/// With postscreen_dnsbl_action = enforce a listed client is rejected at RCPT, and that line says so. With drop it is
/// sent away at once, and the log has `DNSBL rank 3 for [IP]:PORT` and, next of that connection, `DISCONNECT
/// [IP]:PORT`; that pair is a rejection here, unless this postscreen was seen to let listed clients in. With ignore no
/// DISCONNECT follows, as the client is handed on.
extension Postfix {
    struct Screen: Sendable {
        struct Connection: SessionKey {
            var peer: IPAddress
            var port: UInt16

            func mixed(with secret: UInt64) -> UInt64 { Dialects.mixed(peer.mixed(with: secret), UInt64(port)) }
        }
        /// What the lists said of an address: of those that know it one that works and one that does not.
        struct Listing: Sendable {
            var zone: String?
            var failedZone: String?
        }
        /// Connections whose last line was their DNSBL rank.
        var ranked = SessionTable<Connection, Bool>(capacity: 1024, longestAge: .seconds(60))
        /// dnsblog answers some seconds at most before postscreen decides.
        var listings = SessionTable<IPAddress, Listing>(capacity: 2048, longestAge: .minutes(10))
        /// The postscreen that was seen to let listed clients in; another pid may do otherwise.
        var rejectingPid: Int32?

        var evicted: Int { ranked.evicted }
    }

    mutating func screenNote(
        _ line: LogLine, _ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event
    ) -> Reading {
        if reader.skip("CONNECT from ", in: bytes) {
            guard let origin = reader.screened(in: bytes), let port = origin.port else { return .unread }
            screen.ranked.remove(Screen.Connection(peer: origin.peer, port: port))
            event.kind = .connect
            event.note(origin)
            // tlsproxy, which a cut tag does not tell apart, writes the same without a `to`.
            return reader.skip(" to [", in: bytes) ? .event : .nothing
        }
        if reader.skip("DISCONNECT ", in: bytes) {
            guard let origin = reader.screened(in: bytes), reader.isAtEnd else { return .unread }
            event.kind = .disconnect
            event.note(origin)
            judgeDropped(origin, line, &event)
            return .event
        }
        if reader.skip("DNSBL rank ", in: bytes) {
            guard reader.number(in: bytes) != nil, reader.skip(" for ", in: bytes),
                let origin = reader.screened(in: bytes), let port = origin.port, reader.isAtEnd
            else { return .unread }
            if screen.rejectingPid != line.pid || line.pid == nil {
                screen.ranked.set(Screen.Connection(peer: origin.peer, port: port), true, at: line.heard)
            }
            return .nothing
        }
        if reader.skip("reject: connect from ", in: bytes) {
            guard reader.screened(in: bytes) != nil, reader.skip(": all screening ports busy", in: bytes) else {
                return .unread
            }
            event.saturate()
            return Reading(reader.isAtEnd)
        }
        if reader.skip("entering STRESS mode with ", in: bytes) {
            event.kind = .saturation
            event.connections = reader.number(in: bytes)
            return Reading(event.connections != nil && reader.skip(" connections", in: bytes) && reader.isAtEnd)
        }
        // HANGUP, COMMAND PIPELINING and others: whatever a client is noted for, it was not sent away before.
        if screen.ranked.count > 0, let place = reader.place(behind: " from ", in: bytes) {
            reader.move(to: place)
            if let origin = reader.screened(in: bytes) { noteStay(origin, line) }
        }
        return .nothing
    }

    /// `addr IP listed by domain ZONE as 127.0.0.2`: no rejection by itself, but it names the list where postscreen does
    /// not, and the answer, by which lists tell that they refuse to answer.
    mutating func noteListing(_ line: LogLine, _ bytes: Span<UInt8>, _ reader: inout Reader) {
        guard let peer = reader.address(upTo: 0x20, in: bytes), reader.skip(" listed by domain ", in: bytes),
            let blank = reader.find(0x20, within: 254, in: bytes)
        else { return }
        var name = Reader(reader.position..<blank)
        reader.move(to: blank)
        guard let zone = name.zone(in: bytes), reader.skip(" as ", in: bytes) else { return }
        var listing = screen.listings.value(peer, at: line.heard) ?? Screen.Listing()
        // Spamhaus, and others after it: 127.255.255.252 and up are errors.
        if reader.skip("127.255.255.", in: bytes) {
            listing.failedZone = zone
        } else if listing.zone == nil {
            listing.zone = zone
        }
        screen.listings.set(peer, listing, at: line.heard)
    }

    /// A rejection at RCPT: its list may be one that only failed.
    mutating func judgeScreened(_ origin: Origin, _ line: LogLine, _ event: inout Event) {
        noteStay(origin, line)
        guard case .rbl = event.rejectionClass else { return }
        screen.rejectingPid = line.pid
        guard let listing = screen.listings.value(origin.peer, at: line.heard), let failed = listing.failedZone else {
            return
        }
        if event.zone == failed || listing.zone == nil { event.isListFailure = true }
    }

    /// Nothing was said between rank and end: the client was sent away with 521.
    private mutating func judgeDropped(_ origin: Origin, _ line: LogLine, _ event: inout Event) {
        guard let port = origin.port else { return }
        let connection = Screen.Connection(peer: origin.peer, port: port)
        guard screen.ranked.value(connection, at: line.heard) != nil else { return }
        screen.ranked.remove(connection)
        let listing = screen.listings.value(origin.peer, at: line.heard)
        event.kind = .rejection
        event.rejectionClass = .rbl
        event.zone = listing?.zone ?? listing?.failedZone
        event.isListFailure = listing?.zone == nil && listing?.failedZone != nil
    }

    /// A listed client has been let in.
    private mutating func noteStay(_ origin: Origin, _ line: LogLine) {
        guard let port = origin.port else { return }
        let connection = Screen.Connection(peer: origin.peer, port: port)
        guard screen.ranked.value(connection, at: line.heard) != nil else { return }
        screen.ranked.remove(connection)
        screen.rejectingPid = line.pid
    }
}

extension Reader {
    /// `[IP]:PORT`.
    fileprivate mutating func screened(in bytes: Span<UInt8>) -> Postfix.Origin? {
        guard !isAtEnd, bytes[position] == UInt8(ascii: "["), let origin = origin(in: bytes), origin.port != nil else {
            return nil
        }
        return origin
    }
}
