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

    package init(reference: Instant) { self.reference = reference }

    /// The line's time; that of the line before when it has none that can be right.
    package mutating func time(of header: LogLine, in bytes: Span<UInt8>) -> Instant {
        let time = header.time(in: bytes, reference: reference) { offset(showing: $0) }
        if let time, time <= reference + .days(1) { last = time }
        return last
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
