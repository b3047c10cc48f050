/// Where an address belongs, as a location database has it on the day it is asked.
package struct Origin: Hashable, Sendable {
    package var country: Country?
    /// The number of the autonomous system that announces it; `nil` when none is known.
    package var asn: UInt32?

    package init(country: Country? = nil, asn: UInt32? = nil) {
        self.country = country
        self.asn = asn
    }

    /// In one step, as reports put a million of them into tables.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(UInt64(asn ?? 0) << 16 | UInt64(country?.letters ?? 0))
    }
}

extension Origin: Comparable {
    /// By country, then by number; what is not known comes first.
    package static func < (left: Origin, right: Origin) -> Bool {
        left.country == right.country
            ? (left.asn ?? 0) < (right.asn ?? 0)
            : (left.country?.description ?? "") < (right.country?.description ?? "")
    }
}

/// A country code of two capital letters as databases write it: ISO 3166-1, and what is not in it (`EU`, `AP`, `XK`).
package struct Country: Hashable, Comparable, Sendable, CustomStringConvertible {
    fileprivate let letters: UInt16

    /// `nil` for anything but two letters, which are made capital.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count == 2 else { return nil }
        self.init(bytes[0], bytes[1])
    }

    /// From its letters in ASCII, as above.
    package init?(_ first: UInt8, _ second: UInt8) {
        let (first, second) = (first & 0xdf, second & 0xdf)
        guard (0x41...0x5a).contains(first), (0x41...0x5a).contains(second) else { return nil }
        letters = UInt16(first) << 8 | UInt16(second)
    }

    package var description: String {
        String(decoding: [UInt8(letters >> 8), UInt8(letters & 0xff)], as: UTF8.self)
    }

    package static func < (left: Country, right: Country) -> Bool { left.letters < right.letters }
}
