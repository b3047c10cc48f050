import Addresses
import Bytes
import Events

/// qpsmtpd: what its forkserver and prefork log about a connection, as events.
///
/// Seen from 0.94 (Debian 12), and read against its source; the format is nowhere else (Qpsmtpd/TcpServer.pm,
/// Qpsmtpd/SMTP.pm, plugins/dnsbl, plugins/logging). A line says who wrote it by its pid only: the peer stands where the
/// connection begins, so sessions are remembered by pid. Read are the forms of logging/syslog, of logging/file with its
/// own `tsformat`, and of logging/warn and logging/adaptive, which write to standard error.
///
/// A client's command stands behind `dispatching`, and its words behind the code of a reply; neither is searched. One
/// thing is not escaped: the account's name of an AUTH, decoded from base64, may hold line ends, so that whole lines are
/// the client's in a log to which qpsmtpd writes itself (`hasClientLines`). syslog escapes them.
///
/// Not recognised on purpose: qpsmtpd-async (it logs no replies), replies below LOGINFO, what `warn` says of plugins.
package struct Qpsmtpd: Dialect {
    package private(set) var unread = 0

    /// An AUTH was answered in a log that qpsmtpd wrote itself: from then on no line of it is an event, as a client can
    /// have written it. Never reset.
    package private(set) var hasClientLines = false

    struct Session: Sendable {
        var peer: IPAddress
        /// `Connection from` was seen, not only the `Accepted connection` before it.
        var hasBegun: Bool
        var isGreeted = false
        var isAuthenticated = false
        var hasEnded = false
        /// The list that the dnsbl plugin named last.
        var zone: String?
        /// The list that it named to have the peer refused later, by the naughty plugin.
        var laterZone: String?
        /// The naughty plugin is about to answer this command.
        var isNaughty = false
        var stage = Stage.start
    }

    /// What the client asked for last.
    enum Stage: Sendable { case start, hello, sender, recipient, data }

    let listTexts: ListTexts
    private var sessions: SessionTable<Int32, Session>

    /// - Parameter capacity: how many sessions are remembered; each is a process, whose pid another has some day.
    package init(_ site: SiteWords = SiteWords(), capacity: Int = 8_192) {
        listTexts = ListTexts(site.rblTexts)
        sessions = SessionTable(capacity: capacity, longestAge: .seconds(3600))
    }

    /// Sessions that are remembered now.
    package var remembered: Int { sessions.count }
    /// Sessions that were forgotten without having been seen to end.
    package var forgotten: Int { sessions.evicted }

    package mutating func read(_ line: LogLine, in bytes: Span<UInt8>, into event: inout Event) -> Bool {
        guard let writer = Writer(line, bytes), !(hasClientLines && writer != .syslog) else { return false }
        var reader = Reader(line.message)
        _ = reader.skip(" ", in: bytes)
        var pid = line.pid
        if writer == .standardError {
            guard let own = reader.number(in: bytes), reader.skip(" ", in: bytes) else { return false }
            pid = Int32(exactly: own)
            Qpsmtpd.skipPlugin(bytes, &reader)
        }
        guard let pid else { return false }
        event.clear()
        event.mta = .qpsmtpd
        event.pid = pid
        let first = reader.isAtEnd ? 0 : bytes[reader.position]
        if isDigit(first) { return reply(pid, writer, bytes, &reader, line.heard, &event) }
        switch first {
        case UInt8(ascii: "A"), UInt8(ascii: "C"): return beginning(pid, bytes, &reader, line.heard, &event)
        case UInt8(ascii: "c"): return ending(pid, bytes, &reader, line.heard, &event)
        case UInt8(ascii: "d"): step(pid, bytes, &reader)
        case UInt8(ascii: "f"): return failure(pid, bytes, &reader, line.heard, &event)
        case UInt8(ascii: "T"):
            // `Too many connections: 15 >= 15.  Waiting one second.`
            guard reader.skip("Too many connections: ", in: bytes), let count = reader.number(in: bytes) else { break }
            event.kind = .saturation
            event.connections = count
            event.isAtLimit = true
            return true
        default: break
        }
        return false
    }
}

extension Qpsmtpd {
    /// `Accepted connection 0/15 from 192.0.2.7 / NAME`, `Connection from NAME [192.0.2.7]`, `Connection Timed Out`.
    private mutating func beginning(
        _ pid: Int32, _ bytes: Span<UInt8>, _ reader: inout Reader, _ now: Instant, _ event: inout Event
    ) -> Bool {
        event.kind = .connect
        if reader.skip("Accepted connection ", in: bytes) {
            guard reader.number(in: bytes) != nil, reader.skip("/", in: bytes), reader.number(in: bytes) != nil,
                reader.skip(" from ", in: bytes), let peer = reader.address(upTo: 0x20, in: bytes),
                reader.skip(" / ", in: bytes)
            else {
                unread += 1
                return false
            }
            sessions.set(pid, Session(peer: peer, hasBegun: false), at: now)
            event.peer = peer
            return true
        }
        if reader.skip("Connection from ", in: bytes) {
            // The name is of the peer's DNS; what ends the line is qpsmtpd's.
            guard let peer = reader.addressInLastBrackets(in: bytes) else {
                unread += 1
                return false
            }
            if let place = sessions.place(pid, at: now), !sessions[place].hasBegun, sessions[place].peer == peer {
                sessions[place].hasBegun = true
                return false
            }
            sessions.set(pid, Session(peer: peer, hasBegun: true), at: now)
            event.peer = peer
            return true
        }
        return reader.skip("Connection Timed Out", in: bytes) && end(pid, now, &event)
    }

