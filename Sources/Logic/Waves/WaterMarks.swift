/// The edges of a wave: it begins above the high one and ends at or below the low one.
package struct WaterMarks: Equatable, Sendable {
    package var high: Int
    package var low: Int

    package init(high: Int, low: Int) {
        self.high = high
        self.low = min(low, high)
    }

    /// What follows from the level that is usual now and from what the server can serve at once.
    ///
    /// A tenth of the limit is no cause for alarm, nor is twice the usual; but a wave is one before the limit is
    /// reached, so on a server that is busy anyway the mark lies half-way between the usual and the limit. Of 300
    /// slots, with 15 of them or fewer in use as a rule, 30 and 15.
    ///
    /// - Parameters:
    ///   - normal: `nil` while nothing is learned.
    ///   - limit: `nil` where it is not known: as if it were 300.
    package init(normal: Int?, limit: Int?) {
        let normal = min(max(0, normal ?? 0), 1 << 20)
        let limit = min(max(1, limit ?? max(300, normal * 4)), 1 << 22)
        let wanted = max(limit / 10, normal * 2, normal + 5)
        let high = min(wanted, (normal + limit) / 2, limit - 1)
        self.init(high: high, low: max(high / 2, normal))
    }
}
