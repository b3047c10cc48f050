import Bytes

/// The header of one log line: where its stamp, host, tag and message stand.
///
/// Read are the forms a syslog daemon writes to a file: RFC 3164 (`Nov 20 22:44:29 vm tag[12]: text`), the same with an
/// RFC 3339 stamp (`2026-11-20T22:44:56.033783+00:00 vm tag: text`), and RFC 5424
/// (`<22>1 2026-11-20T22:44:56Z vm app 12 - - text`); `<PRI>` may stand before each. Also what programs write that
/// keep a file of their own, with neither host nor tag: Exim's `2026-11-20 22:44:56 text`, multilog's `@` TAI64N stamp,
/// and qpsmtpd's `Fri Nov 20 22:44:56 2026 host[12]: text`; and the lines of tcpserver and rblsmtpd as they are. The
/// values are ranges into the line's bytes, so nothing is copied and nothing is allocated; the stamp stays text until
/// somebody asks for it.
package struct LogLine: Equatable, Sendable {
    package enum StampForm: Sendable {
        /// `Nov 20 22:44:29`: neither year nor zone.
        case rfc3164
        /// `2026-11-20T22:44:56.033783+00:00`.
        case rfc3339
        /// RFC 5424's `-`: the sender had no clock. Or there is no header at all.
        case absent
        /// `2026-11-20 22:44:56[.123][ +0100]`, with neither host nor tag behind (Exim).
        case dateTime
        /// `@` and 24 hexadecimal digits, with neither host nor tag behind (multilog).
        case tai64n
        /// `Fri Nov 20 22:44:56 2026`, ctime(3), with `host[pid]: ` behind and no tag (qpsmtpd).
        case ctime
    }

    package private(set) var stamp: Range<Int>
    package private(set) var stampForm: StampForm
    package private(set) var host: Range<Int>
    /// The program's name without its pid; empty for the three forms that have none.
    package private(set) var tag: Range<Int>
    package private(set) var pid: Int32?
    /// What the program said, without the blank in front and without a carriage return at the end.
    package private(set) var message: Range<Int>
    /// When the line was heard: what the age of anything remembered of it counts from.
    package var heard = Instant.distantPast

    /// No line yet: `read` makes it one.
    package init() {
        stamp = 0..<0
        stampForm = .absent
        host = stamp
        tag = stamp
        message = stamp
    }

    /// `nil` when the bytes do not begin with a header of a known form.
    package init?(_ bytes: Span<UInt8>) {
        self.init()
        guard read(bytes) else { return nil }
    }

    /// Becomes the header of `bytes`; false, and then of no use, when they do not begin with one of a known form. In
    /// place, as a copy of what was only just written costs a processor more than finding it did.
    package mutating func read(_ bytes: Span<UInt8>) -> Bool {
        var end = bytes.count
        if end > 0, bytes[end - 1] == 0x0d { end -= 1 }
        var position = 0
        var isSyslogProtocol = false
        if end > 0, bytes[0] == UInt8(ascii: "<") {
            guard let behind = LogLine.skipPriority(bytes, end) else { return false }
            position = behind
            isSyslogProtocol = position + 1 < end && bytes[position] == UInt8(ascii: "1") && bytes[position + 1] == 0x20
            if isSyslogProtocol { position += 2 }
        }
        guard position < end else { return false }
        pid = nil
        return isSyslogProtocol ? readSyslogProtocol(bytes, position, end) : readTraditional(bytes, position, end)
    }
}

extension LogLine {
    /// A file of the program's own: stamp, blank, text.
    private mutating func readOwn(_ bytes: Span<UInt8>, _ form: StampForm, _ start: Int, _ stampEnd: Int, _ end: Int)
        -> Bool
    {
        guard stampEnd < end, bytes[stampEnd] == 0x20 else { return false }
        stamp = start..<stampEnd
        stampForm = form
        host = start..<start
        tag = host
        message = (stampEnd + 1)..<end
        return true
    }

    /// A file of ucspi-tcp's standard error: no header at all.
    private mutating func readBare(_ start: Int, _ end: Int) {
        stamp = start..<start
        stampForm = .absent
        host = stamp
        tag = stamp
        message = start..<end
    }

    /// `2026-11-20 22:44:56`, a fraction and a zone perhaps.
    private mutating func readDateTime(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        guard bytes[start + 10] == 0x20, bytes[start + 13] == UInt8(ascii: ":"), bytes[start + 16] == UInt8(ascii: ":")
        else { return false }
        var position = start + 19
        if position < end, bytes[position] == UInt8(ascii: ".") {
            position += 1
            while position < min(end, start + 30), isDigit(bytes[position]) { position += 1 }
        }
        if end - position > 6, bytes[position] == 0x20,
            bytes[position + 1] == UInt8(ascii: "+") || bytes[position + 1] == UInt8(ascii: "-"),
            decimal(bytes, (position + 2)..<(position + 6)) != nil
        {
            position += 6
        }
        return readOwn(bytes, .dateTime, start, position, end)
    }

