import Events

/// Where an axis has its marks, and what stands beside them.
enum Axis {
    /// 1, 2 or 5 times a power of ten, the first that is not below `least`; at least 1 for what is counted.
    static func niceStep(_ least: Double, whole: Bool) -> Double {
        guard least.isFinite, least > 0 else { return 1 }
        var power = 1.0
        while power < least { power *= 10 }
        while power > least, !(whole && power <= 1) { power /= 10 }
        let step = [1.0, 2, 5, 10].first { $0 * power >= least } ?? 10
        return whole ? max(1, (step * power).rounded()) : step * power
    }

    /// From zero on, at most about `count` of them, up to `top`.
    static func levels(to top: Int, about count: Int) -> [Int] {
        let step = Int(min(4e18, niceStep(Double(max(1, top)) / Double(max(1, count)), whole: true)))
        return Array(stride(from: 0, through: max(0, top), by: max(1, step)))
    }

    private static let timeSteps = [
        1, 2, 5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172_800,
        604_800, 1_209_600, 2_592_000, 7_776_000, 31_536_000,
    ]

    /// At most `count` instants at round local times, with their labels; `isDay` when a label is a date.
    static func times(
        from begin: Instant, to end: Instant, about count: Int, offsetSeconds: Int
    ) -> [(time: Instant, label: String, isDay: Bool)] {
        let (first, last) = (begin.seconds &+ Int64(offsetSeconds), end.seconds &+ Int64(offsetSeconds))
        guard last > first else { return [] }
        let fit = timeSteps.first { Double(last - first) / Double($0) <= Double(max(1, count)) }
        let step = Int64(fit ?? Int(min(Int64(1) << 60, (last - first) / Int64(max(1, count)))))
        var ticks: [(time: Instant, label: String, isDay: Bool)] = []
        var local = (first / step) * step
        if local < first { local += step }
        while local <= last, ticks.count <= count + 1 {
            let instant = Instant(seconds: local - Int64(offsetSeconds))
            let time = CivilTime(instant, offsetSeconds: offsetSeconds)
            let isDay = step >= 86400 || (time.hour == 0 && time.minute == 0 && time.second == 0)
            ticks.append((instant, isDay ? Wording.day(time) : Wording.clock(time, seconds: step < 60), isDay))
            local += step
        }
        return ticks
    }
}
