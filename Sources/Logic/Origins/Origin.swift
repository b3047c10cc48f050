/// Where an address belongs, as a location database has it on the day it is asked.
package struct Origin: Hashable, Sendable {
    package var country: Country?
    /// The number of the autonomous system that announces it; `nil` when none is known.
    package var asn: UInt32?

    package init(country: Country? = nil, asn: UInt32? = nil) {
        self.country = country
        self.asn = asn
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
    private let letters: UInt16

    /// `nil` for anything but two letters, which are made capital.
    package init?(_ text: some StringProtocol) {
        let bytes = text.utf8.map { $0 & 0xdf }
        guard bytes.count == 2, bytes.allSatisfy({ (0x41...0x5a).contains($0) }) else { return nil }
        letters = UInt16(bytes[0]) << 8 | UInt16(bytes[1])
    }

    package var description: String {
        String(decoding: [UInt8(letters >> 8), UInt8(letters & 0xff)], as: UTF8.self)
    }

    package static func < (left: Country, right: Country) -> Bool { left.letters < right.letters }
}
