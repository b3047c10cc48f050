import Addresses
import Events

/// One wave: a surge of connections, from the sample above the high mark to the first at or below the low one.
package struct Wave: Equatable, Sendable {
    /// The how manieth of this host, from 1.
    package var number: Int
    package var begin: Instant
    /// `nil` while it lasts, and of a wave during which watching ended.
    package var end: Instant?
    /// Its latest sample.
    package var last: Instant
    /// Watching ended before the wave did.
    package var isCutOff = false
    package var marks: WaterMarks
    /// What was usual when it began; `nil` when that was not known.
    package var normal: Int?
    /// The slots that the server had; `nil` when not known.
    package var limit: Int?

    /// The most slots in use, and when first.
    package var peak: Int
    package var peakAt: Instant
    /// The most there would have been with the connections that were ended within the minute before
    /// (`WaveReading.freed`).
    package var peakDemand: Int
    package var peakConnections: Int
    package var samples = 0
    /// Of slots in use; the sum over its samples of slots times the time to the next.
    package var slotMilliseconds: Int64 = 0
    /// As far as ending connections kept slots free that the limit would have let be taken.
    package var savedSlotMilliseconds: Int64 = 0
    package var atLimit = Duration.zero
    /// Connections begun, as the samples count them.
    package var new = 0
    /// Rises of 20 or more from one sample to the next; the first hundred.
    package var jumps: [Jump] = []
    package var counts = WaveCounts()

    package struct Jump: Equatable, Sendable {
        package var time: Instant
        package var rise: Int

        package init(time: Instant, rise: Int) {
            self.time = time
            self.rise = rise
        }
    }

    package init(number: Int, begin: Instant, marks: WaterMarks, normal: Int?, limit: Int?) {
        self.number = number
        self.begin = begin
        last = begin
        self.marks = marks
        self.normal = normal
        self.limit = limit
        peak = 0
        peakAt = begin
        peakDemand = 0
        peakConnections = 0
    }

    package var isOver: Bool { end != nil || isCutOff }

    /// The limit was reached: how many more would have come is not known.
    package var isAtLeast: Bool { limit.map { peak >= $0 } ?? false }

    /// From its first sample to its end, or to the latest sample.
    package var span: Duration { (end ?? last) - begin }

    /// `at least 301`, `216`.
    package var peakText: String { isAtLeast ? "at least \(peak)" : String(peak) }
}

/// What happened during a wave.
package struct WaveCounts: Equatable, Sendable {
    package var rejections = 0
    package var deferrals = 0
    package var acceptances = 0
    /// Lines in which the server says that it is at its limit, or near.
    package var saturations = 0
    /// Rejections by class.
    package var classes: [RejectionClass: Int] = [:]
    /// Distinct addresses that were rejected (of IPv6 the banned blocks), and distinct /24 and /48 of them.
    package var sources = 0
    package var networks = 0
    /// Those with the most rejections.
    package var worst: [Share] = []
    /// After a restart in the middle, or beyond the bounds of counting, those two may be off.
    package var isEstimate = false
    package var bans = 0
    package var sheds = 0
    /// Of the sheds, those whose peer had its 5xx.
    package var told = 0
    /// Bans and sheds that were only noted, while observing.
    package var observed = 0
    package var good = GoodSenders()

    package struct Share: Equatable, Sendable {
        package var network: Prefix
        package var rejections: Int

        package init(network: Prefix, rejections: Int) {
            self.network = network
            self.rejections = rejections
        }
    }

    package init() {}
}

/// What the wave was to senders whose mail had been accepted before.
///
/// Seen is what the log says: a 4xx, a refusal for want of slots or on a list's word, and later an acceptance or none.
/// Not seen is who waited in the kernel's queue, or gave up there, and who was not known before.
package struct GoodSenders: Equatable, Sendable {
    /// Messages accepted of them.
    package var accepted = 0
    /// Turned away and accepted later, by four hours after the wave.
    package var delayed = 0
    /// Turned away and not accepted since.
    package var turnedAway = 0
    /// Of the delayed, from the first refusal to the acceptance.
    package var longestDelay = Duration.zero
    /// Bans of such senders; part of the bans.
    package var banned = 0

    package init() {}

    /// The sum that matters.
    package var hurt: Int { delayed + turnedAway }
}
