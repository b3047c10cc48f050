/// Prefixes with a value each, looked up by address: the longest that contains it, or any.
///
/// A hash table for each length in use, asked from the longest to the shortest. Look-ups cost one
/// probe for each length in use (at most 129, in practice two or three).
package struct PrefixTable<Value> {
    @usableFromInline
    var tables: [UInt8: [IPAddress: Value]] = [:]
    /// Lengths in use, longest first.
    @usableFromInline
    var lengths: [UInt8] = []
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    package subscript(prefix: Prefix) -> Value? {
        get { tables[prefix.bits]?[prefix.address] }
        set {
            let old = tables[prefix.bits, default: [:]].updateOrRemove(prefix.address, newValue)
            count += (newValue == nil ? 0 : 1) - (old == nil ? 0 : 1)
            if tables[prefix.bits]?.isEmpty ?? true {
                tables[prefix.bits] = nil
                lengths.removeAll { $0 == prefix.bits }
            } else if !lengths.contains(prefix.bits) {
                lengths.append(prefix.bits)
                lengths.sort(by: >)
            }
        }
    }

    /// The longest prefix that contains `address`, with its value.
    @inlinable
    package func longestMatch(_ address: IPAddress) -> (prefix: Prefix, value: Value)? {
        for bits in lengths {
            let prefix = Prefix(address, bits: Int(bits))
            if let value = tables[bits]?[prefix.address] { return (prefix, value) }
        }
        return nil
    }

    /// The shortest prefix that contains all of `inner` (itself included) and whose value counts, with that value.
    @inlinable
    package func outermost(
        containing inner: Prefix, where counts: (Value) -> Bool = { _ in true }
    ) -> (prefix: Prefix, value: Value)? {
        for bits in lengths.reversed() where bits <= inner.bits {
            let prefix = Prefix(inner.address, bits: Int(bits))
            if let value = tables[bits]?[prefix.address], counts(value) { return (prefix, value) }
        }
        return nil
    }

    /// Whether some prefix in the table shares an address with `other`, in either direction.
    package func overlaps(_ other: Prefix) -> Bool {
        if outermost(containing: other) != nil { return true }
        return lengths.contains { bits in
            bits > other.bits && (tables[bits]?.keys.contains { other.contains($0) } ?? false)
        }
    }

    /// The entries strictly inside `outer`. Walks every entry longer than it: for rare, wide prefixes.
    package func entries(inside outer: Prefix) -> [(prefix: Prefix, value: Value)] {
        lengths.filter { $0 > outer.bits }.flatMap { bits in
            (tables[bits] ?? [:]).lazy.filter { outer.contains($0.key) }.map {
                (Prefix($0.key, bits: Int(bits)), $0.value)
            }
        }
    }

    /// All entries, in no particular order.
    package var entries: [(prefix: Prefix, value: Value)] {
        tables.flatMap { bits, table in table.map { (Prefix($0.key, bits: Int(bits)), $0.value) } }
    }
}

extension PrefixTable: Sendable where Value: Sendable {}

extension Dictionary {
    fileprivate mutating func updateOrRemove(_ key: Key, _ value: Value?) -> Value? {
        if let value { return updateValue(value, forKey: key) }
        return removeValue(forKey: key)
    }
}
