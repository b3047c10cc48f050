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
    mutating func rejection(_ bytes: Span<UInt8>, _ start: Reader, _ event: inout Event) -> Found {
        var reader = start
        guard let client = EximHosts(bytes, &reader), let hosts = client.several(bytes) else { return .unread }
        if !hosts.isEmpty { return ambiguous(bytes, hosts, start, &event) }
        guard read(bytes, client.first, from: start.position, to: start.end, &event) else {
            return Exim.isOtherEntry(bytes, client.first) ? .nothing : .unread
        }
        event.peer = client.first.peer
        return .event
    }

    /// Whoever is the peer, the rest of the entry is read from there.
    private mutating func ambiguous(_ bytes: Span<UInt8>, _ hosts: [EximHost], _ start: Reader, _ event: inout Event)
        -> Found
    {
        let before = event
        var readingsLeft = Exim.mostReadings
        for host in hosts where !event.candidates.contains(host.peer) {
            var readings: [Event.Reading] = []
            var isOther = false
            for same in hosts where same.peer == host.peer {
                var one = before
                if readingsLeft > 0, read(bytes, same, from: start.position, to: start.end, &one) {
                    readingsLeft -= 1
                    readings.append(Event.Reading(one))
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

    /// An address with words behind it that make a rejection takes 25 bytes, so that a sender and a recipient hold 14.
    private static let mostReadings = 16

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
        " Warning: ", " sender verify ", " incomplete transaction", " next input=", " rejected VRFY ",
        " rejected ETRN ",
    ]

    /// What the entry says from behind `host` on; false when that is no rejection.
    private mutating func read(
        _ bytes: Span<UInt8>, _ host: EximHost, from start: Int, to end: Int, _ event: inout Event
    )
        -> Bool
    {
        var reader = Reader(host.end..<end)
        event.port = host.port
        for _ in 0..<Exim.mostFields {
            guard reader.skip(" ", in: bytes) else { return false }
            let isDeferral = reader.skip("temporarily rejected ", in: bytes)
            if isDeferral || reader.skip("rejected ", in: bytes) {
                event.kind = isDeferral ? .deferral : .rejection
                guard let (stage, text) = Exim.stage(bytes, &reader, host, from: start) else { return false }
                event.code = Exim.code(stage, isDeferral: isDeferral)
                judge(
                    Refusal(stage: stage, text: text, client: start..<reader.position, address: host.address), bytes,
                    &event)
                return true
            }
            guard reader.skipEximField(in: bytes) else { return false }
        }
        return false
    }

    /// Behind `rejected `: the stage, and the text that the ACL gave for the log; the reader stands before that.
    private static func stage(
        _ bytes: Span<UInt8>, _ reader: inout Reader, _ host: EximHost, from start: Int
    ) -> (Stage, Range<Int>?)? {
        var isTold = true
        let stage: Stage
        if reader.skip("RCPT ", in: bytes) {
            stage = .recipient
            isTold = reader.skipEximAddress(in: bytes)
        } else {
            guard let known = stages.first(where: { reader.skip($0.words, in: bytes) }) else { return nil }
            stage = known.stage
            switch known.argument {
            case .none: break
            case .anything: isTold = false
            case .address: isTold = reader.skipEximAddress(in: bytes)
            case .word: isTold = reader.skipEximWord(in: bytes)
            case .helo:
                // A HELO that was taken stands in the client's place, too, unless it is the client's name.
                isTold =
                    host.helo(bytes, from: start).map { reader.skipSame($0, in: bytes) }
                    ?? reader.skipEximWord(in: bytes)
            }
        }
        if isTold, reader.isAtEnd { return (stage, reader.rest) }
        guard isTold, reader.skip(": ", in: bytes) else { return (stage, nil) }
        return (stage, reader.rest)
    }

    /// The reply's code where the text begins with none. An ACL's refusal of the connection ends it.
    private static func code(_ stage: Stage, isDeferral: Bool) -> UInt16? {
        switch stage {
        case .connect: nil
        case .auth: isDeferral ? 451 : 503
        default: isDeferral ? 451 : 550
        }
    }

    private enum Argument {
        case none
        case address
        case word
        case helo
        case anything
    }

    /// Chains of log selectors make no more fields than this.
    private static let mostFields = 16

    /// smtp_in.c, globals.c (acl_wherenames). VRFY and ETRN are left out: their codes are no refusals of mail.
    private static let stages: [(words: StaticString, stage: Stage, argument: Argument)] = [
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
        ("EXPN ", .expand, .anything),
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
        let last = Swift.min(end, position + limit)
        while position < last {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                guard skipQuoted(within: last - position, in: bytes) else { return false }
            case UInt8(ascii: ">"):
                move(to: position + 1)
                return true
            default: move(to: position + 1)
            }
        }
        return false
    }

    /// `"..."`, where a backslash takes the next byte's meaning.
    mutating func skipQuoted(within limit: Int, in bytes: Span<UInt8>) -> Bool {
        guard skip("\"", in: bytes) else { return false }
        var index = position
        let last = Swift.min(end, position + limit - 1)
        while index < last {
            if bytes[index] == UInt8(ascii: "\"") {
                move(to: index + 1)
                return true
            }
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return false
    }

    /// The address of a command: in brackets, bare, or behind a phrase (`"Bob"=<bob@mail.example>`: Exim puts an `=`
    /// where it looked for an option). A hundred bytes of it are logged; one that was cut has no end.
    fileprivate mutating func skipEximAddress(in bytes: Span<UInt8>) -> Bool {
        let start = position
        var whole = self
        if whole.skipWholeAddress(in: bytes), whole.position - start <= Reader.longestArgument {
            self = whole
            return true
        }
        // A syslog daemon writes four bytes for a control character, so that the hundred are more.
        let cut = start + Reader.longestArgument
        guard cut <= end, bytes.firstIndex(of: UInt8(ascii: "#"), from: start, to: cut) == nil else { return false }
        move(to: cut)
        return true
    }

    private mutating func skipWholeAddress(in bytes: Span<UInt8>) -> Bool {
        var hasBlank = false
        while !isAtEnd {
            switch bytes[position] {
            case UInt8(ascii: "<"): return skipAngled(within: 512, in: bytes)
            case UInt8(ascii: "\""):
                guard skipQuoted(within: 512, in: bytes) else { return false }
                continue
            // A comment; what stands in it is not looked at.
            case UInt8(ascii: "("): return false
            case UInt8(ascii: ":") where bytes.hasBytes(of: ": ", at: position): return !hasBlank
            case 0x20: hasBlank = true
            default: break
            }
            move(to: position + 1)
        }
        return !hasBlank
    }

    private static let longestArgument = 100

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
