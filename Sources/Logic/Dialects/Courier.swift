import Addresses
import Bytes
import Events

/// Courier's courieresmtpd, couriertcpd and courierd: what they log about a connection, as events.
///
/// Seen from Courier 1.0.16 (Debian 12), and read against its source from 0.72, which does not write `,port=` yet, to
/// 1.4; the format is documented there only (module.esmtp/courieresmtpd.c, cdmsgq.C, tcpd/tcpd.c, libs/lcclog.c).
///
/// Courier's own words stand in front: the tag, the shape, the peer. What the client wrote comes behind, and there
/// anything can stand that looks like another line. So a message is read from its first byte on, field by field, and
/// nothing is searched for behind `cmd:`; addresses inside `<...>` end at the first `>`, because Courier blanks those
/// that the client put inside.
///
/// Not recognised on purpose: errors of outgoing mail (courieresmtp), delivery lines (courierlocal), STARTTLS
/// failures (the line names no port), `252 VRFY disabled`, and everything else once the log is seen to hold the
/// client's own lines (`hasDialogue`).
package struct Courier: Dialect {
    /// ESMTP_LOG_DIALOG=1 makes courieresmtpd log every line of its clients as if it had written it itself, from the
    /// first byte on. Then a client can write any line of courieresmtpd's, about any peer, so none is an event any more
    /// (courierd's still are). Set by the first line that begins like an SMTP command; never reset.
    package private(set) var hasDialogue = false

    /// Lines of Courier's that were no event, for `status`: many of them mean that its wording has changed.
    package private(set) var unread = 0

    let listTexts: ListTexts
    /// The reply whose inner lines (`511-...`) were read last.
    var openReply: OpenReply?
    var replies = ReplyMemory()

    /// - Parameter rblTexts: words of this site by which a reply shows that a DNSBL listed the peer; any case.
    package init(rblTexts: [String] = []) { listTexts = ListTexts(rblTexts) }

    package mutating func read(_ line: LogLine, in bytes: Span<UInt8>, into event: inout Event) -> Bool {
        guard let program = Program(line, bytes) else { return false }
        var reader = Reader(line.message)
        var isEvent = false
        event.clear()
        switch program {
        case .courierd:
            // All else that the queue has to say is no business of ours.
            guard reader.skip("newmsg,id=", in: bytes) else { return false }
            isEvent = newMessage(bytes, &reader, &event)
        case .esmtpd, .otherListener:
            if reader.skip("error,relay=", in: bytes) {
                isEvent = failure(bytes, &reader, &event)
            } else if reader.skip("started,ip=[", in: bytes) {
                isEvent = start(bytes, &reader, &event)
            } else if Courier.isCommand(bytes, line.message) {
                hasDialogue = true
            } else {
                isEvent = listenerEvent(bytes, line.message, isOurs: program == .esmtpd, &event)
            }
            if hasDialogue { isEvent = false }
        }
        if !isEvent { unread += 1 }
        event.pid = line.pid
        return isEvent
    }
}

extension Courier {
    /// Who wrote the line. SYSLOGNAME gives courieresmtpd another name; these are the ones in use.
    enum Program {
        case courierd
        case esmtpd
        /// couriertcpd of smtps or submission: its connection counts say nothing about the port of mail exchange.
        case otherListener

        init?(_ line: LogLine, _ bytes: Span<UInt8>) {
            // Most lines of a log are another program's: length and first letter tell.
            switch line.tag.count {
            case 13 where bytes.hasBytes(of: "courieresmtpd", at: line.tag.lowerBound): self = .esmtpd
            case 8 where bytes.hasBytes(of: "courierd", at: line.tag.lowerBound): self = .courierd
            case 6 where bytes.hasBytes(of: "esmtpd", at: line.tag.lowerBound): self = .esmtpd
            case 10 where bytes.hasBytes(of: "esmtpd-ssl", at: line.tag.lowerBound): self = .otherListener
            case 10 where bytes.hasBytes(of: "esmtpd-msa", at: line.tag.lowerBound): self = .otherListener
            default: return nil
            }
        }
    }

    /// `started,ip=[::ffff:192.0.2.7],port=[37809]` and nothing behind.
    private func start(_ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event) -> Bool {
        guard let peer = reader.address(upTo: UInt8(ascii: "]"), in: bytes), reader.skip("]", in: bytes) else {
            return false
        }
        event.kind = .connect
        event.peer = peer
        if reader.skip(",port=[", in: bytes) {
            guard let port = reader.port(in: bytes), reader.skip("]", in: bytes) else { return false }
            event.port = port
        }
        return reader.isAtEnd
    }

    /// What couriertcpd says of a listener, and courieresmtpd of a peer that fell silent.
    private func listenerEvent(
        _ bytes: Span<UInt8>, _ message: Range<Int>, isOurs: Bool, _ event: inout Event
    ) -> Bool {
        var reader = Reader(message)
        if reader.skip("dropped blocked connection from ", in: bytes) {
            event.rejectionClass = .rbl
            event.peer = reader.lastAddress(in: bytes)
            return event.peer != nil
        }
        if reader.skip("Maximum connection limit reached for ", in: bytes) {
            event.rejectionClass = .connLimit
            event.peer = reader.lastAddress(in: bytes)
            return event.peer != nil
        }
        if reader.skip("[", in: bytes) {
            event.kind = .disconnect
            event.peer = reader.address(upTo: UInt8(ascii: "]"), in: bytes)
            return event.peer != nil && reader.skip("]: Connection timed out", in: bytes) && reader.isAtEnd
        }
        guard isOurs, let count = reader.number(in: bytes) else { return false }
        event.kind = .saturation
        event.connections = count
        event.isAtLimit = reader.skip(" maximum", in: bytes)
        return reader.skip(" active connections.", in: bytes) && reader.isAtEnd
    }

    /// `newmsg,id=ID[, auth=NAME]: dns; HELO (NAME [PEER])`.
    ///
    /// HELO and the account's name are the client's. Courier writes `[PEER])` behind them, and when the whole is too
    /// long for it, `...` instead; so the peer is the last group in brackets, and only if it ends the line.
    private func newMessage(_ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event) -> Bool {
        guard reader.skipMessageID(in: bytes) else { return false }
        event.kind = .acceptance
        event.isAuthenticated = reader.skip(", auth=", in: bytes)
        guard event.isAuthenticated || reader.skip(": dns; ", in: bytes) else { return false }
        event.peer = reader.addressAtEnd(in: bytes)
        return true
    }

    /// Whether the message begins like a line that a client sends: in any case, as the dialogue is logged raw.
    private static func isCommand(_ bytes: Span<UInt8>, _ message: Range<Int>) -> Bool {
        commands.contains { hasWord($0, bytes, message) }
    }

    /// RFC 5321, 4.1.1; a command without an argument ends the line. `STARTTLS failed:` is Courier's own text.
    private static let commands: [StaticString] = [
        "ehlo ", "helo ", "mail from:", "rcpt to:", "auth plain", "auth login", "data\n", "quit\n", "rset\n",
        "starttls\n",
    ]

    /// Lower-case `word` at the start of `range`; a newline in it stands for the end of the range.
    private static func hasWord(_ word: StaticString, _ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        let length = word.utf8CodeUnitCount
        return word.withUTF8Buffer { wanted in
            var index = 0
            while index < length {
                if wanted[index] == 0x0a { return range.count == index }
                guard index < range.count, lowercased(bytes[range.lowerBound + index]) == wanted[index] else {
                    return false
                }
                index += 1
            }
            return true
        }
    }
}
