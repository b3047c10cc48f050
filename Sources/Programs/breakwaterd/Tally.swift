import ConnectionSampler
import Events

/// Counters since the start, and those of today.
struct Tally {
    var lines = 0
    var rejections = 0
    var bans = 0
    var sheds = 0
    var told = 0
    /// Connections that had ended before anything was done.
    var gone = 0
    var observed = 0
    var failed = 0
    var repaired = 0
    /// Connections begun since the last sample.
    private var connects = 0
    var ticks = 0
    var lastEvent: Instant?
    var lineToBan = Latencies()
    var lineToFree = Latencies()
    var peak: (slots: Int, at: Instant)?
    var lastSample: Sample?

    mutating func takeConnects() -> Int {
        defer { connects = 0 }
        return connects
    }

    mutating func count(_ event: Event) {
        switch event.kind {
        case .rejection where !event.isContinuation: rejections += 1
        case .connect: connects += 1
        default: break
        }
    }
}
