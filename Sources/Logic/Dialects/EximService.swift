import Bytes
import Events

/// What Exim logs of connections besides the verdicts of its ACLs: accepted messages, refused and ended connections,
/// failed authentications, its own limits.
extension Exim {
    /// Behind `<= `: `SENDER H=HOST ... P=esmtpsa X=... A=login:bob S=812`.
    func acceptance(_ bytes: Span<UInt8>, _ start: Reader, _ event: inout Event) -> Found {
        var reader = start
        guard reader.skipEximSender(in: bytes) else { return .unread }
        if !reader.skip(" H=", in: bytes) {
            // `R=` says what a bounce is about; a name and no host is a user of this one.
            guard reader.skip(" DS H=", in: bytes) else { return .nothing }
        }
        guard let hosts = EximHosts(bytes, &reader) else { return .unread }
        event.kind = .acceptance
        guard hosts.name(in: &event, bytes) else { return .unread }
        event.isAuthenticated = event.peer != nil && Exim.isAuthenticated(bytes, &reader)
        return .event
    }

    /// By the protocol, which Exim names before anything of the client's: `P=esmtpa`, `P=esmtpsa`. The answer of an
    /// ident server (`U=`) stands before it; nothing is believed behind that.
    private static func isAuthenticated(_ bytes: Span<UInt8>, _ reader: inout Reader) -> Bool {
        for _ in 0..<5 {
            guard reader.skip(" ", in: bytes), !reader.isAtEnd else { return false }
            let end = reader.find(0x20, within: 128, in: bytes) ?? reader.end
            if reader.skip("P=", in: bytes) { return end > reader.position && bytes[end - 1] == UInt8(ascii: "a") }
            guard
                bytes.hasBytes(of: "I=[", at: reader.position) || bytes.hasBytes(of: "TFO", at: reader.position)
                    || bytes.hasBytes(of: "Ci=", at: reader.position)
            else { return false }
            reader.move(to: end)
        }
        return false
    }

    /// `F=SENDER H=HOST ... rejected by local_scan(): TEXT`.
    mutating func localScan(_ bytes: Span<UInt8>, _ start: Reader, _ event: inout Event) -> Found {
        var reader = start
        guard reader.skip("F=", in: bytes), reader.skipEximSender(in: bytes), reader.skip(" H=", in: bytes) else {
            return bounds(bytes, start, &event)
        }
        return rejection(bytes, reader, &event)
    }

    /// Everything that is said of a connection and not of a message.
    func service(_ bytes: Span<UInt8>, _ start: Reader, _ event: inout Event) -> Found {
        guard !start.isAtEnd else { return .nothing }
        var reader = start
        switch bytes[start.position] {
        case UInt8(ascii: "S") where reader.skip("SMTP ", in: bytes): return session(bytes, reader, &event)
        case UInt8(ascii: "C") where reader.skip("Connection from ", in: bytes): return daemon(bytes, reader, &event)
        case UInt8(ascii: "u") where reader.skip("unexpected disconnection while reading SMTP command from ", in: bytes):
            _ = reader.skip("TFO* ", in: bytes) || reader.skip("TFO ", in: bytes)
            event.kind = .disconnect
            return named(bytes, &reader, &event)
        case UInt8(ascii: "c") where reader.skip("connection from ", in: bytes):
            event.rejectionClass = .clientHost
            let found = named(bytes, &reader, &event)
            return found == .event && !bytes.hasBytes(of: " refused (IP options)", at: reader.position)
                ? .nothing : found
        case UInt8(ascii: "r") where reader.skip("refused connection from ", in: bytes):
            event.rejectionClass = .clientHost
            return named(bytes, &reader, &event)
        case UInt8(ascii: "r") where reader.skip("rejected ", in: bytes): return command(bytes, reader, &event)
        case UInt8(ascii: "t") where reader.skip("temporarily refused connection from ", in: bytes):
            return reserve(bytes, reader, &event)
        case UInt8(ascii: "t") where reader.skip("temporarily rejected \"", in: bytes):
            return anywhere(bytes, reader, .deferral, .helo, 451, &event)
        default: break
        }
        let found = bounds(bytes, start, &event)
        return found == .nothing ? authenticator(bytes, start, &event) : found
    }

