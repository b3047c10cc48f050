import Events
import Posix

/// What a status row tells of waves: the one that is on, the latest that has ended, and where one would begin.
struct WaveState {
    /// The wave that is on.
    struct Current {
        let number: Int
        let begin: Instant
        let peak: Int
        /// With the connections that were ended.
        let demand: Int
        /// The peak is the server's limit.
        let isAtLeast: Bool
        let sources: Int
        let networks: Int
        let goodHurt: Int
    }
    struct Latest {
        let number: Int
        let begin: Instant
        let seconds: Int
        /// `216`, `at least 300`.
        let peak: String
    }
    let high: Int
    let low: Int
    let normal: Int?
    let current: Current?
    let latest: Latest?

    /// `nil` from a daemon that does not tell.
    init?(_ row: Record) {
        guard let high = row.integer("wave_high") else { return nil }
        func count(_ key: String) -> Int { row.integer(key) ?? 0 }
        self.high = high
        low = count("wave_low")
        normal = row.integer("wave_normal")
        current = row.instant("wave_begin").map { begin in
            Current(
                number: count("wave_number"), begin: begin, peak: count("wave_peak"), demand: count("wave_demand"),
                isAtLeast: row["wave_at_least"] == "yes", sources: count("wave_sources"),
                networks: count("wave_networks"), goodHurt: count("wave_good_hurt"))
        }
        latest = row.instant("wave_last_begin").map { begin in
            Latest(
                number: count("wave_last_number"), begin: begin, seconds: count("wave_last_s"),
                peak: Record.escaped((row["wave_last_peak"] ?? "").utf8, limit: 30))
        }
    }

    func sentence(_ now: Instant) -> String {
        let usual = normal.map { "usual are up to \(grouped($0))" } ?? "what is usual is not known yet"
        if let current {
            var text = "since \(LocalTime.clock(current.begin, now: now)) (\(Self.span(now - current.begin))), peak "
            text += (current.isAtLeast ? "at least " : "") + grouped(current.peak)
            if current.demand > current.peak { text += " (\(grouped(current.demand)) with those ended)" }
            text += "; \(grouped(current.sources)) sources in \(grouped(current.networks)) networks"
            if current.goodHurt > 0 { text += "; \(grouped(current.goodHurt)) good senders delayed or turned away" }
            return text + "; ends at \(grouped(low))"
        }
        var text = "none; begins above \(grouped(high)) (\(usual))"
        if let latest {
            text += "; last \(LocalTime.clock(latest.begin, now: now)), "
            text += "\(Self.span(.seconds(latest.seconds))), peak \(latest.peak)"
        }
        return text
    }

    var json: JSON {
        .object([
            ("on", .bool(current != nil)), ("number", JSON(current?.number)),
            ("begin", JSON(current?.begin.rfc3339)), ("peak", JSON(current?.peak)),
            ("peak_demand", JSON(current?.demand)), ("peak_at_least", JSON.bool(current?.isAtLeast ?? false)),
            ("sources", JSON(current?.sources)), ("networks", JSON(current?.networks)),
            ("good_hurt", JSON(current?.goodHurt)),
            ("normal", JSON(normal)), ("high", JSON(high)), ("low", JSON(low)),
            (
                "last",
                latest.map { latest in
                    .object([
                        ("number", JSON(latest.number)), ("begin", .string(latest.begin.rfc3339)),
                        ("seconds", JSON(latest.seconds)), ("peak", .string(latest.peak)),
                    ])
                } ?? .null
            ),
        ])
    }

    /// `408 s`, `12 min`.
    static func span(_ span: Duration) -> String {
        let seconds = max(0, (min(span, .forever - .seconds(1)).nanoseconds + 500_000_000) / 1_000_000_000)
        return seconds < 600 ? "\(seconds) s" : StatusAnswer.age(span)
    }
}
