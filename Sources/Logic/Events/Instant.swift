/// A point in time, in nanoseconds since 1970-01-01T00:00:00Z.
///
/// Pure code is handed instants; it never asks a clock. The daemon anchors them to the monotonic clock at its
/// start, so they never run backwards while it lives.
package struct Instant: Hashable, Comparable, Sendable {
    package var nanoseconds: Int64

    @inlinable
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    @inlinable
    package init(seconds: Int64) { nanoseconds = seconds &* 1_000_000_000 }

    package static let distantFuture = Instant(nanoseconds: .max)
    package static let distantPast = Instant(nanoseconds: .min)

    /// Whole seconds since 1970, rounded down.
    package var seconds: Int64 {
        nanoseconds >= 0 ? nanoseconds / 1_000_000_000 : (nanoseconds + 1) / 1_000_000_000 - 1
    }

    // All of them, so that a loop in another module compares two numbers and calls nothing.
    @inlinable
    package static func == (left: Instant, right: Instant) -> Bool { left.nanoseconds == right.nanoseconds }
    @inlinable
    package static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }
    @inlinable
    package static func <= (left: Instant, right: Instant) -> Bool { left.nanoseconds <= right.nanoseconds }
    @inlinable
    package static func > (left: Instant, right: Instant) -> Bool { left.nanoseconds > right.nanoseconds }
    @inlinable
    package static func >= (left: Instant, right: Instant) -> Bool { left.nanoseconds >= right.nanoseconds }

    /// Sums saturate at `distantFuture` and `distantPast`: "forever" is an instant like any other.
    package static func + (left: Instant, right: Duration) -> Instant {
        if left == .distantFuture { return left }
        let (sum, overflow) = left.nanoseconds.addingReportingOverflow(right.nanoseconds)
        if overflow { return right < .zero ? .distantPast : .distantFuture }
        return Instant(nanoseconds: sum)
    }
    package static func - (left: Instant, right: Duration) -> Instant {
        let (difference, overflow) = left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
        return overflow ? (right > .zero ? .distantPast : .distantFuture) : Instant(nanoseconds: difference)
    }
    package static func - (left: Instant, right: Instant) -> Duration {
        let (difference, overflow) = left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
        return .nanoseconds(overflow ? (left < right ? .min : .max) : difference)
    }
}

extension Duration {
    /// Saturates at about 292 years.
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, overflowed) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflowed ? (seconds < 0 ? .min : .max) : sum
    }
    package var milliseconds: Int64 { nanoseconds / 1_000_000 }
    package var microseconds: Int64 { nanoseconds / 1_000 }
    package var inSeconds: Double { Double(nanoseconds) / 1e9 }

    /// What "forever" is: about 292 years, the most an `Instant` spans.
    package static let forever = Duration.nanoseconds(Int64.max)
    package static func minutes(_ count: Int64) -> Duration { .seconds(count * 60) }
    package static func hours(_ count: Int64) -> Duration { .seconds(count * 3600) }
    package static func days(_ count: Int64) -> Duration { .seconds(count * 86400) }
}

// MARK: - Spans as people write them: 90s 10m 1h 7d forever

extension Duration {
    /// Reads `500ms 90s 10m 1h 7d 2w forever`; `nil` for anything else (no sums, no signs, no blanks). What is longer
    /// than `forever` is that.
    package init?(span text: some StringProtocol) {
        if text == "forever" {
            self = .forever
            return
        }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty, digits.utf8.count <= 9, let count = Int64(digits) else { return nil }
        switch text[digits.endIndex...] {
        case "ms": self = .milliseconds(count)
        case "s": self = .seconds(count)
        case "m": self = .minutes(count)
        case "h": self = .hours(count)
        case "d": self = .days(count)
        case "w": self = .days(count * 7)
        default: return nil
        }
        self = min(self, .forever)
    }

    /// The exact span when one unit says it (`90s`, `10m`, `7d`), else rounded to the largest unit that keeps two
    /// digits of meaning: what columns and sentences show.
    package var span: String {
        let ns = nanoseconds
        if ns == .max { return "forever" }
        if ns < 0 { return "0s" }
        if ns < 1_000_000_000 { return ns == 0 ? "0s" : "\(ns / 1_000_000)ms" }
        let seconds = ns / 1_000_000_000
        for (size, unit) in [(Int64(86400), "d"), (3600, "h"), (60, "m")] {
            if seconds % size == 0, seconds >= size { return "\(seconds / size)\(unit)" }
        }
        if seconds < 120 { return "\(seconds)s" }
        if seconds < 7200 { return "\(seconds / 60)m" }
        if seconds < 172_800 { return "\(seconds / 3600)h" }
        return "\(seconds / 86400)d"
    }
}

// MARK: - Dates, without a time zone database

/// A date and time of day without a zone, as logs write them.
package struct CivilTime: Equatable, Sendable {
    package var year: Int
    package var month: Int
    package var day: Int
    package var hour: Int
    package var minute: Int
    package var second: Int
    package var nanosecond: Int

    package init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0, nanosecond: Int = 0)
    {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
        self.nanosecond = nanosecond
    }

    /// Days since 1970-01-01 in the proleptic Gregorian calendar.
    private var dayNumber: Int64 {
        let y = Int64(month <= 2 ? year - 1 : year)
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = Int64((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1)
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The instant this is in a zone `offset` seconds east of UTC.
    package func instant(offsetSeconds offset: Int = 0) -> Instant {
        let seconds = dayNumber * 86400 + Int64(hour * 3600 + minute * 60 + second - offset)
        return Instant(nanoseconds: seconds * 1_000_000_000 + Int64(nanosecond))
    }

    /// The date in a zone `offset` seconds east of UTC.
    package init(_ instant: Instant, offsetSeconds offset: Int = 0) {
        let total = instant.seconds + Int64(offset)
        let days = total >= 0 ? total / 86400 : (total - 86399) / 86400
        let rest = Int(total - days * 86400)
        let z = days + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = Int(shifted < 10 ? shifted + 3 : shifted - 9)
        self.init(
            year: Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0), month: month,
            day: Int(dayOfYear - (153 * shifted + 2) / 5 + 1),
            hour: rest / 3600, minute: rest / 60 % 60, second: rest % 60,
            nanosecond: Int(instant.nanoseconds - instant.seconds * 1_000_000_000))
    }
}

extension Instant {
    /// RFC 3339 in UTC, whole seconds: `2026-11-20T23:22:10Z`.
    package var rfc3339: String {
        let t = CivilTime(self)
        return "\(padded(t.year, 4))-\(padded(t.month, 2))-\(padded(t.day, 2))T"
            + "\(padded(t.hour, 2)):\(padded(t.minute, 2)):\(padded(t.second, 2))Z"
    }

    /// RFC 3339 in UTC with microseconds: `2026-11-20T22:44:56.033783Z`.
    package var rfc3339Microseconds: String {
        let t = CivilTime(self)
        return rfc3339.dropLast() + "." + padded(t.nanosecond / 1000, 6) + "Z"
    }
}

/// A number with leading zeros.
package func padded(_ value: Int, _ width: Int) -> String {
    let digits = String(value)
    return digits.utf8.count >= width ? digits : String(repeating: "0", count: width - digits.utf8.count) + digits
}
