import Events

/// Rejections a minute, lately and at the worst of today: what the bans are good for.
struct RejectionRate {
    private static let span = 10

    /// Those of the last minutes, the newest at the end.
    private var minutes: [Int] = []
    private var counted = 0
    private(set) var peak: (count: Int, at: Instant)?

    /// Ends a minute.
    ///
    /// - Parameters:
    ///   - total: rejections since the start.
    ///   - isSameDay: whether a time is of today.
    mutating func endMinute(total: Int, at now: Instant, isSameDay: (Instant) -> Bool) {
        let count = total - counted
        counted = total
        minutes.append(count)
        if minutes.count > RejectionRate.span { minutes.removeFirst() }
        if let peak, isSameDay(peak.at), peak.count >= count { return }
        peak = (count, now)
    }

    /// The mean of the last ten minutes, in tenths, as far as they were seen; `nil` in the first.
    var tenths: Int? {
        minutes.isEmpty ? nil : (minutes.reduce(0, +) * 10 + minutes.count / 2) / minutes.count
    }
}
