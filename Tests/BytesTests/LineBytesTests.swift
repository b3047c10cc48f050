import Bytes
import Testing

/// What takes eight bytes at a time answers as a loop over single bytes does, at every place and length.
@Suite struct LineBytesTests {
    /// Bytes that are close to each other in one bit, or in the carry of a sum.
    private static let nearby: [UInt8] = [0x00, 0x01, 0x1f, 0x20, 0x21, 0x2e, 0x39, 0x3a, 0x5b, 0x7f, 0x80, 0xa0, 0xff]

    /// Every text of `length` bytes at most in which two neighbours are any of `nearby` and the rest is one of them.
    private static func texts() -> [[UInt8]] {
        var texts: [[UInt8]] = [[]]
        for length in [1, 2, 7, 8, 9, 15, 16, 17, 24] {
            for rest in nearby {
                for place in 0..<length {
                    for (first, second) in [(UInt8(0x20), UInt8(0x21)), (0x20, 0xa0), (0x00, 0x01), (0x21, 0x20)] {
                        var text = [UInt8](repeating: rest, count: length)
                        text[place] = first
                        if place + 1 < length { text[place + 1] = second }
                        texts.append(text)
                    }
                }
            }
        }
        return texts
    }

    @Test func `the first of a byte`() {
        for text in LineBytesTests.texts() {
            for (start, end) in [(0, text.count), (1, text.count), (3, text.count - 2), (0, text.count + 9)] {
                for wanted: UInt8 in [0x00, 0x20, 0x80] {
                    let expected = text.indices.first { $0 >= start && $0 < end && text[$0] == wanted }
                    let found = text.span.firstIndex(of: wanted, from: start, to: end)
                    #expect(found == expected, "\(wanted) in \(text), \(start)..<\(end)")
                }
            }
        }
    }

    @Test func `the last of a byte`() {
        for text in LineBytesTests.texts() {
            for (start, end) in [(0, text.count), (1, text.count), (3, text.count - 2), (0, text.count + 9), (-1, 4)] {
                for wanted: UInt8 in [0x00, 0x20, 0x80] {
                    let expected = text.indices.last { $0 >= start && $0 < end && text[$0] == wanted }
                    let found = text.span.lastIndex(of: wanted, from: start, to: end)
                    #expect(found == expected, "\(wanted) in \(text), \(start)..<\(end)")
                }
            }
        }
    }

    @Test(arguments: ["a", ", ", ", r", ", relay=", ", reject="] as [StaticString])
    func `the first of a text`(wanted: StaticString) {
        let wantedBytes = wanted.withUTF8Buffer { Array($0) }
        // Other texts that begin and go on alike, in front and behind.
        let parts: [[UInt8]] = [", relay=", ", rel", ", size=", "x", ", reject=", ",,r ", "a, "].map { Array($0.utf8) }
        for first in parts {
            for second in parts {
                for third in parts {
                    let text = first + second + third
                    for (start, end) in [(0, text.count), (1, text.count + 5), (2, text.count - 1), (5, 13), (9, 4)] {
                        let expected = text.indices.first { place in
                            place >= start && place + wantedBytes.count <= min(end, text.count)
                                && text[place...].starts(with: wantedBytes)
                        }
                        let found = text.span.firstPlace(of: wanted, from: start, to: end)
                        #expect(found == expected, "\(wanted) in \(String(decoding: text, as: UTF8.self))")
                    }
                }
            }
        }
    }

    @Test func `the same bytes at two places`() {
        let text = (0..<40).map { UInt8($0) }
        for count in [-1, 0, 1, 7, 8, 9, 16, 17, 40] {
            for start in [-1, 0, 3, 24, 40, 41] {
                for position in [-1, 0, 5, 23, 40, 41] {
                    for changed in [0, count - 1, count] {
                        var other = [UInt8](repeating: 0xff, count: 40)
                        for offset in 0..<max(0, count) where 0..<40 ~= start + offset && 0..<40 ~= position + offset {
                            other[position + offset] = text[start + offset]
                        }
                        if changed < count, 0..<40 ~= position + changed { other[position + changed] ^= 0x80 }
                        let isInside = count >= 0 && start >= 0 && position >= 0 && max(start, position) + count <= 40
                        let expected = isInside && (count == 0 || changed == count)
                        let found = other.span.hasBytes(count, of: text.span, from: start, at: position)
                        #expect(found == expected, "\(count) from \(start) at \(position), \(changed) changed")
                    }
                }
            }
        }
    }

