import Addresses
import Bytes
import Events

/// `reject: STAGE from PEER: CODE x.y.z TEXT; from=<...> to=<...> proto=ESMTP helo=<...>`: class and zone of a rejection.
///
/// TEXT is Postfix's own, the administrator's or a list's, and may quote the client in `<...>` or `[...]`. The envelope
/// behind it is the client's and may look like anything; so TEXT is taken to end at the first thing that looks like the
/// envelope's beginning, which is the real one or stands before it.
extension Postfix {
    /// What is behind the code, up to the envelope.
    struct ReplyText {
        var range: Range<Int>
        /// From there to the end of the line: the client's.
        var envelope: Range<Int>
    }

    mutating func rejection(
        _ line: LogLine, _ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event
    ) -> Reading {
        let stage = reader
        guard reader.skipStage(in: bytes), reader.skip(" from ", in: bytes) else { return .unread }
        let isScreened = !reader.isAtEnd && bytes[reader.position] == UInt8(ascii: "[")
        guard let origin = reader.origin(in: bytes) else { return Postfix.withoutPeer(reader, bytes) }
        guard reader.skip(": ", in: bytes) else { return .unread }
        event.note(origin)
        guard let code = Postfix.replyCode(bytes, reader.rest), code >= 400 else {
            return Reading(endedByServer(stage, bytes, reader, &event))
        }
        reader.move(to: reader.position + 4)
        event.kind = code < 500 ? .deferral : .rejection
        event.code = code
        reader.skipEnhancedCode(in: bytes)
        judge(reader.rest, origin, bytes, &event)
        if isScreened { judgeScreened(origin, line, &event) }
        return .event
    }

    /// The few that are logged without a reply's code. After most of them the server closes the connection.
    private func endedByServer(
        _ stage: Reader, _ bytes: Span<UInt8>, _ reader: Reader, _ event: inout Event
    ) -> Bool {
        var words = reader
        if words.skip("bare <LF> received", in: bytes) {
            event.rejectionClass = .content
            // Found in a message the connection goes on, with smtpd_forbid_bare_newline_reject_code.
            event.code = bytes.hasBytes(of: "END-OF-MESSAGE", at: stage.position) ? 550 : nil
            return true
        }
        if words.skip("too many connections", in: bytes) {
            event.rejectionClass = .connLimit
            return words.isAtEnd
        }
        guard words.skip("all server ports busy", in: bytes), words.isAtEnd else { return false }
        event.saturate()
        return true
    }

    /// Postfix's own texts go first, from their first byte on.
    private mutating func judge(_ reply: Range<Int>, _ origin: Origin, _ bytes: Span<UInt8>, _ event: inout Event) {
        var reader = Reader(reply)
        if reader.skip("Service unavailable; ", in: bytes), judgeListing(reader, origin, bytes, &event) { return }
        let text = text(in: reply, bytes)
        reader = Reader(text.range)
        if reader.skip("<", in: bytes) {
            judgeQuoted(reader, text, origin, bytes, &event)
            return
        }
        for known in Postfix.knownTexts where reader.skip(known.start, in: bytes) {
            event.rejectionClass = known.rejectionClass
            return
        }
        if event.code == 421 {
            event.rejectionClass = .other
            return
        }
        // What is left is a DNSBL's reply in the administrator's words (default_rbl_reply, rbl_reply_maps).
        event.rejectionClass = .clientHost
        let own = text.range.lowerBound..<Postfix.quoteStart(text.range, bytes)
        let signs = listTexts.signs(in: bytes, own, peer: origin.address)
        event.isListFailure = signs.isListFailure
        if signs.hasListWord || signs.namesPeer {
            event.rejectionClass = .rbl
            event.zone = ListTexts.namedZone(bytes, in: own) ?? signs.url.flatMap { ListTexts.zone(bytes, urlHost: $0) }
        } else {
            judgeSiteText(text, origin, bytes, &event)
        }
    }