    /// `click, disconnecting` of the process itself, or `cleaning up after PID` of the one that had forked it.
    private mutating func ending(
        _ pid: Int32, _ bytes: Span<UInt8>, _ reader: inout Reader, _ now: Instant, _ event: inout Event
    ) -> Bool {
        if reader.skip("click, disconnecting", in: bytes) { return end(pid, now, &event) }
        guard reader.skip("cleaning up after ", in: bytes),
            let child = reader.number(in: bytes).flatMap({ Int32(exactly: $0) }), reader.isAtEnd
        else { return false }
        event.pid = child
        let isEnd = end(child, now, &event)
        sessions.remove(child)
        return isEnd
    }

    private mutating func end(_ pid: Int32, _ now: Instant, _ event: inout Event) -> Bool {
        guard let place = sessions.place(pid, at: now), !sessions[place].hasEnded else { return false }
        sessions[place].hasEnded = true
        event.kind = .disconnect
        event.peer = sessions[place].peer
        return true
    }

    /// `dispatching COMMAND`; `disconnecting` is what the naughty plugin says when it refuses for what others found.
    private mutating func step(_ pid: Int32, _ bytes: Span<UInt8>, _ reader: inout Reader) {
        if reader.skip("disconnecting", in: bytes) {
            if reader.isAtEnd { sessions.update(pid) { $0.isNaughty = true } }
            return
        }
        guard reader.skip("dispatching ", in: bytes) else { return }
        let stage: Stage
        switch Words.lowercased(bytes.word(at: reader.position)) & Words.mask(min(4, reader.rest.count)) {
        case Qpsmtpd.verb("mail"): stage = .sender
        case Qpsmtpd.verb("rcpt"): stage = .recipient
        case Qpsmtpd.verb("data"): stage = .data
        default: stage = .hello
        }
        sessions.update(pid) {
            $0.stage = stage
            $0.isNaughty = false
        }
    }

    private static func verb(_ text: StaticString) -> UInt64 {
        text.withUTF8Buffer { $0.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
    }

    /// `fail, ZONE` before the greeting is the dnsbl plugin's; other plugins put sentences there.
    private mutating func failure(
        _ pid: Int32, _ bytes: Span<UInt8>, _ reader: inout Reader, _ now: Instant, _ event: inout Event
    ) -> Bool {
        if reader.skip("fail: too many connections from ", in: bytes) {
            // qpsmtpd closes these by itself.
            event.kind = .deferral
            event.rejectionClass = .connLimit
            event.peer = reader.address(upTo: 0x20, in: bytes)
            return event.peer != nil && reader.skip(" (", in: bytes)
        }
        guard reader.skip("fail, ", in: bytes), let place = sessions.place(pid, at: now), !sessions[place].isGreeted
        else { return false }
        let isLater = reader.skip("NAUGHTY, ", in: bytes)
        guard let zone = ListTexts.wholeZone(bytes, reader.rest) else { return false }
        if isLater { sessions[place].laterZone = zone } else { sessions[place].zone = zone }
        return false
    }

    /// `550 TEXT`, or `550-TEXT` where more of the same reply follows.
    private mutating func reply(
        _ pid: Int32, _ writer: Writer, _ bytes: Span<UInt8>, _ reader: inout Reader, _ now: Instant,
        _ event: inout Event
    ) -> Bool {
        guard let code = reader.number(in: bytes), (200...599).contains(code),
            let place = sessions.place(pid, at: now), !sessions[place].hasEnded
        else { return false }
        event.isContinuation = reader.skip("-", in: bytes)
        guard event.isContinuation || reader.skip(" ", in: bytes) else { return false }
        event.peer = sessions[place].peer
        switch code {
        case 220 where !reader.skip("Go ahead with TLS", in: bytes):
            // A second greeting: the line that began this session was lost, and the peer is another.
            if sessions[place].isGreeted { sessions.remove(pid) } else { sessions[place].isGreeted = true }
        case 235:
            sessions[place].isAuthenticated = true
            if writer != .syslog { hasClientLines = true }
        case 250 where sessions[place].stage == .data:
            event.kind = .acceptance
            event.isAuthenticated = sessions[place].isAuthenticated
            return ListTexts.hasFolded("queued", bytes, reader.position, reader.end)
        case 400...599:
            event.code = UInt16(code)
            event.kind = code == 535 ? .authFailure : code < 500 ? .deferral : .rejection
            if code == 535, writer != .syslog { hasClientLines = true }
            judge(reader.rest, sessions[place], bytes, &event)
            return true
        default: break
        }
        return false
    }
}

extension Reader {
    /// The address in the group `[...]` that ends the line.
    fileprivate func addressInLastBrackets(in bytes: Span<UInt8>) -> IPAddress? {
        guard end - position >= 4, bytes[end - 1] == UInt8(ascii: "]") else { return nil }
        var index = end - 2
        while index >= max(position, end - 48) {
            if bytes[index] == UInt8(ascii: "[") { return IPAddress(bytes, in: (index + 1)..<(end - 1)) }
            index -= 1
        }
        return nil
    }
}
