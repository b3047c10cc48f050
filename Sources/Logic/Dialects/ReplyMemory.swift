import Addresses
import Events

/// What was made of replies' texts, for those that come again: a DNSBL says the same of each of its sources, with the
/// peer's address at the end (`http://www.spamhaus.org/query/bl?ip=192.0.2.7`), and in an attack that is most of the log.
///
/// Only a text that must be judged the same for every peer is remembered: by what stands before the address (its head),
/// compared byte for byte, and the reply's code. `head` and `keep` say which those are.
struct ReplyMemory: Sendable {
    struct Judgement: Sendable {
        var rejectionClass: RejectionClass
        var zone: String?
        var isListFailure: Bool
    }

    private struct Entry: Sendable {
        var isUsed = false
        var code: UInt16 = 0
        var hasRecipient = false
        var length = 0
        var judgement = Judgement(rejectionClass: .other, zone: nil, isListFailure: false)
    }

    /// A head that comes takes the place of an older one with the same lowest bits; 6 kB in all.
    private static let places = 64
    private static let longestHead = 96
    private var entries = [Entry](repeating: Entry(), count: places)
    /// The heads of the entries, `longestHead` bytes for each.
    private var heads = [UInt8](repeating: 0, count: places * longestHead)

    /// What stands before the peer's address in a reply that ends with it; `nil` for any other, and where the peer's
    /// own digits could be part of what a text is judged by.
    static func head(_ reply: Courier.Reply, _ bytes: Span<UInt8>, _ peer: IPAddress) -> Range<Int>? {
        guard let v4 = peer.v4 else { return nil }
        // `127.255.255.` in a reply is a list's failure (SignIndex), the only sign with digits in it.
        let firstByte = v4 >> 24
        guard firstByte != 127, firstByte != 255 else { return nil }
        var address = reply.address
        if address.count > 7, bytes.hasBytes(of: "::ffff:", at: address.lowerBound) {
            address = (address.lowerBound + 7)..<address.upperBound
        }
        let length = reply.text.count - address.count
        guard address.count <= 15, length > 0, length <= longestHead else { return nil }
        let head = reply.text.lowerBound..<(reply.text.lowerBound + length)
        for (offset, length) in [(0, min(8, address.count)), (8, address.count - 8)] where length > 0 {
            let word = bytes.word(at: address.lowerBound + offset) & Words.mask(length)
            guard word == bytes.word(at: head.upperBound + offset) & Words.mask(length),
                // Digits and dots: the mapped form can also be written in hexadecimal.
                Words.within(UInt8(ascii: "."), UInt8(ascii: "9"), word) == Words.highs & Words.mask(length)
            else { return nil }
        }
        // Behind a letter or a digit the address would be the end of a word and no address of its own.
        return SignIndex.isWordByte(bytes[head.upperBound - 1]) ? nil : head
    }

    func judgement(_ reply: Courier.Reply, head: Range<Int>, _ bytes: Span<UInt8>) -> Judgement? {
        let place = ReplyMemory.place(head, bytes)
        guard entries[place].isUsed, entries[place].code == reply.code,
            entries[place].hasRecipient == reply.hasRecipient, entries[place].length == head.count
        else { return nil }
        let kept = heads.span
        let start = place * ReplyMemory.longestHead
        var offset = 0
        while offset < head.count {
            let mask = Words.mask(head.count - offset)
            guard (kept.word(at: start + offset) ^ bytes.word(at: head.lowerBound + offset)) & mask == 0 else {
                return nil
            }
            offset += 8
        }
        return entries[place].judgement
    }

    /// - Parameter host: where the last name begins that was looked at as a zone. One that reaches to the address would
    ///   be another zone for another peer.
    mutating func keep(
        _ judgement: Judgement, of reply: Courier.Reply, head: Range<Int>, host: Int?, _ bytes: Span<UInt8>
    ) {
        if let host {
            guard host < head.upperBound, (host..<head.upperBound).contains(where: { ReplyMemory.endsHost(bytes[$0]) })
            else { return }
        }
        let place = ReplyMemory.place(head, bytes)
        entries[place] = Entry(
            isUsed: true, code: reply.code, hasRecipient: reply.hasRecipient, length: head.count, judgement: judgement)
        for offset in 0..<head.count {
            heads[place * ReplyMemory.longestHead + offset] = bytes[head.lowerBound + offset]
        }
    }

    /// By the head's length, begin and end: replies of one list differ in none of them, those of two mostly in all.
    private static func place(_ head: Range<Int>, _ bytes: Span<UInt8>) -> Int {
        let first = bytes.word(at: head.lowerBound) & Words.mask(head.count)
        let last = bytes.word(at: max(head.lowerBound, head.upperBound - 8)) & Words.mask(head.count)
        let mixed = (first ^ (last << 1) ^ UInt64(head.count)) &* 0x9e37_79b9_7f4a_7c15
        return Int(mixed >> 58)
    }

    private static func endsHost(_ byte: UInt8) -> Bool {
        byte != UInt8(ascii: "-") && byte != UInt8(ascii: ".") && byte < 0x80 && !SignIndex.isWordByte(byte)
    }
}
