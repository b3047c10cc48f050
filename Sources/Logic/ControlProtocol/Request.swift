import Addresses
import Events

/// What a client of the control socket asks for: one `Record` a line, answered in the order asked.
///
///     ban net=192.0.2.7/32 for=1h why="spam run"
///
/// The daemon answers each with `row` records and one last `done` or `error` (see `Reply`).
package enum Request: Equatable, Sendable {
    case ping
    case status
    case list
    case why(Prefix)
    case ban(Prefix, for: Duration?, why: String, origin: Ban.Origin, shed: Bool, dryRun: Bool, confirmed: Bool)
    case unban([Prefix], dryRun: Bool)
    case unbanAll(dryRun: Bool, confirmed: Bool)
    case allow(Prefix, for: Duration?, dryRun: Bool)
    case allowList
    case disallow(Prefix, dryRun: Bool)
    /// Decisions of the past, newest `limit`, and with `follow` those to come.
    case events(follow: Bool, limit: Int)
    case samples(since: Duration)
    /// The sources and networks that were rejected and dropped the most of late, so many of each.
    case worst(limit: Int)
    /// The newest waves, and one with its samples and marks; without a number the latest.
    case waves(limit: Int)
    case wave(Int?)
    case enforce(Bool, for: Duration?, dryRun: Bool)
    /// A message from this peer slipped through and was reported.
    case flag(IPAddress, dryRun: Bool)
    case reload
    /// Write what was counted for reports to the history now.
    case settle

    /// Whether it changes something, which only root may.
    package var changes: Bool {
        switch self {
        case .ping, .status, .list, .why, .allowList, .events, .samples, .settle, .worst, .waves, .wave: false
        case .ban, .unban, .unbanAll, .allow, .disallow, .enforce, .flag, .reload: true
        }
    }

    /// The longest request line, its newline included: a list of some 1,500 prefixes.
    package static let maxLength = 65536
}

/// What is wrong with a request, and the exit code it leads to (sysexits(3)).
package struct RequestError: Error, Equatable, CustomStringConvertible {
    package let code: Int
    package let description: String

    package init(code: Int = ExitStatus.usage, _ text: String) {
        self.code = code
        description = text
    }
}

/// The exit codes that scripts may rely on (INTERFACE; sysexits(3) but for 1).
package enum ExitStatus {
    package static let yes = 0
    package static let no = 1
    package static let usage = 64
    package static let noInput = 66
    package static let unavailable = 69
    package static let noPermission = 77
    package static let configuration = 78
}

extension Request {
    package init(_ record: Record) throws(RequestError) {
        func flag(_ key: String) -> Bool { record[key] == "yes" }
        func prefix(_ text: String) throws(RequestError) -> Prefix {
            do { return try Prefix(parsing: text) } catch { throw RequestError(error.description) }
        }
        func net() throws(RequestError) -> Prefix {
            guard let text = record["net"] else { throw RequestError("\(record.word): which address?") }
            return try prefix(text)
        }
        func span() throws(RequestError) -> Duration? {
            guard let text = record["for"] else { return nil }
            guard let span = Duration(span: text), span > .zero else {
                throw RequestError(
                    "\"\(Record.escaped(text.utf8, limit: 40))\" is no duration: expected 90s, 10m, 1h, 7d or forever")
            }
            return span
        }
        switch record.word {
        case "ping": self = .ping
        case "status": self = .status
        case "list": self = .list
        case "why": self = .why(try net())
        case "ban":
            self = .ban(
                try net(), for: try span(), why: String((record["why"] ?? "by hand").prefix(200)),
                origin: record["origin"] == Ban.Origin.imported.rawValue ? .imported : .manual,
                shed: !flag("no-shed"), dryRun: flag("dry-run"), confirmed: flag("yes"))
        case "unban":
            if flag("all") {
                self = .unbanAll(dryRun: flag("dry-run"), confirmed: flag("yes"))
            } else {
                var prefixes: [Prefix] = []
                for field in record.fields where field.key == "net" { prefixes.append(try prefix(field.value)) }
                guard !prefixes.isEmpty else { throw RequestError("unban: which address?") }
                self = .unban(prefixes, dryRun: flag("dry-run"))
            }
        case "allow": self = .allow(try net(), for: try span(), dryRun: flag("dry-run"))
        case "allow-list": self = .allowList
        case "disallow": self = .disallow(try net(), dryRun: flag("dry-run"))
        case "events":
            self = .events(follow: flag("follow"), limit: max(0, min(10_000, Int(record["limit"] ?? "") ?? 100)))
        case "samples":
            guard let since = Duration(span: record["since"] ?? "1h") else {
                throw RequestError("samples: since when?")
            }
            self = .samples(since: since)
        case "worst": self = .worst(limit: max(1, min(1000, Int(record["limit"] ?? "") ?? 20)))
        case "waves": self = .waves(limit: max(0, min(10_000, Int(record["limit"] ?? "") ?? 100)))
        case "wave":
            guard let text = record["number"] else {
                self = .wave(nil)
                break
            }
            guard let number = Int(text), number > 0 else { throw RequestError("wave: which number?") }
            self = .wave(number)
        case "enforce":
            guard let mode = record["mode"], mode == "on" || mode == "off" else {
                throw RequestError("enforce: on or off?")
            }
            self = .enforce(mode == "on", for: try span(), dryRun: flag("dry-run"))
        case "flag":
            guard let peer = record["peer"].flatMap({ IPAddress($0) }) else { throw RequestError("flag: which peer?") }
            self = .flag(peer, dryRun: flag("dry-run"))
        case "reload": self = .reload
        case "settle": self = .settle
        default: throw RequestError("unknown request \"\(Record.escaped(record.word.utf8, limit: 40))\"")
        }
    }

