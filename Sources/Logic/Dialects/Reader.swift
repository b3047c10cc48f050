import Addresses
import Bytes
import Events

/// A place in a line's bytes that moves on as fields are read. It holds no bytes itself: each step is given them, so
/// that it can be kept and passed without a lifetime.
struct Reader {
    private(set) var position: Int
    let end: Int

    init(_ range: Range<Int>) {
        position = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { position == end }
    var rest: Range<Int> { position..<end }

    /// Moves behind `text` if it stands here.
    @inline(__always)
    mutating func skip(_ text: StaticString, in bytes: Span<UInt8>) -> Bool {
        guard end - position >= text.utf8CodeUnitCount, bytes.hasBytes(of: text, at: position) else { return false }
        position += text.utf8CodeUnitCount
        return true
    }

    /// The first `stop` within `limit` bytes.
    func find(_ stop: UInt8, within limit: Int, in bytes: Span<UInt8>) -> Int? {
        bytes.firstIndex(of: stop, from: position, to: min(end, position + limit))
    }

    mutating func move(to index: Int) { position = min(max(index, position), end) }

    /// The address that ends before `stop`; 45 bytes are the longest one in text.
    mutating func address(upTo stop: UInt8, in bytes: Span<UInt8>) -> IPAddress? {
        var textEnd = position
        if let address = IPAddress(usualIn: bytes, from: position, end: &textEnd), textEnd < end, bytes[textEnd] == stop
        {
            position = textEnd
            return address
        }
        guard let index = find(stop, within: 46, in: bytes), let address = IPAddress(bytes, in: position..<index) else {
            return nil
        }
        position = index
        return address
    }

    /// The address that all the rest is.
    func lastAddress(in bytes: Span<UInt8>) -> IPAddress? { IPAddress(bytes, in: rest) }

    /// The address in the group `[...])` that ends the line.
    func addressAtEnd(in bytes: Span<UInt8>) -> IPAddress? {
        guard end - position >= 4, bytes[end - 1] == UInt8(ascii: ")"), bytes[end - 2] == UInt8(ascii: "]") else {
            return nil
        }
        var index = end - 3
        let first = max(position, end - 2 - 46)
        while index >= first {
            if bytes[index] == UInt8(ascii: "[") { return IPAddress(bytes, in: (index + 1)..<(end - 2)) }
            index -= 1
        }
        return nil
    }

    /// Decimal digits, at most ten.
    mutating func number(in bytes: Span<UInt8>) -> Int? {
        let digits = Words.leadingDigits(bytes.word(at: position))
        if digits.count > 0, digits.count < 8, position &+ digits.count <= end {
            position &+= digits.count
            return Int(truncatingIfNeeded: digits.value)
        }
        var value = 0
        var index = position
        while index < end {
            let digit = bytes[index] &- 0x30
            guard digit < 10 else { break }
            guard index - position < 10 else { return nil }
            value = value &* 10 &+ Int(digit)
            index += 1
        }
        guard index > position else { return nil }
        position = index
        return value
    }

    /// An enhanced status code (RFC 3463, 2) and the blank behind it: `5.7.1 `.
    mutating func skipEnhancedCode(in bytes: Span<UInt8>) {
        // As a rule each number has one digit.
        let word = bytes.word(at: position)
        if word & 0x0000_ff00_ff00_ff00 == 0x0000_2000_2e00_2e00, end - position >= 6,
            Words.within(UInt8(ascii: "0"), UInt8(ascii: "9"), word) & 0x0000_0080_0080_0080 == 0x0000_0080_0080_0080
        {
            position += 6
            return
        }
        var step = self
        for isLast in [false, false, true] {
            guard let number = step.number(in: bytes), number < 1000, step.skip(isLast ? " " : ".", in: bytes) else {
                return
            }
        }
        self = step
    }

    mutating func port(in bytes: Span<UInt8>) -> UInt16? { number(in: bytes).flatMap { UInt16(exactly: $0) } }

    /// Courier's message ID: hexadecimal numbers joined by dots (three of 16, 16 and 8 digits).
    mutating func skipMessageID(in bytes: Span<UInt8>) -> Bool {
        let start = position
        let limit = min(end, position + 64)
        while position < limit {
            let word = Words.lowercased(bytes.word(at: position))
            let inside =
                Words.within(UInt8(ascii: "0"), UInt8(ascii: "9"), word)
                | Words.within(UInt8(ascii: "a"), UInt8(ascii: "f"), word)
                | Words.within(UInt8(ascii: "."), UInt8(ascii: "."), word)
            let count = min((~inside & Words.highs).trailingZeroBitCount / 8, limit - position)
            position += count
            if count < 8 { break }
        }
        return position > start
    }
}

/// ASCII capitals as small letters; every other byte as it is.
func lowercased(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }
