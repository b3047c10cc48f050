import Events

/// The instants of the samples: every `every` since the first, whatever delays a single one.
///
/// A late sample does not move the next, so an hour of 5 s is 720 samples; instants that passed while the host slept
/// or was stopped are left out rather than made up for in a burst.
package struct SampleSchedule: Equatable, Sendable {
    /// On the monotonic clock, in nanoseconds, as everything here.
    package let origin: Int64
    package let every: Int64

    package init(from origin: Int64, every: Duration) {
        self.origin = origin
        self.every = max(1_000_000, every.nanoseconds)
    }

    /// The first instant of the schedule later than `now`.
    package func next(after now: Int64) -> Int64 {
        guard now >= origin else { return origin }
        let (elapsed, overflow) = now.subtractingReportingOverflow(origin)
        guard !overflow else { return .max }
        let (offset, tooFar) = (elapsed / every + 1).multipliedReportingOverflow(by: every)
        let (instant, beyond) = origin.addingReportingOverflow(offset)
        return tooFar || beyond ? .max : instant
    }
}
