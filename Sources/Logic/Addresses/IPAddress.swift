import Bytes

/// An IPv4 or IPv6 address.
///
/// Both families live in one 128-bit space: an IPv4 address is kept in its mapped form
/// `::ffff:a.b.c.d` (RFC 4291, 2.5.5.2), so that the same peer seen through a dual-stack socket and
/// through an IPv4 one is the same value. It prints as plain IPv4; IPv6 prints as RFC 5952 says.
package struct IPAddress: Hashable, Sendable, Comparable {
    package let high: UInt64
    package let low: UInt64

    @inlinable
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// An IPv4 address from its 32 bits in host order.
    @inlinable
    package init(v4: UInt32) {
        high = 0
        low = 0xffff_0000_0000 | UInt64(v4)
    }

    /// Reads the whole of `bytes` as one address, without brackets or zone. `nil` when it is none.
    package init?(_ bytes: Span<UInt8>) {
        self.init(bytes, in: 0..<bytes.count)
    }

    /// Reads exactly the bytes in `range` as one address; `nil` when they are none.
    ///
    /// IPv4 wants four decimal parts without leading zeros; IPv6 takes every form of RFC 4291, 2.2.
    package init?(_ bytes: Span<UInt8>, in range: Range<Int>) {
        guard range.count >= 2, range.count <= 45 else { return nil }
        if bytes.firstIndex(of: UInt8(ascii: ":"), from: range.lowerBound, to: range.upperBound) != nil {
            guard let pair = IPAddress.readV6(bytes, range) else { return nil }
            self.init(high: pair.high, low: pair.low)
        } else {
            guard let value = IPAddress.readV4(bytes, range) else { return nil }
            self.init(v4: value)
        }
    }

    /// Reads `192.0.2.7` or, as servers on dual-stack sockets write most of their peers, `::ffff:192.0.2.7`, from `start`
    /// on; `end` is where it ends: before the first byte that is neither digit nor dot. `nil` for every other form.
    package init?(usualIn bytes: Span<UInt8>, from start: Int, end: inout Int) {
        let digits = bytes.hasBytes(of: "::ffff:", at: start) ? start + 7 : start
        let text = DottedText(bytes, digits)
        guard let value = text.value(count: text.count) else { return nil }
        end = digits + text.count
        self.init(v4: value)
    }

    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        self.init(bytes.span)
    }

    @inlinable
    package var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }

    /// The 32 bits of an IPv4 address in host order; `nil` for IPv6.
    package var v4: UInt32? { isIPv4 ? UInt32(truncatingIfNeeded: low) : nil }

    /// 127.0.0.0/8 and ::1 (RFC 1122, 3.2.1.3; RFC 4291, 2.5.3).
    package var isLoopback: Bool { v4.map { $0 >> 24 == 127 } ?? (high == 0 && low == 1) }

    /// 4 bytes for IPv4, 16 for IPv6, in network order.
    package var networkBytes: [UInt8] {
        if let v4 { return (0..<4).map { UInt8(truncatingIfNeeded: v4 >> (24 - 8 * UInt32($0))) } }
        return mappedBytes
    }

    /// All 16 bytes in network order; IPv4 in its mapped form, as a dual-stack socket has it.
    package var mappedBytes: [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: high >> (56 - 8 * UInt64($0))) }
            + (0..<8).map { UInt8(truncatingIfNeeded: low >> (56 - 8 * UInt64($0))) }
    }

    /// From 4 or 16 bytes in network order; `nil` for any other count.
    package init?(networkBytes bytes: some Collection<UInt8>) {
        var high: UInt64 = 0
        var low: UInt64 = 0
        switch bytes.count {
        case 4:
            self.init(v4: bytes.reduce(0) { $0 << 8 | UInt32($1) })
        case 16:
            for (index, byte) in bytes.enumerated() {
                if index < 8 { high = high << 8 | UInt64(byte) } else { low = low << 8 | UInt64(byte) }
            }
            self.init(high: high, low: low)
        default:
            return nil
        }
    }

    @inlinable
    package static func == (left: IPAddress, right: IPAddress) -> Bool {
        left.low == right.low && left.high == right.high
    }

    @inlinable
    package static func < (left: IPAddress, right: IPAddress) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }
}

