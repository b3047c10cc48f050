import Addresses
import ArgumentParser
import ControlProtocol
import Events
import Posix

/// A row of the daemon's `list`.
struct BanRow {
    let prefix: Prefix
    let since: Instant
    let until: Instant
    let why: String
    let origin: String
    let count: Int
    let hits: Int
    let shed: Int

    init?(_ record: Record) {
        guard let net = record["net"], let prefix = try? Prefix(parsing: net), let until = record.instant("until")
        else {
            return nil
        }
        self.prefix = prefix
        self.until = until
        since = record.instant("since") ?? until
        why = record["why"] ?? ""
        origin = record["by"] ?? "local"
        count = record.integer("count") ?? 1
        hits = record.integer("hits") ?? 0
        shed = record.integer("shed") ?? 0
    }

    func left(_ now: Instant) -> Duration { until == .distantFuture ? .forever : max(.zero, until - now) }

    func json(_ now: Instant) -> JSON {
        .object([
            ("net", .string(prefix.description)),
            ("until", until == .distantFuture ? .null : .string(until.rfc3339)),
            ("left_s", until == .distantFuture ? .null : .integer(left(now).nanoseconds / 1_000_000_000)),
            ("why", .string(why)), ("hits", JSON(hits)), ("shed", JSON(shed)), ("by", .string(origin)),
            ("since", .string(since.rfc3339)), ("count", JSON(count)),
        ])
    }

    /// All bans, in address order.
    static func all(_ common: CommonOptions) throws -> [BanRow] {
        var rows: [BanRow] = []
        let last = try common.connect().ask(.list) { if let row = BanRow($0) { rows.append(row) } }
        if last["mode"] == "observing", !rows.isEmpty, !common.quiet {
            Terminal.warn("observing: none of these is in force. to act: breakwater enforce on --for 1h")
        }
        return rows.sorted { $0.prefix < $1.prefix }
    }
}

struct List: ParsableCommand {
    enum Grouping: String, CaseIterable, ExpressibleByArgument { case net, asn, country, `class` }
    static let configuration = CommandConfiguration(abstract: "The bans in force.")
    @Option(help: "Grouped: by net (/24, IPv6 /48), asn, country or class.")
    var by: Grouping?
    @Flag(help: "One JSON object a line.")
    var jsonl = false
    @OptionGroup var common: CommonOptions

    func run() throws {
        let rows = try BanRow.all(common)
        let now = LocalTime.now
        if let by { return try BanGroups(rows, by, common).say(common, jsonl: jsonl) }
        if common.json {
            return common.say(JSON.document("list", [("bans", .array(rows.map { $0.json(now) }))]).description)
        }
        if jsonl {
            for row in rows { common.say(row.json(now).description) }
            return
        }
        guard !rows.isEmpty else { return common.say("no bans") }
        let cells = rows.map { row in
            [
                row.prefix.shortDescription, row.left(now).span, Record.escaped(row.why.utf8, limit: 60), "\(row.hits)",
                "\(row.shed)",
            ]
        }
        let lines = table([["NET", "LEFT", "WHY", "HITS", "SHED"]] + cells, rightAligned: [3, 4])
        common.say(lines.joined(separator: "\n"))
    }
}

struct Why: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Everything known of an address, with the log lines that led to it.")
    @Argument(help: ArgumentHelp("An address, or a network as `list` shows it.", valueName: "net"))
    var net: String
    @OptionGroup var common: CommonOptions

    func run() throws {
        let prefix = try NetArgument.read(net)
        var rows: [Record] = []
        let last = try common.connect().ask(.why(prefix)) { rows.append($0) }
        let now = LocalTime.now
        let banned = last["banned"].flatMap { try? Prefix(parsing: $0) }
        if common.json {
            let history = rows.map { row in
                JSON.object([
                    ("t", JSON(row.instant("time").map(\.rfc3339Microseconds))), ("kind", JSON(row["kind"])),
                    ("text", JSON(row["text"])),
                ])
            }
            common.say(
                JSON.document(
                    "why",
                    [
                        ("net", .string(prefix.description)), ("banned", .bool(banned != nil)),
                        ("mode", JSON(last["mode"])),
                        ("by", JSON(banned?.description)), ("until", JSON(last.instant("until").map(\.rfc3339))),
                        ("count", JSON(last.integer("count"))), ("why", JSON(last["why"])),
                        ("known_sender", .bool(last["known"] == "yes")),
                        ("authenticated", .bool(last["authenticated"] == "yes")),
                        ("allowed_by", JSON(last["allowed"])), ("around", JSON(last["around"])),
                        ("neighbours", JSON(last.integer("neighbours"))),
                        ("neighbours_exact", last["neighbours_exact"].map { .bool($0 == "yes") } ?? .null),
                        ("history", .array(history)),
                    ] + Locations(common).fields(prefix.address)
                ).description)
            return try finish(last)
        }
        var first = prefix.shortDescription + "  "
        if let banned, let until = last.instant("until") {
            first += last["mode"] == "observing" ? "would be banned" : common.style.bad("BANNED")
            if banned != prefix { first += " by \(banned.shortDescription)" }
            if until == .distantFuture {
                first += ", for good"
            } else {
                first += ", \((until - now).span) left (until \(LocalTime.clock(until, now: now)))"
            }
            if let count = last.integer("count"), count > 1 { first += ", ban number \(count)" }
        } else {
            first += "not banned"
        }
        if let allowed = last["allowed"] { first += ", allowed by \(allowed)" }
        common.say(first)
        if let around = last["around"], let until = last.instant("around_until") {
            common.say(
                "  inside \(around), which is banned as well"
                    + (until == .distantFuture ? "" : " until \(LocalTime.clock(until, now: now))")
                    + ": " + Record.escaped((last["around_why"] ?? "").utf8, limit: 60))
        }
        if let neighbours = last["neighbours"] {
            let sign = last["neighbours_exact"] == "no" ? "about " : ""
            common.say("  sources of that network banned within the hour: \(sign)\(neighbours)")
        }
        for row in rows {
            let time = row.instant("time").map { LocalTime.clock($0, now: now) } ?? ""
            common.say("  \(time)  \(Why.words(row))")
        }
        common.say(
            "  accepted mail in the last weeks: "
                + (last["known"] == "yes"
                    ? (last["authenticated"] == "yes" ? "yes, after authentication" : "yes") : "none"))
        let locations = Locations(common)
        if let text = locations.text(prefix.address) {
            common.say("  from: \(text)")
            for credit in locations.credits { common.say("  (\(credit))") }
        }
        try finish(last)
    }
}

