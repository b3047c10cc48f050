import Bytes

/// A line's stamp, decoded when somebody wants to read or replay it. Live lines are judged by their arrival.

extension LogLine {
    /// The instant the line claims to be from; `nil` without a stamp, or when it is no date.
    ///
    /// - Parameters:
    ///   - reference: what is "now" for the reader. An RFC 3164 stamp has no year: it gets the one that puts it
    ///     latest, but not later than a day after `reference` (a clock may run ahead; a December line read in
    ///     January is last year's).
    ///   - offsetSeconds: how far the host's clock was east of UTC at that local time; asked where
    ///     the stamp has no zone.
    package func time(
        in bytes: Span<UInt8>, reference: Instant, offsetSeconds: (CivilTime) -> Int = { _ in 0 }
    ) -> Instant? {
        switch stampForm {
        case .absent: nil
        case .rfc3339: LogLine.rfc3339(bytes, stamp)
        case .rfc3164: LogLine.rfc3164(bytes, stamp, reference, offsetSeconds)
        case .dateTime: LogLine.dateTime(bytes, stamp, offsetSeconds)
        case .tai64n: LogLine.tai64n(bytes, stamp)
        case .ctime: LogLine.ctime(bytes, stamp, offsetSeconds)
        }
    }

    /// What `Nov 20 22:44:29` shares with every stamp of its minute, as eight bytes from its first and from its fifth on,
    /// and its second; `nil` for any other form.
    package func minute(in bytes: Span<UInt8>) -> (date: UInt64, clock: UInt64, second: Int64)? {
        let start = stamp.lowerBound
        guard stampForm == .rfc3164, stamp.count == 15, bytes[start + 12] == UInt8(ascii: ":"),
            let second = decimal(bytes, (start + 13)..<(start + 15)), second < 60
        else { return nil }
        return (bytes.word(at: start), bytes.word(at: start + 4), second)
    }

    private static func rfc3164(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ reference: Instant, _ offsetSeconds: (CivilTime) -> Int
    ) -> Instant? {
        let start = range.lowerBound
        guard range.count == 15, let month = month(bytes, start),
            let day = decimal(bytes, (bytes[start + 4] == 0x20 ? start + 5 : start + 4)..<(start + 6)),
            let clock = timeOfDay(bytes, start + 7)
        else { return nil }
        let latest = reference + .days(1)
        // A leap day may lie eight years back (1896, 1904).
        let newestYear = min(CivilTime(latest).year + 1, years.upperBound)
        for year in stride(from: newestYear, through: max(newestYear - 9, years.lowerBound), by: -1) {
            guard day >= 1, day <= daysInMonth(month, of: year) else { continue }
            var time = clock
            time.year = year
            time.month = month
            time.day = Int(day)
            // Too late in every zone: the zone need not be asked for, which takes longer than all the rest.
            guard time.instant(offsetSeconds: 86400) <= latest else { continue }
            let instant = time.instant(offsetSeconds: max(-86400, min(86400, offsetSeconds(time))))
            if instant <= latest { return instant }
        }
        return nil
    }

