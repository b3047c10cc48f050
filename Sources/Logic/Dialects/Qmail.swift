import Addresses
import Bytes
import Events

/// tcpserver and rblsmtpd, as qmail is run behind them: what they log about a connection, as events.
///
/// Seen from ucspi-tcp 0.88 and its IPv6 form (Debian 12), and read against their source (tcpserver.c, rblsmtpd.c).
/// Both write to standard error; where that goes is the site's choice: multilog's file (TAI64N stamps, or what
/// tai64nlocal makes of them), syslog by splogger or logger, the journal, a file without any stamp.
///
/// rblsmtpd's address is tcpserver's, out of the kernel, and nothing a client says comes before it. Its line is written
/// when the connection begins; it greets with 220, and RCPT gets the 4xx or 5xx. The pid is tcpserver's child, which
/// has become rblsmtpd: the slot.
///
/// spamdyke, where it is used in rblsmtpd's place, has a file of its own here (`QmailSpamdyke`).
///
/// Not recognised on purpose: what stands behind them. Stock qmail-smtpd logs nothing, so who had mail accepted is
/// not known here; qmail-send's lines name no peer; and the many patches of qmail-smtpd write the client's HELO in
/// front of the address.
package struct Qmail: Dialect {
    package private(set) var unread = 0
    /// Connections whose end was never logged, or too late.
    package var lost: Int { connections.evicted }
    /// Connections whose end is waited for.
    package var open: Int { connections.count }

    private let listTexts: ListTexts
    /// Who is served by which child, for its end and its port.
    private var connections = SessionTable<Int32, Connection>(capacity: 4096, longestAge: .seconds(7200))

    package init(_ site: SiteWords = SiteWords()) { listTexts = ListTexts(site.rblTexts) }

    private struct Connection: Sendable {
        var peer: IPAddress
        var port: UInt16?
    }

    package mutating func read(_ line: LogLine, in bytes: Span<UInt8>, into event: inout Event) -> Bool {
        guard Qmail.canBeOurs(line, bytes), line.message.count <= Qmail.longest else { return false }
        var reader = Reader(line.message)
        Qmail.skipStamp(bytes, &reader)
        guard let program = Program(line, bytes, &reader) else { return false }
        event.clear()
        event.mta = .qmail
        let isEvent: Bool?
        switch program {
        case .tcpserver: isEvent = connection(bytes, &reader, line.heard, &event)
        case .rblsmtpd: isEvent = rejection(bytes, &reader, line.heard, &event)
        case .spamdyke(let pid):
            event.pid = pid
            isEvent = spamdyke(bytes, &reader, &event)
        }
        if isEvent == nil { unread += 1 }
        return isEvent ?? false
    }

    /// spamdyke's lines, with two addresses of 512 bytes, are the longest.
    private static let longest = 8192

    private enum Program {
        case tcpserver
        case rblsmtpd
        case spamdyke(pid: Int32?)

        /// Moves behind the program's name, which stands in the message; spamdyke's may be the tag.
        init?(_ line: LogLine, _ bytes: Span<UInt8>, _ reader: inout Reader) {
            if line.tag.count == 8, bytes.hasBytes(of: "spamdyke", at: line.tag.lowerBound) {
                self = .spamdyke(pid: line.pid)
            } else if reader.skip("tcpserver: ", in: bytes) {
                self = .tcpserver
            } else if reader.skip("rblsmtpd: ", in: bytes) {
                self = .rblsmtpd
            } else {
                guard reader.skip("spamdyke[", in: bytes), let pid = Qmail.pid(bytes, &reader),
                    reader.skip("]: ", in: bytes)
                else { return nil }
                self = .spamdyke(pid: pid)
            }
        }
    }

    /// Whether a line may hold one of ours by its tag: none at all in files of their own, else one that these programs
    /// are logged under. Any other program's message could be a client's words from the first byte on.
    private static func canBeOurs(_ line: LogLine, _ bytes: Span<UInt8>) -> Bool {
        let tag = line.tag.lowerBound
        switch line.tag.count {
        case 0: return true
        case 4: return bytes.hasBytes(of: "smtp", at: tag)
        case 5: return bytes.hasBytes(of: "qmail", at: tag) || bytes.hasBytes(of: "smtpd", at: tag)
        case 8:
            return bytes.hasBytes(of: "splogger", at: tag) || bytes.hasBytes(of: "rblsmtpd", at: tag)
                || bytes.hasBytes(of: "spamdyke", at: tag)
        case 9: return bytes.hasBytes(of: "tcpserver", at: tag)
        case 11: return bytes.hasBytes(of: "qmail-smtpd", at: tag)
        default: return false
        }
    }

    /// splogger's own stamp in front: seconds, a dot, six digits, a blank.
    private static func skipStamp(_ bytes: Span<UInt8>, _ reader: inout Reader) {
        guard !reader.isAtEnd, isDigit(bytes[reader.position]) else { return }
        var inside = reader
        if inside.number(in: bytes) != nil, inside.skip(".", in: bytes), inside.number(in: bytes) != nil,
            inside.skip(" ", in: bytes)
        {
            reader = inside
        }
    }
}

