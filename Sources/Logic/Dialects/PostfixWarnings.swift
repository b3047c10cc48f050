import Bytes
import Events

/// `warning: ...` of smtpd and master: failed logins, clients over a limit, all processes taken.
extension Postfix {
    func warning(_ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event) -> Reading {
        var words = reader
        if words.skip("service \"", in: bytes) { return processLimit(bytes, &words, &event) }
        for limit in Postfix.limits where words.skip(limit.start, in: bytes) {
            guard words.number(in: bytes) != nil, words.skip(" from ", in: bytes) else { return .unread }
            guard let origin = words.origin(in: bytes) else { return Postfix.withoutPeer(words, bytes) }
            event.kind = limit.kind
            event.rejectionClass = .connLimit
            event.note(origin)
            return Reading(words.skip(" for service ", in: bytes))
        }
        guard let origin = words.origin(in: bytes), words.skip(": SASL ", in: bytes) else { return .nothing }
        return failedLogin(origin, bytes, &words, &event)
    }

    /// `NAME[IP]: SASL LOGIN authentication failed: REASON`; 3.5 and later put `, sasl_username=...` behind. The
    /// mechanism is the client's word.
    private func failedLogin(
        _ origin: Origin, _ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event
    ) -> Reading {
        guard let blank = reader.find(0x20, within: 101, in: bytes) else { return .nothing }
        reader.move(to: blank)
        guard reader.skip(" authentication failed: ", in: bytes) else { return .nothing }
        event.kind = .authFailure
        event.rejectionClass = .auth
        event.note(origin)
        event.code = 535
        // smtpd answers these with 454, or should: the server for passwords does not work, and everybody fails.
        if Postfix.serverFaults.contains(where: { reader.skip($0, in: bytes) }) {
            event.kind = .deferral
            event.code = 454
        }
        return .event
    }

    /// `service "smtp" (25) has reached its process limit "100": new clients may experience noticeable delays`. In
    /// parentheses stands the port, `[ADDRESS]:PORT`, or the socket on which postscreen hands clients on.
    private func processLimit(_ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event) -> Reading {
        guard let opening = reader.place(behind: "\" (", in: bytes) else { return .nothing }
        reader.move(to: opening)
        let isPassed = reader.skip("private/smtpd)", in: bytes) || reader.skip("public/smtpd)", in: bytes)
        if !isPassed {
            // Reinjection by a content filter is no service to peers.
            if reader.skip("[127.", in: bytes) || reader.skip("[::1]", in: bytes) { return .nothing }
            if reader.skip("[", in: bytes) {
                guard let behind = reader.place(behind: "]:", in: bytes) else { return .nothing }
                reader.move(to: behind)
            }
            // Neither are other sockets, which have a name; submission has slots of its own.
            guard let port = reader.port(in: bytes), port != 587, port != 465, reader.skip(")", in: bytes) else {
                return .nothing
            }
        }
        guard reader.skip(" has reached its process limit \"", in: bytes), let limit = reader.number(in: bytes),
            reader.skip("\"", in: bytes)
        else { return .unread }
        event.kind = .saturation
        event.connections = limit
        event.isAtLimit = true
        event.pid = nil
        return .event
    }

    /// smtpd.c. After the first two the server closes the connection (421), so they have no code; the others answer one
    /// command with 450 or 454.
    private static let limits: [(start: StaticString, kind: Event.Kind)] = [
        ("Connection concurrency limit exceeded: ", .rejection),
        ("Connection rate limit exceeded: ", .rejection),
        ("Message delivery request rate limit exceeded: ", .deferral),
        ("Recipient address rate limit exceeded: ", .deferral),
        ("New TLS session rate limit exceeded: ", .deferral),
        ("AUTH command rate limit exceeded: ", .deferral),
    ]

    /// xsasl_dovecot_server.c, and the texts of Cyrus's sasl_errstring() for SASL_FAIL, SASL_TRYAGAIN, SASL_UNAVAIL.
    private static let serverFaults: [StaticString] = [
        "Connection lost to authentication server", "Authentication backend error", "Temporary authentication failure",
        "generic failure", "transient failure", "remote authentication server unavailable",
    ]
}
