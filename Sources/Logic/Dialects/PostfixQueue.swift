import Addresses
import Bytes
import Events

/// Lines that begin with a queue id: rejections, and what becomes of a message.
///
/// smtpd writes `ID: client=NAME[IP]` when the first recipient of a message is taken, before its text has come. Only
/// qmgr's `ID: from=<...> ... (queue active)` says that the message was taken; in between cleanup may refuse it, for a
/// milter or a header check. So the first is an acceptance that is still to come (`precedesReply`), unless the client
/// has authenticated, and the second one that has.
extension Postfix {
    /// A queue id: hexadecimal, or letters and digits with enable_long_queue_ids.
    struct QueueID: SessionKey {
        var first: UInt64 = 0
        var second: UInt64 = 0
        var third: UInt64 = 0

        func mixed(with secret: UInt64) -> UInt64 {
            Dialects.mixed(first ^ secret, Dialects.mixed(second ^ secret, third))
        }
    }

    /// Who sends a message, and where.
    struct Client: Sendable {
        var peer: IPAddress
        var port: UInt16?
        /// smtpd's.
        var pid: Int32?
        var isAuthenticated: Bool
    }

    mutating func queueLine(
        _ program: Program, _ line: LogLine, _ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event
    ) -> Reading {
        let hasNone = reader.skip("NOQUEUE: ", in: bytes)
        let id = hasNone ? nil : reader.queueID(in: bytes)
        guard hasNone || id != nil, !reader.isAtEnd else { return .nothing }
        switch (program, bytes[reader.position]) {
        case (.postscreen, UInt8(ascii: "r")):
            return reader.skip("reject: ", in: bytes) ? rejection(line, bytes, &reader, &event) : .nothing
        case (.smtpd, UInt8(ascii: "r")), (.cleanup, UInt8(ascii: "r")), (.any, UInt8(ascii: "r")):
            guard reader.skip("reject: ", in: bytes) else { return .nothing }
            if program != .smtpd, let id, Postfix.isContentCheck(bytes, reader) {
                return contentRejection(id, line, bytes, &event)
            }
            return program == .cleanup ? .unread : rejection(line, bytes, &reader, &event)
        case (.smtpd, UInt8(ascii: "m")), (.cleanup, UInt8(ascii: "m")), (.any, UInt8(ascii: "m")):
            if reader.skip("milter-reject: ", in: bytes) {
                return filterRejection(program, id, line, bytes, &reader, &event)
            }
            if program != .smtpd, let id,
                reader.skip("milter-header-reject: ", in: bytes) || reader.skip("milter-body-reject: ", in: bytes)
            {
                return contentRejection(id, line, bytes, &event)
            }
        case (.smtpd, UInt8(ascii: "c")), (.any, UInt8(ascii: "c")):
            if reader.skip("client=", in: bytes) { return client(id, line, bytes, &reader, &event) }
        case (.queueManager, UInt8(ascii: "f")), (.any, UInt8(ascii: "f")):
            if let id, reader.skip("from=<", in: bytes) { return queued(id, line, bytes, &event) }
        default: break
        }
        return .nothing
    }

    /// `client=NAME[IP]`, with `, sasl_method=..., sasl_username=...` behind it after AUTH. `, sasl_sender=` alone is only
    /// what a client says behind MAIL FROM (RFC 4954, 5), and Postfix takes that from anybody.
    private mutating func client(
        _ id: QueueID?, _ line: LogLine, _ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event
    ) -> Reading {
        // Whatever follows, no word of a filter is about whom this smtpd served before.
        if let pid = line.pid { proxied.remove(pid) }
        guard let origin = reader.origin(in: bytes), reader.isAtEnd || reader.skip(", ", in: bytes) else {
            // Nor is the message the one that had this id.
            if let id { messages.remove(id) }
            return Postfix.withoutPeer(reader, bytes)
        }
        event.kind = .acceptance
        event.note(origin)
        // Not `sasl_sender=`: any client can say `MAIL FROM:<...> AUTH=...`.
        event.isAuthenticated = reader.skip("sasl_method=", in: bytes) && !reader.isAnonymous(in: bytes)
        event.precedesReply = !event.isAuthenticated
        let client = Client(
            peer: origin.peer, port: origin.port, pid: line.pid, isAuthenticated: event.isAuthenticated)
        if let id {
            messages.set(id, client, at: line.heard)
        } else if let pid = line.pid {
            proxied.set(pid, client, at: line.heard)
        }
        return .event
    }

    /// qmgr's first line of a message that came over the net.
    private mutating func queued(
        _ id: QueueID, _ line: LogLine, _ bytes: Span<UInt8>, _ event: inout Event
    ) -> Reading {
        guard let client = messages.value(id, at: line.heard) else { return .nothing }
        let words: StaticString = " (queue active)"
        guard bytes.hasBytes(of: words, at: line.message.upperBound - words.utf8CodeUnitCount) else { return .nothing }
        messages.remove(id)
        guard !client.isAuthenticated else { return .nothing }
        event.kind = .acceptance
        event.peer = client.peer
        event.port = client.port
        event.pid = nil
        return .event
    }

