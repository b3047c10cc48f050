import Events
import Glibc

/// The host's time zone (TZ, /etc/localtime), for what people read and for logs that name no zone.
package enum LocalTime {
    /// Seconds east of UTC at `instant`.
    package static func offsetSeconds(at instant: Instant) -> Int {
        var time = time_t(instant.seconds)
        var parts = tm()
        return localtime_r(&time, &parts) == nil ? 0 : parts.tm_gmtoff
    }

    /// `23:22:10`, on another day than `now` with the date in front: `2026-11-20 23:22:10`.
    package static func clock(_ instant: Instant, now: Instant? = nil) -> String {
        let there = CivilTime(instant, offsetSeconds: offsetSeconds(at: instant))
        let time = "\(padded(there.hour, 2)):\(padded(there.minute, 2)):\(padded(there.second, 2))"
        guard let now else { return time }
        let here = CivilTime(now, offsetSeconds: offsetSeconds(at: now))
        if (there.year, there.month, there.day) == (here.year, here.month, here.day) { return time }
        return "\(padded(there.year, 4))-\(padded(there.month, 2))-\(padded(there.day, 2)) \(time)"
    }

    /// The wall clock now.
    package static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}
