/// An address block in CIDR form; a single host is a full-length prefix.
///
/// The length is kept in the 128-bit space of `IPAddress`, so an IPv4 /24 has `bits` 120. What people
/// read and write is `length`: 0...32 for IPv4, 0...128 for IPv6.
package struct Prefix: Hashable, Sendable, Comparable {
    /// The first address of the block; its host bits are zero.
    package let address: IPAddress
    package let bits: UInt8

    /// The block of `bits` (0...128, in the mapped space) around `address`; host bits are cut off.
    @inlinable
    package init(_ address: IPAddress, bits: Int) {
        precondition((0...128).contains(bits))
        let mask = Prefix.mask(bits)
        self.address = IPAddress(high: address.high & mask.high, low: address.low & mask.low)
        self.bits = UInt8(bits)
    }

    /// A single host.
    @inlinable
    package init(_ address: IPAddress) {
        self.address = address
        bits = 128
    }

    /// The block of `length` as written behind the slash; `nil` when the family has no such length.
    package init?(_ address: IPAddress, length: Int) {
        let bits = address.isIPv4 ? length + 96 : length
        guard length >= 0, bits <= 128 else { return nil }
        self.init(address, bits: bits)
    }

    package var isIPv4: Bool { address.isIPv4 && bits >= 96 }
    @inlinable
    package var isHost: Bool { bits == 128 }
    /// The length as written behind the slash.
    package var length: Int { isIPv4 ? Int(bits) - 96 : Int(bits) }

    package var lastAddress: IPAddress {
        let mask = Prefix.mask(Int(bits))
        return IPAddress(high: address.high | ~mask.high, low: address.low | ~mask.low)
    }

    package func contains(_ other: IPAddress) -> Bool {
        let mask = Prefix.mask(Int(bits))
        return other.high & mask.high == address.high && other.low & mask.low == address.low
    }

    package func contains(_ other: Prefix) -> Bool { other.bits >= bits && contains(other.address) }
    package func overlaps(_ other: Prefix) -> Bool { contains(other) || other.contains(self) }

    package static func < (left: Prefix, right: Prefix) -> Bool {
        left.address != right.address ? left.address < right.address : left.bits < right.bits
    }

    @inlinable
    package static func mask(_ bits: Int) -> (high: UInt64, low: UInt64) {
        let high: UInt64 = bits >= 64 ? .max : ~(UInt64.max >> UInt64(bits))
        let low: UInt64 = bits <= 64 ? 0 : bits >= 128 ? .max : ~(UInt64.max >> UInt64(bits - 64))
        return (high, low)
    }
}

extension Prefix: CustomStringConvertible {
    /// With its length, as in `192.0.2.7/32`: what JSON and the log carry.
    package var description: String { "\(address)/\(length)" }

    /// A host without its length, as in `192.0.2.7`: what people read.
    package var shortDescription: String { isHost ? "\(address)" : description }
}

/// Why a text is no prefix, in words for the person who typed it.
package enum PrefixError: Error, Equatable, CustomStringConvertible {
    case notAnAddress(String)
    case badLength(String, limit: Int)
    case hostBitsSet(given: String, meant: Prefix)

    package var description: String {
        switch self {
        case .notAnAddress(let text): "\"\(text)\" is not an address: expected 192.0.2.7, 192.0.2.0/24 or 2001:db8::/48"
        case .badLength(let text, let limit): "\"\(text)\": the length behind the slash is 0 to \(limit)"
        case .hostBitsSet(let given, let meant): "\(given): did you mean \(meant)?"
        }
    }
}

extension Prefix {
    /// Reads `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/48` or a mapped form (`::ffff:192.0.2.7`, folded to IPv4).
    ///
    /// The text quoted in an error is escaped and cut, since it may come from anywhere.
    package init(parsing text: String) throws(PrefixError) {
        let slash = text.utf8.firstIndex(of: UInt8(ascii: "/"))
        let addressPart = slash.map { text[..<$0] } ?? text[...]
        guard let address = IPAddress(addressPart) else { throw .notAnAddress(Prefix.shown(text)) }
        guard let slash else {
            self.init(address)
            return
        }
        let lengthPart = text.utf8[text.utf8.index(after: slash)...]
        let writtenAsV6 = addressPart.utf8.contains(UInt8(ascii: ":"))
        let limit = writtenAsV6 ? 128 : 32
        guard (1...3).contains(lengthPart.count), lengthPart.allSatisfy({ (0x30...0x39).contains($0) }),
            let length = Int(String(lengthPart) ?? ""), length <= limit
        else { throw .badLength(Prefix.shown(text), limit: limit) }
        let prefix = Prefix(address, bits: writtenAsV6 ? length : length + 96)
        guard prefix.address == address else { throw .hostBitsSet(given: Prefix.shown(text), meant: prefix) }
        self = prefix
    }

    private static func shown(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars.prefix(60) {
            result += scalar.value < 0x20 || scalar.value > 0x7e ? "?" : String(scalar)
        }
        return text.unicodeScalars.count > 60 ? result + "..." : result
    }
}
