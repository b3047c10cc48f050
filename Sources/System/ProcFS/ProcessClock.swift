import Glibc

/// Relates a process's start, counted in ticks since the host's start, to now.
package enum ProcessClock {
    /// How long the process has been running, at most one tick (10 ms) more than the truth, never less.
    package static func age(startTicks: UInt64) -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        let now = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        let started = Int64(clamping: startTicks).multipliedReportingOverflow(by: tickNanoseconds)
        guard !started.overflow, started.partialValue <= now else { return .zero }
        return .nanoseconds(now - started.partialValue)
    }

    private static let tickNanoseconds = 1_000_000_000 / Int64(max(1, sysconf(Int32(_SC_CLK_TCK))))
}
