import Addresses

/// Addresses from the first to the last, both included; of one family.
struct AddressRange: Equatable {
    var first: IPAddress
    var last: IPAddress

    init(_ first: IPAddress, _ last: IPAddress) {
        self.first = first
        self.last = last
    }

    init(_ prefix: Prefix) {
        first = prefix.address
        last = prefix.lastAddress
    }

    /// The address behind the last; `nil` where the family's address space ends.
    func end(isIPv4: Bool) -> IPAddress? {
        if isIPv4, last.v4 == .max { return nil }
        return last.next
    }

    /// The CIDR block that this is; `nil` when it is none.
    var prefix: Prefix? {
        let difference = (high: first.high ^ last.high, low: first.low ^ last.low)
        let bits =
            difference.high != 0 ? difference.high.leadingZeroBitCount : 64 + difference.low.leadingZeroBitCount
        let prefix = Prefix(first, bits: bits)
        return prefix.address == first && prefix.lastAddress == last ? prefix : nil
    }

    /// The fewest ranges with the same addresses, in order: what overlaps or touches becomes one. The kernel refuses
    /// ranges that overlap.
    static func merged(_ prefixes: some Sequence<Prefix>) -> [AddressRange] {
        var ranges: [AddressRange] = []
        for range in prefixes.map(AddressRange.init).sorted(by: { $0.first < $1.first }) {
            if let previous = ranges.last, let end = previous.last.next, range.first <= end {
                ranges[ranges.count - 1].last = max(previous.last, range.last)
            } else if ranges.last?.last.next != nil || ranges.isEmpty {
                ranges.append(range)
            }
        }
        return ranges
    }

    /// Whether every address of this is in one of `ranges`, which are merged.
    func isCovered(by ranges: [AddressRange]) -> Bool {
        ranges.contains { $0.first <= first && last <= $0.last }
    }
}

extension AddressRange: CustomStringConvertible {
    var description: String { prefix?.description ?? "\(first)-\(last)" }
}

extension IPAddress {
    /// `nil` behind the last address of all.
    var next: IPAddress? {
        if low != .max { return IPAddress(high: high, low: low + 1) }
        return high == .max ? nil : IPAddress(high: high + 1, low: 0)
    }
    /// `nil` before the first address of all.
    var previous: IPAddress? {
        if low != 0 { return IPAddress(high: high, low: low - 1) }
        return high == 0 ? nil : IPAddress(high: high - 1, low: .max)
    }
}

/// The ranges that the elements of an interval set are, each with the element that begins it.
///
/// The kernel tells begins and ends in descending order, other kernels may not; a begin without an end reaches to the
/// end of the address space.
func ranges(of elements: [RawElement], isIPv4: Bool) -> [(range: AddressRange, begin: RawElement)] {
    // At one address an end comes before the next begin.
    let sorted = elements.sorted { $0.address != $1.address ? $0.address < $1.address : $0.isEnd && !$1.isEnd }
    let lastOfAll = isIPv4 ? IPAddress(v4: .max) : IPAddress(high: .max, low: .max)
    var result: [(range: AddressRange, begin: RawElement)] = []
    var begin: RawElement?
    for element in sorted {
        if let open = begin, let last = element.address.previous, open.address <= last {
            result.append((AddressRange(open.address, last), open))
        }
        begin = element.isEnd ? nil : element
    }
    if let begin { result.append((AddressRange(begin.address, lastOfAll), begin)) }
    return result
}
