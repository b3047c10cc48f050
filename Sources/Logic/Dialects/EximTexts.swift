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
        /// Where the peer's address stands in it.
        var places: [Int]
        var zone: String?
        var isListFailure: Bool
    }

    /// What tells most texts apart at a glance.
    private struct Shape: Sendable {
        var length: Int
        var addressLength: Int
        var addresses: Int
        /// The first eight bytes, or those before the first address.
        var head: UInt64
        var mask: UInt64
    }

    private static let most = 16
    private static let longest = 512
    private var texts: [Text] = []
    private var shapes: [Shape] = []
    /// Of each, from the multiple of `longest` on.
    private var kept = [UInt8](repeating: 0, count: most * longest)
    private var next = 0

    /// Puts what is remembered of such a text into `event`; false when that is nothing.
    func recall(_ bytes: Span<UInt8>, _ text: Range<Int>, peer address: Range<Int>, into event: inout Event) -> Bool {
        let head = bytes.word(at: text.lowerBound)
        let shapes = self.shapes.span
        for index in shapes.indices {
            guard (head ^ shapes[index].head) & shapes[index].mask == 0 else { continue }
            let shape = shapes[index]
            guard
                shape.length + shape.addresses * (address.count - shape.addressLength) == text.count,
                isSame(index, shape, bytes, text, address)
            else { continue }
            event.rejectionClass = .rbl
            event.zone = texts[index].zone
            event.isListFailure = texts[index].isListFailure
            return true
        }
        return false
    }

    private func isSame(
        _ index: Int, _ shape: Shape, _ bytes: Span<UInt8>, _ text: Range<Int>, _ address: Range<Int>
    ) -> Bool {
        let kept = kept.span
        let start = index * EximTexts.longest
        var (old, new) = (start, text.lowerBound)
        for offset in texts[index].places {
            let place = start + offset
            guard bytes.hasBytes(place - old, of: kept, from: old, at: new) else { return false }
            new += place - old
            guard bytes.hasBytes(address.count, of: bytes, from: address.lowerBound, at: new) else { return false }
            new += address.count
            old = place + shape.addressLength
        }
        return bytes.hasBytes(start + shape.length - old, of: kept, from: old, at: new)
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
            guard bytes.hasBytes(address.count, of: bytes, from: address.lowerBound, at: place) else {
                place += 1
                continue
            }
            // Inside of a word or a name it would be part of something else.
            if place > text.lowerBound, EximTexts.isNameByte(bytes[place - 1]) { return }
            if place + address.count < text.upperBound, EximTexts.isNameByte(bytes[place + address.count]) { return }
            places.append(place - text.lowerBound)
            place += address.count
        }
        guard let first = places.first, places.count <= 4 else { return }
        let new = Text(places: places, zone: event.zone, isListFailure: event.isListFailure)
        let mask = Words.mask(first)
        let shape = Shape(
            length: text.count, addressLength: address.count, addresses: places.count,
            head: bytes.word(at: text.lowerBound) & mask, mask: mask)
        if texts.count < EximTexts.most {
            texts.append(new)
            shapes.append(shape)
        } else {
            texts[next] = new
            shapes[next] = shape
        }
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
