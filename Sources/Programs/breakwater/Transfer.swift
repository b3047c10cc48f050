import Addresses
import ArgumentParser
import BanLists
import ControlProtocol
import Dialects
import Events
import Glibc
import LogIntake
import Posix
import SettingsFiles
import Store

/// `export` and `import`: bans out and in again.
struct Export: ParsableCommand {
    enum Form: String, CaseIterable, ExpressibleByArgument { case nft, dnsbl, plain, jsonl, tsv, prometheus }
    static let configuration = CommandConfiguration(
        abstract: "The bans, or the figures, for other programs.",
        discussion: """
            nft: a script for `nft -f` that adds the elements. dnsbl: a zone file for rbldnsd, of its type combined, good \
            for a day. plain: a network a line. jsonl: one JSON object a line. tsv: what `import` reads back. prometheus: no bans, but the \
            daemon's figures, for node_exporter's textfile collector.
            With --history jsonl and tsv are what was counted for reports instead, a day of a host on each line.
            """)
    @Argument(help: "nft, dnsbl, plain, jsonl, tsv or prometheus")
    var form: Form
    @Flag(help: "What was counted for reports, in place of the bans: tsv and jsonl.")
    var history = false
    @OptionGroup var common: CommonOptions

    func run() throws {
        if history {
            guard form == .tsv || form == .jsonl else {
                throw Failure(ExitStatus.usage, "export \(form.rawValue) --history: expected tsv or jsonl")
            }
            return try HistoryExport(isJSON: form == .jsonl, common: common).run()
        }
        let lines = try lines(at: LocalTime.now)
        if common.json {
            common.say(
                JSON.document(
                    "export", [("form", .string(form.rawValue)), ("lines", .array(lines.map { .string($0) }))]
                ).description)
        } else {
            for line in lines { common.say(line) }
        }
    }

    private func lines(at now: Instant) throws -> [String] {
        switch form {
        case .nft: try BanRow.all(common).map { Export.element($0, now) }
        case .dnsbl: DNSBLZone.lines(try BanRow.all(common).map(\.prefix), at: now)
        case .plain: try BanRow.all(common).map(\.prefix.shortDescription)
        case .jsonl: try BanRow.all(common).map { $0.json(now).description }
        case .tsv: try BanRow.all(common).map { BanListLine($0.prefix, span: $0.left(now), why: $0.why).text }
        case .prometheus: try figures()
        }
    }

    private static func element(_ row: BanRow, _ now: Instant) -> String {
        let left = row.left(now)
        let set = (row.prefix.isHost ? "banned" : "banned_nets") + (row.prefix.isIPv4 ? "4" : "6")
        let timeout = left == .forever ? "" : " timeout \(max(1, left.nanoseconds / 1_000_000_000))s"
        return "add element inet breakwater \(set) { \(row.prefix.shortDescription)\(timeout) }"
    }

    private func figures() throws -> [String] {
        var status = Record("row")
        try common.connect().ask(.status) { status = $0 }
        return Exposition(status).text.split(separator: "\n").map(String.init)
    }
}

struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ban what a file lists.",
        discussion: """
            A line each: a network, and after a tab or blank a span (90s 10m 1h 7d forever) and a reason, as `export tsv` \
            writes them, or an object as `export jsonl` does. Lists that others publish are read as they are: a network a \
            line, Spamhaus DROP as text and as JSON. `#` and `;` begin a comment. - reads standard input. Open connections \
            are left alone.

            Local, private and reserved networks are bad lines. A list is known again by its file's name: one that names \
            less than half of the networks it has in force is refused, as it may have been cut off.
            """)
    @Argument(help: "A file, or -; with --log any number of logs.")
    var files: [String]
    @Flag(help: "Count old mail logs for reports, and ban nobody; what was counted before is left out.")
    var log = false
    @Flag(help: "Put back what `export --history` wrote, and ban nobody; what is there already is left alone.")
    var history = false
    @Option(name: .customLong("for"), help: ArgumentHelp("Span for lines that name none.", valueName: "duration"))
    var span: String?
    @Flag(
        help: "Do not ask, however wide a network, and take a list that shrank; with --history, replace other counts.")
    var yes = false
    @OptionGroup var change: ChangeOptions
    @OptionGroup var common: CommonOptions

    /// Requests on their way before an answer is waited for.
    private static let window = 64
    private static let mostTold = 20

    /// The list.
    private var file: String { files.first ?? "-" }

    func run() throws {
        guard !log || !history else { throw Failure(ExitStatus.usage, "import: --log or --history, not both") }
        if log { return try countLogs() }
        if history {
            guard span == nil else { throw Failure(ExitStatus.usage, "import --history bans nobody: no --for") }
            return try HistoryImport(files: files, replaces: yes, isDryRun: change.dryRun, common: common).run()
        }
        guard files.count == 1 else {
            throw Failure(ExitStatus.usage, "import: one list at a time; --log takes any number of mail logs")
        }
        let fallback = try readSpan(span)
        let list = try readList()
        let client = try common.connect()
        try client.ask(.status) { row in
            guard row["mode"] == "observing" else { return }
            throw Failure(
                ExitStatus.no,
                "\(shown(file)) is not imported: breakwater only observes now. To act: breakwater enforce on --for 1h")
        }
        if !yes { try refuseShrunk(list.lines.count { $0.line.why == nil }, client) }
        var (imported, skipped, bad) = (0, 0, list.bad)
        // What the daemon answers to one line stands between its answers to the others.
        var waiting: [Int] = []
        func hear(_ number: Int) throws {
            do {
                try client.answer()
                imported += 1
            } catch let failure as Failure {
                // A line the daemon refuses (allowed, own) is skipped; a daemon that is gone ends it all.
                if failure.code == ExitStatus.unavailable || failure.code == ExitStatus.noPermission { throw failure }
                if failure.code == ExitStatus.no { skipped += 1 } else { bad += 1 }
                Terminal.warn("\(shown(file)):\(number): \(failure.text)")
            }
        }
        for (number, line) in list.lines {
            if isWide(line.prefix), !yes {
                bad += 1
                Terminal.warn("\(shown(file)):\(number): \(line.prefix) is wide: needs --yes")
                continue
            }
            try client.send(
                .ban(
                    line.prefix, for: line.span ?? fallback, why: why(line), origin: .imported, shed: false,
                    dryRun: change.dryRun, confirmed: yes))
            waiting.append(number)
            if waiting.count == Import.window { try hear(waiting.removeFirst()) }
        }
        for number in waiting { try hear(number) }
        if common.json {
            common.say(
                JSON.document("import", [("imported", JSON(imported)), ("skipped", JSON(skipped)), ("bad", JSON(bad))])
                    .description)
        } else {
            common.say(
                "\(change.dryRun ? "would import" : "imported") \(imported), skipped \(skipped) (allowed), "
                    + "\(bad) bad line\(bad == 1 ? "" : "s")")
        }
        if imported == 0 { throw Failure(ExitStatus.no, "") }
    }

    private func countLogs() throws {
        guard span == nil, !yes else { throw Failure(ExitStatus.usage, "import --log bans nobody: no --for, no --yes") }
        let settings = try readSettings(common)
        let locations = Locations(settings).databases
        let history = try StateOwner.openHistory(StateDirectory(settings.stateDirectory), forWriting: !change.dryRun)
        var counting = LogImport(history, locations)
        var failure: Failure?
        for name in files {
            var reader = LogReader(settings.mta.kinds, settings.mta.siteWords)
            do { try counting.read(name, with: &reader, isDryRun: change.dryRun) } catch let error as Failure {
                failure = failure ?? error
            }
        }
        if !change.dryRun { try counting.finish() }
        if common.json {
            common.say(
                JSON.document(
                    "import",
                    [
                        ("events", JSON(counting.counted)), ("known", JSON(counting.known)),
                        ("too_old", JSON(counting.tooOld)),
                    ]
                )
                .description)
        } else {
            common.say(
                "\(change.dryRun ? "would count" : "counted") \(grouped(counting.counted)) events, "
                    + "\(grouped(counting.known)) were counted before"
                    + (counting.tooOld > 0
                        ? "; \(grouped(counting.tooOld)) are older than the \(History.kept) days that are kept: report --log"
                        : ""))
        }
        if let failure { throw failure }
        if counting.counted + counting.known + counting.tooOld == 0 { throw Failure(ExitStatus.no, "") }
    }

    /// The lines that name a network, by their numbers, and how many are bad; the first of those are told.
    private func readList() throws -> (lines: [(number: Int, line: BanListLine)], bad: Int) {
        var lines: [(number: Int, line: BanListLine)] = []
        var bad = 0
        let whole = try readText(file)
        if HistoryImport.isHistory(whole) {
            throw Failure(ExitStatus.usage, "\(shown(file)) is a history, no list of networks: import --history")
        }
        let texts = BanListLine.lines(whole)
        if isLog(texts) {
            throw Failure(ExitStatus.usage, "\(shown(file)) is a mail log, no list of networks: import --log")
        }
        for (index, text) in texts.enumerated() {
            do throws(BanListError) {
                if let line = try BanListLine(text) { lines.append((index + 1, line)) }
            } catch {
                bad += 1
                if bad <= Import.mostTold { Terminal.warn("\(shown(file)):\(index + 1): \(error)") }
            }
        }
        return (lines, bad)
    }

    /// Whether a mail server's line comes before any network.
    private func isLog(_ lines: [Substring]) -> Bool {
        var reader = LogReader()
        var event = Event()
        for line in lines.prefix(1000) {
            if (try? BanListLine(line)) != nil { return false }
            let bytes = Array(line.utf8)
            if reader.read(bytes.span, into: &event) { return true }
        }
        return false
    }

    /// A line's own reason, else the list's name and what it says of the line.
    private func why(_ line: BanListLine) -> String {
        line.why ?? (listName + (line.comment.map { " " + $0 } ?? "")).limited
    }

    /// `list:drop.txt`; standard input is no list that could be known again.
    private var listName: String {
        file == "-" ? "imported" : "list:" + (file.split(separator: "/").last.map(String.init) ?? file)
    }

    private func refuseShrunk(_ count: Int, _ client: Client) throws {
        guard file != "-" else { return }
        let name = listName
        var known = 0
        try client.ask(.list) { row in
            if let why = row["why"], why == name || why.hasPrefix(name + " ") { known += 1 }
        }
        guard known > 2 * count else { return }
        throw Failure(
            ExitStatus.no,
            "\(shown(file)) names \(grouped(count)) networks, and \(grouped(known)) of it are banned: is it whole? "
                + "If so: --yes")
    }
}

