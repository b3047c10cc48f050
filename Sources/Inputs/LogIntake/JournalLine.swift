import Events

/// A journal entry as the line that a syslog daemon would have written of it.
///
///     2026-11-20T22:44:56.033783+00:00 mx postfix/smtpd[24278]: NOQUEUE: reject: ...
///
/// One entry is one line, whatever is in it: control characters become `#012`, as rsyslog writes them, and neither host
/// nor identifier can hold what ends them.
struct JournalLine {
    private(set) var bytes: [UInt8] = []
    private(set) var isCut = false
    private var day: JournalDay?

    /// Begins a new line. `identifier` and `process` are as the program gave them: without a process id there is none in
    /// the line, as the one journald knows may be that of a program that only passes lines on.
    mutating func begin(
        microseconds: UInt64, host: UnsafeBufferPointer<UInt8>, identifier: UnsafeBufferPointer<UInt8>,
        process: UnsafeBufferPointer<UInt8>?
    ) {
        bytes.removeAll(keepingCapacity: bytes.capacity <= 8192)
        isCut = false
        stamp(microseconds)
        bytes.append(0x20)
        word(host, limit: 255, orElse: "localhost")
        bytes.append(0x20)
        word(identifier, limit: 100, orElse: "unknown")
        if let process, (1...10).contains(process.count), process.allSatisfy({ (0x30...0x39).contains($0) }) {
            bytes.append(UInt8(ascii: "["))
            bytes.append(contentsOf: process)
            bytes.append(UInt8(ascii: "]"))
        }
        bytes.append(UInt8(ascii: ":"))
        bytes.append(0x20)
    }

    mutating func append(_ message: UnsafeBufferPointer<UInt8>) {
        bytes.appendEscaped(message, limit: LineSplitter.longestLine, isCut: &isCut)
    }

    /// Microseconds since 1970 as RFC 3339 in UTC. The day is kept: it is the same for a day.
    private mutating func stamp(_ microseconds: UInt64) {
        let (seconds, fraction) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        if seconds / 86400 != day?.number { day = JournalDay(seconds / 86400) }
        bytes.append(contentsOf: day?.text ?? [])
        let clock = seconds % 86400
        digits(clock / 3600, 2)
        bytes.append(UInt8(ascii: ":"))
        digits(clock / 60 % 60, 2)
        bytes.append(UInt8(ascii: ":"))
        digits(clock % 60, 2)
        bytes.append(UInt8(ascii: "."))
        digits(fraction, 6)
        bytes.append(contentsOf: "+00:00".utf8)
    }

    private mutating func digits(_ value: UInt64, _ count: Int) {
        var scale: UInt64 = count == 2 ? 10 : 100_000
        while scale > 0 {
            bytes.append(0x30 + UInt8(value / scale % 10))
            scale /= 10
        }
    }

    /// Printable, without blanks and without what ends a tag.
    private mutating func word(_ text: UnsafeBufferPointer<UInt8>, limit: Int, orElse other: StaticString) {
        guard !text.isEmpty else {
            other.withUTF8Buffer { bytes.append(contentsOf: $0) }
            return
        }
        for byte in text.prefix(limit) {
            let isPlain =
                byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: ":") && byte != UInt8(ascii: "[")
                && byte != UInt8(ascii: "]")
            bytes.append(isPlain ? byte : UInt8(ascii: "?"))
        }
    }
}

/// A date as text with the `T` behind it.
private struct JournalDay {
    let number: UInt64
    let text: [UInt8]

    init(_ number: UInt64) {
        self.number = number
        let instant = Instant(seconds: Int64(clamping: number) &* 86400)
        text = Array(instant.rfc3339.utf8.prefix(11))
    }
}

extension [UInt8] {
    /// Appends text of others as part of one line: bytes below 0x20 and 0x7f become `#ooo`, as rsyslog's
    /// `$EscapeControlCharactersOnReceive` does. Up to `limit` bytes in all, never half an escape.
    mutating func appendEscaped(_ text: UnsafeBufferPointer<UInt8>, limit: Int, isCut: inout Bool) {
        var start = text.startIndex
        while start < text.endIndex {
            let end = text[start...].firstIndex { $0 < 0x20 || $0 == 0x7f } ?? text.endIndex
            let room = limit - count
            append(contentsOf: text[start..<Swift.min(end, start + Swift.max(0, room))])
            guard end - start <= room else { isCut = true; return }
            guard end < text.endIndex else { return }
            guard limit - count >= 4 else { isCut = true; return }
            let byte = text[end]
            append(UInt8(ascii: "#"))
            append(0x30 + (byte >> 6))
            append(0x30 + (byte >> 3 & 7))
            append(0x30 + (byte & 7))
            start = end + 1
        }
    }
}
