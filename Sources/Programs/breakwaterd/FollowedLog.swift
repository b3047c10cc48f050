import Dialects
import Events
import LogIntake
import Posix

/// One log that is followed, with the reader of its lines: what a dialect remembers of earlier ones belongs to one
/// log's order.
final class FollowedLog {
    let path: String
    let follower: LogFollower
    var reader: LogReader
    /// A turn of the loop that will read on is scheduled.
    var isMoreWaiting = false
    /// When lines were last found in it.
    var lastNews = Instant.distantPast
    /// It is read by the clock for now, and nobody is woken when it is written to.
    var isGathering = false

    init(_ path: String, start: LogFollower.Start, reader: LogReader) throws(SystemError) {
        self.path = path
        follower = try LogFollower(path: path, start: start)
        self.reader = reader
    }

    var positionText: String { follower.position.record.description }
}
