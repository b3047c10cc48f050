import Events

/// A sample as the detector takes it.
package struct WaveReading: Equatable, Sendable {
    package var time: Instant
    /// Slots in use; connections where slots are not known.
    package var slots: Int
    /// Connections ended by us within the minute before, each of which would have kept its slot that long.
    package var freed: Int
    package var connections: Int
    package var new: Int

    package init(at time: Instant, slots: Int, freed: Int = 0, connections: Int? = nil, new: Int = 0) {
        self.time = time
        self.slots = slots
        self.freed = freed
        self.connections = connections ?? slots
        self.new = new
    }

    /// What a wave is judged by: a guarded server's slots alone would not show that there is one.
    package var demand: Int { slots + freed }
}

/// Finds waves in a series of samples.
package struct WaveDetector: Sendable {
    package enum Change: Equatable, Sendable {
        case began
        /// Or cut off: no samples came for a while.
        case ended(Wave)
    }

    /// The wave that is on.
    package private(set) var wave: Wave?
    private var before: WaveReading?

    /// A rise from one sample to the next that is told.
    fileprivate static let jump = 20
    fileprivate static let mostJumps = 100
    /// A sample stands for the time to the next one, but for no longer than this.
    fileprivate static let longestStep = Duration.minutes(1)
    /// Without a sample for this long nobody can tell whether it was one wave.
    package static let longestGap = Duration.minutes(10)

    package init() {}

    /// Goes on with a wave that was on when watching ended.
    package init(resuming wave: Wave) {
        self.wave = wave.isOver ? nil : wave
    }

    /// Adds the next sample.
    ///
    /// - Parameters:
    ///   - number: for the wave that may begin with it.
    ///   - marks: as they are now; those of a wave that has begun rise with them but never sink.
    package mutating func add(
        _ reading: WaveReading, marks: WaterMarks, normal: Int?, limit: Int?, number: Int
    ) -> Change? {
        defer { before = reading }
        if var wave {
            if reading.time - wave.last > WaveDetector.longestGap {
                // This sample may begin another; that is for the next one to say.
                wave.isCutOff = true
                self.wave = nil
                return .ended(wave)
            }
            if let before, before.time >= wave.begin { wave.weigh(before, until: reading.time) }
            wave.take(reading, after: before)
            // The server, too, may have been given other limits meanwhile.
            if let limit { wave.limit = limit }
            let isOver = reading.demand <= max(wave.marks.low, marks.low)
            wave.end = isOver ? reading.time : nil
            self.wave = isOver ? nil : wave
            return isOver ? .ended(wave) : nil
        }
        guard reading.demand > marks.high else { return nil }
        var wave = Wave(number: number, begin: reading.time, marks: marks, normal: normal, limit: limit)
        wave.take(reading, after: before)
        self.wave = wave
        return .began
    }
}

extension Wave {
    fileprivate mutating func take(_ reading: WaveReading, after before: WaveReading?) {
        if reading.slots > peak {
            peak = reading.slots
            peakAt = reading.time
        }
        peakDemand = max(peakDemand, reading.demand)
        peakConnections = max(peakConnections, reading.connections)
        samples += 1
        new += reading.new
        last = reading.time
        guard let before else { return }
        let rise = reading.demand - before.demand
        if rise >= WaveDetector.jump, jumps.count < WaveDetector.mostJumps {
            jumps.append(Jump(time: reading.time, rise: rise))
        }
    }

    /// A sample stands for the time to the next.
    fileprivate mutating func weigh(_ reading: WaveReading, until next: Instant) {
        let step = max(.zero, min(next - reading.time, WaveDetector.longestStep))
        slotMilliseconds += Int64(reading.slots) * step.milliseconds
        let possible = limit.map { max($0, reading.slots) } ?? reading.demand
        savedSlotMilliseconds += Int64(min(reading.demand, possible) - reading.slots) * step.milliseconds
        if let limit, reading.slots >= limit { atLimit += step }
    }
}
