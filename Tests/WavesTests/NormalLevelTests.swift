import Events
import Testing
import Waves

/// What is learned from weeks of samples, one a minute.
@Suite struct NormalLevelTests {
    /// A Monday, 2026-11-02 00:00 in a zone an hour east of UTC.
    private static let monday = CivilTime(year: 2026, month: 11, day: 2).instant(offsetSeconds: 3600)

    /// An office's server: nights 3, office hours 60 on working days from 8 on with 90 on Monday mornings, a tenth of
    /// that on Sundays.
    private static func usual(_ day: Int, _ hour: Int) -> Int {
        let weekday = day % 7
        guard (8..<18).contains(hour) else { return 3 }
        if weekday == 6 { return 6 }
        return weekday == 0 && hour < 12 ? 90 : 60
    }

    private static func watch(days: Int) -> WaveWatch {
        var watch = WaveWatch(limit: 300)
        for minute in 0..<days * 1440 {
            let slots = usual(minute / 1440, minute / 60 % 24) + minute % 7 - 3
            watch.learn(slots, at: monday + .minutes(Int64(minute)), offsetSeconds: 3600)
        }
        watch.endLearning()
        return watch
    }

    /// The waves of the day after `days` days of learning, when that goes as usual.
    private static func waves(after days: Int) -> [String] {
        var watch = watch(days: days)
        var begins: [String] = []
        for second in stride(from: 0, to: 86400, by: 5) {
            let time = monday + .seconds(Int64(days * 86400 + second))
            let slots = usual(days, second / 3600) + second / 5 % 7 - 3
            if watch.add(
                slots: slots, connections: slots, new: 0, limit: 300, at: time, offsetSeconds: 3600) == .began
            {
                begins.append("\(second / 3600)h \(slots) above \(watch.marks.high)")
            }
        }
        return begins
    }

    @Test(arguments: [7, 14, 21, 28])
    func `a Monday morning is no wave`(days: Int) { #expect(Self.waves(after: days) == []) }

    @Test func `a Tuesday, and a Sunday, are none either`() {
        #expect(Self.waves(after: 22) == [])
        #expect(Self.waves(after: 27) == [])
    }

    @Test func `on the first day everything is new`() { #expect(Self.waves(after: 0) != []) }

    @Test func `Sundays have a norm of their own, a tenth of the others`() {
        var normal = NormalLevel()
        for minute in 0..<28 * 1440 {
            normal.learn(
                Self.usual(minute / 1440, minute / 60 % 24), at: Self.monday + .minutes(Int64(minute)),
                offsetSeconds: 3600)
        }
        func level(_ day: Int, _ hour: Int) -> Int? {
            normal.level(at: Self.monday + .hours(Int64(day * 24 + hour)), offsetSeconds: 3600)
        }
        #expect(level(28, 10) == 90)
        #expect(level(29, 10) == 60)
        #expect(level(34, 10) == 6)
        #expect(level(34, 3) == 3)
        // The hour before the office opens already knows what is coming.
        #expect(level(28, 7) == 90)
    }

    @Test func `a wave of ten minutes in one hour, and a whole bad Monday, leave the norm alone`() {
        var normal = NormalLevel()
        for minute in 0..<35 * 1440 {
            let (day, hour) = (minute / 1440, minute / 60 % 24)
            let isWave = day % 7 == 2 && hour == 20 && minute % 60 < 10 || day == 14
            normal.learn(
                isWave ? 300 : Self.usual(day, hour), at: Self.monday + .minutes(Int64(minute)), offsetSeconds: 3600)
        }
        #expect(normal.level(at: Self.monday + .hours(37 * 24 + 20), offsetSeconds: 3600) == 3)
        #expect(normal.level(at: Self.monday + .hours(35 * 24 + 10), offsetSeconds: 3600) == 90)
    }

    /// Prints what the watch costs; five weeks of samples and a day of judging.
    @Test func `the cost of a sample`() {
        let clock = ContinuousClock()
        var watch = WaveWatch(limit: 300)
        let learning = clock.measure { watch = Self.watch(days: 35) }
        let judging = clock.measure {
            for second in stride(from: 0, to: 86400, by: 5) {
                let time = Self.monday + .seconds(Int64(35 * 86400 + second))
                _ = watch.add(slots: 5, connections: 5, new: 0, limit: 300, at: time, offsetSeconds: 3600)
            }
        }
        print("\(35 * 1440) samples learned in \(learning), \(86400 / 5) judged in \(judging)")
        #expect(watch.normal.hours == 840)
    }

    @Test func `with less than three hours nothing is usual`() {
        var normal = NormalLevel()
        for minute in 0..<180 { normal.learn(50, at: Self.monday + .minutes(Int64(minute)), offsetSeconds: 3600) }
        #expect(normal.level(at: Self.monday + .hours(2), offsetSeconds: 3600) == nil)
        for minute in 180..<182 { normal.learn(50, at: Self.monday + .minutes(Int64(minute)), offsetSeconds: 3600) }
        #expect(normal.hours == 3)
        #expect(normal.level(at: Self.monday + .hours(3), offsetSeconds: 3600) == 50)
    }
}