    @Test func `a byte behind 32 others`() {
        for length in [31, 32, 33, 34, 60] {
            for place in 0..<length {
                for second in place..<length {
                    var text = [UInt8](repeating: 0x21, count: length)
                    text[place] = 0x20
                    text[second] = 0x20
                    for start in [0, 1] {
                        let expected = text.indices.first { $0 >= start && text[$0] == 0x20 } == start + 32
                        let found = text.span.isFirst(0x20, at32From: start)
                        #expect(found == expected, "\(length), \(place), \(second)")
                    }
                }
            }
        }
    }

    @Test func `eight bytes, zeros behind the end`() {
        let text = [UInt8](1...20)
        for count in 0...20 {
            for index in -1...21 {
                let part = Array(text.prefix(count))
                var expected: UInt64 = 0
                for offset in 0..<8 where index >= 0 && index + offset < count {
                    expected |= UInt64(part[index + offset]) << UInt64(8 * offset)
                }
                let word = part.span.word(at: index)
                #expect(word == expected, "\(index) of \(count)")
            }
        }
    }

    @Test func `each byte by itself`() {
        for low in UInt8.min...UInt8.max {
            for high in LineBytesTests.nearby {
                let word = UInt64(low) | UInt64(high) << 8
                let small = Words.lowercased(word)
                #expect(UInt8(truncatingIfNeeded: small) == (low >= 0x41 && low <= 0x5a ? low + 0x20 : low))
                #expect(UInt8(truncatingIfNeeded: small >> 8) == (high == 0x5a ? 0x7a : high))
                let within = Words.within(0x30, 0x39, word)
                #expect((within & 0xff == 0x80) == (0x30...0x39).contains(low))
                #expect((within >> 8 == 0x80) == (0x30...0x39).contains(high))
                let zeros: UInt64 = (low == 0 ? 0x80 : 0) | (high == 0 ? 0x8000 : 0) | 0x8080_8080_8080_0000
                #expect(Words.zeros(word) == zeros)
                let isLetterOrDigit = (0x30...0x39).contains(low) || (0x61...0x7a).contains(low | 0x20)
                #expect((Words.wordBytes(word) & 0xff == 0x80) == isLetterOrDigit)
            }
        }
    }

    @Test(
        arguments: [
            ("error,relay=", "error,relay=", 0, true), ("error,relay=", "error,relay", 0, true),
            ("error,relay", "error,relay=", 0, false), ("xerror,relay=", "error,relay=", 1, true),
            ("error,relaY=", "error,relay=", 0, false), ("Error,relay=", "error,relay=", 0, false),
            ("abc", "", 3, true), ("abc", "", 4, false), ("abc", "a", -1, false), ("abcdefgh", "abcdefgh", 0, true),
            ("abcdefgx", "abcdefgh", 0, false), ("abcdefghijX", "abcdefghijk", 0, false),
            ("xabcdeF", "abcdef", 1, false),
            ("abcdefghijk", "abcdefghijk", 0, true), ("xabcdef", "abcdef", 1, true), ("aXc", "abc", 0, false),
            ("abc", "c", 2, true), ("abc", "cd", 2, false),
        ] as [(String, StaticString, Int, Bool)])
    func `a text at a place`(bytes: String, text: StaticString, position: Int, expected: Bool) {
        let bytes = Array(bytes.utf8)
        let found = bytes.span.hasBytes(of: text, at: position)
        #expect(found == expected)
    }

    @Test(
        arguments: [
            ("7", Int64(7)), ("0012", 12), ("9999999999", 9_999_999_999), ("99999999999", nil), ("", nil), ("1x", nil),
            ("/1", nil), (":", nil), ("-1", nil),
        ] as [(String, Int64?)])
    func `decimal numbers`(text: String, expected: Int64?) {
        let bytes = Array(text.utf8)
        let value = decimal(bytes.span, 0..<bytes.count)
        #expect(value == expected)
    }
}
