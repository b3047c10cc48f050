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

    /// Days since 1970 began, by the host's clocks.
    package static func day(of instant: Instant) -> Int64 {
        let seconds = instant.seconds + Int64(offsetSeconds(at: instant))
        return (seconds - (seconds < 0 ? 86399 : 0)) / 86400
    }

    /// Seconds east of UTC when the host's clocks show a time; two different ones of an hour that comes twice.
    package struct Offsets: Equatable {
        package var first: Int
        package var second: Int
    }

    /// What the clocks showed first, and second.
    package static func offsets(showing time: CivilTime) -> Offsets {
        let usual = offsetSeconds(showing: time)
        let both = [1, 0].compactMap { offset(showing: time, isSummer: $0) }
        // The greater offset is the earlier instant.
        return Offsets(first: both.max() ?? usual, second: both.min() ?? usual)
    }

    /// `nil` when the clocks never show this time so.
    private static func offset(showing time: CivilTime, isSummer: Int32) -> Int? {
        var parts = tm()
        parts.tm_year = Int32(clamping: time.year - 1900)
        parts.tm_mon = Int32(clamping: time.month - 1)
        parts.tm_mday = Int32(clamping: time.day)
        parts.tm_hour = Int32(clamping: time.hour)
        parts.tm_min = Int32(clamping: time.minute)
        parts.tm_sec = Int32(clamping: time.second)
        parts.tm_isdst = isSummer
        guard mktime(&parts) != -1, parts.tm_isdst == isSummer, parts.tm_hour == Int32(clamping: time.hour) else {
            return nil
        }
        return parts.tm_gmtoff
    }

    /// Seconds east of UTC when the host's clocks show `time`; of an hour that comes twice, either.
    package static func offsetSeconds(showing time: CivilTime) -> Int {
        var parts = tm()
        parts.tm_year = Int32(clamping: time.year - 1900)
        parts.tm_mon = Int32(clamping: time.month - 1)
        parts.tm_mday = Int32(clamping: time.day)
        parts.tm_hour = Int32(clamping: time.hour)
        parts.tm_min = Int32(clamping: time.minute)
        parts.tm_sec = Int32(clamping: time.second)
        parts.tm_isdst = -1
        return mktime(&parts) == -1 ? 0 : parts.tm_gmtoff
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

/// The date as date(1) writes it in the C locale, in the zone of `TZ` or /etc/localtime:
/// `Tue Jul 28 14:42:42 CEST 2009`.
package func localDate(_ instant: Instant) -> String {
    var seconds = time_t(instant.seconds)
    var parts = tm()
    // localtime_r need not look at TZ by itself.
    tzset()
    guard localtime_r(&seconds, &parts) != nil else { return instant.rfc3339 }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
        guard let base = buffer.baseAddress else { return instant.rfc3339 }
        // The program never calls setlocale, so this is the C locale's form.
        let count = strftime(base, buffer.count, "%a %b %e %H:%M:%S %Z %Y", &parts)
        return count == 0
            ? instant.rfc3339
            : String(
                decoding: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]), as: UTF8.self)
    }
}
