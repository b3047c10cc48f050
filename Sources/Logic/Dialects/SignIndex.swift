import Bytes
import Events

/// What in a reply's text shows that a DNSBL spoke, found in one pass over it.
struct Signs {
    /// A word that stands in list replies and not in others.
    var hasListWord = false
    /// The text holds the peer's own address.
    var namesPeer = false
    /// The list answered that it cannot or will not answer.
    var isListFailure = false
    /// Where the host of the first http(s) URL begins, up to the end of the text.
    var url: Range<Int>?
}

/// The signs by the byte they begin with. A sign counts from the first letter of a word on, in any case.
struct SignIndex: Sendable {
    enum Sign: Sendable {
        case listWord
        case failure
        case url
    }

    private struct Entry: Sendable {
        let text: StaticString
        let sign: Sign
        /// The first eight bytes of the text, and which of them there are.
        let head: UInt64
        let mask: UInt64

        init(_ text: StaticString, _ sign: Sign) {
            self.text = text
            self.sign = sign
            let bytes = text.withUTF8Buffer { $0.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
            head = bytes
            mask = Words.mask(text.utf8CodeUnitCount)
        }

        var firstByte: Int { Int(head & 0xff) }
    }

    /// Sorted by first byte; `buckets[c]..<buckets[c + 1]` are those that begin with the byte c.
    private let entries: [Entry]
    private let buckets: [Int]
    /// By the low five bits of a first byte, in which capitals and small letters agree, a bit for those of each second
    /// byte that signs have behind it: most words end there.
    private let seconds: [UInt32]

    init() {
        let sorted = SignIndex.table.map { Entry($0.text, $0.sign) }.sorted { $0.firstByte < $1.firstByte }
        entries = sorted
        buckets = (0...256).map { first in sorted.firstIndex { $0.firstByte >= first } ?? sorted.count }
        var seconds = [UInt32](repeating: 0, count: 32)
        for entry in sorted { seconds[entry.firstByte & 31] |= 1 << UInt32(entry.head >> 8 & 31) }
        self.seconds = seconds
    }

    /// - Parameter peer: where the peer's address stands in the same line, as lists spell it.
    func signs(in bytes: Span<UInt8>, _ text: Range<Int>, peer: Range<Int>) -> Signs {
        var signs = Signs()
        // Where nobody is looked for, no word begins with a zero.
        let peerMask = peer.isEmpty ? .max : Words.mask(peer.count)
        let peerHead = peer.isEmpty ? 0 : Words.lowercased(bytes.word(at: peer.lowerBound)) & peerMask
        let (seconds, entries) = (self.seconds.span, self.entries.span)
        var words = WordStarts(text)
        while var starts = words.next(in: bytes) {
            while starts != 0 {
                let start = words.position &+ starts.trailingZeroBitCount
                starts &= starts &- 1
                let head = Words.lowercased(bytes.word(at: start))
                let second = UInt32(truncatingIfNeeded: head >> 8 & 31)
                let isPeer = (head ^ peerHead) & peerMask == 0
                guard seconds[Int(head & 31)] >> second & 1 | (isPeer ? 1 : 0) != 0 else { continue }
                let bucket = Int(head & 0xff)
                var place = buckets[bucket]
                while place < buckets[bucket + 1] {
                    let entry = entries[place]
                    if (head ^ entry.head) & entry.mask == 0,
                        ListTexts.hasFolded(entry.text, bytes, start, text.upperBound)
                    {
                        signs.note(entry.sign, length: entry.text.utf8CodeUnitCount, at: start, text.upperBound)
                    }
                    place += 1
                }
                if isPeer, SignIndex.isAddress(peer, bytes, start, text.upperBound) { signs.namesPeer = true }
            }
        }
        return signs
    }

    /// A letter or a digit.
    static func isWordByte(_ byte: UInt8) -> Bool { lowercased(byte) &- 0x61 < 26 || isDigit(byte) }