    /// The line that says this.
    package var record: Record {
        var record: Record
        func yes(_ key: String, _ value: Bool) { if value { record.add(key, "yes") } }
        switch self {
        case .ping: record = Record("ping")
        case .status: record = Record("status")
        case .list: record = Record("list")
        case .why(let prefix):
            record = Record("why")
            record.add("net", prefix)
        case .ban(let prefix, let span, let why, let origin, let shed, let dryRun, let confirmed):
            record = Record("ban")
            record.add("net", prefix)
            record.add("for", span?.exactSpan)
            record.add("why", why)
            if origin == .imported { record.add("origin", origin.rawValue) }
            yes("no-shed", !shed)
            yes("dry-run", dryRun)
            yes("yes", confirmed)
        case .unban(let prefixes, let dryRun):
            record = Record("unban", prefixes.map { ("net", $0.description) })
            yes("dry-run", dryRun)
        case .unbanAll(let dryRun, let confirmed):
            record = Record("unban", [("all", "yes")])
            yes("dry-run", dryRun)
            yes("yes", confirmed)
        case .allow(let prefix, let span, let dryRun):
            record = Record("allow")
            record.add("net", prefix)
            record.add("for", span?.exactSpan)
            yes("dry-run", dryRun)
        case .allowList: record = Record("allow-list")
        case .disallow(let prefix, let dryRun):
            record = Record("disallow")
            record.add("net", prefix)
            yes("dry-run", dryRun)
        case .events(let follow, let limit):
            record = Record("events")
            yes("follow", follow)
            record.add("limit", limit)
        case .samples(let since):
            record = Record("samples")
            record.add("since", since.exactSpan)
        case .worst(let limit):
            record = Record("worst")
            record.add("limit", limit)
        case .waves(let limit):
            record = Record("waves")
            record.add("limit", limit)
        case .wave(let number):
            record = Record("wave")
            record.add("number", number)
        case .enforce(let on, let span, let dryRun):
            record = Record("enforce", [("mode", on ? "on" : "off")])
            record.add("for", span?.exactSpan)
            yes("dry-run", dryRun)
        case .flag(let peer, let dryRun):
            record = Record("flag")
            record.add("peer", peer)
            yes("dry-run", dryRun)
        case .reload: record = Record("reload")
        case .settle: record = Record("settle")
        }
        return record
    }
}

extension Duration {
    /// A span that `init(span:)` reads back as it was: in its largest unit, as that takes nine digits at most.
    fileprivate var exactSpan: String {
        let ns = nanoseconds
        if ns == .max { return "forever" }
        for (size, unit) in [(Int64(86400), "d"), (3600, "h"), (60, "m"), (1, "s")]
        where ns % (size * 1_000_000_000) == 0 {
            return "\(ns / (size * 1_000_000_000))\(unit)"
        }
        return "\(ns / 1_000_000)ms"
    }
}
