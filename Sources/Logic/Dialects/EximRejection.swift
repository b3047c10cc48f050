import Bytes
import Events

/// `H=HOST [FIELD=...] [F=<SENDER>] [temporarily ]rejected WHERE[: TEXT]`: what an ACL refused (smtp_in.c,
/// smtp_handle_acl_fail). The line is written after the reply has gone out.
extension Exim {
    /// Where in the session an ACL spoke; what it was about stands behind in the client's words, for some of them.
    enum Stage {
        case connect
        case helo
        case auth
        case startTLS
        case mail
        case recipient
        case data
        case content
        case expand
    }

    /// Behind `H=`.
    func rejection(_ bytes: Span<UInt8>, _ start: Reader, _ event: inout Event) -> Found {
        var reader = start
        guard let hosts = EximHosts(bytes, &reader) else { return .unread }
        if hosts.others.isEmpty {
            guard let reading = reading(bytes, hosts.first, from: start.position, to: start.end) else {
                return .nothing
            }
            event.take(reading)
            event.peer = hosts.first.peer
            return .event
        }
        return ambiguous(bytes, hosts.all, start, &event)
    }

    /// Whoever is the peer, the rest of the entry is read from there.
    private func ambiguous(_ bytes: Span<UInt8>, _ hosts: [EximHost], _ start: Reader, _ event: inout Event) -> Found {
        for host in hosts where !event.candidates.contains(host.peer) {
            var readings: [Event.Reading] = []
            var isOther = false
            for same in hosts where same.peer == host.peer {
                if let reading = reading(bytes, same, from: start.position, to: start.end) {
                    readings.append(reading)
                } else if Exim.isOtherEntry(bytes, same) {
                    isOther = true
                }
            }
            event.candidates.append(host.peer)
            event.readings.append(isOther ? nil : Exim.common(readings))
        }
        guard let common = Exim.common(event.readings.compactMap { $0 }) else { return .nothing }
        event.take(common)
        if event.candidates.count == 1 {
            event.peer = event.candidates[0]
            event.candidates = []
            event.readings = []
        } else {
            event.port = nil
        }
        return .event
    }

    /// What all of the readings say.
    private static func common(_ readings: [Event.Reading]) -> Event.Reading? {
        guard var common = readings.first else { return nil }
        for other in readings.dropFirst() {
            if other.kind == .deferral { common.kind = .deferral }
            if other.rejectionClass != common.rejectionClass { common.rejectionClass = .other }
            if other.code != common.code { common.code = nil }
            if other.port != common.port { common.port = nil }
            if other.zone != common.zone { common.zone = nil }
            if other.isListFailure { common.isListFailure = true }
        }
        return common
    }

    /// Whether Exim's words behind the host are those of an entry that is no rejection.
    private static func isOtherEntry(_ bytes: Span<UInt8>, _ host: EximHost) -> Bool {
        otherEntries.contains { bytes.hasBytes(of: $0, at: host.end) }
    }

    private static let otherEntries: [StaticString] = [
        " Warning: ", " sender verify ", " incomplete transaction", " next input=",
    ]

    /// What the entry says from behind `host` on; `nil` when that is no rejection.
    func reading(_ bytes: Span<UInt8>, _ host: EximHost, from start: Int, to end: Int) -> Event.Reading? {
        var reader = Reader(host.end..<end)
        var reading = Event.Reading()
        reading.port = host.port
        for _ in 0..<Exim.mostFields {
            guard reader.skip(" ", in: bytes) else { return nil }
            let isDeferral = reader.skip("temporarily rejected ", in: bytes)
            if isDeferral || reader.skip("rejected ", in: bytes) {
                reading.kind = isDeferral ? .deferral : .rejection
                guard let (stage, text) = Exim.stage(bytes, &reader, host.helo(bytes, from: start)) else { return nil }
                Exim.setCode(stage, isDeferral: isDeferral, &reading)
                judge(
                    Refusal(stage: stage, text: text, client: start..<reader.position, address: host.address), bytes,
                    &reading)
                return reading
            }
            guard reader.skipEximField(in: bytes) else { return nil }
        }
        return nil
    }

    /// Behind `rejected `: the stage, and the text that the ACL gave for the log; the reader stands before that.
    private static func stage(_ bytes: Span<UInt8>, _ reader: inout Reader, _ helo: Range<Int>?) -> (
        Stage, Range<Int>?
    )? {
        guard let known = stages.first(where: { reader.skip($0.words, in: bytes) }) else { return nil }
        var isTold = true
        switch known.argument {
        case .none: break
        case .address: isTold = reader.skipEximAddress(in: bytes)
        case .word: isTold = reader.skipEximWord(in: bytes)
        case .helo:
            // A HELO that was taken stands in the client's place, too, unless it is the client's name.
            isTold = helo.map { reader.skipSame($0, in: bytes) } ?? reader.skipEximWord(in: bytes)
        }
        if isTold, reader.isAtEnd { return (known.stage, reader.rest) }
        guard isTold, reader.skip(": ", in: bytes) else { return (known.stage, nil) }
        return (known.stage, reader.rest)
    }