    /// `Client host [IP] blocked using ZONE[; TXT]` (smtpd), `client [IP] blocked using ZONE` (postscreen): a listing of
    /// the peer only if the address in brackets is the peer's. Otherwise a name was listed: its PTR name, or what the
    /// client said.
    private mutating func judgeListing(
        _ place: Reader, _ origin: Origin, _ bytes: Span<UInt8>, _ event: inout Event
    ) -> Bool {
        var reader = place
        if reader.skip("Client host [", in: bytes) || reader.skip("client [", in: bytes) {
            var behind = reader
            if behind.skip(origin.address, in: bytes), behind.skip("] blocked using ", in: bytes) {
                event.rejectionClass = .rbl
                if replies.recall(behind.rest, address: origin.address, bytes, into: &event) { return true }
                let text = text(in: behind.rest, bytes)
                readListing(text.range, origin, bytes, &event)
                replies.keep(text.range, address: origin.address, bytes, event)
                return true
            }
        } else {
            guard Postfix.listedNames.contains(where: { reader.skip($0, in: bytes) }), reader.skip(" [", in: bytes)
            else { return false }
        }
        // Twice in the line: one of them is the client's, so neither zone can be believed.
        guard let listing = reader.place(behind: "] blocked using ", in: bytes) else { return false }
        event.rejectionClass = .rhsbl
        reader.move(to: listing)
        guard reader.place(behind: "] blocked using ", in: bytes) == nil else { return true }
        readListing(text(in: reader.rest, bytes).range, origin, bytes, &event)
        return true
    }

    /// `ZONE[; TXT]`.
    private func readListing(_ text: Range<Int>, _ origin: Origin, _ bytes: Span<UInt8>, _ event: inout Event) {
        var reader = Reader(text)
        event.zone = reader.zone(in: bytes)
        event.isListFailure = listTexts.signs(in: bytes, reader.rest, peer: origin.address).isListFailure
    }

    /// `<NAME>: Helo command rejected: REASON`. NAME and the envelope are the client's and may hold all of this again, or
    /// an envelope's beginning; so the whole line is looked through, and when there are two of them nobody knows which
    /// is Postfix's.
    private func judgeQuoted(
        _ place: Reader, _ text: ReplyText, _ origin: Origin, _ bytes: Span<UInt8>, _ event: inout Event
    ) {
        event.rejectionClass = .other
        var line = Reader(place.position..<text.envelope.upperBound)
        var reason: (class: RejectionClass, words: Range<Int>)?
        while let next = line.place(behind: ">: ", in: bytes) {
            line.move(to: next)
            guard let quoted = Postfix.quotingTexts.first(where: { line.skip($0.start, in: bytes) }) else { continue }
            guard reason == nil else { return }
            reason = (quoted.rejectionClass, line.rest)
        }
        guard let reason else { return }
        event.rejectionClass = reason.class
        var words = Reader(reason.words)
        if reason.class == .recipient, words.skip("User unknown", in: bytes) || words.skip("undeliverable", in: bytes) {
            event.rejectionClass = .unknownUser
            return
        }
        judgeSiteText(self.text(in: reason.words, bytes), origin, bytes, &event)
    }

    /// The administrator's own words for a list, in texts of access tables, policy servers and milters.
    func judgeSiteText(
        _ text: ReplyText, _ origin: Origin, _ bytes: Span<UInt8>, _ event: inout Event
    ) {
        guard let siteText = listTexts.siteText(in: bytes, text.range, client: text.envelope) else { return }
        let signs = listTexts.signs(in: bytes, text.range, peer: origin.address)
        event.rejectionClass = .rbl
        event.zone = signs.url.flatMap { ListTexts.zone(bytes, urlHost: $0) } ?? siteText
        event.isListFailure = signs.isListFailure
    }

    func text(in range: Range<Int>, _ bytes: Span<UInt8>) -> ReplyText {
        var reader = Reader(range)
        while let semicolon = reader.find(UInt8(ascii: ";"), within: range.count, in: bytes) {
            reader.move(to: semicolon + 1)
            var field = reader
            if field.skip(" from=<", in: bytes) || field.skip(" to=<", in: bytes) || field.skip(" proto=", in: bytes) {
                return ReplyText(range: range.lowerBound..<semicolon, envelope: semicolon..<range.upperBound)
            }
        }
        return ReplyText(range: range, envelope: range.upperBound..<range.upperBound)
    }