    /// Behind `rejected `, where no ACL spoke.
    private func command(_ bytes: Span<UInt8>, _ start: Reader, _ event: inout Event) -> Found {
        var reader = start
        if reader.skip("EHLO from ", in: bytes) || reader.skip("HELO from ", in: bytes) {
            (event.rejectionClass, event.code) = (.helo, 501)
            return named(bytes, &reader, &event)
        }
        if reader.skip("MAIL from ", in: bytes) {
            (event.rejectionClass, event.code) = (.helo, 503)
            return named(bytes, &reader, &event)
        }
        if reader.skip("MAIL command H=", in: bytes) {
            (event.kind, event.rejectionClass, event.code) = (.deferral, .connLimit, 421)
            return named(bytes, &reader, &event)
        }
        // The client's words stand before its address in these.
        if reader.skip("MAIL FROM:<", in: bytes) || reader.skip("from <", in: bytes) {
            return anywhere(bytes, reader, .rejection, .content, 552, &event)
        }
        guard reader.skip("\"", in: bytes) else { return .nothing }
        return anywhere(bytes, reader, .rejection, .helo, 550, &event)
    }

    /// Behind `SMTP `.
    private func session(_ bytes: Span<UInt8>, _ start: Reader, _ event: inout Event) -> Found {
        var reader = start
        if reader.skip("connection ", in: bytes) {
            if reader.skip("Ci=", in: bytes), let blank = reader.find(0x20, within: 64, in: bytes) {
                reader.move(to: blank + 1)
            }
            guard reader.skip("from ", in: bytes) else { return .nothing }
            return connection(bytes, &reader, &event)
        }
        event.kind = .disconnect
        if reader.skip("command timeout on connection from ", in: bytes)
            || reader.skip("command timeout on TLS connection from ", in: bytes)
            || reader.skip("data timeout (message abandoned) on connection from ", in: bytes)
        {
            return named(bytes, &reader, &event)
        }
        // Exim ends the connection with these.
        event.kind = .rejection
        event.rejectionClass = .other
        if reader.skip("call from ", in: bytes) {
            let found = named(bytes, &reader, &event)
            return found == .event && !bytes.hasBytes(of: " dropped: ", at: reader.position) ? .unread : found
        }
        guard reader.skip("protocol synchronization error (", in: bytes) else { return .nothing }
        if reader.skip("input sent without waiting for greeting): rejected connection from H=", in: bytes) {
            return named(bytes, &reader, &event)
        }
        return anywhere(bytes, reader, .rejection, .other, nil, &event)
    }

    /// Behind `SMTP connection from `: it began, and the daemon counts it; or it has ended.
    private func connection(_ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event) -> Found {
        event.kind = .disconnect
        guard named(bytes, &reader, &event) == .event else { return .unread }
        reader.skipEximInterface(in: bytes)
        if reader.skip(" Ci=", in: bytes), let blank = reader.find(0x20, within: 64, in: bytes) {
            reader.move(to: blank)
        }
        if reader.skip(" (TCP/IP connection count = ", in: bytes) {
            event.kind = .connect
            event.pid = nil
        } else if reader.isAtEnd || reader.skip(" (via inetd)", in: bytes) && reader.isAtEnd {
            event.kind = .connect
        }
        return .event
    }

    /// Behind `Connection from `: the daemon itself refuses, in its own name.
    private func daemon(_ bytes: Span<UInt8>, _ start: Reader, _ event: inout Event) -> Found {
        var reader = start
        guard let host = EximHost(bytes, at: reader.position, end: reader.end) else { return .unread }
        reader.move(to: host.end)
        reader.skipEximInterface(in: bytes)
        guard reader.skip(" refused: ", in: bytes) else { return .unread }
        (event.peer, event.port, event.pid) = (host.peer, host.port, nil)
        if reader.skip("too many connections", in: bytes) {
            if reader.isAtEnd {
                event.kind = .saturation
                event.isAtLimit = true
            } else {
                event.rejectionClass = .connLimit
            }
            return .event
        }
        (event.kind, event.rejectionClass, event.code) = (.deferral, .connLimit, 421)
        return .event
    }

