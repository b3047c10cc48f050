import Bytes
import Events

/// A reply's words without what differs from peer to peer: addresses, numbers, quoted parts, the paths of URLs. So that
/// the same rejection is the same text, whoever it was said to; and the listing that it names, such as `SBL24651`.
///
/// Works for the lines of every dialect alike: the reply begins at its code, or behind `rejected`, and ends where
/// Postfix's envelope begins. What a client put into its line can at worst make a text of its own.
struct ReplyText: Sendable {
    static let longest = 160
    /// Bytes of a reply that are looked at.
    private static let reach = 512

    /// The text: the first `count` of these.
    private(set) var buffer = InlineArray<160, UInt8>(repeating: 0)
    private(set) var count = 0
    var bytes: [UInt8] { buffer.span.extracting(0..<count).withUnsafeBufferPointer(Array.init) }
    /// Where in the line the listing's id stands.
    private(set) var listing = 0..<0

    // Of the word that is being read.
    private var wordStart = 0
    private var runs = 0
    private var hasDot = false
    private var hasAt = false

    init() {}

    mutating func read(_ line: Span<UInt8>, _ message: Range<Int>, code: UInt16?) {
        count = 0
        listing = 0..<0
        var index = ReplyText.start(line, message, code)
        let end = min(message.upperBound, index + ReplyText.reach)
        index = copyCodes(line, index, end)
        beginWord()
        while index < end {
            let byte = line[unchecked: index]
            if byte &- 0x30 < 10 {
                noteListing(line, index, end)
                runs += 1
                put(UInt8(ascii: "#"))
                repeat { index &+= 1 } while index < end && line[unchecked: index] &- 0x30 < 10
                continue
            }
            switch byte {
            case 0x61...0x7a, 0x41...0x5a, UInt8(ascii: "-"), UInt8(ascii: "_"):
                index = copyLetters(line, index, end)
            case UInt8(ascii: "."):
                hasDot = true
                put(byte)
                index &+= 1
            case UInt8(ascii: "@"):
                hasAt = true
                put(byte)
                index &+= 1
            case UInt8(ascii: ":"):
                if line.hasBytes(of: "://", at: index) {
                    index = skipURL(line, index, end)
                } else {
                    // Inside an IPv6 address, or behind a word.
                    if index + 1 < end, line[index + 1] != 0x20 { runs += 1 }
                    put(byte)
                    index &+= 1
                }
            case UInt8(ascii: "<"): index = skipQuoted(line, index, end, UInt8(ascii: ">"))
            case UInt8(ascii: "\""): index = skipQuoted(line, index, end, byte)
            case UInt8(ascii: "["): index = skipQuoted(line, index, end, UInt8(ascii: "]"))
            default:
                endWord()
                if byte == UInt8(ascii: ";"), ReplyText.isEnvelope(line, index) { return }
                put(byte)
                index &+= 1
                beginWord()
            }
        }
        endWord()
    }

    /// The reply's code where the line has it, else behind the word that says what happened.
    private static func start(_ line: Span<UInt8>, _ message: Range<Int>, _ code: UInt16?) -> Int {
        if let code, code >= 100, code <= 999 {
            let digits = (UInt8(code / 100) + 0x30, UInt8(code / 10 % 10) + 0x30, UInt8(code % 10) + 0x30)
            var index = message.lowerBound
            while let found = line.firstIndex(of: digits.0, from: index, to: message.upperBound - 3) {
                index = found + 1
                guard line[found + 1] == digits.1, line[found + 2] == digits.2,
                    line[found + 3] == 0x20 || line[found + 3] == UInt8(ascii: "-")
                else { continue }
                if found == message.lowerBound { return found }
                switch line[found - 1] {
                case 0x20, UInt8(ascii: "="), UInt8(ascii: ":"), UInt8(ascii: "\""), UInt8(ascii: "'"): return found
                default: continue
                }
            }
        }
        var index = message.lowerBound
        while let found = line.firstIndex(of: UInt8(ascii: "r"), from: index, to: message.upperBound) {
            if line.hasBytes(of: "rejected ", at: found) { return found }
            index = found + 1
        }
        return message.lowerBound
    }

    /// `554 5.7.1 ` as it stands.
    private mutating func copyCodes(_ line: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
        var index = start
        while index < end, index - start < 16 {
            let byte = line[index]
            guard isDigit(byte) || byte == UInt8(ascii: ".") || byte == 0x20 || byte == UInt8(ascii: "-") else { break }
            index += 1
        }
        // Up to the last blank: what follows without one belongs to a word.
        while index > start, line[index - 1] != 0x20 { index -= 1 }
        for place in start..<index { put(line[place]) }
        return index
    }

    @inline(__always)
    private mutating func put(_ byte: UInt8) {
        guard count < ReplyText.longest else { return }
        buffer[count] = byte
        count &+= 1
    }

    /// Letters, `-` and `_` as they stand, eight at a time as long as there is room, else the first of them; where it stops.
    @inline(__always)
    private mutating func copyLetters(_ line: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
        var index = start
        while end &- index >= 8, count &+ 8 <= ReplyText.longest {
            let word = line.word(at: index)
            let letters =
                Words.within(UInt8(ascii: "a"), UInt8(ascii: "z"), Words.lowercased(word))
                | Words.within(UInt8(ascii: "-"), UInt8(ascii: "-"), word)
                | Words.within(UInt8(ascii: "_"), UInt8(ascii: "_"), word)
            let length = (~letters & Words.highs).trailingZeroBitCount / 8
            var span = buffer.mutableSpan
            var bytes = span.mutableBytes
            bytes.storeBytes(of: word.littleEndian, toByteOffset: count, as: UInt64.self)
            count &+= length
            index &+= length
            if length < 8 { return index }
        }
        if index == start {
            put(line[index])
            index &+= 1
        }
        return index
    }

