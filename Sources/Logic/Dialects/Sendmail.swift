import Addresses
import Bytes
import Events

/// Sendmail: what its SMTP server logs about a connection, as events.
///
/// Seen from Sendmail 8.17.1.9 (Debian 12), and read against its source (srvrsmtp.c, parseaddr.c `rscheck`, envelope.c
/// `logsender`, daemon.c `getauthinfo`, deliver.c `logdelivery`), which is where the format is documented.
///
/// Sendmail names the peer in `relay=`, and what the client wrote may stand before it, behind it, or on both sides.
/// So each kind of line has its own way to the one `relay=` that is Sendmail's: in `from=` and `AUTH failure` lines
/// nothing stands behind it, in `AUTH=server` nothing before, and where there is no such end (`SendmailRejections`)
/// every address that could be the peer is told. `arg2=` is whatever address the process printed last, as a rule the
/// list's answer, and never read as a peer.
///
/// The lines of one message are tied by its queue id: who sent it is told when it has been received, and only then.
///
/// Not recognised on purpose: the client mode and the queue runners, STARTTLS failures, command floods (no reply is
/// told), quarantined and discarded mail, and the pieces of an entry beyond syslog's 1024 bytes.
package struct Sendmail: Dialect {
    package private(set) var unread = 0
    /// Messages of which the rest of the lines never came, or too late.
    package var lost: Int { messages.evicted }

    let listTexts: ListTexts
    /// What is known of messages that are being received.
    private var messages = SessionTable<QueueID, Message>(capacity: 4096, longestAge: .seconds(3600))

    package init(_ site: SiteWords = SiteWords()) { listTexts = ListTexts(site.rblTexts) }

    private struct Message: Sendable {
        var peer: IPAddress?
        var isAuthenticated = false
        /// A reply of 5xx whose line named nobody.
        var rejectionClass: RejectionClass?
        var code: UInt16?
    }

    package mutating func read(_ line: LogLine, in bytes: Span<UInt8>, into event: inout Event) -> Bool {
        guard Sendmail.isServer(line, bytes) else { return false }
        var reader = Reader(line.message)
        let id = QueueID(bytes, &reader)
        event.clear()
        event.mta = .sendmail
        event.pid = line.pid
        if let read = readAnywhere(bytes, &reader, &event) {
            if !read { unread += 1 }
            return read
        }
        guard let id else { return readDaemon(bytes, &reader, &event) }
        if reader.skip("from=", in: bytes) {
            let isEvent = sender(bytes, &reader, id, line.heard, &event)
            if isEvent == nil { unread += 1 }
            return isEvent ?? false
        }
        if reader.skip("to=", in: bytes) { return delivery(bytes, reader, id, line.heard, &event) }
        noteRejection(bytes, reader, id, line.heard)
        return false
    }

    /// The tags that Sendmail's daemons are run under; `-L` may give others.
    private static func isServer(_ line: LogLine, _ bytes: Span<UInt8>) -> Bool {
        switch line.tag.count {
        case 8: bytes.hasBytes(of: "sendmail", at: line.tag.lowerBound)
        case 6:
            bytes.hasBytes(of: "sm-mta", at: line.tag.lowerBound)
                || bytes.hasBytes(of: "sm-msa", at: line.tag.lowerBound)
        default: false
        }
    }
}

extension Sendmail {
    /// Lines with or without a queue id; `nil` for those of other shapes, false for what should have been an event.
    private mutating func readAnywhere(_ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event) -> Bool? {
        guard !reader.isAtEnd else { return false }
        switch bytes[reader.position] {
        case UInt8(ascii: "r"):
            if reader.skip("ruleset=", in: bytes) { return ruleset(bytes, &reader, &event) }
            if reader.skip("rejecting commands from ", in: bytes) {
                // It spoke before the greeting: 554 is the greeting.
                event.rejectionClass = .other
                event.code = 554
                event.peer = reader.relay(in: bytes)
                // Without a name the address stands twice.
                var again = reader
                if again.skip(" ", in: bytes), let peer = again.relay(in: bytes) {
                    event.peer = peer
                    reader = again
                }
                return event.peer != nil && reader.skip(" due to pre-greeting traffic", in: bytes)
            }
        case UInt8(ascii: "A"):
            if reader.skip("AUTH failure (", in: bytes) {
                event.kind = .authFailure
                event.rejectionClass = .auth
                event.code = 535
                event.peer = reader.lastRelay(in: bytes)
                return event.peer != nil
            }
        case UInt8(ascii: "M"):
            if reader.skip("Milter: connect: host=", in: bytes) { return milterConnect(bytes, &reader, &event) }
        case UInt8(ascii: "l"):
            if reader.skip("lost input channel from ", in: bytes) {
                event.kind = .disconnect
                event.peer = reader.relay(in: bytes)
                return event.peer != nil && reader.skip(" to ", in: bytes)
            }
        case UInt8(ascii: "c"):
            if reader.skip("connect from ", in: bytes) {
                event.kind = .connect
                event.peer = reader.relay(in: bytes)
                return event.peer != nil && reader.isAtEnd
            }
        case UInt8(ascii: "t"):
            if reader.skip("tcpwrappers (", in: bytes) {
                guard let blank = reader.find(0x20, within: Reader.longestRelay, in: bytes),
                    bytes[blank - 1] == UInt8(ascii: ",")
                else { return false }
                reader.move(to: blank + 1)
                _ = reader.skip("IPv6:", in: bytes)
                event.peer = reader.address(upTo: UInt8(ascii: ")"), in: bytes)
                event.rejectionClass = .clientHost
                event.code = 550
                event.precedesReply = true
                return event.peer != nil && reader.skip(") rejection", in: bytes)
            }
        default: break
        }
        return endOfIdle(bytes, reader, &event)
    }

