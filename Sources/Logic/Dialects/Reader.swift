import Addresses
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
    mutating func skip(_ text: StaticString, in bytes: Span<UInt8>) -> Bool {
        guard end - position >= text.utf8CodeUnitCount, bytes.hasBytes(of: text, at: position) else { return false }
        position += text.utf8CodeUnitCount
        return true
    }

    /// The first `stop` within `limit` bytes.
    func find(_ stop: UInt8, within limit: Int, in bytes: Span<UInt8>) -> Int? {
        let last = min(end, position + limit)
        var index = position
        while index < last {
            if bytes[index] == stop { return index }
            index += 1
        }
        return nil
    }

    mutating func move(to index: Int) { position = min(max(index, position), end) }

    /// The address that ends before `stop`; 45 bytes are the longest one in text.
    mutating func address(upTo stop: UInt8, in bytes: Span<UInt8>) -> IPAddress? {
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
        var index = position
        while index < end, index - position <= 10, isDigit(bytes[index]) { index += 1 }
        guard let value = decimal(bytes, position..<index) else { return nil }
        position = index
        return Int(value)
    }

    mutating func port(in bytes: Span<UInt8>) -> UInt16? { number(in: bytes).flatMap { UInt16(exactly: $0) } }

    /// Courier's message ID: hexadecimal numbers joined by dots (three of 16, 16 and 8 digits).
    mutating func skipMessageID(in bytes: Span<UInt8>) -> Bool {
        let start = position
        while position < end, position - start < 64 {
            let byte = lowercased(bytes[position])
            guard isDigit(byte) || byte == UInt8(ascii: ".") || (byte >= 0x61 && byte <= 0x66) else { break }
            position += 1
        }
        return position > start
    }
}

/// ASCII capitals as small letters; every other byte as it is.
func lowercased(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }
