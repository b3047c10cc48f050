import Addresses
import Bytes
import Events

/// Postfix's smtpd and postscreen, and what cleanup, qmgr, dnsblog and master say of their connections, as events.
///
/// Seen from 3.7.11 (Debian 12), and read against the source of 3.12 of August 2026, which writes a few more lines. The
/// format is documented there only: log_whatsup() in smtpd_check.c, smtpd.c, smtpd_sasl_glue.c, the postscreen
/// directory, cleanup_message.c, cleanup_milter.c, master_avail.c.
///
/// The peer is what smtpd and postscreen write behind ` from `, before any text of the client's: `NAME[IP]` or
/// `[IP]:PORT`, where NAME is a host name by Postfix's own check. Text of the client's or of a list comes behind it
/// and is read for the class and the zone only. Where it comes before (header and body checks of cleanup), the peer is
/// the one that smtpd named for the same queue id.
///
/// Which program wrote a line shows in its tag, `postfix/smtpd` or `NAME/smtpd`. RFC 5424 as rsyslog writes it cuts the
/// tag at the slash: then the line's shape decides, and the name in front of the slash must begin with `postfix`.
///
/// Not recognised on purpose: `reject_warning` and the other actions of access tables that refuse nothing; what
/// postscreen notes of a client before it decides (PREGREET, DENYLISTED, COMMAND ...); `lost connection after` and
/// `timeout after`, as `disconnect from` follows; smtp, local, bounce and all others.
package struct Postfix: Dialect {
    /// Lines that began like an event and did not go on like one, for `status`: the wording has changed.
    package private(set) var unread = 0

    let listTexts: ListTexts
    /// Whose message it is, from the line that names the peer to the one that says what became of it. smtpd handles one
    /// message at a time, so the table holds many times what a server with 100 processes can have under way.
    var messages = SessionTable<QueueID, Client>(capacity: 8192, longestAge: .hours(1))
    /// The same by smtpd's pid, where a filter before the queue decides and there is no queue id.
    var proxied = SessionTable<Int32, Client>(capacity: 1024, longestAge: .hours(1))
    var screen = Screen()
    var replies = PostfixReplyMemory()

    package init(_ site: SiteWords = SiteWords()) { listTexts = ListTexts(site.rblTexts) }

    /// Messages and connections that were forgotten before the line that would have told their end.
    var evicted: Int { messages.evicted + proxied.evicted + screen.evicted }

    package mutating func read(_ line: LogLine, in bytes: Span<UInt8>, into event: inout Event) -> Bool {
        guard let program = Program(line.tag, bytes) else { return false }
        event.clear()
        event.mta = .postfix
        event.pid = line.pid
        switch reading(program, line, bytes, &event) {
        case .event: return true
        case .nothing: return false
        case .unread:
            unread += 1
            return false
        }
    }
}

extension Postfix {
    enum Reading {
        case event
        /// Not meant to be one.
        case nothing
        case unread

        init(_ isEvent: Bool) { self = isEvent ? .event : .unread }
    }

    enum Program {
        case smtpd
        case postscreen
        case cleanup
        case queueManager
        case dnsblog
        case master
        /// The tag does not tell.
        case any

        init?(_ tag: Range<Int>, _ bytes: Span<UInt8>) {
            guard tag.count >= 6 else { return nil }
            func ends(_ name: StaticString) -> Bool {
                let start = tag.upperBound - name.utf8CodeUnitCount
                return start > tag.lowerBound && bytes.hasBytes(of: name, at: start)
            }
            switch bytes[tag.upperBound - 1] {
            case UInt8(ascii: "d") where ends("/smtpd"): self = .smtpd
            case UInt8(ascii: "p") where ends("/cleanup"): self = .cleanup
            case UInt8(ascii: "r") where ends("/qmgr"): self = .queueManager
            case UInt8(ascii: "n") where ends("/postscreen"): self = .postscreen
            case UInt8(ascii: "g") where ends("/dnsblog"): self = .dnsblog
            case UInt8(ascii: "r") where ends("/master"): self = .master
            default:
                guard bytes.hasBytes(of: "postfix", at: tag.lowerBound),
                    bytes.firstIndex(of: UInt8(ascii: "/"), from: tag.lowerBound, to: tag.upperBound) == nil
                else { return nil }
                self = .any
            }
        }
    }

