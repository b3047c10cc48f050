import Bytes
import Events

/// The zone in the words with which mail servers and lists name one: `blocked using zen.example`, `is listed at
/// zen.example`, `found in zen.example`.
extension ListTexts {
    /// The first zone that `text` names in such words, lower case.
    static func namedZone(_ bytes: Span<UInt8>, in text: Range<Int>) -> String? {
        let end = min(text.upperBound, text.lowerBound + longestText)
        var isInWord = false
        for index in text.lowerBound..<end {
            let isStart = !isInWord
            isInWord = SignIndex.isWordByte(bytes[index])
            guard isStart, isInWord, isVerbLetter(bytes[index]) else { continue }
            for verb in verbs where hasFolded(verb, bytes, index, end) {
                let behind = index + verb.utf8CodeUnitCount
                for word in prepositions where hasFolded(word, bytes, behind, end) {
                    let start = behind + word.utf8CodeUnitCount
                    if let zone = zone(bytes, urlHost: start..<end), !isNumber(zone) { return zone }
                }
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
        zone.utf8.reversed().prefix { $0 != UInt8(ascii: ".") }.allSatisfy(isDigit)
    }

    /// The verbs' first ones.
    private static func isVerbLetter(_ byte: UInt8) -> Bool {
        let letter = lowercased(byte)
        return letter == UInt8(ascii: "l") || letter == UInt8(ascii: "b") || letter == UInt8(ascii: "f")
    }

    private static let verbs: [StaticString] = ["listed ", "blocked ", "blacklisted ", "found ", "list "]
    private static let prepositions: [StaticString] = ["using ", "at ", "in ", "by ", "on "]
}
