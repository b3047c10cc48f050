import Events

/// How many slots are in use as a rule at this hour of the week, learned from samples.
///
/// An hour's level is what three quarters of its samples did not exceed, so a wave of a few minutes does not move it.
/// Five weeks of hours are kept. Three of the same hour of the same weekday make a norm: their median, which one bad
/// Monday does not move. Until then it is the upper quartile of that hour on all days, so that a Sunday does not make
/// Monday a wave; then of all hours there are. The hours before and after count as well: no norm changes at the stroke
/// of the clock.
package struct NormalLevel: Sendable {
    private static let hoursOfWeek = 168
    private static let weeks = 5
    /// So many make a norm.
    private static let enough = 3
    /// An hour with fewer samples was hardly watched.
    private static let fewestSamples = 6
    private static let mostSamples = 3600

    /// By hour of the week, the newest level last.
    private var levels = [[UInt16]](repeating: [], count: hoursOfWeek)
    /// The hour that is being watched, counted from 1970 in local time, and its samples.
    private var hour: Int64?
    private var samples: [UInt16] = []
    private var known: (hour: Int64, level: Int?)?

    package init() {}

    /// Hours learned, at most 840.
    package var hours: Int { levels.reduce(0) { $0 + $1.count } }

    /// Adds a sample; they come in the order of their times.
    ///
    /// - Parameter offsetSeconds: of the local time, east of UTC.
    package mutating func learn(_ slots: Int, at time: Instant, offsetSeconds: Int) {
        let now = NormalLevel.hour(of: time, offsetSeconds)
        if let hour, hour != now { finish(hour) }
        hour = now
        if samples.count < NormalLevel.mostSamples { samples.append(UInt16(clamping: slots)) }
    }

    private mutating func finish(_ hour: Int64) {
        defer { samples.removeAll(keepingCapacity: true) }
        guard samples.count >= NormalLevel.fewestSamples else { return }
        let place = NormalLevel.place(hour)
        if levels[place].count == NormalLevel.weeks { levels[place].removeFirst() }
        levels[place].append(NormalLevel.quantile(samples, quarters: 3))
        known = nil
    }

    /// The usual level; `nil` while too little is known. Cheap: it is found once an hour.
    package mutating func level(at time: Instant, offsetSeconds: Int) -> Int? {
        let now = NormalLevel.hour(of: time, offsetSeconds)
        if let known, known.hour == now { return known.level }
        let level = [now - 1, now, now + 1].compactMap(usual).max().map { Int($0) }
        known = (now, level)
        return level
    }

    private func usual(_ hour: Int64) -> UInt16? {
        let same = levels[NormalLevel.place(hour)]
        if same.count >= NormalLevel.enough { return NormalLevel.quantile(same, quarters: 2) }
        let ofDay = (0..<7).flatMap { levels[NormalLevel.place(hour + 24 * Int64($0))] }
        if ofDay.count >= NormalLevel.enough { return NormalLevel.quantile(ofDay, quarters: 3) }
        let all = levels.flatMap { $0 }
        return all.count >= NormalLevel.enough ? NormalLevel.quantile(all, quarters: 3) : nil
    }

    private static func hour(of time: Instant, _ offsetSeconds: Int) -> Int64 {
        let seconds = time.seconds + Int64(offsetSeconds)
        return seconds >= 0 ? seconds / 3600 : (seconds - 3599) / 3600
    }

    private static func place(_ hour: Int64) -> Int {
        let rest = Int(hour % Int64(hoursOfWeek))
        return rest < 0 ? rest + hoursOfWeek : rest
    }

    /// Of values that are at least one.
    private static func quantile(_ values: [UInt16], quarters: Int) -> UInt16 {
        values.sorted()[(values.count - 1) * quarters / 4]
    }
}
