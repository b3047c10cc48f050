/// Why stored bytes are no rollup.
package struct RollupError: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// Numbers and texts as bytes: seven bits in each byte, the lowest first.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func number(_ value: Int) {
        var rest = UInt64(max(0, value))
        while rest > 0x7f {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func text(_ value: some Collection<UInt8>) {
        number(value.count)
        bytes.append(contentsOf: value)
    }
}

/// Reads what `ByteWriter` wrote; whatever else it is given, it ends with an error and takes no memory for what is not
/// there.
struct ByteReader {
    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func byte() throws(RollupError) -> UInt8 {
        guard position < bytes.count else { throw RollupError(description: "ends too early") }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func number() throws(RollupError) -> Int {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 63, by: 7) {
            let next = try byte()
            value |= UInt64(next & 0x7f) << shift
            // So that a sum of very many of them is still a number.
            if next & 0x80 == 0, value < 1 << 53 { return Int(value) }
            if next & 0x80 == 0 { break }
        }
        throw RollupError(description: "a number is too large")
    }

    /// How many things of at least one byte each follow.
    mutating func count(most: Int) throws(RollupError) -> Int {
        let count = try number()
        guard count <= most, count <= bytes.count - position else {
            throw RollupError(description: "a count is too large")
        }
        return count
    }

    mutating func text(longest: Int) throws(RollupError) -> ArraySlice<UInt8> {
        let length = try count(most: longest)
        defer { position += length }
        return bytes[position..<(position + length)]
    }

    /// A text of characters. What is no UTF-8 was not written here, and repaired it would be longer than what is read.
    mutating func name(longest: Int) throws(RollupError) -> String {
        guard let name = String(validating: try text(longest: longest), as: UTF8.self) else {
            throw RollupError(description: "has a name that is no text")
        }
        return name
    }
}

/// Numbers as bits: small ones take few.
struct BitWriter {
    private(set) var bytes: [UInt8] = []
    private var pending: UInt64 = 0
    private var filled = 0

    /// The lowest `count` bits of `value`, at most 32.
    mutating func bits(_ value: UInt64, _ count: Int) {
        pending |= (value & ((1 << UInt64(count)) - 1)) << UInt64(filled)
        filled += count
        while filled >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: pending))
            pending >>= 8
            filled -= 8
        }
    }

    /// Elias gamma of `value + 1`: 0 takes one bit, 1 and 2 three, 3 to 6 five.
    mutating func gamma(_ value: UInt64) {
        let number = value == .max ? value : value + 1
        let width = 63 - number.leadingZeroBitCount
        unary(width)
        wide(number, width)
    }

    /// A difference of either sign.
    mutating func signed(_ value: Int64) { gamma(UInt64(bitPattern: value << 1 ^ value >> 63)) }

    /// Rice's code: what is above the lowest `width` bits in unary, up to 32; a larger value is written out.
    mutating func rice(_ value: UInt64, _ width: Int) {
        let above = value >> UInt64(width)
        if above < 32 {
            unary(Int(above))
            wide(value, width)
        } else {
            bits(0xffff_ffff, 32)
            wide(value, 64)
        }
    }

    mutating func finish() -> [UInt8] {
        if filled > 0 { bytes.append(UInt8(truncatingIfNeeded: pending)) }
        pending = 0
        filled = 0
        return bytes
    }

    /// `count` ones and a zero.
    private mutating func unary(_ count: Int) {
        var left = count
        while left >= 32 {
            bits(0xffff_ffff, 32)
            left -= 32
        }
        bits((1 << UInt64(left)) - 1, left + 1)
    }

    private mutating func wide(_ value: UInt64, _ count: Int) {
        if count > 32 {
            bits(value, 32)
            bits(value >> 32, count - 32)
        } else {
            bits(value, count)
        }
    }
}

/// Reads what `BitWriter` wrote.
struct BitReader {
    private let bytes: ArraySlice<UInt8>
    private var next: Int
    private var pending: UInt64 = 0
    private var filled = 0

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        next = bytes.startIndex
    }

    @inline(__always)
    mutating func bits(_ count: Int) throws(RollupError) -> UInt64 {
        while filled < count {
            guard next < bytes.endIndex else { throw RollupError(description: "ends too early") }
            pending |= UInt64(bytes[next]) << UInt64(filled)
            next += 1
            filled += 8
        }
        let value = pending & ((1 << UInt64(count)) - 1)
        pending >>= UInt64(count)
        filled -= count
        return value
    }

    mutating func gamma() throws(RollupError) -> UInt64 {
        let width = try unary(most: 63)
        return (1 << UInt64(width) | (try wide(width))) - 1
    }

    mutating func signed() throws(RollupError) -> Int64 {
        let value = try gamma()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    mutating func rice(_ width: Int) throws(RollupError) -> UInt64 {
        // 32 ones, without a zero behind them, say that the value is written out.
        var above: UInt64 = 0
        while above < 32, try bits(1) == 1 { above += 1 }
        if above == 32 { return try wide(64) }
        return above << UInt64(width) | (try wide(width))
    }

    private mutating func unary(most: Int) throws(RollupError) -> Int {
        var count = 0
        while try bits(1) == 1 {
            count += 1
            guard count <= most else { throw RollupError(description: "a number is too long") }
        }
        return count
    }

    private mutating func wide(_ count: Int) throws(RollupError) -> UInt64 {
        guard count > 32 else { return try bits(count) }
        let low = try bits(32)
        return low | (try bits(count - 32)) << 32
    }
}
