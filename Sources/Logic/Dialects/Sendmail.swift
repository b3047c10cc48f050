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
/// told), quarantined and discarded mail.
package struct Sendmail: Dialect {
    package private(set) var unread = 0
    /// Messages and long entries of which the rest never came, or too late.
    package var lost: Int { messages.evicted + pieces.lost }
    /// How many of them are waited for.
    package var open: Int { messages.count + pieces.count }

    let listTexts: ListTexts
    /// What is known of messages that are being received.
    var messages = SessionTable<QueueID, Message>(capacity: 4096, longestAge: .seconds(3600))

    package init(_ site: SiteWords = SiteWords()) { listTexts = ListTexts(site.rblTexts) }

    private var pieces = SendmailPieces()

    package mutating func read(_ line: LogLine, in bytes: Span<UInt8>, into event: inout Event) -> Bool {
        guard Sendmail.isServer(line, bytes), line.message.count <= Sendmail.longest else { return false }
        var reader = Reader(line.message)
        if let id = QueueID(bytes, &reader) { return read(bytes, &reader, id, line, &event) }
        switch pieces.take(bytes, reader.rest, pid: line.pid, at: line.heard) {
        case .whole: return read(bytes, &reader, nil, line, &event)
        case .held: return false
        case .complete(let id, let text):
            var whole = Reader(0..<text.count)
            return read(text.span, &whole, id, line, &event)
        }
    }

    private mutating func read(
        _ bytes: Span<UInt8>, _ reader: inout Reader, _ id: QueueID?, _ line: LogLine, _ event: inout Event
    ) -> Bool {
        event.clear()
        event.mta = .sendmail
        event.pid = line.pid
        if let isEvent = readAnywhere(bytes, &reader, &event) {
            if !isEvent { unread += 1 }
            return isEvent
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

    /// Sendmail cuts its entries at 1024 bytes; more than that is not its own.
    private static let longest = 8192

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
            // It spoke before the greeting, or before the reply to EHLO or DATA.
            if reader.skip("rejecting commands from ", in: bytes)
                || (reader.skip("rejecting server ", in: bytes) && reader.moveBehind(" from ", within: 8, in: bytes))
            {
                return haste(bytes, &reader, &event)
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
        // No name holds what most lines of a message begin with.
        if bytes.hasBytes(of: "from=<", at: reader.position) || bytes.hasBytes(of: "to=<", at: reader.position) {
            return nil
        }
        return endOfIdle(bytes, reader, &event)
    }

    /// `NAME [PEER] due to ...`; without a name the address stands twice.
    private func haste(_ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event) -> Bool {
        event.peer = reader.relay(in: bytes)
        var again = reader
        if again.skip(" ", in: bytes), let peer = again.relay(in: bytes) {
            event.peer = peer
            reader = again
        }
        event.rejectionClass = .other
        event.code = 554
        return event.peer != nil && reader.skip(" due to ", in: bytes)
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
