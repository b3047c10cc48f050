import Addresses
import CLinux
import CNetfilter

/// What stands in one set.
struct SetContents {
    fileprivate(set) var elements: [Element] = []
    /// Of a set of networks: its ranges, whatever they are.
    fileprivate(set) var ranges: [AddressRange] = []
    /// False when the set changed under every reading: an element may have been passed over.
    fileprivate(set) var isWhole = true

    /// Ranges that are no CIDR block: put in by somebody else.
    var foreignRanges: [AddressRange] { ranges.filter { $0.prefix == nil } }
}

extension Query {
    private static let turnsPerSet = 8

    /// Reads a set, and reads it again when it changed meanwhile.
    ///
    /// The kernel hands a set out in parts and finds its place again by counting. It marks the answer when a
    /// transaction came between (NLM_F_DUMP_INTR), but not when its hash table moved into a larger one, as it does
    /// for some milliseconds after many elements were put in: then as many elements come twice as are passed over
    /// (`nft_rhash_walk` of the kernel's nft_set_hash.c).
    func contents(of set: SetName) throws(FirewallError) -> SetContents {
        var contents = SetContents()
        var seen: [Prefix: Element] = [:]
        for _ in 0..<Query.turnsPerSet {
            contents = try reading(of: set)
            if contents.isWhole { return contents }
            // A begin read without its end would make a wider network: of those only one reading counts.
            if !set.isInterval { for element in contents.elements { seen[element.prefix] = element } }
        }
        if !set.isInterval { contents.elements = Array(seen.values) }
        return contents
    }

    private func reading(of set: SetName) throws(FirewallError) -> SetContents {
        var contents = SetContents()
        var halves: [RawElement] = []
        contents.isWhole = try ask(
            NFT_MSG_GETSETELEM, set.rawValue, flags: NLM_F_DUMP,
            { ElementWire.writeNames(set, tableName, to: $0) },
            { message in
                ElementWire.read(message, from: set) { raw in
                    if set.isInterval {
                        halves.append(raw)
                    } else {
                        contents.elements.append(raw.element(set.place, Prefix(raw.address)))
                    }
                }
            })
        for (range, begin) in ranges(of: halves, isIPv4: set.isIPv4) {
            contents.ranges.append(range)
            if let prefix = range.prefix { contents.elements.append(begin.element(set.place, prefix)) }
        }
        if Set(contents.elements.lazy.map(\.prefix.address)).count < contents.elements.count {
            contents.isWhole = false
        }
        return contents
    }
}