    /// `2026-11-20T22:44:56[.fraction](Z|+01:00)`, RFC 3339, 5.6. Digits behind the ninth of a fraction are dropped.
    private static func rfc3339(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Instant? {
        let start = range.lowerBound
        let end = range.upperBound
        guard range.count >= 20, let year = decimal(bytes, start..<(start + 4)), years.contains(Int(year)),
            let month = decimal(bytes, (start + 5)..<(start + 7)), (1...12).contains(month),
            let day = decimal(bytes, (start + 8)..<(start + 10)), day >= 1,
            day <= daysInMonth(Int(month), of: Int(year)), var time = timeOfDay(bytes, start + 11)
        else { return nil }
        time.year = Int(year)
        time.month = Int(month)
        time.day = Int(day)
        var position = start + 19
        if bytes[position] == UInt8(ascii: ".") {
            position += 1
            var scale = 100_000_000
            let first = position
            while position < end, let digit = decimal(bytes, position..<(position + 1)) {
                time.nanosecond += Int(digit) * scale
                scale /= 10
                position += 1
            }
            guard position > first, position < end else { return nil }
        }
        if bytes[position] | 0x20 == UInt8(ascii: "z") {
            return position + 1 == end ? time.instant() : nil
        }
        let isWest = bytes[position] == UInt8(ascii: "-")
        guard isWest || bytes[position] == UInt8(ascii: "+"), end - position == 6,
            bytes[position + 3] == UInt8(ascii: ":"),
            let hours = decimal(bytes, (position + 1)..<(position + 3)), hours < 24,
            let minutes = decimal(bytes, (position + 4)..<end), minutes < 60
        else { return nil }
        let offset = Int(hours * 3600 + minutes * 60)
        return time.instant(offsetSeconds: isWest ? -offset : offset)
    }

    /// `2026-11-20 22:44:56[.123][ +0100]`: Exim's main log, in local time unless it says otherwise.
    private static func dateTime(_ bytes: Span<UInt8>, _ range: Range<Int>, _ offsetSeconds: (CivilTime) -> Int)
        -> Instant?
    {
        let start = range.lowerBound
        guard range.count >= 19, let year = decimal(bytes, start..<(start + 4)),
            let time = date(
                bytes, year, decimal(bytes, (start + 5)..<(start + 7)), decimal(bytes, (start + 8)..<(start + 10)),
                start + 11)
        else { return nil }
        var position = start + 19
        var whole = time
        if position < range.upperBound, bytes[position] == UInt8(ascii: ".") {
            position += 1
            var scale = 100_000_000
            while position < range.upperBound, let digit = decimal(bytes, position..<(position + 1)) {
                whole.nanosecond += Int(digit) * scale
                scale /= 10
                position += 1
            }
        }
        guard range.upperBound - position == 6 else {
            return whole.instant(offsetSeconds: max(-86400, min(86400, offsetSeconds(time))))
        }
        guard let hours = decimal(bytes, (position + 2)..<(position + 4)), hours < 24,
            let minutes = decimal(bytes, (position + 4)..<(position + 6)), minutes < 60
        else { return nil }
        let offset = Int(hours * 3600 + minutes * 60)
        return whole.instant(offsetSeconds: bytes[position + 1] == UInt8(ascii: "-") ? -offset : offset)
    }

    /// `Fri Nov 20 22:44:56 2026`.
    private static func ctime(_ bytes: Span<UInt8>, _ range: Range<Int>, _ offsetSeconds: (CivilTime) -> Int)
        -> Instant?
    {
        let start = range.lowerBound
        guard range.count == 24, let month = month(bytes, start + 4),
            let year = decimal(bytes, (start + 20)..<(start + 24)),
            let time = date(
                bytes, year, Int64(month),
                decimal(bytes, (bytes[start + 8] == 0x20 ? start + 9 : start + 8)..<(start + 10)), start + 11)
        else { return nil }
        return time.instant(offsetSeconds: max(-86400, min(86400, offsetSeconds(time))))
    }

    /// TAI64N: seconds since 1970 TAI plus 2^62 in 16 digits, nanoseconds in 8; multilog adds 10 s to UTC and knows of
    /// no leap second (https://cr.yp.to/libtai/tai64.html, daemontools' tai64nlocal).
    private static func tai64n(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Instant? {
        func number(_ digits: Range<Int>) -> UInt64? {
            var value: UInt64 = 0
            for index in digits {
                let byte = bytes[index]
                guard isHexDigit(byte) else { return nil }
                value = value << 4 | UInt64(isDigit(byte) ? byte - 0x30 : (byte | 0x20) - 0x57)
            }
            return value
        }
        let start = range.lowerBound
        guard range.count == 25, let seconds = number((start + 1)..<(start + 17)),
            let nanoseconds = number((start + 17)..<(start + 25)), nanoseconds < 1_000_000_000,
            seconds >= 1 << 62, seconds - (1 << 62) < 9_000_000_000
        else { return nil }
        return Instant(seconds: Int64(seconds - (1 << 62)) - 10) + .nanoseconds(Int64(nanoseconds))
    }

    /// A date whose parts have been read, with the time of day at `clock`.
    private static func date(_ bytes: Span<UInt8>, _ year: Int64, _ month: Int64?, _ day: Int64?, _ clock: Int)
        -> CivilTime?
    {
        guard years.contains(Int(year)), let month, (1...12).contains(month), let day, day >= 1,
            day <= daysInMonth(Int(month), of: Int(year)), var time = timeOfDay(bytes, clock)
        else { return nil }
        time.year = Int(year)
        time.month = Int(month)
        time.day = Int(day)
        return time
    }

    /// `22:44:29`; the second may be 60, a leap second.
    private static func timeOfDay(_ bytes: Span<UInt8>, _ start: Int) -> CivilTime? {
        guard bytes[start + 2] == UInt8(ascii: ":"), bytes[start + 5] == UInt8(ascii: ":"),
            let hour = decimal(bytes, start..<(start + 2)), hour < 24,
            let minute = decimal(bytes, (start + 3)..<(start + 5)), minute < 60,
            let second = decimal(bytes, (start + 6)..<(start + 8)), second <= 60
        else { return nil }
        return CivilTime(year: 1970, month: 1, day: 1, hour: Int(hour), minute: Int(minute), second: Int(second))
    }

    private static func month(_ bytes: Span<UInt8>, _ start: Int) -> Int? {
        monthNames.firstIndex { bytes.hasBytes(of: $0, at: start) }.map { $0 + 1 }
    }

    private static func daysInMonth(_ month: Int, of year: Int) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Years whose every instant fits 64 bits of nanoseconds.
    private static let years = 1678...2261

    /// RFC 3164, 4.1.2.
    private static let monthNames: [StaticString] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}