    /// `proxy-accept: END-OF-MESSAGE: 250 ...; from=<...>`: what the filter before the queue (smtpd_proxy_filter) said.
    /// The line does not name the peer; this smtpd has done so before.
    mutating func proxyReply(
        _ line: LogLine, _ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event
    ) -> Reading {
        let isAccepted = reader.skip("accept: ", in: bytes)
        guard isAccepted || reader.skip("reject: ", in: bytes) else { return .nothing }
        guard reader.skipStage(in: bytes), reader.skip(": ", in: bytes),
            let code = Postfix.replyCode(bytes, reader.rest)
        else { return .unread }
        guard let pid = line.pid, let client = proxied.value(pid, at: line.heard) else { return .nothing }
        proxied.remove(pid)
        event.peer = client.peer
        event.port = client.port
        if isAccepted {
            event.kind = .acceptance
            return code < 300 && !client.isAuthenticated ? .event : .nothing
        }
        guard code >= 400 else { return .nothing }
        event.kind = code < 500 ? .deferral : .rejection
        event.rejectionClass = .content
        event.code = code
        return .event
    }

    /// `header TEXT from ...`, `body TEXT from ...`, `mime-error ...`: TEXT is up to 200 bytes of the message, so that
    /// nothing behind it can be believed. The peer is the one smtpd named for this queue id; without that line, nobody.
    private mutating func contentRejection(
        _ id: QueueID, _ line: LogLine, _ bytes: Span<UInt8>, _ event: inout Event
    ) -> Reading {
        let client = messages.value(id, at: line.heard)
        messages.remove(id)
        event.peer = client?.peer
        event.port = client?.port
        event.pid = client?.pid
        event.rejectionClass = .content
        // cleanup_strerror.c; a check may say 4.x.x instead, which stands behind the message's text.
        event.code = 550
        return .event
    }

    /// `milter-reject: STAGE from NAME[IP]: TEXT`. smtpd writes the reply with its code; cleanup, which asks the milters
    /// about the message itself, leaves the code out.
    private mutating func filterRejection(
        _ program: Program, _ id: QueueID?, _ line: LogLine, _ bytes: Span<UInt8>, _ reader: inout Reader,
        _ event: inout Event
    ) -> Reading {
        let stage = reader.position
        guard reader.skipStage(in: bytes), reader.skip(" from ", in: bytes) else { return .unread }
        guard let origin = reader.origin(in: bytes) else { return Postfix.withoutPeer(reader, bytes) }
        guard reader.skip(": ", in: bytes) else { return .unread }
        event.note(origin)
        let code = program == .cleanup ? nil : Postfix.replyCode(bytes, reader.rest)
        if let code, code < 400 { return .unread }
        if code != nil {
            reader.move(to: reader.position + 4)
            // A milter's word at HELO is kept for the commands behind it; HELO itself gets its 250.
            event.precedesReply = bytes.hasBytes(of: "EHLO ", at: stage) || bytes.hasBytes(of: "HELO ", at: stage)
        } else {
            let client = id.flatMap { messages.value($0, at: line.heard) }
            event.pid = client?.peer == origin.peer ? client?.pid : nil
            event.port = event.pid == nil ? origin.port : client?.port
        }
        if let id { messages.remove(id) }
        let isDeferral = code.map { $0 < 500 } ?? (reader.rest.isEmpty || bytes[reader.position] == UInt8(ascii: "4"))
        event.kind = isDeferral ? .deferral : .rejection
        event.code = code ?? (isDeferral ? 450 : 550)
        event.rejectionClass = .content
        reader.skipEnhancedCode(in: bytes)
        judgeSiteText(text(in: reader.rest, bytes), origin, bytes, &event)
        return .event
    }

    private static func isContentCheck(_ bytes: Span<UInt8>, _ place: Reader) -> Bool {
        var reader = place
        return reader.skip("header ", in: bytes) || reader.skip("body ", in: bytes)
            || reader.skip("content ", in: bytes) || reader.skip("mime-error ", in: bytes)
    }
}

extension Reader {
    /// Letters and digits, and `: ` behind them.
    mutating func queueID(in bytes: Span<UInt8>) -> Postfix.QueueID? {
        var id = Postfix.QueueID()
        var step = self
        let first = step.letters(in: bytes)
        id.first = first.word
        if first.count == 8 {
            let second = step.letters(in: bytes)
            id.second = second.word
            if second.count == 8 { id.third = step.letters(in: bytes).word }
        }
        guard step.position - position >= 5, step.skip(": ", in: bytes) else { return nil }
        self = step
        return id
    }

    func hasQueueID(in bytes: Span<UInt8>) -> Bool {
        var step = self
        return step.queueID(in: bytes) != nil
    }

    /// SASL's mechanism without a user, as the client spelled it.
    fileprivate func isAnonymous(in bytes: Span<UInt8>) -> Bool {
        ListTexts.hasFolded("anonymous", bytes, position, end)
    }

    func isNoQueue(in bytes: Span<UInt8>) -> Bool { bytes.hasBytes(of: "NOQUEUE: ", at: position) }

    /// Up to eight letters and digits.
    private mutating func letters(in bytes: Span<UInt8>) -> (word: UInt64, count: Int) {
        let word = bytes.word(at: position)
        let inside =
            Words.within(UInt8(ascii: "a"), UInt8(ascii: "z"), Words.lowercased(word))
            | Words.within(UInt8(ascii: "0"), UInt8(ascii: "9"), word)
        let count = min((~inside & Words.highs).trailingZeroBitCount / 8, end - position)
        move(to: position + count)
        return (word & Words.mask(count), count)
    }

    /// The command under way: `RCPT`, `END-OF-MESSAGE`, `DATA content` (smtpd.h).
    mutating func skipStage(in bytes: Span<UInt8>) -> Bool {
        var index = position
        let limit = min(end, position + 24)
        while index < limit, bytes[index] &- 0x41 < 26 || bytes[index] == UInt8(ascii: "-") { index += 1 }
        guard index > position else { return false }
        move(to: index)
        _ = skip(" content", in: bytes)
        return true
    }
}
