import Addresses
import Events

/// Watches for waves: samples, events and decisions in, beginnings and ends out.
///
/// A value without a clock of its own: the same inputs give the same waves.
package struct WaveWatch: Sendable {
    /// What is usual, once it is learned.
    package private(set) var normal = NormalLevel()
    /// What the latest sample was judged by.
    package private(set) var marks: WaterMarks
    package private(set) var usual: Int?
    /// The latest wave that has ended.
    package private(set) var latest: Wave?

    private var detector = WaveDetector()
    /// While there is no wave, since the last sample that was at or below the low mark, for ten minutes at most: what
    /// led to a wave is part of it.
    private var tally = WaveTally()
    private var tallySince = Instant.distantPast
    /// Of `latest`, for as long as those whom it delayed may come back.
    private var aftermath: (tally: WaveTally, until: Instant)?
    private var isLearning = true
    private var nextNumber = 1
    /// Connections ended by us, by second, over the last minute.
    private var freed: [(second: Int64, count: Int)] = []

    private static let freedSpan: Int64 = 60
    private static let longestRise = Duration.minutes(10)
    /// Servers try again for hours, but most within this.
    private static let patience = Duration.hours(4)

    package init(limit: Int?) { marks = WaterMarks(normal: nil, limit: limit) }

    /// Takes up what the store knows: the latest wave, with those of its sources that are known again. One that was on
    /// when watching ended goes on, unless that is too long ago: then it is returned, cut off.
    ///
    /// - Parameter freed: connections ended in the minute before, in the order of their times.
    package mutating func resume(
        _ wave: Wave, seen: some Sequence<IPAddress>, freed: [(time: Instant, count: Int)], at now: Instant
    ) -> Wave? {
        nextNumber = wave.number + 1
        self.freed = freed.map { ($0.time.seconds, $0.count) }
        guard !wave.isOver else {
            latest = wave
            return nil
        }
        guard now - wave.last <= WaveDetector.longestGap else {
            var wave = wave
            wave.isCutOff = true
            latest = wave
            return wave
        }
        detector = WaveDetector(resuming: wave)
        tally = WaveTally(resuming: wave.counts, seen: seen)
        return nil
    }

    /// The wave that is on, with its counts so far.
    package var current: Wave? {
        detector.wave.map { wave in
            var wave = wave
            wave.counts = tally.counts
            return wave
        }
    }

    package var isOn: Bool { detector.wave != nil }

    // MARK: - Learning

    /// Samples of the past, in the order of their times, before those of now are learned from.
    package mutating func learn(_ slots: Int, at time: Instant, offsetSeconds: Int) {
        normal.learn(slots, at: time, offsetSeconds: offsetSeconds)
    }

    /// From now on samples are learned from as they come.
    package mutating func endLearning() { isLearning = false }

    // MARK: - What happens

    /// - Parameters:
    ///   - source: what would be banned for the event's peer.
    ///   - isGood: asked before the event is judged, as an acceptance makes its sender known.
    package mutating func note(_ event: Event, source: IPAddress?, isGood: Bool, at now: Instant) {
        tally.note(event, source: source, isGood: isGood, at: now)
        guard event.kind == .acceptance, aftermath != nil else { return }
        aftermath?.tally.comeBack(event.peer, at: now)
    }

    package mutating func note(_ decision: Decision, isGood: Bool) {
        tally.note(decision, isGood: isGood)
        guard decision.kind == .shed, decision.outcome == .done, !decision.isObserved else { return }
        let second = decision.time.seconds
        if freed.last?.second == second {
            freed[freed.count - 1].count += 1
        } else {
            freed.append((second, 1))
        }
        forgetFreed(before: second)
    }

    private mutating func forgetFreed(before second: Int64) {
        let gone = freed.prefix { second - $0.second >= WaveWatch.freedSpan }.count
        if gone > 0 { freed.removeFirst(gone) }
    }

    // MARK: - Samples

    /// A sample and what it changes. The wave in an answer has its counts.
    package mutating func add(
        slots: Int, connections: Int, new: Int, limit: Int?, at now: Instant, offsetSeconds: Int
    ) -> WaveDetector.Change? {
        forgetFreed(before: now.seconds)
        usual = normal.level(at: now, offsetSeconds: offsetSeconds)
        marks = WaterMarks(normal: usual, limit: limit)
        if !isLearning { normal.learn(slots, at: now, offsetSeconds: offsetSeconds) }
        let reading = WaveReading(
            at: now, slots: slots, freed: freed.reduce(0) { $0 + $1.count }, connections: connections, new: new)
        let change = detector.add(reading, marks: marks, normal: usual, limit: limit, number: nextNumber)
        switch change {
        case .began:
            nextNumber += 1
            aftermath = nil
            return .began
        case .ended(var wave):
            wave.counts = tally.counts
            latest = wave
            aftermath = tally.isAwaiting ? (tally, now + WaveWatch.patience) : nil
            tally = WaveTally()
            tallySince = now
            return .ended(wave)
        case nil:
            let isCalm = reading.demand <= marks.low || now - tallySince > WaveWatch.longestRise
            if detector.wave == nil, isCalm {
                tally = WaveTally()
                tallySince = now
            }
            return nil
        }
    }

    /// The latest wave again, when someone whom it had turned away has been accepted since it was asked for.
    package mutating func takeAftermath(at now: Instant) -> Wave? {
        guard let (tally, until) = aftermath, var wave = latest else { return nil }
        if now >= until || !tally.isAwaiting { aftermath = nil }
        let good = tally.counts.good
        guard good != wave.counts.good else { return nil }
        wave.counts.good = good
        latest = wave
        return wave
    }
}
