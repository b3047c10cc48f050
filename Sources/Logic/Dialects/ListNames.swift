import Bytes
import Events

/// The zone in the words with which mail servers and lists name one: `blocked using zen.example`, `is listed at
/// zen.example`, `found in zen.example`.
extension ListTexts {
    /// The first zone that `text` names in such words, lower case.
    static func namedZone(_ bytes: Span<UInt8>, in text: Range<Int>) -> String? {
        let end = min(text.upperBound, text.lowerBound + longestText)
        var words = WordStarts(text.lowerBound..<max(end, text.lowerBound))
        while var starts = words.next(in: bytes) {
            while starts != 0 {
                let start = words.position + starts.trailingZeroBitCount
                starts &= starts - 1
                guard canBeVerb(bytes.word(at: start)) else { continue }
                if let zone = zone(bytes, behindVerbAt: start, end) { return zone }
            }
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

    /// By the first two letters in any case: `li`, `bl` and `fo`.
    @inline(__always)
    private static func canBeVerb(_ word: UInt64) -> Bool {
        let letters = word & 0xdfdf
        return (letters ^ 0x494c == 0) || (letters ^ 0x4c42 == 0) || (letters ^ 0x4f46 == 0)
    }

    private static let verbs: [StaticString] = ["listed ", "blocked ", "blacklisted ", "found ", "list "]
    private static let prepositions: [StaticString] = ["using ", "at ", "in ", "by ", "on "]
}