    /// `Fri Nov 20 22:44:56 2026 host[12]: `.
    private mutating func readCtime(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        guard end - start > 30, bytes[start + 3] == 0x20, bytes[start + 7] == 0x20, bytes[start + 10] == 0x20,
            bytes[start + 13] == UInt8(ascii: ":"), bytes[start + 16] == UInt8(ascii: ":"),
            bytes[start + 19] == 0x20, decimal(bytes, (start + 20)..<(start + 24)) != nil, bytes[start + 24] == 0x20
        else { return false }
        stamp = start..<(start + 24)
        stampForm = .ctime
        guard readTag(bytes, start + 25, end) else { return false }
        host = tag
        tag = host.lowerBound..<host.lowerBound
        return true
    }

    /// `<` up to three digits `>`.
    private static func skipPriority(_ bytes: Span<UInt8>, _ end: Int) -> Int? {
        var position = 1
        while position < end, position <= 4 {
            if bytes[position] == UInt8(ascii: ">") { return position > 1 ? position + 1 : nil }
            guard isDigit(bytes[position]) else { return nil }
            position += 1
        }
        return nil
    }

    /// Stamp, host, tag and `: `.
    private mutating func readTraditional(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        var position = start
        if isDigit(bytes[start]) {
            // Microseconds and an offset, as rsyslog writes it, make 32 bytes.
            if bytes.isFirst(0x20, at32From: start), start + 32 < end {
                position = start + 32
            } else {
                guard let blank = LogLine.fieldEnd(bytes, start, end, limit: Limit.stamp) else { return false }
                position = blank
                if blank == start + 10, end - start > 20 { return readDateTime(bytes, start, end) }
            }
            guard LogLine.looksLikeRFC3339(bytes, start..<position) else { return false }
            stampForm = .rfc3339
        } else if bytes[start] == UInt8(ascii: "@"), end - start > 25 {
            for index in (start + 1)..<(start + 25) where !isHexDigit(bytes[index]) { return false }
            return readOwn(bytes, .tai64n, start, start + 25, end)
        } else if bytes.hasBytes(of: "rblsmtpd: ", at: start) || bytes.hasBytes(of: "tcpserver: ", at: start) {
            readBare(start, end)
            return true
        } else {
            // What a program writes behind its own lines into the same file, as Exim's rejectlog has a message's
            // header, begins with a blank or a mark and one: a month and a weekday have three letters.
            guard end - start > 16, bytes[start + 3] == 0x20, bytes[start] &- 0x41 < 26, bytes[start + 1] &- 0x61 < 26,
                bytes[start + 2] &- 0x61 < 26
            else { return false }
            if bytes[start + 7] == 0x20 { return readCtime(bytes, start, end) }
            guard bytes[start + 6] == 0x20, bytes[start + 15] == 0x20,
                bytes[start + 9] == UInt8(ascii: ":"), bytes[start + 12] == UInt8(ascii: ":"),
                isDigit(bytes[start + 5])
            else { return false }
            position = start + 15
            stampForm = .rfc3164
        }
        stamp = start..<position
        guard let hostEnd = LogLine.fieldEnd(bytes, position + 1, end, limit: Limit.host) else { return false }
        host = (position + 1)..<hostEnd
        return readTag(bytes, hostEnd + 1, end)
    }

    /// `name: `, `name[12]: `; whatever else stands in the brackets is no pid, but no reason to drop the line either.
    private mutating func readTag(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        let limit = min(end, start + Limit.tag)
        guard var position = LogLine.tagEnd(bytes, start, limit), position > start else { return false }
        tag = start..<position
        if bytes[position] == UInt8(ascii: "[") {
            let digits = Words.leadingDigits(bytes.word(at: position + 1))
            if digits.count > 0, digits.count < 8, position &+ digits.count &+ 1 < limit,
                bytes[position &+ digits.count &+ 1] == UInt8(ascii: "]")
            {
                pid = Int32(truncatingIfNeeded: digits.value)
                position &+= digits.count &+ 2
            } else {
                guard let behind = readBrackets(bytes, position + 1, limit) else { return false }
                position = behind
            }
            guard position < end, bytes[position] == UInt8(ascii: ":") else { return false }
        }
        position += 1
        if position < end, bytes[position] == 0x20 { position += 1 }
        message = position..<max(position, end)
        return true
    }

    /// Behind brackets with anything in them; their pid, if it is one.
    private mutating func readBrackets(_ bytes: Span<UInt8>, _ inside: Int, _ limit: Int) -> Int? {
        var position = inside
        var number: Int64 = 0
        while position < limit, isDigit(bytes[position]) {
            number = number &* 10 &+ Int64(bytes[position] &- 0x30)
            position += 1
        }
        if position < limit, bytes[position] == UInt8(ascii: "]") {
            if position > inside, position - inside <= 10 { pid = Int32(exactly: number) }
        } else {
            while position < limit, bytes[position] != UInt8(ascii: "]") { position += 1 }
            guard position < limit else { return nil }
        }
        return position + 1
    }

