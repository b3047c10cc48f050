import Bytes
import Events

/// What lists have said before, and what came of reading it.
///
/// In a wave most rejections are the same text but for the peer's address, so a text that comes again is compared and
/// not read. Kept is the text before and behind the address; a text without the address is one piece.
struct PostfixReplyMemory: Sendable {
    private struct Entry: Sendable {
        var head: [UInt8]
        /// `nil` where the text does not name the peer.
        var tail: [UInt8]?
        var zone: String?
        var isListFailure: Bool
    }
    private var entries: [Entry] = []
    private var next = 0
    private static let capacity = 8
    private static let longestText = 256

    /// Sets zone and list failure if the line has a text that is known at `place`, and the envelope behind it.
    func recall(_ place: Range<Int>, address: Range<Int>, _ bytes: Span<UInt8>, into event: inout Event) -> Bool {
        for entry in entries where bytes.hasBytes(of: entry.head, at: place.lowerBound) {
            var reader = Reader(place)
            reader.move(to: place.lowerBound + entry.head.count)
            if let tail = entry.tail {
                guard reader.skip(address, in: bytes), bytes.hasBytes(of: tail, at: reader.position) else { continue }
                reader.move(to: reader.position + tail.count)
            }
            // Where the sender is empty or unknown yet, the text is simply read again.
            guard reader.skip("; from=<", in: bytes) else { continue }
            event.zone = entry.zone
            event.isListFailure = entry.isListFailure
            return true
        }
        return false
    }

    /// The oldest makes room.
    mutating func keep(_ text: Range<Int>, address: Range<Int>, _ bytes: Span<UInt8>, _ event: Event) {
        // A zone that reaches to the address would be another zone for another peer.
        guard text.count <= PostfixReplyMemory.longestText, let zone = event.zone?.utf8.count else { return }
        var reader = Reader(text)
        var head = text
        var tail: Range<Int>?
        while let found = reader.find(bytes[address.lowerBound], within: text.count, in: bytes) {
            reader.move(to: found)
            if reader.skip(address, in: bytes) {
                head = text.lowerBound..<found
                tail = reader.rest
                guard head.count > zone else { return }
                break
            }
            reader.move(to: found + 1)
        }
        let entry = Entry(
            head: PostfixReplyMemory.copy(head, bytes), tail: tail.map { PostfixReplyMemory.copy($0, bytes) },
            zone: event.zone, isListFailure: event.isListFailure)
        if entries.count < PostfixReplyMemory.capacity {
            entries.append(entry)
        } else {
            entries[next] = entry
            next = (next + 1) % PostfixReplyMemory.capacity
        }
    }

    private static func copy(_ range: Range<Int>, _ bytes: Span<UInt8>) -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(range.count)
        for index in range { copy.append(bytes[index]) }
        return copy
    }
}

extension Span<UInt8> {
    /// Whether the bytes of `text` stand at `position`.
    fileprivate func hasBytes(of text: [UInt8], at position: Int) -> Bool {
        guard position >= 0, count - position >= text.count else { return false }
        let text = text.span
        var offset = 0
        while text.count - offset >= 8 {
            if text.word(at: offset) != word(at: position + offset) { return false }
            offset += 8
        }
        return (text.word(at: offset) ^ word(at: position + offset)) & Words.mask(text.count - offset) == 0
    }
}