extension Why {
    /// A row of the history: a decision in our words, or a log line, escaped.
    private static func words(_ row: Record) -> String {
        let text = row["text"] ?? ""
        if row["kind"] != "line", var record = Record(line: text.utf8) {
            record.add("time", row["time"])
            if let decision = Decision(record) { return Events.words(decision) }
        }
        return Record.escaped(text.utf8, limit: 400)
    }
}

struct Events: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Decisions and what came of them.")
    @Flag(name: [.customShort("f"), .long], help: "Go on with those to come.")
    var follow = false
    @Option(name: [.customShort("l"), .long], help: "How many of the past.")
    var limit = 20
    @Flag(help: "One JSON object a line.")
    var jsonl = false
    @OptionGroup var common: CommonOptions

    func run() throws {
        guard !(follow && common.json) else {
            throw Failure(ExitStatus.usage, "events: a document with --follow would never end; use --jsonl")
        }
        let client = try common.connect()
        var listing = JSONListing("events", "events")
        try client.ask(.events(follow: follow, limit: max(0, limit))) { record in
            guard let decision = Decision(record), !common.quiet else { return }
            if common.json { return listing.add(Events.json(decision)) }
            common.say(jsonl ? Events.json(decision).description : Events.line(decision))
        }
        if common.json, !common.quiet { listing.end() }
    }

    static func json(_ decision: Decision) -> JSON {
        .object([
            ("t", .string(decision.time.rfc3339Microseconds)), ("kind", .string(decision.kind.rawValue)),
            ("net", JSON(decision.prefix?.description)), ("why", .string(decision.why)),
            ("latency_us", decision.latency.map { .integer($0.microseconds) } ?? .null),
            ("outcome", .string(decision.outcome.rawValue)), ("told", decision.told.map { .bool($0) } ?? .null),
            ("observed", .bool(decision.isObserved)), ("pid", JSON(decision.pid.map { Int($0) })),
            ("port", JSON(decision.port.map { Int($0) })),
            ("timeout_s", decision.timeout.map { .integer($0.nanoseconds / 1_000_000_000) } ?? .null),
            ("detail", JSON(decision.detail)),
        ])
    }

    /// `22:41:07.113 ban 192.0.2.7 1h rbl zen.example`
    static func line(_ decision: Decision) -> String {
        let millisecond = padded(Int(decision.time.nanoseconds - decision.time.seconds * 1_000_000_000) / 1_000_000, 3)
        return "\(LocalTime.clock(decision.time)).\(millisecond) \(words(decision))"
    }

    static func words(_ decision: Decision) -> String {
        var text = decision.isObserved ? "would \(decision.kind.rawValue)" : decision.kind.rawValue
        if let prefix = decision.prefix { text += " \(prefix.shortDescription)" }
        if let port = decision.port { text += ":\(port)" }
        if let timeout = decision.timeout { text += " \(timeout.span)" }
        if let pid = decision.pid { text += " pid \(pid)" }
        text += " " + Record.escaped(decision.why.utf8, limit: 120)
        if !decision.isObserved, decision.kind == .shed || decision.outcome != .done {
            text += " " + decision.outcome.rawValue
        }
        if let latency = decision.latency { text += " in \(StatusAnswer.milliseconds(Int(latency.microseconds)))" }
        if decision.told == false { text += ", not told" }
        if let detail = decision.detail { text += " (\(Record.escaped(detail.utf8, limit: 120)))" }
        return text
    }
}