extension IPAddress {
    private static func readV4(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt32? {
        guard range.count >= 7, range.count <= 15 else { return nil }
        let text = DottedText(bytes, range.lowerBound)
        return text.count >= range.count ? text.value(count: range.count) : nil
    }

    private static func readV6(_ bytes: Span<UInt8>, _ range: Range<Int>) -> (high: UInt64, low: UInt64)? {
        // Groups before `::` are shifted in from the left; those after it are counted from the right.
        var head: (high: UInt64, low: UInt64) = (0, 0)
        var tail: (high: UInt64, low: UInt64) = (0, 0)
        var headCount = 0
        var tailCount = 0
        var seenGap = false
        var index = range.lowerBound
        let end = range.upperBound
        if bytes[index] == UInt8(ascii: ":") {
            guard index + 1 < end, bytes[index + 1] == UInt8(ascii: ":") else { return nil }
            seenGap = true
            index += 2
        }
        while index < end {
            guard headCount + tailCount < 8 else { return nil }
            let start = index
            var group: UInt64 = 0
            while index < end, let digit = hexDigit(bytes[index]) {
                guard index - start < 4 else { return nil }
                group = group << 4 | UInt64(digit)
                index += 1
            }
            if index < end, bytes[index] == UInt8(ascii: ".") {
                // The last 32 bits in dotted form (RFC 4291, 2.2, form 3).
                guard headCount + tailCount <= 6, let v4 = readV4(bytes, start..<end) else { return nil }
                push(UInt64(v4 >> 16), seenGap, &head, &headCount, &tail, &tailCount)
                push(UInt64(v4 & 0xffff), seenGap, &head, &headCount, &tail, &tailCount)
                index = end
                break
            }
            guard index > start else { return nil }
            push(group, seenGap, &head, &headCount, &tail, &tailCount)
            if index == end { break }
            guard bytes[index] == UInt8(ascii: ":") else { return nil }
            index += 1
            guard index < end else { return nil }
            if bytes[index] == UInt8(ascii: ":") {
                guard !seenGap else { return nil }
                seenGap = true
                index += 1
            }
        }
        guard seenGap ? headCount + tailCount < 8 : headCount == 8 else { return nil }
        if headCount == 8 { return head }
        let shifted = shiftLeft(head, by: 16 * (8 - headCount))
        return (shifted.high | tail.high, shifted.low | tail.low)
    }

    private static func push(
        _ group: UInt64, _ afterGap: Bool, _ head: inout (high: UInt64, low: UInt64), _ headCount: inout Int,
        _ tail: inout (high: UInt64, low: UInt64), _ tailCount: inout Int
    ) {
        if afterGap {
            tail = (tail.high << 16 | tail.low >> 48, tail.low << 16 | group)
            tailCount += 1
        } else {
            head = (head.high << 16 | head.low >> 48, head.low << 16 | group)
            headCount += 1
        }
    }

    private static func shiftLeft(_ pair: (high: UInt64, low: UInt64), by bits: Int) -> (high: UInt64, low: UInt64) {
        if bits >= 128 { return (0, 0) }
        if bits >= 64 { return (pair.low << UInt64(bits - 64), 0) }
        if bits == 0 { return pair }
        return (pair.high << UInt64(bits) | pair.low >> UInt64(64 - bits), pair.low << UInt64(bits))
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}

extension IPAddress: CustomStringConvertible {
    package var description: String {
        if let v4 {
            return "\(v4 >> 24).\(v4 >> 16 & 255).\(v4 >> 8 & 255).\(v4 & 255)"
        }
        let groups = (0..<8).map { index -> UInt16 in
            let half = index < 4 ? high : low
            return UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * (index % 4)))
        }
        // RFC 5952, 4.2: the longest run of two or more zero groups becomes `::`, the first of equals.
        var best = (start: 0, count: 0)
        var index = 0
        while index < 8 {
            var end = index
            while end < 8, groups[end] == 0 { end += 1 }
            if end - index > best.count { best = (index, end - index) }
            index = max(end, index + 1)
        }
        func joined(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard best.count >= 2 else { return joined(groups[...]) }
        return joined(groups[..<best.start]) + "::" + joined(groups[(best.start + best.count)...])
    }
}
