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

    /// Reads a set, and reads it again when it changed meanwhile; a host that any of the readings held is returned.
    ///
    /// The kernel hands a set out in parts and finds its place again by counting. It marks the answer when a
    /// transaction came between (NLM_F_DUMP_INTR), but not when its hash table moved into a larger one, as it does
    /// for some milliseconds after many elements were put in: then as many elements come twice as are passed over
    /// (`nft_rhash_walk` of the kernel's nft_set_hash.c).
    func contents(of set: SetName) throws(FirewallError) -> SetContents {
        var contents = SetContents()
        var found: [Prefix: Element] = [:]
        for _ in 0..<Query.turnsPerSet {
            var raw: [RawElement] = []
            contents.isWhole = try ask(
                NFT_MSG_GETSETELEM, set.rawValue, flags: NLM_F_DUMP,
                { ElementWire.writeNames(set, tableName, to: $0) },
                { ElementWire.read($0, from: set) { raw.append($0) } })
            if set.isInterval {
                // A begin read without its end would make a wider network: one reading alone counts.
                contents.ranges = []
                found = [:]
                for (range, begin) in ranges(of: raw, isIPv4: set.isIPv4) {
                    contents.ranges.append(range)
                    if let prefix = range.prefix { found[prefix] = begin.element(set.place, prefix) }
                }
            } else {
                var addresses = Set<IPAddress>(minimumCapacity: raw.count)
                for one in raw {
                    addresses.insert(one.address)
                    let prefix = Prefix(one.address)
                    found[prefix] = one.element(set.place, prefix)
                }
                if addresses.count < raw.count { contents.isWhole = false }
            }
            if contents.isWhole { break }
        }
        contents.elements = Array(found.values)
        return contents
    }
}
