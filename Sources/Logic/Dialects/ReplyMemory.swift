import Addresses
import Bytes
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

        func apply(to event: inout Event) {
            event.rejectionClass = rejectionClass
            event.zone = zone
            event.isListFailure = isListFailure
        }
    }

    /// Heads that come take the place of older ones with the same lowest bits; 10 kB in all.
    private static let places = 64
    private static let longestHead = 128
    /// Code, recipient and head's length of each place; 0 while it is free.
    private var keys = [UInt64](repeating: 0, count: places)
    private var heads = [UInt8](repeating: 0, count: places * longestHead)
    private var judgements = [Judgement](
        repeating: Judgement(rejectionClass: .other, zone: nil, isListFailure: false), count: places)

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
        guard
            ReplyMemory.isSameDotted(bytes, address.lowerBound, head.upperBound, address.count),
            ReplyMemory.isSameDotted(bytes, address.lowerBound + 8, head.upperBound + 8, address.count - 8)
        else { return nil }
        // Behind a letter or a digit the address would be the end of a word and no address of its own.
        return SignIndex.isWordByte(bytes[head.upperBound - 1]) ? nil : head
    }

    /// Whether the first `count` of eight bytes at both places are the same digits and dots; the mapped form of an IPv4
    /// address can also be written in hexadecimal.
    @inline(__always)
    private static func isSameDotted(_ bytes: Span<UInt8>, _ first: Int, _ second: Int, _ count: Int) -> Bool {
        let mask = Words.mask(count)
        let word = bytes.word(at: first)
        return (word ^ bytes.word(at: second)) & mask == 0
            && (~Words.within(UInt8(ascii: "."), UInt8(ascii: "9"), word) & mask) & Words.highs == 0
    }

    /// Puts what is remembered of a reply into `event`; false when that is nothing.
    func recall(_ reply: Courier.Reply, head: Range<Int>, _ bytes: Span<UInt8>, into event: inout Event) -> Bool {
        let key = ReplyMemory.key(reply, head)
        var place = ReplyMemory.place(head, bytes)
        if keys[place] != key || !isHead(head, bytes, at: place) {
            place ^= 1
            guard keys[place] == key, isHead(head, bytes, at: place) else { return false }
        }
        judgements[place].apply(to: &event)
        return true
    }

    private func isHead(_ head: Range<Int>, _ bytes: Span<UInt8>, at place: Int) -> Bool {
        let kept = heads.span
        let start = place * ReplyMemory.longestHead
        var offset = 0
        while head.count - offset >= 8 {
            if kept.word(at: start &+ offset) != bytes.word(at: head.lowerBound &+ offset) { return false }
            offset &+= 8
        }
        let difference = kept.word(at: start + offset) ^ bytes.word(at: head.lowerBound + offset)
        if difference & Words.mask(head.count - offset) != 0 { return false }
        return true
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
        var place = ReplyMemory.place(head, bytes)
        if keys[place] != 0, keys[place ^ 1] == 0 { place ^= 1 }
        keys[place] = ReplyMemory.key(reply, head)
        judgements[place] = judgement
        for offset in 0..<head.count {
            heads[place * ReplyMemory.longestHead + offset] = bytes[head.lowerBound + offset]
        }
    }

    /// Never 0, as no code is.
    private static func key(_ reply: Courier.Reply, _ head: Range<Int>) -> UInt64 {
        UInt64(reply.code) << 16 | UInt64(head.count) << 1 | (reply.hasRecipient ? 1 : 0)
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