extension String {
    fileprivate var limited: String { String(prefix(200)) }
}

/// `flag`: a message that slipped through makes its source count.
struct FlagVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flag",
        abstract: "A message that slipped through: its source counts.",
        discussion: """
            Reads the headers of a message, from the topmost Received line down: as long as a line's peer is the site's own \
            (allowed, loopback, or of a private network) the next line is the site's, too. The first other peer is the \
            source. Lines below were written by others and are not believed.
            """)
    @Argument(help: "A message file, or -")
    var file: String
    @OptionGroup var change: ChangeOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        let trace = ReceivedTrace(try readBytes(file))
        let client = try common.connect()
        var own: [Prefix] = []
        try client.ask(.allowList) { row in
            if let prefix = row["net"].flatMap({ try? Prefix(parsing: $0) }) { own.append(prefix) }
        }
        let hop = trace.source { address in
            SpecialNetworks.isLocal(address) || own.contains { $0.contains(address) }
        }
        guard let hop else {
            throw Failure(
                ExitStatus.usage,
                trace.hops.isEmpty
                    ? "\(shown(file)): no Received line; is this a message as the server stored it?"
                    : "\(shown(file)): its Received lines name only the site's own hosts")
        }
        guard case .address(let peer) = hop.peer else {
            throw Failure(
                ExitStatus.usage,
                "\(shown(file)): its Received line has several addresses, and the sender chose all but one; "
                    + "look which it is, then: breakwater ban ADDRESS")
        }
        let last = try client.ask(.flag(peer, dryRun: change.dryRun))
        let relay = Record.escaped(hop.date.utf8, limit: 40)
        if common.json {
            common.say(
                JSON.document(
                    "flag",
                    [
                        ("peer", .string(peer.description)), ("relayed", hop.date.isEmpty ? .null : .string(relay)),
                        ("text", JSON(last["text"])),
                    ]
                ).description)
        } else if let text = last["text"] {
            common.say(relay.isEmpty ? text : "\(text) (relay of \(relay))")
        }
        try finish(last)
    }
}

/// A file or standard input (`-`) as text, at most 64 MiB; what is no UTF-8 is replaced.
func readText(_ file: String) throws -> String { String(decoding: try readBytes(file), as: UTF8.self) }

func readBytes(_ file: String) throws -> [UInt8] {
    let path = file == "-" ? "/dev/stdin" : file
    do { return try contents(of: path, limit: 64 << 20) } catch {
        throw Failure(reading: file, error)
    }
}

/// Typed text as it may be shown again.
func shown(_ text: String) -> String { Record.escaped(text.utf8, limit: 80) }
