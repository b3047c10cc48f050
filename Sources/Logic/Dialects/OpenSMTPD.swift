import Addresses
import Bytes
import Events

/// OpenSMTPD's smtpd: what it logs about a connection, as events.
///
/// Seen from 6.8.0p2 (Debian 12) and read against its source up to 7.8; the format is documented there only
/// (smtp_session.c, smtp.c). One process serves all clients. Every line of a session begins with its id, 16 hexadecimal
/// digits; the peer stands in the first of them alone, so sessions are remembered, and one whose first line was not
/// seen gives no event.
///
/// What the client wrote comes behind `command="`, where its quotes are not escaped, and smtpd's reply behind that. No
/// address that smtpd repeats in a reply can hold a blank, so the last ` result="` is where the reply begins.
///
/// Not recognised on purpose: `smtp event=` lines (before 6.4: other fields), outgoing mail and deliveries (`mta`,
/// `mda`), and `authentication ... result=permfail`, as the 535 that follows has a line of its own.
package struct OpenSMTPD: Dialect {
    package private(set) var unread = 0

    struct Session: Sendable {
        var peer: IPAddress
        var isAuthenticated = false
        var isRejected = false
    }

    /// How many sessions a peer has open by the log, and in how many of them a list's rejection was given.
    struct Presence: Sendable {
        var open = 0
        var rejected = 0
    }

    let listTexts: ListTexts
    private var sessions: SessionTable<UInt64, Session>
    private var presences: SessionTable<IPAddress, Presence>

    /// - Parameter capacity: how many sessions are remembered. A silent one ends after five minutes, and a busy server
    ///   may begin as many in that time.
    package init(_ site: SiteWords = SiteWords(), capacity: Int = 65_536) {
        listTexts = ListTexts(site.rblTexts)
        sessions = SessionTable(capacity: capacity, longestAge: .seconds(6 * 3600))
        presences = SessionTable(capacity: capacity, longestAge: .seconds(6 * 3600))
    }

    /// Sessions and peers that are remembered now.
    package var remembered: Int { sessions.count + presences.count }
    /// Sessions and peers that were forgotten without having been seen to end.
    package var forgotten: Int { sessions.evicted + presences.evicted }

    package mutating func read(_ line: LogLine, in bytes: Span<UInt8>, into event: inout Event) -> Bool {
        guard line.tag.count == 5, bytes.hasBytes(of: "smtpd", at: line.tag.lowerBound) else { return false }
        var reader = Reader(line.message)
        // A message that came as RFC 5424 begins with a second blank.
        _ = reader.skip(" ", in: bytes)
        event.clear()
        event.mta = .opensmtpd
        event.pid = line.pid
        guard let session = reader.sessionID(in: bytes) else {
            // A descriptor or session limit; smtpd accepts nobody until there is room again.
            event.kind = .saturation
            event.isAtLimit = true
            return reader.skip("warn: Disabling incoming SMTP connections", in: bytes)
        }
        guard reader.skip(" smtp ", in: bytes) else { return false }
        if reader.skip("connected address=", in: bytes) {
            return connection(session, bytes, &reader, line.heard, &event)
        }
        guard let known = sessions.value(session, at: line.heard) else { return false }
        event.peer = known.peer
        return step(session, known, bytes, &reader, line.heard, &event)
    }
}

extension OpenSMTPD {
    /// `connected address=192.0.2.7 host=NAME`, IPv6 in brackets. `local` is a message of a user of this host.
    private mutating func connection(
        _ session: UInt64, _ bytes: Span<UInt8>, _ reader: inout Reader, _ now: Instant, _ event: inout Event
    ) -> Bool {
        // Whoever had this id before is gone, even if it cannot be read who has it now.
        if let same = sessions.value(session, at: now) { end(session, same, now) }
        if reader.skip("local ", in: bytes) { return false }
        let isBracketed = reader.skip("[", in: bytes)
        guard let peer = reader.address(upTo: isBracketed ? UInt8(ascii: "]") : 0x20, in: bytes),
            !isBracketed || reader.skip("]", in: bytes), reader.skip(" host=", in: bytes)
        else {
            unread += 1
            return false
        }
        sessions.set(session, Session(peer: peer), at: now)
        var presence = presences.value(peer, at: now) ?? Presence()
        presence.open += 1
        presences.set(peer, presence, at: now)
        event.kind = .connect
        event.peer = peer
        return true
    }

