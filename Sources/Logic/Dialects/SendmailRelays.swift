import Addresses
import Bytes
import Events

/// The peer as Sendmail writes it: `NAME [PEER]`, `[PEER]`, `USER@NAME [PEER]` after an ident answer, ` (may be
/// forged)` behind a name that does not lead back (daemon.c, `getauthinfo`). An IPv6 address has `IPv6:` in front and
/// all its zeros. Neither name nor ident user can hold a blank, a comma or a bracket: the resolver and `cleanstrcpy`
/// see to that.
extension Reader {
    /// Two names of 256 bytes, and more than enough for the rest.
    static let longestRelay = 640

    /// The peer at this place; moves behind it.
    mutating func relay(in bytes: Span<UInt8>) -> IPAddress? {
        let start = position
        let limit = min(end, position + Reader.longestRelay)
        var index = position
        while index < limit, bytes[index] != UInt8(ascii: "[") {
            // Most names have nothing but letters, digits, dots and dashes.
            let count = (~Postfix.nameBytes(bytes.word(at: index)) & Words.highs).trailingZeroBitCount / 8
            index = min(index + count, limit)
            if count < 8, index < limit {
                guard Reader.isNameByte(bytes[index]) else { break }
                index += 1
            }
        }
        guard index < limit else { return nil }
        // A blank stands between name and address, but not where the address is all the name there is.
        if bytes[index] == 0x20 {
            guard index > start else { return nil }
            index += 1
        } else if index > start, bytes[index - 1] != UInt8(ascii: "@") {
            return nil
        }
        var inside = self
        inside.move(to: index)
        guard inside.skip("[", in: bytes) else { return nil }
        _ = inside.skip("IPv6:", in: bytes)
        guard let peer = inside.address(upTo: UInt8(ascii: "]"), in: bytes), inside.skip("]", in: bytes) else {
            return nil
        }
        _ = inside.skip(" (may be forged)", in: bytes)
        self = inside
        return peer
    }

    /// The peer in a `, relay=` that ends the line, wherever the client put others before.
    mutating func lastRelay(in bytes: Span<UInt8>) -> IPAddress? {
        guard lastRelayStart(in: bytes) != nil, let peer = relay(in: bytes), isAtEnd else { return nil }
        return peer
    }

    /// Moves behind the last `, relay=` and tells where it began.
    mutating func lastRelayStart(in bytes: Span<UInt8>) -> Int? {
        var limit = end - 7
        while let comma = bytes.lastIndex(of: UInt8(ascii: ","), from: position, to: limit) {
            if bytes.hasBytes(of: ", relay=", at: comma) {
                move(to: comma + 8)
                return comma
            }
            limit = comma
        }
        return nil
    }

    /// Moves behind the first `text` that begins within `limit` bytes; stays where it is when there is none.
    mutating func moveBehind(_ text: StaticString, within limit: Int, in bytes: Span<UInt8>) -> Bool {
        let length = text.utf8CodeUnitCount
        guard let place = bytes.firstPlace(of: text, from: position, to: min(end, position + limit + length - 1)) else {
            return false
        }
        move(to: place + length)
        return true
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x00...0x20, 0x7f...0xff, UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ","), UInt8(ascii: "\""),
            UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "<"), UInt8(ascii: ">"):
            false
        default: true
        }
    }
}