    @inline(__always)
    private mutating func beginWord() {
        wordStart = count
        runs = 0
        hasDot = false
        hasAt = false
    }

    /// Addresses, the names of hosts that have numbers, and mail addresses are cut as a whole.
    @inline(__always)
    private mutating func endWord() {
        guard hasAt || (runs > 1 && (hasDot || runs > 2)), wordStart < count else { return }
        let last = buffer[count - 1]
        let isSentenceEnd = last == UInt8(ascii: ".") || last == UInt8(ascii: ":")
        count = wordStart
        put(UInt8(ascii: "#"))
        if isSentenceEnd { put(last) }
    }

    /// Scheme and host stay; the rest differs.
    private mutating func skipURL(_ line: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
        var index = start
        for _ in 0..<3 {
            put(line[index])
            index += 1
        }
        var isHost = true
        while index < end {
            if !isHost {
                index = ReplyText.skipPlain(line, index, end)
                guard index < end else { break }
            }
            let byte = line[index]
            if byte <= 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: ">") || byte == UInt8(ascii: ";") {
                break
            }
            if isDigit(byte), !isDigit(line[index - 1]) { noteListing(line, index, end) }
            if isHost {
                isHost = byte != UInt8(ascii: "/") && byte != UInt8(ascii: "?")
                put(byte)
            }
            index += 1
        }
        beginWord()
        return index
    }

    /// Behind a URL's host: where it may end next, or a digit stands behind a capital; eight bytes at a time.
    @inline(__always)
    private static func skipPlain(_ line: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
        var index = start
        while end &- index >= 8 {
            let word = line.word(at: index)
            let before: UInt64 = line[index &- 1] &- 0x41 < 26 ? 0x80 : 0
            let behindCapital = Words.within(UInt8(ascii: "A"), UInt8(ascii: "Z"), word) &<< 8 | before
            let special =
                Words.within(UInt8(ascii: "0"), UInt8(ascii: "9"), word) & behindCapital
                | Words.within(0, 0x20, word) | Words.within(UInt8(ascii: ";"), UInt8(ascii: ";"), word)
                | Words.within(UInt8(ascii: ">"), UInt8(ascii: ">"), word)
                | Words.within(UInt8(ascii: "\""), UInt8(ascii: "\""), word)
            if special != 0 { return index &+ special.trailingZeroBitCount / 8 }
            index &+= 8
        }
        return index
    }

    /// From an opening mark to its closing one; a mark without the other is a byte like any.
    private mutating func skipQuoted(_ line: Span<UInt8>, _ start: Int, _ end: Int, _ close: UInt8) -> Int {
        // A name that stands at the bracket is the peer's: `mail.example[192.0.2.7]`.
        if close == UInt8(ascii: "]"), wordStart < count, hasDot { count = wordStart }
        endWord()
        defer { beginWord() }
        put(line[start])
        guard let found = line.firstIndex(of: close, from: start + 1, to: end) else { return start + 1 }
        put(close)
        return found + 1
    }

    private static func isEnvelope(_ line: Span<UInt8>, _ index: Int) -> Bool {
        line.hasBytes(of: "; from=<", at: index) || line.hasBytes(of: "; to=<", at: index)
            || line.hasBytes(of: "; proto=", at: index) || line.hasBytes(of: "; helo=<", at: index)
    }

    /// A digit behind capital letters: `SBL24651`, up to six of these and two to nine of those, and nothing else.
    @inline(__always)
    private mutating func noteListing(_ line: Span<UInt8>, _ digit: Int, _ end: Int) {
        guard listing.isEmpty, digit > 0, line[digit - 1] &- 0x41 < 26 else { return }
        var first = digit - 1
        while first > 0, digit - first < 7, line[first - 1] &- 0x41 < 26 { first -= 1 }
        var last = digit
        while last < end, last - digit < 10, isDigit(line[last]) { last += 1 }
        let before = first > 0 ? line[first - 1] : 0x20
        let behind = last < end ? line[last] : 0x20
        guard digit - first <= 6, (2...9).contains(last - digit), last - first >= 4, !isWord(before), !isWord(behind)
        else { return }
        listing = first..<last
    }

    private func isWord(_ byte: UInt8) -> Bool { isDigit(byte) || (byte | 0x20) &- 0x61 < 26 }

    /// The kind of reason that words give where they refuse a host.
    static func reason(_ text: [UInt8]) -> String {
        let words = text.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
        func has(_ part: StaticString) -> Bool {
            let span = words.span
            let first = part.withUTF8Buffer { $0.first ?? 0 }
            var index = 0
            while let found = span.firstIndex(of: first, from: index, to: span.count) {
                if span.hasBytes(of: part, at: found) { return true }
                index = found + 1
            }
            return false
        }
        // A dynamic address often has a name that says so; its being dynamic is the reason that was given.
        if has("dynamic") || has("dialup") || has("dial-up") || has("dial up") || has("dynip") || has("residential") {
            return Label.dynamicAddress
        }
        if has("reverse") || has("rdns") || has("ptr") || has("cannot find your") || has("hostname") || has("host name")
            || has("no dns") || has("does not resolve") || has("forged")
        {
            return Label.badReverseDNS
        }
        return ""
    }
}
