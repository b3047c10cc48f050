import Addresses
import Events
import Waves

/// What only the daemon knows of a report's span: how many slots were in use, the waves, and what was done.
package struct Watched: Sendable {
    /// Of each step of time the most slots, at the time when they were.
    package var points: [(time: Instant, value: Int)] = []
    /// How long such a step is.
    package var step: Duration
    /// The slots that the server has; `nil` when not known.
    package var limit: Int?
    /// In the order of their begins.
    package var waves: [Wave] = []
    /// Bans, sheds and the server's own lines that it is full, counted in the same steps.
    package private(set) var marks: [Mark: Int] = [:]
    /// The decisions that are kept begin here, later than the span does.
    package var marksSince: Instant?
    /// Connections ended; of them those whose peer had its 5xx, and those that had not.
    package private(set) var ended = 0
    package private(set) var told = 0
    package private(set) var untold = 0
    /// Connections that would have been ended, while observing.
    package private(set) var noted = 0
    /// When which block was banned; the first 100,000.
    package private(set) var bans: [(prefix: Prefix, at: Instant)] = []
    /// Memory of one of the mail server's processes that serve a connection each.
    package var bytesPerSlot: Int?

    package struct Mark: Hashable, Sendable {
        package var kind: Kind
        package var time: Instant
    }

    /// In the order in which they are shown.
    package enum Kind: String, CaseIterable, Sendable {
        case bans
        case sheds
        case saturation
    }

    package init(step: Duration) { self.step = step }

    package mutating func noteBan(of prefix: Prefix, at time: Instant) {
        if bans.count < Watched.mostBans { bans.append((prefix, time)) }
    }

    package mutating func note(_ kind: Kind, at time: Instant, isObserved: Bool = false, told: Bool? = nil) {
        if kind == .sheds {
            if isObserved {
                noted += 1
            } else {
                ended += 1
                if told == true { self.told += 1 } else if told == false { untold += 1 }
            }
        }
        guard !isObserved else { return }
        let width = max(1, step.nanoseconds)
        marks[Mark(kind: kind, time: Instant(nanoseconds: time.nanoseconds.quotient(width) * width)), default: 0] += 1
    }

    /// As a picture has them: kind by kind, each in the order of time.
    package var sortedMarks: [(time: Instant, kind: Kind, count: Int)] {
        Kind.allCases.flatMap { kind in
            marks.filter { $0.key.kind == kind }.sorted { $0.key.time < $1.key.time }
                .map { (time: $0.key.time, kind: kind, count: $0.value) }
        }
    }

    /// Steps for a span of time, so that a curve has some thousand points at most.
    package static func step(for span: Duration) -> Duration {
        let steps: [Duration] = [
            .seconds(5), .seconds(10), .seconds(30), .minutes(1), .minutes(5), .minutes(15),
        ]
        return steps.first { span.nanoseconds / $0.nanoseconds <= mostSteps } ?? .minutes(15)
    }

    private static let mostSteps: Int64 = 3500
    private static let mostBans = 100_000

    /// Slot-seconds that ending connections kept free: in waves as their samples tell it, outside of them a minute for
    /// each (docs/decisions/waves.md).
    var keptSlotSeconds: Int {
        let inWaves = waves.reduce(0) { $0 + $1.counts.sheds }
        let saved = waves.reduce(Int64(0)) { $0 + $1.savedSlotMilliseconds }
        return Int(saved / 1000) + max(0, ended - inWaves) * 60
    }
}