extension Qmail {
    /// tcpserver's lines (`-v`); `nil` when it should have been read, false when it is none of ours.
    private mutating func connection(
        _ bytes: Span<UInt8>, _ reader: inout Reader, _ now: Instant, _ event: inout Event
    ) -> Bool? {
        if reader.skip("status: ", in: bytes) {
            guard let count = reader.number(in: bytes), reader.skip("/", in: bytes),
                let limit = reader.number(in: bytes), reader.isAtEnd
            else { return nil }
            // It is written with every connection; only a full house is worth telling.
            guard count >= limit, limit > 0 else { return false }
            event.kind = .saturation
            event.connections = count
            event.isAtLimit = true
            return true
        }
        if reader.skip("pid ", in: bytes) {
            guard let pid = Qmail.pid(bytes, &reader), reader.skip(" from ", in: bytes) else { return nil }
            guard let peer = reader.lastAddress(in: bytes) else {
                // Whoever this child served before is gone, even if it cannot be read who is served now.
                connections.remove(pid)
                return nil
            }
            connections.set(pid, Connection(peer: peer), at: now)
            event.kind = .connect
            event.peer = peer
            event.pid = pid
            return true
        }
        if reader.skip("ok ", in: bytes) {
            guard let pid = Qmail.pid(bytes, &reader) else { return nil }
            let port = Qmail.lastPort(bytes, reader.rest)
            connections.update(pid) { $0.port = port }
            return false
        }
        if reader.skip("deny ", in: bytes) {
            guard let pid = Qmail.pid(bytes, &reader), let known = connections.value(pid, at: now) else { return nil }
            // It closes without a word.
            event.rejectionClass = .clientHost
            event.peer = known.peer
            event.port = Qmail.lastPort(bytes, reader.rest)
            event.pid = pid
            return true
        }
        if reader.skip("end ", in: bytes) {
            guard let pid = Qmail.pid(bytes, &reader), reader.skip(" status ", in: bytes) else { return nil }
            guard let known = connections.value(pid, at: now) else { return false }
            connections.remove(pid)
            event.kind = .disconnect
            event.peer = known.peer
            event.port = known.port
            event.pid = pid
            return true
        }
        return false
    }

    /// `PEER pid N: CODE TEXT`. TEXT is the list's, or the site's own out of its tcpserver rules.
    private mutating func rejection(
        _ bytes: Span<UInt8>, _ reader: inout Reader, _ now: Instant, _ event: inout Event
    ) -> Bool? {
        let start = reader.position
        // "fatal: unable to run" and the usage.
        guard let peer = reader.address(upTo: 0x20, in: bytes) else { return false }
        let address = start..<reader.position
        guard reader.skip(" pid ", in: bytes), let pid = Qmail.pid(bytes, &reader), reader.skip(": ", in: bytes),
            let code = reader.number(in: bytes), (400...599).contains(code), reader.skip(" ", in: bytes)
        else { return nil }
        let text = reader.rest
        let signs = listTexts.signs(in: bytes, text, peer: address)
        event.kind = code < 500 ? .deferral : .rejection
        event.rejectionClass = .rbl
        event.code = UInt16(code)
        event.peer = peer
        event.pid = pid
        if let known = connections.value(pid, at: now), known.peer == peer { event.port = known.port }
        event.zone =
            ListTexts.namedZone(bytes, in: text) ?? signs.url.flatMap { ListTexts.zone(bytes, urlHost: $0) }
            ?? listTexts.siteText(in: bytes, text, client: text.lowerBound..<text.lowerBound)
        event.isListFailure = signs.isListFailure || reader.skip("temporary RBL lookup error", in: bytes)
        event.precedesReply = true
        return true
    }

    private static func pid(_ bytes: Span<UInt8>, _ reader: inout Reader) -> Int32? {
        reader.number(in: bytes).flatMap { Int32(exactly: $0) }
    }

    /// The digits behind the last colon. Names and the ident answer come before; in the IPv6 form they may hold colons.
    private static func lastPort(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt16? {
        var index = range.upperBound - 1
        let first = max(range.lowerBound, range.upperBound - 6)
        while index >= first {
            if bytes[index] == UInt8(ascii: ":") {
                return decimal(bytes, (index + 1)..<range.upperBound).flatMap { UInt16(exactly: $0) }
            }
            index -= 1
        }
        return nil
    }
}
