import Events
import Posix

/// The times of one log's lines. What a stamp does not say follows from the lines before it: a stamp without a zone is
/// in this host's, and in the hour that comes twice when summer time ends, the later one once the log has gone back.
package struct LogClock {
    /// The time of the line read last, `distantPast` before the first.
    package private(set) var last = Instant.distantPast
    /// No line is from a later time than a day after this; moves on with the clock where a log is followed.
    package var reference: Instant
    private var hour: (of: CivilTime, offsets: LocalTime.Offsets)?
    /// The minute that `Nov 20 22:44` was last: a busy log has a thousand lines in each.
    private var minute: (date: UInt64, clock: UInt64, begin: Instant)?

    package init(reference: Instant) { self.reference = reference }

    /// The line's time; that of the line before when it has none that can be right.
    package mutating func time(of header: LogLine, in bytes: Span<UInt8>) -> Instant {
        if let known = knownMinute(header, bytes) {
            last = known
            return last
        }
        let time = header.time(in: bytes, reference: reference) { offset(showing: $0) }
        if let time, time <= reference + .days(1) {
            last = time
            keepMinute(header, bytes, time)
        }
        return last
    }

    /// The time of a stamp that differs from an earlier one in its second only.
    private func knownMinute(_ header: LogLine, _ bytes: Span<UInt8>) -> Instant? {
        guard let minute, let now = header.minute(in: bytes), now.date == minute.date, now.clock == minute.clock else {
            return nil
        }
        return minute.begin + .seconds(now.second)
    }

    /// Not in an hour that comes twice: which of them it is depends on the lines before.
    private mutating func keepMinute(_ header: LogLine, _ bytes: Span<UInt8>, _ time: Instant) {
        minute = nil
        guard let now = header.minute(in: bytes), let offsets = hour?.offsets, offsets.first == offsets.second else {
            return
        }
        minute = (now.date, now.clock, time - .seconds(now.second))
    }

    private mutating func offset(showing time: CivilTime) -> Int {
        var whole = time
        (whole.minute, whole.second, whole.nanosecond) = (time.minute / 15 * 15, 0, 0)
        // Asking takes longer than reading the line; zones change at quarters of an hour.
        if hour?.of != whole { hour = (whole, LocalTime.offsets(showing: whole)) }
        guard let offsets = hour?.offsets else { return 0 }
        guard offsets.first != offsets.second else { return offsets.first }
        return time.instant(offsetSeconds: offsets.first) >= last - .minutes(30) ? offsets.first : offsets.second
    }
}
