/// Steps over the bytes of a line that take eight at a time: a log's lines are short, and most of the time that a line
/// takes is spent looking for the ends of its fields.

extension Span where Element == UInt8 {
    /// Eight bytes from `index` on, the first of them lowest; zeros for those behind the end.
    @inlinable
    @inline(__always)
    package func word(at index: Int) -> UInt64 {
        // One question for nearly every word, and nothing more where it is asked.
        if UInt(bitPattern: index) < UInt(bitPattern: Swift.max(count &- 7, 0)) { return fullWord(at: index) }
        return lastWord(at: index)
    }

    /// Fewer than eight bytes, zeros behind them.
    @usableFromInline
    @inline(never)
    func lastWord(at index: Int) -> UInt64 {
        guard index >= 0, index < count else { return 0 }
        let left = count &- index
        if count >= 8 { return fullWord(at: count &- 8) &>> UInt64(truncatingIfNeeded: 64 &- 8 &* left) }
        var word: UInt64 = 0
        for next in stride(from: count &- 1, through: index, by: -1) { word = word << 8 | UInt64(self[next]) }
        return word
    }

    /// Eight bytes that are known to be there.
    @inlinable
    @inline(__always)
    func fullWord(at index: Int) -> UInt64 {
        UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self))
    }

    /// Where `byte` stands first from `start` on, before `end`.
    @inlinable
    package func firstIndex(of byte: UInt8, from start: Int, to end: Int) -> Int? {
        let last = Swift.min(end, count)
        guard start >= 0, start < last else { return nil }
        let wanted = UInt64(byte) &* Words.ones
        var index = start
        // Most fields end within 32 bytes, but nobody can guess in which eight of them.
        while index &+ 32 <= count {
            let first = Words.firstZero(fullWord(at: index) ^ wanted)
            let second = Words.firstZero(fullWord(at: index &+ 8) ^ wanted)
            let third = Words.firstZero(fullWord(at: index &+ 16) ^ wanted)
            let fourth = Words.firstZero(fullWord(at: index &+ 24) ^ wanted)
            if first | second | third | fourth != 0 {
                let isLow = first | second != 0
                let (low, high) = isLow ? (first, second) : (third, fourth)
                let found = low != 0 ? low : high
                let place = index &+ (isLow ? 0 : 16) &+ (low != 0 ? 0 : 8) &+ found.trailingZeroBitCount / 8
                return place < last ? place : nil
            }
            index &+= 32
            if index >= last { return nil }
        }
        while index &+ 8 <= count {
            let found = Words.firstZero(fullWord(at: index) ^ wanted)
            if found != 0 {
                let place = index &+ found.trailingZeroBitCount / 8
                return place < last ? place : nil
            }
            index &+= 8
            if index >= last { return nil }
        }
        let found = Words.firstZero(word(at: index) ^ wanted)
        let place = index &+ found.trailingZeroBitCount / 8
        return found != 0 && place < last ? place : nil
    }

    /// Whether `byte` stands at `start + 32` and nowhere in the 32 bytes before.
    @inlinable
    @inline(__always)
    package func isFirst(_ byte: UInt8, at32From start: Int) -> Bool {
        guard start >= 0, count &- start > 32, self[start &+ 32] == byte else { return false }
        let wanted = UInt64(byte) &* Words.ones
        return Words.firstZero(fullWord(at: start) ^ wanted) | Words.firstZero(fullWord(at: start &+ 8) ^ wanted)
            | Words.firstZero(fullWord(at: start &+ 16) ^ wanted) | Words.firstZero(fullWord(at: start &+ 24) ^ wanted)
            == 0
    }

    /// Whether the bytes of `text` stand at `position`.
    @inlinable
    @inline(__always)
    package func hasBytes(of text: StaticString, at position: Int) -> Bool {
        let length = text.utf8CodeUnitCount
        guard position >= 0, position <= count, count &- position >= length else { return false }
        return isSame(UnsafeRawPointer(text.utf8Start), at: position, count: length)
    }

    /// Whether `count` bytes behind a pointer stand at `position`, where as many are known to be.
    ///
    /// The last two words may overlap, and are one question, as are two halves of less than that.
    @inlinable
    @inline(__always)
    func isSame(_ wanted: UnsafeRawPointer, at position: Int, count: Int) -> Bool {
        if count >= 8 {
            var index = 0
            while count &- index > 16 {
                if difference(UInt64.self, wanted, index, position) != 0 { return false }
                index &+= 8
            }
            return difference(UInt64.self, wanted, index, position)
                | difference(UInt64.self, wanted, count &- 8, position) == 0
        }
        if count >= 4 {
            return difference(UInt32.self, wanted, 0, position) | difference(UInt32.self, wanted, count &- 4, position)
                == 0
        }
        if count >= 2 {
            return difference(UInt16.self, wanted, 0, position) | difference(UInt16.self, wanted, count &- 2, position)
                == 0
        }
        return count == 0 || difference(UInt8.self, wanted, 0, position) == 0
    }

    @inlinable
    @inline(__always)
    func difference<Part: FixedWidthInteger & BitwiseCopyable>(
        _: Part.Type, _ wanted: UnsafeRawPointer, _ offset: Int, _ position: Int
    ) -> Part {
        bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position &+ offset, as: Part.self)
            ^ wanted.loadUnaligned(fromByteOffset: offset, as: Part.self)
    }

    /// Whether `count` bytes of `other` from `start` on stand at `position`.
    @inlinable
    package func hasBytes(_ count: Int, of other: Span<UInt8>, from start: Int, at position: Int) -> Bool {
        guard count >= 0, start >= 0, position >= 0, start <= other.count, other.count &- start >= count,
            position <= self.count, self.count &- position >= count
        else { return false }
        return other.withUnsafeBytes { wanted in
            guard let first = wanted.baseAddress else { return count == 0 }
            return isSame(first + start, at: position, count: count)
        }
    }

    /// Where `byte` stands last before `end`, from `start` on.
    @inlinable
    package func lastIndex(of byte: UInt8, from start: Int, to end: Int) -> Int? {
        let first = Swift.max(start, 0)
        var index = Swift.min(end, count)
        let wanted = UInt64(byte) &* Words.ones
        while index &- first >= 8 {
            let found = Words.zeros(fullWord(at: index &- 8) ^ wanted)
            if found != 0 { return index &- 1 &- found.leadingZeroBitCount / 8 }
            index &-= 8
        }
        while index > first {
            index &-= 1
            if self[index] == byte { return index }
        }
        return nil
    }

    /// Where `text` stands first, whole between `start` and `end`.
    ///
    /// Its first and its third byte are looked for together: in `, relay=` the second is that of every other field.
    @inlinable
    package func firstPlace(of text: StaticString, from start: Int, to end: Int) -> Int? {
        let length = text.utf8CodeUnitCount
        let last = Swift.min(end, count) &- length
        guard length > 0, start >= 0, start <= last else { return nil }
        let distance = Swift.min(2, length &- 1)
        let first = UInt64(text.utf8Start[0]) &* Words.ones
        let third = UInt64(text.utf8Start[distance]) &* Words.ones
        var index = start
        while index <= last {
            // What only looks like a zero is found out by the comparison.
            var found: UInt64
            if index &+ distance &+ 8 <= count {
                found = Words.firstZero(fullWord(at: index) ^ first)
                found &= Words.firstZero(fullWord(at: index &+ distance) ^ third)
            } else {
                found = Words.firstZero(word(at: index) ^ first)
                found &= Words.firstZero(word(at: index &+ distance) ^ third)
            }
            while found != 0 {
                let place = index &+ found.trailingZeroBitCount / 8
                if place > last { return nil }
                if hasBytes(of: text, at: place) { return place }
                found &= found &- 1
            }
            index &+= 8
        }
        return nil
    }
}