    /// 200...599 in the first three bytes, and a blank behind, or a dash in a milter's reply of several lines.
    static func replyCode(_ bytes: Span<UInt8>, _ text: Range<Int>) -> UInt16? {
        let end = text.lowerBound + 3
        guard text.count > 3, bytes[end] == 0x20 || bytes[end] == UInt8(ascii: "-"),
            let value = decimal(bytes, text.lowerBound..<end),
            (200...599).contains(value)
        else { return nil }
        return UInt16(value)
    }

    private static func quoteStart(_ text: Range<Int>, _ bytes: Span<UInt8>) -> Int {
        bytes.firstIndex(of: UInt8(ascii: "<"), from: text.lowerBound, to: text.upperBound) ?? text.upperBound
    }

    /// smtpd_dsn_fix.h; `Client host` with a name in brackets is reject_rhsbl_client.
    private static let listedNames: [StaticString] = [
        "Sender address", "Recipient address", "Helo command", "Unverified Client host", "Client certificate",
        "SASL login name", "Etrn command",
    ]

    /// Behind `<NAME>: `, in smtpd_check.c.
    private static let quotingTexts: [(start: StaticString, rejectionClass: RejectionClass)] = [
        ("Recipient address rejected: ", .recipient),
        ("Relay access denied", .relayDenied),
        ("Sender address rejected: ", .sender),
        ("Helo command rejected: ", .helo),
        ("Client host rejected: ", .clientHost),
        ("Unverified Client host rejected: ", .clientHost),
        ("Client certificate rejected: ", .clientHost),
        ("SASL login name rejected: ", .auth),
        ("End-of-data rejected: ", .content),
        ("Data command rejected: ", .other),
        ("Etrn command rejected: ", .other),
        ("Temporary lookup failure", .other),
    ]

    /// The texts of smtpd_check.c and of postscreen that quote nothing.
    private static let knownTexts: [(start: StaticString, rejectionClass: RejectionClass)] = [
        ("Client host rejected: ", .clientHost),
        ("Service currently unavailable", .clientHost),
        ("Service unavailable", .other),
        ("Protocol error", .other),
        ("Server configuration error", .other),
        ("Session encryption is required", .other),
        ("Message size exceeds fixed limit", .content),
        ("Insufficient system storage", .other),
        ("Temporary lookup", .other),
    ]
}

extension Event {
    /// All processes are taken, and the connection was closed at once.
    mutating func saturate() {
        kind = .saturation
        peer = nil
        port = nil
        isAtLimit = true
    }
}

extension Reader {
    /// The bytes that stand at `range`, once more.
    mutating func skip(_ range: Range<Int>, in bytes: Span<UInt8>) -> Bool {
        guard end - position >= range.count else { return false }
        for offset in 0..<range.count where bytes[position + offset] != bytes[range.lowerBound + offset] {
            return false
        }
        move(to: position + range.count)
        return true
    }

    /// Behind the next `text`.
    func place(behind text: StaticString, in bytes: Span<UInt8>) -> Int? {
        let first = text.withUTF8Buffer { $0.first ?? 0 }
        var step = self
        while let found = step.find(first, within: end - step.position, in: bytes) {
            step.move(to: found)
            if step.skip(text, in: bytes) { return step.position }
            step.move(to: found + 1)
        }
        return nil
    }

    /// A list's name as the configuration has it, lower case: up to a `;`, a blank or the end; `nil` for other text,
    /// as postscreen_dnsbl_reply_map may put there. Moves behind it.
    mutating func zone(in bytes: Span<UInt8>) -> String? {
        var index = position
        let limit = min(end, position + 254)
        while index < limit {
            let count = (~Postfix.nameBytes(bytes.word(at: index)) & Words.highs).trailingZeroBitCount / 8
            index = min(index + count, limit)
            if count < 8 { break }
        }
        let name = position..<index
        guard !name.isEmpty, name.count <= 253, index == end || bytes[index] == UInt8(ascii: ";") else { return nil }
        move(to: index)
        return String(unsafeUninitializedCapacity: name.count) { buffer in
            for offset in 0..<name.count { buffer[offset] = lowercased(bytes[name.lowerBound + offset]) }
            return name.count
        }
    }
}
