import Bytes
import Events

/// How a reply's text shows that a DNSBL spoke: words all lists use (`SignIndex`), the site's own words, and the
/// list's address on the web. Serves every dialect whose log has the reply as free text.
struct ListTexts: Sendable {
    private struct SiteText: Sendable {
        var asGiven: String
        var folded: [UInt8]
        /// As it would look in an address that Courier logged.
        var blanked: [UInt8]
    }

    private let siteTexts: [SiteText]
    /// One for all: a log of many hosts has a value of each dialect for each of them, and whoever may send lines of his
    /// may also give a new host's name in every one.
    private let index = ListTexts.signIndex
    private static let signIndex = SignIndex()

    init(_ texts: [String]) {
        siteTexts = texts.filter { !$0.isEmpty }.map { text in
            let folded = text.utf8.map(lowercased)
            return SiteText(asGiven: text, folded: folded, blanked: folded.map { ListTexts.isBlanked($0) ? 0x20 : $0 })
        }
    }

    var hasNoSiteTexts: Bool { siteTexts.isEmpty }

    /// What the first `longestText` bytes of a reply's text show.
    func signs(in bytes: Span<UInt8>, _ text: Range<Int>, peer: Range<Int>) -> Signs {
        let end = min(text.upperBound, text.lowerBound + ListTexts.longestText)
        return index.signs(in: bytes, text.lowerBound..<end, peer: ListTexts.withoutMapping(peer, bytes))
    }

    /// The first of the site's texts that the reply holds.
    ///
    /// At the reply's start it is taken as it is. Further behind a mail filter may quote the client, and a good sender
    /// that relays for others must not be banned for what those wrote: there a text counts only before the first `<`,
    /// and only if the client's own addresses in the same line do not hold it.
    func siteText(in bytes: Span<UInt8>, _ text: Range<Int>, client: Range<Int>) -> String? {
        guard !siteTexts.isEmpty else { return nil }
        var end = text.lowerBound
        let limit = min(text.upperBound, text.lowerBound + ListTexts.longestText)
        while end < limit, bytes[end] != UInt8(ascii: "<") { end += 1 }
        for site in siteTexts {
            if ListTexts.hasFolded(site.folded, bytes, text.lowerBound, limit) { return site.asGiven }
            if ListTexts.contains(site.folded, bytes, text.lowerBound..<end),
                !ListTexts.contains(site.blanked, bytes, client)
            {
                return site.asGiven
            }
        }
        return nil
    }

    /// The domain at the start of `urlHost`, lower case, without the label of a web page; `nil` if it is no domain
    /// name or does not end within the line (a text cut by the MTA ends in `...`).
    static func zone(_ bytes: Span<UInt8>, urlHost: Range<Int>) -> String? {
        let limit = min(urlHost.upperBound, urlHost.lowerBound + 254)
        var end = nameEnd(bytes, urlHost.lowerBound, limit)
        var labelStart = urlHost.lowerBound
        var dots = 0
        while let dot = bytes.firstIndex(of: UInt8(ascii: "."), from: labelStart, to: end) {
            guard dot > labelStart, dot - labelStart <= 63 else {
                end = dot
                break
            }
            dots += 1
            labelStart = dot + 1
        }
        // A sentence's full stop may end it; a second dot, a user's name or a byte of no domain name may not.
        if end < limit {
            switch bytes[end] {
            case 0x80..., UInt8(ascii: "."), UInt8(ascii: "@"), UInt8(ascii: "_"), UInt8(ascii: "%"): return nil
            default: break
            }
        }
        if end == labelStart {
            end -= 1
            dots -= 1
        }
        guard dots >= 1, end - urlHost.lowerBound <= 253, end - labelStart <= 63 else { return nil }
        var start = urlHost.lowerBound
        if dots >= 2 {
            for label in pageLabels where hasFolded(label, bytes, start, end) {
                start += label.utf8CodeUnitCount
                break
            }
        }
        return String(unsafeUninitializedCapacity: end - start) { buffer in
            for index in start..<end { buffer[index - start] = lowercased(bytes[index]) }
            return end - start
        }
    }
}

extension ListTexts {
    /// Where letters, digits, dashes and dots end.
    private static func nameEnd(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> Int {
        var end = start
        while end < limit {
            let word = bytes.word(at: end)
            let inside = Words.wordBytes(word) | Words.within(UInt8(ascii: "-"), UInt8(ascii: "."), word)
            let count = (~inside & Words.highs).trailingZeroBitCount / 8
            end += count
            if count < 8 { break }
        }
        return min(end, limit)
    }

    /// Replies are a few hundred bytes; Courier cuts them at 128.
    static let longestText = 512

    private static func isBlanked(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">") || byte == UInt8(ascii: ":")
    }

    /// `::ffff:192.0.2.7` as lists spell it.
    private static func withoutMapping(_ address: Range<Int>, _ bytes: Span<UInt8>) -> Range<Int> {
        hasFolded("::ffff:", bytes, address.lowerBound, address.upperBound)
            ? (address.lowerBound + 7)..<address.upperBound : address
    }

    /// Lower-case `text` at `start`, any case in the bytes.
    static func hasFolded(_ text: StaticString, _ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        let length = text.utf8CodeUnitCount
        guard end - start >= length else { return false }
        let wanted = UnsafeRawPointer(text.utf8Start)
        var index = 0
        while length - index >= 8 {
            let part = UInt64(littleEndian: wanted.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            if Words.lowercased(bytes.word(at: start + index)) != part { return false }
            index += 8
        }
        while index < length {
            if lowercased(bytes[start + index]) != wanted.load(fromByteOffset: index, as: UInt8.self) { return false }
            index += 1
        }
        return true
    }

    private static func hasFolded(_ text: [UInt8], _ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        guard end - start >= text.count else { return false }
        for index in text.indices where lowercased(bytes[start + index]) != text[index] { return false }
        return true
    }

    private static func contains(_ text: [UInt8], _ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var start = range.lowerBound
        while range.upperBound - start >= text.count {
            if hasFolded(text, bytes, start, range.upperBound) { return true }
            start += 1
        }
        return false
    }

    /// Labels in front of a list's own domain where it explains a listing (www.spamcop.net, check.spamhaus.org).
    private static let pageLabels: [StaticString] = ["www.", "check.", "lookup."]
}
