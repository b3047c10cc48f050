import Bytes
import Events

/// What was made of the texts of lists that named their peer, for those that come again: a site says the same of each
/// of its sources (`192.0.2.7 is listed at zen.example (127.0.0.2: http://...?ip=192.0.2.7)`), and in an attack that is
/// most of the log.
///
/// Only a text that is a list's because it names the peer is remembered, as such a judgement asks for nothing else in
/// the entry; a later text must be the same byte for byte, with its own peer in the place of the other.
struct EximTexts: Sendable {
    private struct Text: Sendable {
        var length: Int
        /// Where the peer's address stands in it.
        var places: [Int]
        var addressLength: Int
        var zone: String?
        var isListFailure: Bool
    }

    private static let most = 16
    private static let longest = 512
    private var texts: [Text] = []
    /// Of each, from the multiple of `longest` on.
    private var kept = [UInt8](repeating: 0, count: most * longest)
    private var next = 0

    /// Puts what is remembered of such a text into `event`; false when that is nothing.
    func recall(_ bytes: Span<UInt8>, _ text: Range<Int>, peer address: Range<Int>, into event: inout Event) -> Bool {
        for index in texts.indices {
            let growth = texts[index].places.count * (address.count - texts[index].addressLength)
            guard texts[index].length + growth == text.count, isSame(index, bytes, text, address) else { continue }
            event.rejectionClass = .rbl
            event.zone = texts[index].zone
            event.isListFailure = texts[index].isListFailure
            return true
        }
        return false
    }

    private func isSame(_ index: Int, _ bytes: Span<UInt8>, _ text: Range<Int>, _ address: Range<Int>) -> Bool {
        let kept = kept.span
        let start = index * EximTexts.longest
        var (old, new) = (start, text.lowerBound)
        for offset in texts[index].places {
            let place = start + offset
            guard EximTexts.isSame(kept, old, bytes, new, place - old) else { return false }
            new += place - old
            guard EximTexts.isSame(bytes, address.lowerBound, bytes, new, address.count) else { return false }
            new += address.count
            old = place + texts[index].addressLength
        }
        return EximTexts.isSame(kept, old, bytes, new, start + texts[index].length - old)
    }

    private static func isSame(_ one: Span<UInt8>, _ start: Int, _ other: Span<UInt8>, _ place: Int, _ count: Int)
        -> Bool
    {
        var offset = 0
        while offset < count {
            let difference = one.word(at: start + offset) ^ other.word(at: place + offset)
            if difference & Words.mask(count - offset) != 0 { return false }
            offset += 8
        }
        return true
    }

    /// Remembers what was made of a text, unless the peer's own digits may have had a part in it.
    mutating func keep(_ event: Event, _ bytes: Span<UInt8>, _ text: Range<Int>, peer address: Range<Int>) {
        // `127.255.255.` in a text is a list's failure (SignIndex).
        guard text.count <= EximTexts.longest,
            bytes[address.lowerBound] != UInt8(ascii: "1") || !isLoopback(bytes, address)
        else { return }
        var places: [Int] = []
        var place = text.lowerBound
        while text.upperBound - place >= address.count {
            guard EximTexts.isSame(bytes, address.lowerBound, bytes, place, address.count) else {
                place += 1
                continue
            }
            // Inside of a word or a name it would be part of something else.
            if place > text.lowerBound, EximTexts.isNameByte(bytes[place - 1]) { return }
            if place + address.count < text.upperBound, EximTexts.isNameByte(bytes[place + address.count]) { return }
            places.append(place - text.lowerBound)
            place += address.count
        }
        guard !places.isEmpty, places.count <= 4 else { return }
        let new = Text(
            length: text.count, places: places, addressLength: address.count, zone: event.zone,
            isListFailure: event.isListFailure)
        if texts.count < EximTexts.most { texts.append(new) } else { texts[next] = new }
        for offset in 0..<text.count { kept[next * EximTexts.longest + offset] = bytes[text.lowerBound + offset] }
        next = (next + 1) % EximTexts.most
    }

    private func isLoopback(_ bytes: Span<UInt8>, _ address: Range<Int>) -> Bool {
        bytes.hasBytes(of: "127.", at: address.lowerBound)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        SignIndex.isWordByte(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":")
            || byte == UInt8(ascii: "-")
    }
}
