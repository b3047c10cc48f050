import ConnectionSampler
import Events

/// Counters since the start, and those of today.
struct Tally {
    var lines = 0
    var rejections = 0
    var rejectionRate = RejectionRate()
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
    /// Entries that Exim could not log, and when the last of them came.
    var overflowed = (count: 0, at: Instant.distantPast)
    var lineToBan = Latencies()
    var lineToFree = Latencies()
    /// Rejections by class and DNSBL.
    private(set) var rejected: [Listing: Int] = [:]
    var peak: (slots: Int, at: Instant)?
    var lastSample: Sample?

    struct Listing: Hashable {
        let rejectionClass: RejectionClass
        let zone: String?
    }
    /// Enough for every class and the DNSBLs of a site; those that come later count as one.
    private static let mostListings = 64
    private static let otherZone = "other"

    private mutating func countRejection(_ event: Event) {
        rejections += 1
        var listing = Listing(rejectionClass: event.rejectionClass ?? .other, zone: event.zone)
        if rejected[listing] == nil, rejected.count >= Tally.mostListings {
            listing = Listing(rejectionClass: listing.rejectionClass, zone: Tally.otherZone)
        }
        rejected[listing, default: 0] += 1
    }

    mutating func takeConnects() -> Int {
        defer { connects = 0 }
        return connects
    }

    mutating func count(_ event: Event) {
        switch event.kind {
        case .rejection where !event.isContinuation: countRejection(event)
        case .connect: connects += 1
        default: break
        }
    }
}