    /// `NAME [PEER] did not issue MAIL/EXPN/VRFY/ETRN during connection to DAEMON`.
    private func endOfIdle(_ bytes: Span<UInt8>, _ reader: Reader, _ event: inout Event) -> Bool? {
        var reader = reader
        guard let peer = reader.relay(in: bytes), reader.skip(" did not issue MAIL/EXPN/VRFY/ETRN during", in: bytes)
        else { return nil }
        event.kind = .disconnect
        event.peer = peer
        return true
    }

    /// Lines that belong to no message: most are the daemon's own, about all its connections.
    private func readDaemon(_ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event) -> Bool {
        event.kind = .saturation
        // The daemon's pid holds no slot.
        event.pid = nil
        if reader.skip("rejecting connections on daemon ", in: bytes) {
            event.isAtLimit = true
            guard reader.moveBehind(": ", within: 64, in: bytes) else { return false }
            if let count = reader.number(in: bytes), reader.skip(" children", in: bytes) { event.connections = count }
            return true
        }
        return reader.skip("deferring connections on daemon ", in: bytes)
            || reader.skip("delaying connections on daemon ", in: bytes)
            || reader.skip("rejecting new messages: ", in: bytes)
    }

    /// `Milter: connect: host=NAME, addr=PEER, reject=TEXT`: a filter refused the connection, in its greeting.
    private func milterConnect(_ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event) -> Bool? {
        guard let comma = reader.find(UInt8(ascii: ","), within: Reader.longestRelay, in: bytes) else { return false }
        reader.move(to: comma)
        guard reader.skip(", addr=", in: bytes) else { return false }
        _ = reader.skip("IPv6:", in: bytes)
        let start = reader.position
        event.peer = reader.address(upTo: UInt8(ascii: ","), in: bytes)
        guard event.peer != nil else { return false }
        let address = start..<reader.position
        // "rejecting commands" and "shutdown" have no text; "temp failing commands" is a deferral.
        if reader.skip(", rejecting commands", in: bytes) {
            event.rejectionClass = .clientHost
            event.code = 554
            return true
        }
        guard reader.skip(", reject=", in: bytes), let reply = Reply(bytes, reader.rest) else { return nil }
        event.take(judge(reply, .connection, argument: nil, peer: address, bytes))
        return true
    }
}

// MARK: - Messages

extension Sendmail {
    /// `from=SENDER, size=N, class=N, nrcpts=N[, msgid=ID][, bodytype=B], proto=P, daemon=D, relay=PEER`: what came of a
    /// message. `nil` when it is not of that form.
    private mutating func sender(
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
    private mutating func delivery(
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
    private mutating func noteRejection(_ bytes: Span<UInt8>, _ reader: Reader, _ id: QueueID, _ now: Instant) {
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

/// A message's queue id: time, sequence and pid, at most 16 letters and digits.
struct QueueID: Hashable, Sendable {
    private let head: UInt64
    private let tail: UInt64

    /// Moves behind `ID: ` or `NOQUEUE: ` if the message begins so; `nil` in the second case, too, and where there is
    /// none. The pieces of an entry that was too long for syslog begin with `ID[1]: `, which is no id.
    init?(_ bytes: Span<UInt8>, _ reader: inout Reader) {
        let start = reader.position
        guard let colon = reader.find(UInt8(ascii: ":"), within: 17, in: bytes), colon + 1 < reader.end,
            bytes[colon + 1] == 0x20
        else { return nil }
        let length = colon - start
        if length == 7, bytes.hasBytes(of: "NOQUEUE", at: start) {
            reader.move(to: colon + 2)
            return nil
        }
        // Eight characters of time and sequence, and a pid of six digits or more.
        guard length >= 14 else { return nil }
        for index in start..<(start + 8) where !SignIndex.isWordByte(bytes[index]) { return nil }
        for index in (start + 8)..<colon where !isDigit(bytes[index]) { return nil }
        head = bytes.word(at: start)
        tail = bytes.word(at: start + 8) & Words.mask(length - 8)
        reader.move(to: colon + 2)
    }
}
