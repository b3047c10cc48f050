import Addresses
import ArgumentParser
import ControlProtocol
import Events
import Posix

/// An address or network as typed; what is wrong with it is said before anything is asked of the daemon.
struct NetArgument: ExpressibleByArgument {
    let prefix: Prefix

    init(prefix: Prefix) { self.prefix = prefix }
    init?(argument: String) { return nil }

    static func read(_ text: String) throws -> Prefix {
        do throws(PrefixError) { return try Prefix(parsing: text) } catch {
            throw Failure(ExitStatus.usage, error.description)
        }
    }
}

func readSpan(_ text: String?) throws -> Duration? {
    guard let text else { return nil }
    guard let span = Duration(span: text), span > .zero else {
        throw Failure(
            ExitStatus.usage,
            "\"\(shown(text))\" is no duration: expected a number and a unit, as 90s, 10m, 1h, 7d, or forever")
    }
    return span
}

/// Wider than this and a ban has to be confirmed: /16, IPv6 /32.
func isWide(_ prefix: Prefix) -> Bool { prefix.length < (prefix.isIPv4 ? 16 : 32) }

struct BanVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ban", abstract: "Ban an address or network, and free its slots.")
    @Argument(help: ArgumentHelp("192.0.2.7, 192.0.2.0/24, 2001:db8::/48", valueName: "net"))
    var net: String
    @Option(name: .customLong("for"), help: ArgumentHelp("How long: 90s 10m 1h 7d forever.", valueName: "duration"))
    var span: String?
    @Option(help: ArgumentHelp("What for; shown by list and why.", valueName: "text"))
    var why: String?
    @Flag(help: "Leave its open connections alone.")
    var noShed = false
    @Flag(help: "Do not ask, however wide the network.")
    var yes = false
    @OptionGroup var change: ChangeOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        let prefix = try NetArgument.read(net)
        let duration = try readSpan(span)
        var confirmed = yes
        if isWide(prefix), !yes, !change.dryRun {
            switch Terminal.confirm("\(prefix) is a wide network. Ban it?") {
            case true?: confirmed = true
            case false?: throw Failure(ExitStatus.no, "nothing done")
            case nil: break
            }
        }
        let last = try common.connect().ask(
            .ban(
                prefix, for: duration, why: why.map { "by hand: \($0)" } ?? "by hand", origin: .manual, shed: !noShed,
                dryRun: change.dryRun, confirmed: confirmed))
        if common.json {
            common.say(
                JSON.document(
                    "ban",
                    [
                        ("net", .string(prefix.description)),
                        ("done", .bool(last.integer("code") == 0 && !change.dryRun)),
                        ("until", JSON(last.instant("until").flatMap { $0 == .distantFuture ? nil : $0.rfc3339 })),
                        ("slots_freed", JSON(last.integer("freed"))),
                        ("text", JSON(last["text"])),
                    ]
                ).description)
        } else if let text = last["text"] {
            common.say(text)
        }
        try finish(last)
    }
}

struct Unban: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lift bans.")
    @Argument(help: ArgumentHelp("The networks as `list` shows them.", valueName: "net"))
    var nets: [String] = []
    @Flag(help: "Every ban there is.")
    var all = false
    @Flag(help: "Do not ask.")
    var yes = false
    @Flag(help: "Exit 0 even when one was not banned.")
    var okMissing = false
    @OptionGroup var change: ChangeOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        let prefixes = try nets.map { try NetArgument.read($0) }
        guard all != !prefixes.isEmpty else {
            throw Failure(ExitStatus.usage, "unban: name networks, or --all for every ban")
        }
        let request: Request
        if all {
            var confirmed = yes
            if !yes, !change.dryRun {
                switch Terminal.confirm("Lift every ban?") {
                case true?: confirmed = true
                case false?: throw Failure(ExitStatus.no, "nothing done")
                case nil: break
                }
            }
            request = .unbanAll(dryRun: change.dryRun, confirmed: confirmed)
        } else {
            request = .unban(prefixes, dryRun: change.dryRun)
        }
        var rows: [Record] = []
        let last = try common.connect().ask(request) { rows.append($0) }
        if common.json {
            common.say(
                JSON.document(
                    "unban",
                    [
                        (
                            "nets",
                            .array(
                                rows.map {
                                    .object([
                                        ("net", JSON($0["net"])), ("was_banned", .bool($0["was"] == "yes")),
                                        ("left_s", JSON($0.integer("left_s"))),
                                    ])
                                })
                        ),
                        ("text", JSON(last["text"])),
                    ]
                ).description)
        } else {
            for row in rows { if let text = row["text"] { common.say(text) } }
            if let text = last["text"] { common.say(text) }
        }
        if !okMissing { try finish(last) }
    }
}

