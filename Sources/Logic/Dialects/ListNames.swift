import Bytes
import Events

/// The zone in the words with which mail servers and lists name one: `blocked using zen.example`, `is listed at
/// zen.example`, `found in zen.example`.
extension ListTexts {
    /// The first zone that `text` names in such words, lower case.
    static func namedZone(_ bytes: Span<UInt8>, in text: Range<Int>) -> String? {
        let end = min(text.upperBound, text.lowerBound + longestText)
        var position = text.lowerBound
        /// The highest bit of a byte, if the byte before those eight was of a word.
        var before: UInt64 = 0
        while position < end {
            let word = bytes.word(at: position)
            let inside = Words.wordBytes(word) & Words.mask(end - position)
            var starts = inside & ~(inside << 8 | before) & verbLetters(Words.lowercased(word))
            before = inside >> 56
            while starts != 0 {
                if let zone = zone(bytes, behindVerbAt: position + starts.trailingZeroBitCount / 8, end) { return zone }
                starts &= starts - 1
            }
            position += 8
        }
        return nil
    }

    private static func zone(_ bytes: Span<UInt8>, behindVerbAt index: Int, _ end: Int) -> String? {
        for verb in verbs where hasFolded(verb, bytes, index, end) {
            let behind = index + verb.utf8CodeUnitCount
            for word in prepositions where hasFolded(word, bytes, behind, end) {
                let start = behind + word.utf8CodeUnitCount
                if let zone = zone(bytes, urlHost: start..<end), !isNumber(zone) { return zone }
            }
        }
        return nil
    }

    /// The zone that all of `text` is.
    static func wholeZone(_ bytes: Span<UInt8>, _ text: Range<Int>) -> String? {
        guard text.count <= 253, let zone = zone(bytes, urlHost: text), zone.utf8.count == text.count, !isNumber(zone)
        else { return nil }
        return zone
    }

    /// `listed at 192.0.2.7`: what ends in a number is no domain.
    private static func isNumber(_ zone: String) -> Bool {
        guard zone.utf8.last.map(isDigit) ?? true else { return false }
        return zone.utf8.reversed().prefix { $0 != UInt8(ascii: ".") }.allSatisfy(isDigit)
    }

    /// The highest bit of each byte that the verbs begin with, of eight in small letters.
    private static func verbLetters(_ word: UInt64) -> UInt64 {
        Words.zeros(word ^ UInt64(UInt8(ascii: "l")) &* Words.ones)
            | Words.zeros(word ^ UInt64(UInt8(ascii: "b")) &* Words.ones)
            | Words.zeros(word ^ UInt64(UInt8(ascii: "f")) &* Words.ones)
    }

    private static let verbs: [StaticString] = ["listed ", "blocked ", "blacklisted ", "found ", "list "]
    private static let prepositions: [StaticString] = ["using ", "at ", "in ", "by ", "on "]
}
