import ArgumentParser
import ControlProtocol
import Events
import Posix

/// `status` and `top`: the daemon's own account of itself, for a person, for a terminal line, and as JSON.
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Is it alive, and what does it do.")
    @OptionGroup var common: CommonOptions

    func run() throws {
        var status = Record("row")
        try common.connect().ask(.status) { status = $0 }
        if common.json { return common.say(StatusAnswer.json(status).description) }
        for line in StatusAnswer.lines(status, common.style) { common.say(line) }
    }
}

struct Top: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Live: slots, rates, waves, the worst sources; in a pipe one line.",
        discussion: """
            Keys: q quits, s sorts, tab changes the list, up and down select, b bans and a allows what is selected.
            """)
    @OptionGroup var common: CommonOptions

    func run() throws {
        if Terminal.isOutputTerminal, Terminal.isInputTerminal, !common.json, !common.quiet,
            environment("TERM") ?? "dumb" != "dumb"
        {
            return try LiveTop(path: common.socketPath, style: common.style).run()
        }
        var status = Record("row")
        try common.connect().ask(.status) { status = $0 }
        if common.json { return common.say(StatusAnswer.json(status, of: "top").description) }
        common.say(StatusAnswer.top(status))
    }
}

/// A status row of the daemon as sentences and as JSON.
enum StatusAnswer {
    static func lines(_ row: Record, _ style: Style) -> [String] {
        let now = LocalTime.now
        func number(_ key: String) -> String { grouped(row.integer(key) ?? 0) }
        let mode = row["mode"] ?? "?"
        var first = (mode == "enforcing" ? style.good(mode) : style.bold(mode)) + "  " + (row["backend"] ?? "?")
        if let since = row.instant("since") {
            first += "  since \(LocalTime.clock(since, now: now)) (\(age(now - since)))"
        }
        if let until = row.instant("mode_until") { first += ", until \(LocalTime.clock(until, now: now))" }
        var lines = [first]
        let lastLine = row.instant("last_line").map { "last line \(shortAge(now - $0)) ago" } ?? "no line yet"
        lines.append(
            "mta        \(row["mta"] ?? "?"), \(row["log"] ?? "?"), \(lastLine), "
                + "\(number("unread")) unread lines of \(number("lines"))")
        if let servers = row["servers"], !servers.isEmpty { lines.append("servers    \(servers)") }
        for host in HostShare.all(in: row) {
            lines.append(
                "host       \(host.name)\(host.isRemote ? " (remote)" : ""): \(grouped(host.lines)) lines, "
                    + "\(grouped(host.events)) events")
        }
        var slots = "slots      \(number("slots_used"))"
        if let limit = row.integer("slots_limit") { slots += " of \(grouped(limit))" }
        slots += "   connections \(number("connections"))   new \(row["new_per_second"] ?? "0")/s"
        if let limit = row.integer("limit"), limit > 0 { slots += " (limit \(limit)/s)" }
        if let peak = row.integer("peak"), let at = row.instant("peak_at") {
            slots += "   peak today \(grouped(peak)) at \(LocalTime.clock(at).prefix(5))"
        }
        lines.append(slots)
        if let rate = row.integer("rejection_tenths") {
            var text = "rejected   \(grouped(rate / 10)).\(rate % 10) a minute of the last ten"
            if let peak = row.integer("rejection_peak"), let at = row.instant("rejection_peak_at") {
                text += "   peak today \(grouped(peak)) at \(LocalTime.clock(at).prefix(5))"
            }
            lines.append(text)
        }
        if let wave = WaveState(row) { lines.append("wave       " + wave.sentence(now)) }
        lines.append(
            "bans       \(number("bans"))\(mode == "observing" ? " noted, none in force" : "") "
                + "(\(number("by_hand")) by hand, \(number("networks")) networks)   "
                + "dropped \(number("dropped")) packets, \(number("dropped_bytes")) bytes; "
                + "\(number("limited")) over the limit")
        var shed = "shed       \(number("sheds"))"
        if let p50 = row.integer("free_p50_us") { shed += ", median \(milliseconds(p50)) after the rejection" }
        shed += "; \(number("told")) of \(number("sheds")) had their 5xx"
        if let early = row.integer("early"), early > 0 { shed += "; \(grouped(early)) answered early" }
        lines.append(shed)
        lines += StatusToday(row)?.lines(now) ?? []
        if mode == "observing", let observed = row.integer("observed"), observed > 0 {
            lines.append(
                "observed   \(grouped(observed)) orders noted, none carried out. to act: breakwater enforce on --for 1h"
            )
        }
        if let problems = row["problems"], !problems.isEmpty { lines.append(style.bad("problem") + "    " + problems) }
        return lines
    }

