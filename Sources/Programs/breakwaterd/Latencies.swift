import Events

/// The last thousand latencies of one kind, exact; quantiles are sorted out when asked for.
struct Latencies {
    private static let capacity = 1000
    private var ring: [Int64] = []
    private var next = 0
    /// All there ever were, by the first bound that they do not pass; those beyond the last come last.
    private(set) var buckets = [Int](repeating: 0, count: Latencies.bounds.count + 1)
    private(set) var sum = Duration.zero
    /// 0.25 ms to 2.5 s.
    static let bounds: [Int64] = [250, 500, 1000, 2500, 5000, 10_000, 25_000, 100_000, 500_000, 2_500_000]

    mutating func add(_ latency: Duration) {
        let value = latency.microseconds
        buckets[Latencies.bounds.firstIndex { value <= $0 } ?? Latencies.bounds.count] += 1
        sum += latency
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
