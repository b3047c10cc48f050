import Addresses
import Bytes
import Events

/// The lines of one message, tied by its queue id: replies without an address, then `from=` with the peer, then a `to=`
/// for each delivery, often from another process.
extension Sendmail {
    struct Message: Sendable {
        var peer: IPAddress?
        var isAuthenticated = false
        /// A reply of 5xx whose line named nobody.
        var rejectionClass: RejectionClass?
        var code: UInt16?
    }

    /// `from=SENDER, size=N, class=N, nrcpts=N[, msgid=ID][, bodytype=B], proto=P, daemon=D, relay=PEER`: what came of
    /// a message. `nil` when it is not of that form.
    mutating func sender(
        _ bytes: Span<UInt8>, _ reader: inout Reader, _ id: QueueID, _ now: Instant, _ event: inout Event
    ) -> Bool? {
        let fields = reader.rest
        var known = messages.value(id, at: now) ?? Message()
        guard let relay = reader.lastRelayStart(in: bytes) else { return nil }
        // Mail from this host itself has no address.
        guard let peer = reader.relay(in: bytes), reader.isAtEnd else {
            messages.remove(id)
            return false
        }
        let (rejectionClass, code) = (known.rejectionClass, known.code)
        if Sendmail.wasReceived(bytes, fields.lowerBound..<relay) {
            known = Message(peer: peer, isAuthenticated: Sendmail.isAuthenticated(bytes, relay))
            messages.set(id, known, at: now)
        } else {
            messages.remove(id)
        }
        guard let rejectionClass else { return false }
        event.rejectionClass = rejectionClass
        event.code = code
        event.peer = peer
        return true
    }

    /// `to=RECIPIENT, delay=..., stat=STATUS`, the first of a message: it was taken from its sender.
    mutating func delivery(
        _ bytes: Span<UInt8>, _ reader: Reader, _ id: QueueID, _ now: Instant, _ event: inout Event
    ) -> Bool {
        guard let message = messages.value(id, at: now), let peer = message.peer,
            Sendmail.wasTaken(bytes, reader.rest)
        else { return false }
        messages.remove(id)
        event.kind = .acceptance
        event.peer = peer
        event.isAuthenticated = message.isAuthenticated
        // The process that delivers serves no connection any more.
        event.pid = nil
        return true
    }

    /// A reply of 5xx without an address; its peer comes with the `from=` line.
    mutating func noteRejection(_ bytes: Span<UInt8>, _ reader: Reader, _ id: QueueID, _ now: Instant) {
        guard let (rejectionClass, code) = Sendmail.unaddressed(bytes, reader) else { return }
        var message = messages.value(id, at: now) ?? Message()
        message.rejectionClass = rejectionClass
        message.code = code
        messages.set(id, message, at: now)
    }

    /// Whether every `, size=N, class=N, nrcpts=N` in the fields tells of a message with recipients: the sender and the
    /// message's own id are the client's, and could hold one more.
    private static func wasReceived(_ bytes: Span<UInt8>, _ fields: Range<Int>) -> Bool {
        var reader = Reader(fields)
        var count = 0
        while reader.moveBehind(", size=", within: fields.count, in: bytes) {
            guard let size = reader.number(in: bytes), reader.skip(", class=", in: bytes) else { continue }
            _ = reader.skip("-", in: bytes)
            guard reader.number(in: bytes) != nil, reader.skip(", nrcpts=", in: bytes) else { continue }
            guard let recipients = reader.number(in: bytes), recipients > 0, size > 0 else { return false }
            count += 1
        }
        return count > 0
    }

    /// `, proto=ESMTPA, daemon=D` or `ESMTPSA`, right before `, relay=`: the last letters tell of SMTP AUTH (RFC 3848).
    private static func isAuthenticated(_ bytes: Span<UInt8>, _ relay: Int) -> Bool {
        var comma = relay - 1
        let first = max(0, relay - 64)
        while comma >= first, bytes[comma] != UInt8(ascii: ",") { comma -= 1 }
        guard comma > 6, bytes.hasBytes(of: ", daemon=", at: comma) else { return false }
        return bytes.hasBytes(of: "=ESMTPA", at: comma - 7) || bytes.hasBytes(of: "=ESMTPSA", at: comma - 8)
    }

    /// Whether every `, stat=` tells of a message that was taken: a recipient and a reply could hold one more.
    private static func wasTaken(_ bytes: Span<UInt8>, _ fields: Range<Int>) -> Bool {
        var reader = Reader(fields)
        var count = 0
        while reader.moveBehind(", stat=", within: fields.count, in: bytes) {
            guard
                reader.skip("Sent", in: bytes) || reader.skip("queued", in: bytes)
                    || reader.skip("Deferred", in: bytes)
            else { return false }
            count += 1
        }
        return count > 0
    }
}

extension Sendmail {
    /// `ADDRESS... User unknown` and what a filter (milter) refused: class and code.
    static func unaddressed(_ bytes: Span<UInt8>, _ reader: Reader) -> (RejectionClass, UInt16)? {
        var reader = reader
        if reader.skip("Milter: ", in: bytes) {
            guard let stage = milterStage(bytes, &reader) else { return nil }
            // The last one is the filter's own, or in the text of its own. "Command rejected" goes out as 550 or 554.
            var code: UInt16?
            while reader.moveBehind(", reject=", within: reader.end - reader.position, in: bytes) {
                code = Reply(bytes, reader.rest)?.code ?? 550
            }
            guard let code, code >= 500 else { return nil }
            return (stage, code)
        }
        for (text, rejectionClass) in endings {
            let start = reader.end - text.utf8CodeUnitCount
            if start > reader.position, bytes.hasBytes(of: text, at: start) { return (rejectionClass, 550) }
        }
        return nil
    }

    private static func milterStage(_ bytes: Span<UInt8>, _ reader: inout Reader) -> RejectionClass? {
        if reader.skip("from=", in: bytes) { return .sender }
        if reader.skip("to=", in: bytes) { return .recipient }
        if reader.skip("helo=", in: bytes) { return .helo }
        return reader.skip("data", in: bytes) || reader.skip("cmd=data", in: bytes) ? .content : nil
    }

    /// recipient.c and srvrsmtp.c: the replies to RCPT that are logged when no ruleset refused.
    private static let endings: [(StaticString, RejectionClass)] = [
        ("... User unknown", .unknownUser),
        ("... Addressee unknown", .unknownUser),
    ]
}