    static func top(_ row: Record) -> String {
        let used = row.integer("slots_used") ?? 0
        let limit = row.integer("slots_limit") ?? 0
        let filled = limit > 0 ? min(10, (used * 10 + limit / 2) / limit) : 0
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: 10 - filled)
        return "slots \(used)\(limit > 0 ? "/\(limit) \(bar)" : "")  connections \(row["connections"] ?? "0")  "
            + "new \(row["new_per_second"] ?? "0")/s  bans \(row["bans"] ?? "0")  sheds \(row["sheds"] ?? "0")  "
            + (row["mode"] ?? "?")
    }

    static func json(_ row: Record, of verb: String = "status") -> JSON {
        func integer(_ key: String) -> JSON { JSON(row.integer(key)) }
        func time(_ key: String) -> JSON { JSON(row.instant(key)?.rfc3339) }
        func percentiles(_ key: String) -> JSON {
            .object([("p50", integer("\(key)_p50_us")), ("p99", integer("\(key)_p99_us"))])
        }
        let counters = [
            "lines", "unread", "rejections", "bans_made", "sheds", "told", "early", "observed", "allowed",
            "authenticated",
            "list_failures", "zone_suspended", "repaired", "failed", "cut_lines", "untrusted", "broken", "misnamed",
            "refused",
            "over_share", "unsettled", "tracked", "evicted",
            "dropped", "dropped_bytes", "limited", "limited_bytes",
        ]
        let mean: JSON = row.integer("rejection_tenths").map { .number(Double($0) / 10) } ?? .null
        let rate = JSON.object([
            ("mean", mean), ("peak", integer("rejection_peak")), ("peak_at", time("rejection_peak_at")),
        ])
        return .document(
            verb,
            [
                ("mode", JSON(row["mode"])), ("mode_until", time("mode_until")), ("backend", JSON(row["backend"])),
                ("since", time("since")), ("mta", JSON(row["mta"])),
                ("servers", .array((row["servers"] ?? "").split(separator: "; ").map { .string(String($0)) })),
                ("log", JSON(row["log"])),
                ("last_line", time("last_line")),
                ("slots", .object([("used", integer("slots_used")), ("limit", integer("slots_limit"))])),
                ("connections", integer("connections")), ("new_per_second", integer("new_per_second")),
                ("rejections_per_minute", rate),
                ("wave", WaveState(row)?.json ?? .null),
                ("bans", integer("bans")), ("by_hand", integer("by_hand")), ("networks", integer("networks")),
                ("known_senders", integer("known")),
                ("suspended_zones", .array((row["suspended"] ?? "").split(separator: " ").map { .string(String($0)) })),
                (
                    "counters",
                    .object(counters.map { ($0 == "bans_made" ? "bans" : $0, integer($0)) })
                ),
                (
                    "latency_us",
                    .object([("line_to_ban", percentiles("ban")), ("line_to_free", percentiles("free"))])
                ),
                ("today", StatusToday(row)?.json ?? .null),
                ("rss_bytes", integer("rss_bytes")),
                ("hosts", .array(HostShare.all(in: row).map(\.json))),
                ("problems", JSON(row["problems"])),
            ])
    }

    /// `4 h 39 min`.
    static func age(_ span: Duration) -> String {
        let minutes = max(0, span.nanoseconds / 60_000_000_000)
        if minutes < 60 { return "\(minutes) min" }
        if minutes < 48 * 60 { return "\(minutes / 60) h \(minutes % 60) min" }
        return "\(minutes / 1440) days"
    }

    /// `0.4 s`, `12 s`, `3 min`.
    static func shortAge(_ span: Duration) -> String {
        let tenths = max(0, span.milliseconds / 100)
        return tenths < 100 ? "\(tenths / 10).\(tenths % 10) s" : tenths < 1200 ? "\(tenths / 10) s" : age(span)
    }

    /// `0.4 ms` from microseconds.
    static func milliseconds(_ microseconds: Int) -> String {
        microseconds < 100_000
            ? "\(microseconds / 1000).\(microseconds % 1000 / 100) ms"
            : "\(microseconds / 1_000_000).\(microseconds % 1_000_000 / 100_000) s"
    }
}

/// What one host contributes, where the logs of several come together.
private struct HostShare {
    let name: String
    let lines: Int
    let events: Int
    let isRemote: Bool

    static func all(in row: Record) -> [HostShare] {
        row.fields.filter { $0.key == "host" }.compactMap { field in
            let parts = field.value.split(separator: " ", maxSplits: 3)
            guard parts.count == 4, let lines = Int(parts[0]), let events = Int(parts[1]) else { return nil }
            return HostShare(name: String(parts[3]), lines: lines, events: events, isRemote: parts[2] == "remote")
        }
    }

    var json: JSON {
        .object([
            ("host", .string(name)), ("lines", JSON(lines)), ("events", JSON(events)), ("remote", .bool(isRemote)),
        ])
    }
}
