import Events

/// The last thousand latencies of one kind, exact; quantiles are sorted out when asked for.
struct Latencies {
    private static let capacity = 1000
    private var ring: [Int64] = []
    private var next = 0

    mutating func add(_ latency: Duration) {
        let value = latency.microseconds
        if ring.count < Latencies.capacity {
            ring.append(value)
        } else {
            ring[next] = value
            next = (next + 1) % Latencies.capacity
        }
    }

    /// In microseconds; `nil` while there is none. `share` in 0...1.
    func quantile(_ share: Double) -> Int64? {
        guard !ring.isEmpty else { return nil }
        let sorted = ring.sorted()
        return sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
    }
}