    /// The first `:` or `[`; `nil` when something that may not stand in a tag comes before.
    private static func tagEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int? {
        var position = start
        while position < limit {
            // Two words at a time, as tags end in the first or in the second of them and nobody can guess in which.
            let first = tagStops(bytes.word(at: position))
            let second = tagStops(bytes.word(at: position + 8))
            let isFirst = first != 0
            let stops = isFirst ? first : second
            if stops != 0 {
                let place = position &+ (isFirst ? 0 : 8) &+ stops.trailingZeroBitCount / 8
                guard place < limit else { return nil }
                return bytes[place] == UInt8(ascii: ":") || bytes[place] == UInt8(ascii: "[") ? place : nil
            }
            position += 16
        }
        return nil
    }

    /// Not zero where a byte ends a tag or may not stand in one: then the lowest bit is of the first of them.
    @inline(__always)
    private static func tagStops(_ word: UInt64) -> UInt64 {
        let ends = Words.firstZero(word ^ (Words.ones &* 0x3a)) | Words.firstZero(word ^ (Words.ones &* 0x5b))
        let blanks = (word &- Words.ones &* 0x21) & ~word & Words.highs
        let others = ((word &+ Words.ones) | word) & Words.highs
        return ends | blanks | others
    }

    /// RFC 5424, 6: stamp, host, app, procid and msgid, structured data, message; `-` stands for what is missing.
    private mutating func readSyslogProtocol(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        guard let stampEnd = LogLine.fieldEnd(bytes, start, end, limit: Limit.stamp),
            let hostEnd = LogLine.fieldEnd(bytes, stampEnd + 1, end, limit: Limit.host),
            let tagEnd = LogLine.fieldEnd(bytes, hostEnd + 1, end, limit: Limit.tag),
            let pidEnd = LogLine.fieldEnd(bytes, tagEnd + 1, end, limit: Limit.tag),
            let idEnd = LogLine.fieldEnd(bytes, pidEnd + 1, end, limit: Limit.tag),
            let dataEnd = LogLine.structuredDataEnd(bytes, idEnd + 1, end)
        else { return false }
        stamp = start..<stampEnd
        if stamp.count == 1, bytes[start] == UInt8(ascii: "-") {
            stampForm = .absent
        } else {
            guard LogLine.looksLikeRFC3339(bytes, stamp) else { return false }
            stampForm = .rfc3339
        }
        host = (stampEnd + 1)..<hostEnd
        tag = (hostEnd + 1)..<tagEnd
        pid = decimal(bytes, (tagEnd + 1)..<pidEnd).flatMap { Int32(exactly: $0) }
        var position = dataEnd
        if position < end {
            guard bytes[position] == 0x20 else { return false }
            position += 1
            // rsyslog's MSG begins with the blank that stands behind a traditional tag.
            if position < end, bytes[position] == 0x20 { position += 1 }
        }
        // The byte order mark that says "UTF-8" (6.4).
        if end - position >= 3, bytes[position] == 0xef, bytes[position + 1] == 0xbb, bytes[position + 2] == 0xbf {
            position += 3
        }
        message = position..<end
        return true
    }

    /// Where `-` or `[id name="value"]...` ends. Inside a value `"`, `\` and `]` are escaped by `\` (6.3.3).
    private static func structuredDataEnd(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
        guard start < end else { return nil }
        if bytes[start] == UInt8(ascii: "-") { return start + 1 }
        var position = start
        while position < end, bytes[position] == UInt8(ascii: "[") {
            var isQuoted = false
            position += 1
            while position < end {
                let byte = bytes[position]
                if byte == UInt8(ascii: "\\"), isQuoted {
                    position += 1
                } else if byte == UInt8(ascii: "\"") {
                    isQuoted.toggle()
                } else if byte == UInt8(ascii: "]"), !isQuoted {
                    break
                }
                position += 1
            }
            guard position < end else { return nil }
            position += 1
        }
        return position > start ? position : nil
    }

    /// The blank that ends a field of at least one byte and at most `limit`.
    private static func fieldEnd(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, limit: Int) -> Int? {
        guard let blank = bytes.firstIndex(of: 0x20, from: start, to: min(end, start + limit + 1)), blank > start else {
            return nil
        }
        return blank
    }

    private static func looksLikeRFC3339(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard range.count >= 20 else { return false }
        // "....-..-" and "..T..:..", the T in either case.
        let date = bytes.word(at: range.lowerBound) & 0xff00_00ff_0000_0000
        let time = (bytes.word(at: range.lowerBound + 8) | 0x20_0000) & 0x0000_ff00_00ff_0000
        return date == 0x2d00_002d_0000_0000 && time == 0x0000_3a00_0074_0000
    }

    /// The longest field that is looked at. RFC 5424, 6 allows 255 bytes of host and 48 of app; a tag may carry a
    /// path (`postfix/submission/smtpd`).
    private enum Limit {
        static let stamp = 40
        static let host = 255
        static let tag = 128
    }
}
