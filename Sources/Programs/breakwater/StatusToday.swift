import ControlProtocol
import Events
import Posix

/// What enforcing would have come to today, from a status row of a daemon that observes.
struct StatusToday {
    private let row: Record

    /// `nil` when the daemon enforces.
    init?(_ row: Record) {
        guard row["today_since"] != nil else { return nil }
        self.row = row
    }

    private func count(_ key: String) -> Int { row.integer("today_" + key) ?? 0 }
    private var names: [String] { (row["today_names"] ?? "").split(separator: " ").map(String.init) }

    func lines(_ now: Instant) -> [String] {
        func number(_ key: String) -> String { grouped(count(key)) }
        let since = row.instant("today_since").map { " (since \(LocalTime.clock($0, now: now)))" } ?? ""
        let touched = count("touched")
        var known = "no known sender touched"
        if touched > 0 {
            let more = touched > names.count ? " ..." : ""
            known =
                "\(grouped(touched)) known sender\(touched == 1 ? "" : "s") touched: \(names.joined(separator: " "))\(more)"
        }
        return [
            "today      would have banned \(number("sources")) sources, turned away \(number("refused")) connections, "
                + "ended \(number("sheds"))\(since)",
            "           slot-seconds of rejected connections \(number("seconds_before")) -> \(number("seconds_after")), "
                + "peak \(number("peak_before")) -> \(number("peak_after")); \(known)",
        ]
    }

    var json: JSON {
        .object([
            ("since", JSON(row.instant("today_since")?.rfc3339)), ("sources", JSON(count("sources"))),
            ("bans", JSON(count("bans"))), ("sheds", JSON(count("sheds"))), ("refused", JSON(count("refused"))),
            ("slot_seconds_before", JSON(count("seconds_before"))),
            ("slot_seconds_after", JSON(count("seconds_after"))),
            ("peak_before", JSON(count("peak_before"))), ("peak_after", JSON(count("peak_after"))),
            ("known_touched", JSON(count("touched"))), ("known_touched_first", .array(names.map { .string($0) })),
            ("partial", .bool(count("partial") > 0)),
        ])
    }
}