    /// By the shape of the message; a shape counts from the program that writes it, or if nobody knows who wrote it.
    private mutating func reading(
        _ program: Program, _ line: LogLine, _ bytes: Span<UInt8>, _ event: inout Event
    ) -> Reading {
        var reader = Reader(line.message)
        guard !reader.isAtEnd else { return .nothing }
        switch (program, bytes[reader.position]) {
        case (.smtpd, UInt8(ascii: "c")), (.any, UInt8(ascii: "c")):
            if reader.skip("connect from ", in: bytes) { return connection(.connect, bytes, &reader, &event) }
        case (.smtpd, UInt8(ascii: "d")), (.any, UInt8(ascii: "d")):
            if reader.skip("disconnect from ", in: bytes) { return connection(.disconnect, bytes, &reader, &event) }
        case (.smtpd, UInt8(ascii: "w")), (.any, UInt8(ascii: "w")), (.master, UInt8(ascii: "w")):
            if reader.skip("warning: ", in: bytes) { return warning(bytes, &reader, &event) }
        case (.smtpd, UInt8(ascii: "p")), (.any, UInt8(ascii: "p")):
            if reader.skip("proxy-", in: bytes) { return proxyReply(line, bytes, &reader, &event) }
        case (.postscreen, _) where !reader.isNoQueue(in: bytes):
            return screenNote(line, bytes, &reader, &event)
        case (.any, UInt8(ascii: "C")), (.any, UInt8(ascii: "D")), (.any, UInt8(ascii: "H")),
            (.any, UInt8(ascii: "e")), (.any, UInt8(ascii: "r")):
            if !reader.hasQueueID(in: bytes) { return screenNote(line, bytes, &reader, &event) }
        case (.dnsblog, UInt8(ascii: "a")), (.any, UInt8(ascii: "a")):
            if reader.skip("addr ", in: bytes) {
                noteListing(line, bytes, &reader)
                return .nothing
            }
        default: break
        }
        return program == .dnsblog || program == .master ? .nothing : queueLine(program, line, bytes, &reader, &event)
    }

    /// `connect from NAME[IP]`, `disconnect from NAME[IP] ehlo=1 quit=1 commands=2`.
    private func connection(
        _ kind: Event.Kind, _ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event
    ) -> Reading {
        guard let client = reader.origin(in: bytes) else { return Postfix.withoutPeer(reader, bytes) }
        event.kind = kind
        event.note(client)
        if reader.isAtEnd { return .event }
        guard case .disconnect = kind else { return .unread }
        return Reading(bytes[reader.position] == 0x20)
    }

    /// A peer that has left before smtpd looked is `unknown[unknown]`: nobody, but no changed wording either.
    static func withoutPeer(_ reader: Reader, _ bytes: Span<UInt8>) -> Reading {
        var name = reader
        return name.skip("unknown[unknown]", in: bytes) ? .nothing : .unread
    }
}

extension Postfix {
    /// A peer as Postfix names it.
    struct Origin {
        var peer: IPAddress
        var port: UInt16?
        /// Between the brackets.
        var address: Range<Int>
    }
}

extension Event {
    mutating func note(_ origin: Postfix.Origin) {
        peer = origin.peer
        port = origin.port
    }
}

extension Reader {
    /// `NAME[IP]`, `NAME[IP]:PORT` (smtpd_client_port_logging) or `[IP]:PORT` (postscreen).
    mutating func origin(in bytes: Span<UInt8>) -> Postfix.Origin? {
        var step = self
        // A name has 255 bytes at most, and none but these (valid_hostname.c).
        let limit = min(end, position + 256)
        var index = position
        while index < limit {
            let count = (~Postfix.nameBytes(bytes.word(at: index)) & Words.highs).trailingZeroBitCount / 8
            index += count
            if count < 8 { break }
        }
        guard index < limit, bytes[index] == UInt8(ascii: "[") else { return nil }
        step.move(to: index + 1)
        guard let peer = step.address(upTo: UInt8(ascii: "]"), in: bytes) else { return nil }
        let address = (index + 1)..<step.position
        guard step.skip("]", in: bytes) else { return nil }
        var port: UInt16?
        var behind = step
        if behind.skip(":", in: bytes), let number = behind.port(in: bytes) {
            port = number
            step = behind
        }
        defer { self = step }
        return Postfix.Origin(peer: peer, port: port, address: address)
    }
}

extension Postfix {
    /// The highest bit of each byte that may stand in a host's name.
    @inline(__always)
    static func nameBytes(_ word: UInt64) -> UInt64 {
        Words.within(UInt8(ascii: "a"), UInt8(ascii: "z"), Words.lowercased(word))
            | Words.within(UInt8(ascii: "0"), UInt8(ascii: "9"), word)
            | Words.within(UInt8(ascii: "-"), UInt8(ascii: "."), word)
            | Words.within(UInt8(ascii: "_"), UInt8(ascii: "_"), word)
    }
}
