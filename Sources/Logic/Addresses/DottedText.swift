import Bytes

/// An IPv4 address in text, `192.0.2.7`: four decimal parts without leading zeros.
///
/// The 16 bytes that it may take are looked at together, and each part without asking how long it is: addresses in a
/// log are of every length, and a branch by each digit would mostly be guessed wrong.
struct DottedText {
    /// The bytes, the first of them lowest.
    private let low, high: UInt64
    /// A bit for each byte that is a dot, the first byte's lowest.
    private let dots: UInt32
    /// How many digits and dots there are at the begin, 16 at most.
    let count: Int

    init(_ bytes: Span<UInt8>, _ start: Int) {
        let (low, high) = (bytes.word(at: start), bytes.word(at: start + 8))
        let (lowDots, highDots) = (DottedText.dots(low), DottedText.dots(high))
        let others =
            Words.bits(~(lowDots | DottedText.digits(low)))
            | Words.bits(~(highDots | DottedText.digits(high))) << 8
        (self.low, self.high) = (low, high)
        dots = Words.bits(lowDots) | Words.bits(highDots) << 8
        count = (others | 1 << 16).trailingZeroBitCount
    }

    /// The 32 bits in host order that the first `count` bytes spell.
    func value(count: Int) -> UInt32? {
        guard count >= 7, count <= 15, count <= self.count else { return nil }
        // A dot behind the last part, too, and none behind that.
        let end = UInt32(1) &<< UInt32(truncatingIfNeeded: count)
        var dots = (self.dots & (end &- 1)) | end
        var (low, high) = (self.low, self.high)
        var value: UInt32 = 0
        var isWrong = false
        for _ in 0..<4 {
            let length = dots.trailingZeroBitCount
            // An empty part, or one of more than three digits; behind the last dot there is no bit left either.
            isWrong = isWrong || UInt(bitPattern: length &- 1) > 2
            let text = UInt32(truncatingIfNeeded: low)
            // Its digits, the last of them in bits 16 to 23, zeros in front.
            let digits = (text &<< UInt32(truncatingIfNeeded: 32 &- 8 &* length)) &>> 8
            let part = (digits &>> 16 & 15) &+ (digits &>> 8 & 15) &* 10 &+ (digits & 15) &* 100
            // A number with fewer digits than it is written with has a zero in front.
            let least = UInt32(100 << 16 | 10 << 8) &>> UInt32(truncatingIfNeeded: 8 &* (length &- 1)) & 0xff
            isWrong = isWrong || part < least || part > 255
            value = value &<< 8 | part
            dots &>>= UInt32(truncatingIfNeeded: length &+ 1)
            // Two to four bytes go.
            let step = UInt64(truncatingIfNeeded: 8 &* (length &+ 1))
            low = low &>> step | high &<< (64 &- step)
            high &>>= step
        }
        return dots == 0 && !isWrong ? value : nil
    }

    @inline(__always)
    private static func dots(_ word: UInt64) -> UInt64 { Words.within(UInt8(ascii: "."), UInt8(ascii: "."), word) }
    @inline(__always)
    private static func digits(_ word: UInt64) -> UInt64 { Words.within(UInt8(ascii: "0"), UInt8(ascii: "9"), word) }
}
