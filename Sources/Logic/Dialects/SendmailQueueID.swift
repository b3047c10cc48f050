import Bytes
import Events

/// A message's queue id: time, sequence and pid, at most 16 letters and digits.
struct QueueID: SessionKey {
    private let head: UInt64
    private let tail: UInt64

    func mixed(with secret: UInt64) -> UInt64 { Dialects.mixed(head ^ secret, tail) }

    /// Moves behind `ID: ` or `NOQUEUE: ` if the message begins so; `nil` in the second case, too, and where there is
    /// none.
    init?(_ bytes: Span<UInt8>, _ reader: inout Reader) {
        let start = reader.position
        guard let colon = reader.find(UInt8(ascii: ":"), within: 17, in: bytes), colon + 1 < reader.end,
            bytes[colon + 1] == 0x20
        else { return nil }
        if colon - start == 7, bytes.hasBytes(of: "NOQUEUE", at: start) {
            reader.move(to: colon + 2)
            return nil
        }
        self.init(bytes, start..<colon)
        reader.move(to: colon + 2)
    }

    /// Moves to the bracket of `ID[1]: ` if the message begins so.
    init?(ofPiece bytes: Span<UInt8>, _ reader: inout Reader) {
        let start = reader.position
        guard let bracket = reader.find(UInt8(ascii: "["), within: 17, in: bytes) else { return nil }
        self.init(bytes, start..<bracket)
        reader.move(to: bracket)
    }

    private init?(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        let start = range.lowerBound
        // Eight characters of time and sequence, and a pid of six digits or more.
        guard (14...16).contains(range.count) else { return nil }
        head = bytes.word(at: start)
        let mask = Words.mask(range.count - 8)
        tail = bytes.word(at: start + 8) & mask
        guard Words.wordBytes(head) == Words.highs,
            Words.within(UInt8(ascii: "0"), UInt8(ascii: "9"), tail) == mask & Words.highs
        else { return nil }
    }
}