    /// `HOST: not in reserve list: connected=18 max=20 reserve=2`: the rest is kept for smtp_reserve_hosts.
    private func reserve(_ bytes: Span<UInt8>, _ start: Reader, _ event: inout Event) -> Found {
        var reader = start
        let found = named(bytes, &reader, &event)
        guard found == .event else { return found }
        if reader.skip(": not in reserve list: connected=", in: bytes) {
            event.kind = .saturation
            event.connections = reader.number(in: bytes)
            event.isAtLimit = true
            event.pid = nil
        } else {
            (event.kind, event.rejectionClass, event.code) = (.deferral, .connLimit, 421)
        }
        return .event
    }

    /// What a message or an address fails by Exim's own rules; the address stands before the client.
    private func bounds(_ bytes: Span<UInt8>, _ start: Reader, _ event: inout Event) -> Found {
        var reader = start
        guard !start.isAtEnd else { return .nothing }
        switch bytes[start.position] {
        case UInt8(ascii: "r"), UInt8(ascii: "t"), UInt8(ascii: "u"): break
        default: return .nothing
        }
        for entry in Exim.bounds where reader.skip(entry.words, in: bytes) {
            return anywhere(bytes, reader, entry.kind, entry.rejectionClass, entry.code, &event)
        }
        return .nothing
    }

    /// `NAME authenticator failed for HOST: 535 Incorrect authentication data (set_id=bob)`.
    private func authenticator(_ bytes: Span<UInt8>, _ start: Reader, _ event: inout Event) -> Found {
        var reader = start
        guard let blank = reader.find(0x20, within: 64, in: bytes) else { return .nothing }
        reader.move(to: blank)
        guard reader.skip(" authenticator failed for ", in: bytes) else { return .nothing }
        _ = reader.skip("H=", in: bytes)
        event.rejectionClass = .auth
        event.kind = .authFailure
        event.code = 535
        let found = named(bytes, &reader, &event)
        // 435: the authenticator could not tell.
        guard found == .event, event.candidates.isEmpty else { return found }
        reader.skipEximInterface(in: bytes)
        if reader.skip(": 435 ", in: bytes) { (event.kind, event.code) = (.deferral, 435) }
        return found
    }

    /// The client stands here, and what else is said of the event is known.
    private func named(_ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event) -> Found {
        guard let hosts = EximHosts(bytes, &reader), hosts.name(in: &event, bytes) else { return .unread }
        return .event
    }

    /// The client stands somewhere in the rest, behind its own words.
    private func anywhere(
        _ bytes: Span<UInt8>, _ reader: Reader, _ kind: Event.Kind, _ rejectionClass: RejectionClass, _ code: UInt16?,
        _ event: inout Event
    ) -> Found {
        (event.kind, event.rejectionClass, event.code) = (kind, rejectionClass, code)
        guard let hosts = EximHosts(anywhereIn: reader.rest, bytes), hosts.name(in: &event, bytes) else {
            return .unread
        }
        return .event
    }

    /// smtp_in.c and receive.c.
    private static let bounds: [(words: StaticString, kind: Event.Kind, rejectionClass: RejectionClass, code: UInt16)] =
        [
            ("rejected from <", .rejection, .content, 552),
            ("unqualified sender rejected: ", .rejection, .sender, 501),
            ("unqualified recipient rejected: ", .rejection, .recipient, 501),
            ("too many recipients: message rejected: ", .rejection, .recipient, 552),
            ("too many recipients: excess temporarily rejected: ", .deferral, .recipient, 452),
        ]
}

extension Reader {
    /// ` I=[192.0.2.25]:25`: the address of ours that the client came to (+incoming_interface).
    fileprivate mutating func skipEximInterface(in bytes: Span<UInt8>) {
        var next = self
        if next.skip(" I=", in: bytes), let own = EximHost(bytes, at: next.position, end: end) { move(to: own.end) }
    }

    /// An address without brackets, or `<>`. Its local part may be quoted as a whole or in part (`a."b c"@d.example`, as
    /// RFC 822 allows and Exim takes), and hold blanks there.
    fileprivate mutating func skipEximSender(in bytes: Span<UInt8>) -> Bool {
        let limit = Swift.min(end, position + 1024)
        while position < limit, bytes[position] != 0x20 {
            if bytes[position] == UInt8(ascii: "\"") {
                guard skipQuoted(within: limit - position, in: bytes) else { return false }
            } else {
                move(to: position + 1)
            }
        }
        return position < limit
    }
}