    /// A later line of a session.
    private mutating func step(
        _ id: UInt64, _ session: Session, _ bytes: Span<UInt8>, _ reader: inout Reader, _ now: Instant,
        _ event: inout Event
    ) -> Bool {
        switch reader.isAtEnd ? 0 : bytes[reader.position] {
        case UInt8(ascii: "f") where reader.skip("failed-command command=\"", in: bytes):
            guard let mark = OpenSMTPD.lastResult(bytes, reader.rest) else {
                unread += 1
                return false
            }
            let command = reader.position..<mark
            reader.move(to: mark + OpenSMTPD.resultMark.utf8CodeUnitCount)
            return reply(id, session, command, bytes, &reader, now, &event)
        case UInt8(ascii: "b") where reader.skip("bad-input result=\"", in: bytes):
            return reply(id, session, nil, bytes, &reader, now, &event)
        case UInt8(ascii: "m") where reader.skip("message msgid=", in: bytes):
            event.kind = .acceptance
            event.isAuthenticated = session.isAuthenticated
            return true
        case UInt8(ascii: "d") where reader.skip("disconnected ", in: bytes):
            end(id, session, now)
            event.kind = .disconnect
            return true
        case UInt8(ascii: "a") where reader.skip("authentication user=", in: bytes):
            // Blanks in the account's name are escaped.
            if reader.ends(with: " result=ok", in: bytes) { sessions.update(id) { $0.isAuthenticated = true } }
        default: if !OpenSMTPD.otherSteps.contains(where: { reader.skip($0, in: bytes) }) { unread += 1 }
        }
        return false
    }

    private mutating func end(_ id: UInt64, _ session: Session, _ now: Instant) {
        sessions.remove(id)
        guard var presence = presences.value(session.peer, at: now) else { return }
        presence.open -= 1
        if session.isRejected { presence.rejected -= 1 }
        if presence.open > 0 {
            presences.update(session.peer) { $0 = presence }
        } else {
            presences.remove(session.peer)
        }
    }

    /// `550 TEXT"`; `command` is `nil` for what smtpd could not take for a command at all.
    private mutating func reply(
        _ id: UInt64, _ session: Session, _ command: Range<Int>?, _ bytes: Span<UInt8>, _ reader: inout Reader,
        _ now: Instant, _ event: inout Event
    ) -> Bool {
        guard let code = reader.number(in: bytes), (400...599).contains(code) else {
            unread += 1
            return false
        }
        event.code = UInt16(code)
        event.kind = code == 535 ? .authFailure : code < 500 ? .deferral : .rejection
        _ = reader.skip(" ", in: bytes)
        if let command { judge(reader.rest, command, bytes, &event) } else { event.rejectionClass = .other }
        guard case .rejection = event.kind, case .rbl = event.rejectionClass else { return true }
        if !session.isRejected {
            sessions.update(id) { $0.isRejected = true }
            presences.update(session.peer) { $0.rejected += 1 }
        }
        if let presence = presences.value(session.peer, at: now), presence.open == presence.rejected {
            event.rejectedSessions = presence.open
        }
        return true
    }

    /// Where the last `" result="` stands.
    private static func lastResult(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
        var limit = range.upperBound - resultMark.utf8CodeUnitCount + 1
        while let quote = bytes.lastIndex(of: UInt8(ascii: "\""), from: range.lowerBound, to: limit) {
            if bytes.hasBytes(of: resultMark, at: quote) { return quote }
            limit = quote
        }
        return nil
    }

    private static let resultMark: StaticString = "\" result=\""

    /// Lines that say nothing of interest here.
    private static let otherSteps: [StaticString] = [
        "envelope ", "tls ", "cert-check ", "client-cert-check ", "event=",
    ]
}

extension Reader {
    /// 16 lower-case hexadecimal digits with a blank behind, as one number.
    fileprivate mutating func sessionID(in bytes: Span<UInt8>) -> UInt64? {
        guard end - position > 16, bytes[position + 16] == 0x20,
            let high = Reader.hexadecimal(bytes.word(at: position)),
            let low = Reader.hexadecimal(bytes.word(at: position + 8))
        else { return nil }
        move(to: position + 16)
        return high << 32 | low
    }

    /// The number that eight lower-case hexadecimal digits spell, the first of them lowest in `word`.
    private static func hexadecimal(_ word: UInt64) -> UInt64? {
        let letters = Words.within(UInt8(ascii: "a"), UInt8(ascii: "f"), word)
        guard Words.within(UInt8(ascii: "0"), UInt8(ascii: "9"), word) | letters == Words.highs else { return nil }
        // The low four bits of `a` are 1.
        var value = ((word & (Words.ones &* 0x0f)) &+ (letters >> 7) &* 9).byteSwapped
        value = (value | value >> 4) & 0x00ff_00ff_00ff_00ff
        value = (value | value >> 8) & 0x0000_ffff_0000_ffff
        return (value | value >> 16) & 0xffff_ffff
    }

    fileprivate func ends(with text: StaticString, in bytes: Span<UInt8>) -> Bool {
        end - position >= text.utf8CodeUnitCount && bytes.hasBytes(of: text, at: end - text.utf8CodeUnitCount)
    }
}
