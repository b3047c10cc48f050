import Dialects
import Events
import LogIntake

/// One log that is followed, with the reader of its lines: what a dialect remembers of earlier ones belongs to one
/// log's order.
final class FollowedLog {
    let stream: any LogStream
    var reader: LogReader
    /// The pattern that it was found by.
    let pattern: String?
    /// A turn of the loop that will read on is scheduled.
    var isMoreWaiting = false
    /// When lines were last found in it.
    var lastNews = Instant.distantPast
    /// How often it was read by the clock since it was last listened to.
    var gatherings = 0
    /// It is read by the clock for now, and nobody is woken when it is written to.
    var isGathering: Bool { gatherings > 0 }
    /// The descriptor that the loop waits for.
    var listened: Int32?
    /// The times of its lines, for the history.
    var clock = LogClock(reference: .distantPast)
    /// How far its files had been read when what was counted of them was last handed over.
    var countedMarks: [LogPosition.Mark]
    /// The pattern does not name it any more.
    var missingSince: Instant?
    /// Since when nothing can be read of it; `distantPast` when it was not there at first.
    private(set) var awaySince: Instant?

    init(_ stream: any LogStream, _ reader: LogReader, pattern: String? = nil) {
        self.stream = stream
        self.reader = reader
        self.pattern = pattern
        awaySince = stream.problem == nil ? nil : .distantPast
        countedMarks = (stream as? LogFollower)?.position.marks ?? []
    }

    func noteAway(_ now: Instant) { awaySince = stream.problem == nil ? nil : awaySince ?? now }
}
