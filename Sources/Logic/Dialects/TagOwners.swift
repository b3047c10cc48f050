import Bytes

/// Whose line it is, by its tag: one look into a table instead of a question to each dialect.
struct TagOwners: Sendable {
    enum Owner: Sendable {
        case nobody
        /// No tag: the form of the stamp and the message tell.
        case untagged
        case courier
        case postfix
        case exim
        case sendmail
        /// Qmail's programs may be logged under the same one.
        case openSMTPD
        case qpsmtpd
        case qmail
    }

    private struct Entry: Sendable {
        /// The first and the last eight bytes of the tag, or all of it twice.
        var head: UInt64 = 0
        var tail: UInt64 = 0
        var count = 0
        var owner = Owner.nobody
    }

    /// Each in the place of its hash or in the next free one behind it.
    private var entries = [Entry](repeating: Entry(), count: places)
    /// A power of two.
    private static let places = 64

    init() {
        for (tag, owner) in TagOwners.tags {
            let text = tag.withUTF8Buffer { Array($0) }
            let entry = TagOwners.entry(text.span, 0..<text.count, owner)
            var place = TagOwners.place(entry)
            while entries[place].count > 0 { place = (place + 1) & (TagOwners.places - 1) }
            entries[place] = entry
        }
    }

    func owner(_ tag: Range<Int>, _ bytes: Span<UInt8>) -> Owner {
        if tag.isEmpty { return .untagged }
        let wanted = TagOwners.entry(bytes, tag, .nobody)
        let entries = entries.span
        var place = TagOwners.place(wanted)
        while entries[place].count > 0 {
            if entries[place].head == wanted.head, entries[place].tail == wanted.tail,
                entries[place].count == wanted.count
            {
                return entries[place].owner
            }
            place = (place &+ 1) & (TagOwners.places - 1)
        }
        // Its instances have names of the site's choice.
        return tag.count >= 6 ? .postfix : .nobody
    }

    @inline(__always)
    private static func entry(_ bytes: Span<UInt8>, _ tag: Range<Int>, _ owner: Owner) -> Entry {
        let mask = Words.mask(tag.count)
        let tail = bytes.word(at: max(tag.lowerBound, tag.upperBound &- 8))
        return Entry(head: bytes.word(at: tag.lowerBound) & mask, tail: tail & mask, count: tag.count, owner: owner)
    }

    @inline(__always)
    private static func place(_ entry: Entry) -> Int {
        let mixed = (entry.head ^ entry.tail << 1 ^ UInt64(truncatingIfNeeded: entry.count)) &* 0x9e37_79b9_7f4a_7c15
        return Int(truncatingIfNeeded: mixed >> 58)
    }

    private static let tags: [(StaticString, Owner)] = [
        ("courieresmtpd", .courier), ("courierd", .courier), ("esmtpd", .courier), ("esmtpd-ssl", .courier),
        ("esmtpd-msa", .courier), ("exim", .exim), ("exim4", .exim), ("sendmail", .sendmail), ("sm-mta", .sendmail),
        ("sm-msa", .sendmail), ("smtpd", .openSMTPD), ("qpsmtpd", .qpsmtpd), ("qpsmtpd-prefork", .qpsmtpd),
        ("qpsmtpd-forkserver", .qpsmtpd), ("smtp", .qmail), ("qmail", .qmail), ("splogger", .qmail),
        ("rblsmtpd", .qmail), ("spamdyke", .qmail), ("tcpserver", .qmail), ("qmail-smtpd", .qmail),
    ]
}
