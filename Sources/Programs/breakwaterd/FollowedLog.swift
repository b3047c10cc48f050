import Dialects
import Events
import LogIntake
import Posix

/// One log that is followed, with the dialect that reads it: what a dialect remembers of earlier lines belongs to one
/// file's order.
final class FollowedLog {
    let path: String
    let follower: LogFollower
    var dialect: Courier
    /// A turn of the loop that will read on is scheduled.
    var isMoreWaiting = false
    /// When lines were last found in it.
    var lastNews = Instant.distantPast
    /// It is read by the clock for now, and nobody is woken when it is written to.
    var isGathering = false

    init(_ path: String, start: LogFollower.Start, rblTexts: [String]) throws(SystemError) {
        self.path = path
        follower = try LogFollower(path: path, start: start)
        dialect = Courier(rblTexts: rblTexts)
    }

    var positionText: String { follower.position.record.description }
}