/// Eight bytes as one number.
@usableFromInline
package enum Words {
    @inlinable package static var ones: UInt64 { 0x0101_0101_0101_0101 }
    /// The highest bit of each byte.
    @inlinable package static var highs: UInt64 { 0x8080_8080_8080_8080 }

    /// A number whose lowest bit is the highest one of the first byte that is zero; 0 when none is.
    @inlinable
    @inline(__always)
    package static func firstZero(_ word: UInt64) -> UInt64 { (word &- ones) & ~word & highs }

    /// The highest bit of each byte that is zero.
    @inlinable
    @inline(__always)
    package static func zeros(_ word: UInt64) -> UInt64 { ~((word & ~highs &+ ~highs) | word) & highs }

    /// The highest bit of each byte that is a letter or a digit.
    @inlinable
    @inline(__always)
    package static func wordBytes(_ word: UInt64) -> UInt64 {
        within(UInt8(ascii: "a"), UInt8(ascii: "z"), lowercased(word))
            | within(UInt8(ascii: "0"), UInt8(ascii: "9"), word)
    }

    /// The highest bit of each byte within `first...last`, both of them ASCII; 0 for every other byte.
    @inlinable
    @inline(__always)
    package static func within(_ first: UInt8, _ last: UInt8, _ word: UInt64) -> UInt64 {
        // Without its highest bit no byte carries into the next.
        let low = word & ~highs
        let fromFirst = low &+ ones &* UInt64(0x80 &- first)
        let beyondLast = low &+ ones &* UInt64(0x7f &- last)
        return fromFirst & ~beyondLast & ~word & highs
    }

    /// ASCII capitals as small letters.
    @inlinable
    @inline(__always)
    package static func lowercased(_ word: UInt64) -> UInt64 {
        word | within(UInt8(ascii: "A"), UInt8(ascii: "Z"), word) &>> 2
    }

    /// How many digits the eight bytes begin with, and the number that they spell.
    @inlinable
    @inline(__always)
    package static func leadingDigits(_ word: UInt64) -> (count: Int, value: UInt64) {
        let others = ~within(UInt8(ascii: "0"), UInt8(ascii: "9"), word) & highs
        let count = others.trailingZeroBitCount / 8
        return (count, digits(word, count))
    }

    /// The number that the first `count` bytes, digits all of them, spell; of none of them 0.
    @inlinable
    @inline(__always)
    package static func digits(_ word: UInt64, _ count: Int) -> UInt64 {
        guard count > 0 else { return 0 }
        // The last digit comes highest, zeros before the first; then each pair, each four and all eight are joined.
        var value = (word &<< UInt64(truncatingIfNeeded: 64 &- 8 &* count)) & 0x0f0f_0f0f_0f0f_0f0f
        value = (value &* 2561) &>> 8 & 0x00ff_00ff_00ff_00ff
        value = (value &* 6_553_601) &>> 16 & 0x0000_ffff_0000_ffff
        return (value &* 42_949_672_960_001) &>> 32
    }

    /// The highest bits of eight bytes, side by side.
    @inlinable
    @inline(__always)
    package static func bits(_ word: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: ((word &>> 7 & ones) &* 0x0102_0408_1020_4080) &>> 56)
    }

    /// All bits of the first `count` bytes.
    @inlinable
    @inline(__always)
    package static func mask(_ count: Int) -> UInt64 {
        count >= 8 ? .max : count <= 0 ? 0 : (1 &<< UInt64(truncatingIfNeeded: 8 &* count)) &- 1
    }
}

/// The number that all of `range` spells in at most ten digits; `nil` for anything else.
@inlinable
package func decimal(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int64? {
    guard !range.isEmpty, range.count <= 10, range.lowerBound >= 0, range.upperBound <= bytes.count else { return nil }
    var value: Int64 = 0
    var index = range.lowerBound
    while index < range.upperBound {
        let digit = bytes[unchecked: index] &- 0x30
        guard digit < 10 else { return nil }
        value = value &* 10 &+ Int64(digit)
        index &+= 1
    }
    return value
}

@inlinable
package func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

@inlinable
package func isHexDigit(_ byte: UInt8) -> Bool { isDigit(byte) || (byte | 0x20) &- 0x61 < 6 }