struct Allow: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Never ban nor shed a network; lifts its bans too.",
        usage: """
            breakwater allow NET [--for DURATION]
            breakwater allow --list
            breakwater allow --remove NET
            """)
    @Argument(help: ArgumentHelp("The network to allow.", valueName: "net"))
    var net: String?
    @Option(name: .customLong("for"), help: ArgumentHelp("How long; for good without it.", valueName: "duration"))
    var span: String?
    @Flag(help: "Show what is allowed.")
    var list = false
    @Option(help: ArgumentHelp("Take an entry out again.", valueName: "net"))
    var remove: String?
    @OptionGroup var change: ChangeOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        let wanted = [net != nil, list, remove != nil].filter { $0 }.count
        guard wanted == 1 else {
            throw Failure(ExitStatus.usage, "allow: one of NET, --list, --remove NET")
        }
        let request: Request
        if list {
            request = .allowList
        } else if let remove {
            request = .disallow(try NetArgument.read(remove), dryRun: change.dryRun)
        } else {
            request = .allow(try NetArgument.read(net ?? ""), for: try readSpan(span), dryRun: change.dryRun)
        }
        var rows: [Record] = []
        let last = try common.connect().ask(request) { rows.append($0) }
        let now = LocalTime.now
        if common.json {
            let entries = rows.map { row in
                JSON.object([
                    ("net", JSON(row["net"])), ("kind", JSON(row["kind"])),
                    ("until", JSON(row.instant("until").map(\.rfc3339))),
                ])
            }
            common.say(
                JSON.document("allow", [("allowed", .array(entries)), ("text", JSON(last["text"]))]).description)
        } else {
            if list {
                let cells = rows.map { row in
                    [
                        row["net"] ?? "", row["kind"] ?? "",
                        row.instant("until").map { "until \(LocalTime.clock($0, now: now))" } ?? "",
                    ]
                }
                for line in table([["NET", "BY", "UNTIL"]] + cells) { common.say(line) }
            }
            if let text = last["text"] { common.say(text) }
        }
        try finish(last)
    }
}

struct Enforce: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enforce", abstract: "Act on what is judged (on), or only note it (off).")
    @Argument(help: "on or off")
    var mode: String
    @Option(name: .customLong("for"), help: ArgumentHelp("Falls back by itself after this.", valueName: "duration"))
    var span: String?
    @OptionGroup var change: ChangeOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        guard mode == "on" || mode == "off" else { throw Failure(ExitStatus.usage, "enforce: on or off?") }
        let last = try common.connect().ask(.enforce(mode == "on", for: try readSpan(span), dryRun: change.dryRun))
        if common.json {
            common.say(JSON.document("enforce", [("mode", .string(mode)), ("text", JSON(last["text"]))]).description)
        } else if let text = last["text"] {
            common.say(text)
        }
        try finish(last)
    }
}

struct Ping: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Does the daemon answer?")
    @OptionGroup var common: CommonOptions

    func run() throws {
        try common.connect().ask(.ping)
        common.say(common.json ? JSON.document("ping", [("pong", .bool(true))]).description : "pong")
    }
}

struct Reload: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Read the configuration again.")
    @OptionGroup var common: CommonOptions

    func run() throws {
        let last = try common.connect().ask(.reload)
        common.say(
            common.json
                ? JSON.document("reload", [("text", JSON(last["text"]))]).description : last["text"] ?? "reloaded")
    }
}
