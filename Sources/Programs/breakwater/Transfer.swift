import Addresses
import ArgumentParser
import ControlProtocol
import Dialects
import Events
import Glibc
import LogIntake
import Posix

/// `export` and `import`: bans out and in again.
struct Export: ParsableCommand {
    enum Form: String, CaseIterable, ExpressibleByArgument { case nft, dnsbl, jsonl, tsv }
    static let configuration = CommandConfiguration(
        abstract: "The bans for other programs.",
        discussion: """
            nft: a script for `nft -f` that adds the elements. dnsbl: rbldnsd's ip4set/ip6trie form.
            jsonl: one JSON object a line. tsv: what `import` reads back.
            """)
    @Argument(help: "nft, dnsbl, jsonl or tsv")
    var form: Form
    @OptionGroup var common: CommonOptions

    func run() throws {
        let now = LocalTime.now
        let lines = try BanRow.all(common).map { line($0, now) }
        if common.json {
            common.say(
                JSON.document(
                    "export", [("form", .string(form.rawValue)), ("lines", .array(lines.map { .string($0) }))]
                ).description)
        } else {
            for line in lines { common.say(line) }
        }
    }

    private func line(_ row: BanRow, _ now: Instant) -> String {
        let left = row.left(now)
        switch form {
        case .nft:
            let set = (row.prefix.isHost ? "banned" : "banned_nets") + (row.prefix.isIPv4 ? "4" : "6")
            let timeout = left == .forever ? "" : " timeout \(max(1, left.nanoseconds / 1_000_000_000))s"
            return "add element inet breakwater \(set) { \(row.prefix.shortDescription)\(timeout) }"
        case .dnsbl: return row.prefix.shortDescription
        case .jsonl: return row.json(now).description
        case .tsv: return ImportLine(row.prefix, span: left, why: row.why).text
        }
    }
}

struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ban what a file lists.",
        discussion: """
            A line each: a network, and after a tab or blank a span (90s 10m 1h 7d forever) and a reason, as `export tsv`
            writes them, or an object as `export jsonl` does. `#` begins a comment. - reads standard input. Open
            connections are left alone.
            """)
    @Argument(help: "A file, or -")
    var file: String
    @Option(name: .customLong("for"), help: ArgumentHelp("Span for lines that name none.", valueName: "duration"))
    var span: String?
    @Flag(help: "Do not ask, however wide a network.")
    var yes = false
    @OptionGroup var change: ChangeOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        let fallback = try readSpan(span)
        let text = try readText(file)
        let client = try common.connect()
        var (imported, skipped, bad) = (0, 0, 0)
        for (number, line) in ImportLine.lines(text).enumerated() {
            do {
                guard let wanted = try ImportLine(line) else { continue }
                if isWide(wanted.prefix), !yes {
                    throw Failure(ExitStatus.usage, "\(wanted.prefix) is wide: needs --yes")
                }
                try client.ask(
                    .ban(
                        wanted.prefix, for: wanted.span ?? fallback,
                        why: String((wanted.why ?? "imported").prefix(200)),
                        origin: .imported, shed: false, dryRun: change.dryRun, confirmed: yes))
                imported += 1
            } catch let error as PrefixError {
                bad += 1
                Terminal.warn("\(shown(file)):\(number + 1): \(error)")
            } catch let error as RequestError {
                bad += 1
                Terminal.warn("\(shown(file)):\(number + 1): \(error)")
            } catch let failure as Failure {
                // A line the daemon refuses (allowed, own) is skipped; a daemon that is gone ends it all.
                if failure.code == ExitStatus.unavailable || failure.code == ExitStatus.noPermission { throw failure }
                if failure.code == ExitStatus.no { skipped += 1 } else { bad += 1 }
                Terminal.warn("\(shown(file)):\(number + 1): \(failure.text)")
            }
        }
        let text2 =
            "\(change.dryRun ? "would import" : "imported") \(imported), skipped \(skipped) (allowed), \(bad) bad line\(bad == 1 ? "" : "s")"
        if common.json {
            common.say(
                JSON.document("import", [("imported", JSON(imported)), ("skipped", JSON(skipped)), ("bad", JSON(bad))])
                    .description)
        } else {
            common.say(text2)
        }
        if imported == 0 { throw Failure(ExitStatus.no, "") }
    }
}

/// `flag`: a message that slipped through makes its source count.
struct FlagVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flag",
        abstract: "A message that slipped through: its source counts.",
        discussion: """
            Reads the headers of a message and takes the peer from the topmost Received line, the one the own server wrote.
            Lines below it were written by others and are not believed.
            """)
    @Argument(help: "A message file, or -")
    var file: String
    @OptionGroup var change: ChangeOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        let text = try readText(file)
        guard let peer = ReceivedHeader.peer(ofTopmost: Array(text.utf8)) else {
            throw Failure(
                ExitStatus.usage,
                "\(shown(file)): no address in its topmost Received line; is this a message as the server stored it?")
        }
        let last = try common.connect().ask(.flag(peer, dryRun: change.dryRun))
        if common.json {
            common.say(
                JSON.document("flag", [("peer", .string(peer.description)), ("text", JSON(last["text"]))]).description)
        } else if let text = last["text"] {
            common.say(text)
        }
        try finish(last)
    }
}

/// A file or standard input (`-`) as text, at most 64 MiB; what is no UTF-8 is replaced.
func readText(_ file: String) throws -> String {
    let path = file == "-" ? "/dev/stdin" : file
    do {
        return String(decoding: try contents(of: path, limit: 64 << 20), as: UTF8.self)
    } catch {
        throw Failure(ExitStatus.noInput, "\(shown(file)): \(errnoText(error.code))")
    }
}

/// Typed text as it may be shown again.
func shown(_ text: String) -> String { Record.escaped(text.utf8, limit: 80) }