    /// Whether the address `peer` stands at `start`, whole.
    private static func isAddress(_ peer: Range<Int>, _ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        guard end - start >= peer.count else { return false }
        for offset in 0..<peer.count
        where lowercased(bytes[start + offset]) != lowercased(bytes[peer.lowerBound + offset]) {
            return false
        }
        let behind = start + peer.count
        return behind == end || !(isDigit(bytes[behind]) || bytes[behind] == UInt8(ascii: ":"))
    }

    /// Lower case, each from its first letter. Not among the list words: `blocked` and `refused` alone, which
    /// administrators write in access files too.
    private static let table: [(text: StaticString, sign: Sign)] = [
        ("http://", .url),
        ("https://", .url),
        // What lists call themselves and what they do.
        ("listed", .listWord),
        ("blacklist", .listWord),
        ("black list", .listWord),
        ("blocklist", .listWord),
        ("block list", .listWord),
        ("dnsbl", .listWord),
        ("rbl", .listWord),
        ("blocked - see", .listWord),
        ("blocked using", .listWord),
        // The lists whose texts name only themselves.
        ("spamhaus", .listWord),
        ("spamcop", .listWord),
        ("sorbs", .listWord),
        ("barracuda", .listWord),
        ("cbl", .listWord),
        ("uceprotect", .listWord),
        // Spamhaus, and Validity after it: 127.255.255.252, .254 and .255 are errors; the text links to /returnc/
        // (spamhaus.org, "using our public mirrors? check your return codes now").
        ("127.255.255.", .failure),
        ("returnc/", .failure),
        ("open resolver", .failure),
        ("public resolver", .failure),
        ("excessive number of queries", .failure),
        // URIBL: "127.0.0.1 -> Query Refused. See https://uribl.com/refused.shtml", earlier "excessive queries".
        ("query refused", .failure),
        ("queries refused", .failure),
        ("refused.shtml", .failure),
        ("excessive queries", .failure),
        // Rate limits as others word them.
        ("query limit", .failure),
        ("queries exceeded", .failure),
        ("rate limit", .failure),
        ("error code", .failure),
        // Lists that closed and then listed the world (ORDB 2006, AHBL 2015): "was shut down ... please remove".
        ("shut down", .failure),
        ("shutdown", .failure),
        ("has been closed", .failure),
        ("decommissioned", .failure),
        ("no longer in service", .failure),
        ("no longer available", .failure),
    ]
}

/// Where words begin in a text, 64 bytes at a time: one loop over all of them is guessed better than one in each eight
/// bytes.
struct WordStarts {
    /// Of the bytes that `next` told of.
    private(set) var position: Int
    private let end: Int
    private var following: Int
    /// The byte before those was of a word.
    private var before: UInt64 = 0

    init(_ text: Range<Int>) {
        position = text.lowerBound
        following = position
        end = text.upperBound
    }

    /// A bit for each of the next 64 bytes that a word begins with, the lowest for that at `position`; `nil` at the end.
    mutating func next(in bytes: Span<UInt8>) -> UInt64? {
        position = following
        guard position < end else { return nil }
        following = min(position &+ 64, end)
        var inside: UInt64 = 0
        var index = position
        while index < following {
            let word = Words.wordBytes(bytes.word(at: index)) & Words.mask(following &- index)
            inside |= UInt64(Words.bits(word)) &<< UInt64(truncatingIfNeeded: index &- position)
            index &+= 8
        }
        defer { before = inside >> 63 }
        return inside & ~(inside << 1 | before)
    }
}

extension Signs {
    fileprivate mutating func note(_ sign: SignIndex.Sign, length: Int, at start: Int, _ end: Int) {
        switch sign {
        case .listWord: hasListWord = true
        case .failure: isListFailure = true
        case .url: if url == nil { url = (start + length)..<end }
        }
    }
}
