import Foundation
import FoundationXML

/// Whether a text is well-formed XML.
enum XML {
    /// The first thing that is wrong with it.
    static func problem(_ text: String) -> String? {
        let parser = XMLParser(data: Data(text.utf8))
        if parser.parse() { return nil }
        return "line \(parser.lineNumber): \(parser.parserError.map(String.init(describing:)) ?? "")"
    }
}

/// FIPS 180-4, as a content security policy writes it.
enum SHA256 {
    static func base64(_ text: String) -> String {
        var bytes = Array(text.utf8)
        let bits = UInt64(bytes.count) * 8
        bytes.append(0x80)
        while bytes.count % 64 != 56 { bytes.append(0) }
        bytes += (0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * $0)) }
        var state = primes.prefix(8).map { fraction(Double($0).squareRoot()) }
        let rounds = primes.map { fraction(cbrt(Double($0))) }
        for block in stride(from: 0, to: bytes.count, by: 64) {
            var words = (0..<16).map { word in
                (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[block + word * 4 + $1]) }
            }
            for index in 16..<64 {
                let (old, late) = (words[index - 15], words[index - 2])
                words.append(
                    words[index - 16] &+ (turned(old, 7) ^ turned(old, 18) ^ old >> 3) &+ words[index - 7]
                        &+ (turned(late, 17) ^ turned(late, 19) ^ late >> 10))
            }
            var s = state
            for index in 0..<64 {
                let choice = (s[4] & s[5]) ^ (~s[4] & s[6])
                let first =
                    s[7] &+ (turned(s[4], 6) ^ turned(s[4], 11) ^ turned(s[4], 25)) &+ choice &+ rounds[index]
                    &+ words[index]
                let majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2])
                let second = (turned(s[0], 2) ^ turned(s[0], 13) ^ turned(s[0], 22)) &+ majority
                s = [first &+ second, s[0], s[1], s[2], s[3] &+ first, s[4], s[5], s[6]]
            }
            state = zip(state, s).map { $0 &+ $1 }
        }
        return Data(state.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * $0)) } })
            .base64EncodedString()
    }

    private static let primes = (2..<312).filter { number in (2..<number).allSatisfy { number % $0 != 0 } }
    private static func fraction(_ root: Double) -> UInt32 { UInt32((root - root.rounded(.down)) * 4_294_967_296) }
    private static func turned(_ word: UInt32, _ bits: UInt32) -> UInt32 { word >> bits | word << (32 - bits) }
}
