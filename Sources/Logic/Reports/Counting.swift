/// Sums of counts that were read from a file or a store: they may be anything that a coded number can say, and no sum of
/// them may trap. At `mostCounted` a sum stays, with room for a few of them to be added or multiplied as figures are.
extension Int {
    /// The largest number that a `ByteReader` takes.
    static let mostCounted = (1 << 53) - 1

    func plus(_ other: Int) -> Int {
        let sum = Swift.min(Swift.max(0, self), .mostCounted) + Swift.min(Swift.max(0, other), .mostCounted)
        return Swift.min(sum, .mostCounted)
    }

    mutating func add(_ other: Int) { self = plus(other) }
}

extension Sequence<Int> {
    var sum: Int { reduce(0) { $0.plus($1) } }
}