    /// The reply's code where the text begins with none. An ACL's refusal of the connection ends it.
    private static func setCode(_ stage: Stage, isDeferral: Bool, _ reading: inout Event.Reading) {
        switch stage {
        case .connect: reading.code = nil
        case .auth: reading.code = isDeferral ? 451 : 503
        default: reading.code = isDeferral ? 451 : 550
        }
    }

    private enum Argument {
        case none
        case address
        case word
        case helo
    }

    /// Chains of log selectors make no more fields than this.
    private static let mostFields = 16

    /// smtp_in.c, globals.c (acl_wherenames). VRFY and ETRN are left out: their codes are no refusals of mail.
    private static let stages: [(words: StaticString, stage: Stage, argument: Argument)] = [
        ("RCPT ", .recipient, .address),
        ("connection in \"connect\" ACL", .connect, .none),
        ("after DATA PRDR", .content, .none),
        ("after DATA", .content, .none),
        ("MAIL ", .mail, .address),
        ("EHLO or HELO ", .helo, .helo),
        ("DATA", .data, .none),
        ("during MIME ACL checks", .content, .none),
        ("by local_scan()", .content, .none),
        ("AUTH ", .auth, .word),
        ("STARTTLS ", .startTLS, .word),
        ("EXPN ", .expand, .address),
    ]
}

extension Reader {
    /// A field between host and `rejected`: `I=[192.0.2.25]:25`, `X=...`, `CV=no`, `DN="..."`, `F=<...>`, `A=...`.
    mutating func skipEximField(in bytes: Span<UInt8>) -> Bool {
        if skip("F=", in: bytes) { return skipAngled(within: 2048, in: bytes) }
        if skip("DN=\"", in: bytes) {
            guard let quote = find(UInt8(ascii: "\""), within: 2048, in: bytes) else { return false }
            move(to: quote + 1)
            return true
        }
        // A word with `=` in it, or `K` and `TFO*`; the words of other entries (`Warning: ...`) are none.
        let stop = find(0x20, within: 512, in: bytes) ?? end
        let isShort = stop - position <= 4 && stop > position
        guard isShort || find(UInt8(ascii: "="), within: min(8, stop - position), in: bytes) != nil else {
            return false
        }
        move(to: stop)
        return true
    }

    /// `<...>` with an address inside, where a quoted local part may hold `>` and all else.
    mutating func skipAngled(within limit: Int, in bytes: Span<UInt8>) -> Bool {
        guard skip("<", in: bytes), let closing = find(UInt8(ascii: ">"), within: limit, in: bytes) else {
            return false
        }
        if bytes.firstIndex(of: UInt8(ascii: "\""), from: position, to: closing) == nil {
            move(to: closing + 1)
            return true
        }
        var isQuoted = false
        var index = position
        let last = Swift.min(end, position + limit)
        while index < last {
            switch bytes[index] {
            case UInt8(ascii: "\\") where isQuoted: index += 1
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: ">") where !isQuoted:
                move(to: index + 1)
                return true
            default: break
            }
            index += 1
        }
        return false
    }

    /// The address of a command: in brackets, or bare. A hundred bytes of it are logged; one that was cut has no end.
    fileprivate mutating func skipEximAddress(in bytes: Span<UInt8>) -> Bool {
        if !isAtEnd, bytes[position] == UInt8(ascii: "<") { return skipAngled(within: 512, in: bytes) }
        return skipEximWord(in: bytes)
    }

    /// The bytes that stand in `range`, too.
    fileprivate mutating func skipSame(_ range: Range<Int>, in bytes: Span<UInt8>) -> Bool {
        guard range.count <= end - position else { return false }
        for offset in 0..<range.count where bytes[range.lowerBound + offset] != bytes[position + offset] {
            return false
        }
        move(to: position + range.count)
        return true
    }

    /// Up to `: ` or the end, without a blank, a quote or a comment inside.
    fileprivate mutating func skipEximWord(in bytes: Span<UInt8>) -> Bool {
        var index = position
        while index < end, bytes[index] != 0x20 {
            if bytes[index] == UInt8(ascii: "\"") || bytes[index] == UInt8(ascii: "(") { return false }
            index += 1
        }
        if index < end {
            guard index > position, bytes[index - 1] == UInt8(ascii: ":") else { return false }
            index -= 1
        }
        move(to: index)
        return true
    }
}
