import ArgumentParser
import Configuration
import ControlProtocol
import Events
import Glibc
import Pictures
import Posix
import Reports

/// `report`: what happened, as tables.
struct ReportVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "What happened: classes, lists, networks, rhythm, retries.",
        discussion: """
            Without --log it tells what the daemon and `import --log` have counted, by whole hours: the last 7 days, or the \
            span that is asked for. With it, logs of any mail server are read, rotated and packed ones too, of one host or \
            of several; a line that stands in two of the files counts once. Without a span it is about all that they hold. \
            What lies before the span is compared with.
            D is a date (2011-02-24), today or yesterday; T is a date, a time (2011-02-24T17:00) or a span back from now (7d).
            """)
    @Option(
        name: .customLong("log"), parsing: .upToNextOption,
        help: ArgumentHelp(
            "Log files, - for standard input.", valueName: "file"))
    var logs: [String] = []
    @Option(help: ArgumentHelp("One day.", valueName: "D"))
    var day: String?
    @Option(help: ArgumentHelp("The seven days that end with this one.", valueName: "D"))
    var week: String?
    @Option(help: ArgumentHelp("Nothing before.", valueName: "T"))
    var since: String?
    @Option(help: ArgumentHelp("Nothing from then on.", valueName: "T"))
    var until: String?
    @Option(
        help: ArgumentHelp("Some sections only, by the keys that --json has, joined by commas.", valueName: "keys"))
    var only: String?
    @Option(help: ArgumentHelp("A wave that the daemon saw: last, list or a number of that.", valueName: "which"))
    var wave: String?
    @OptionGroup var asking: ListAsking
    @OptionGroup var files: ReportFiles
    @OptionGroup var common: CommonOptions

    func run() throws {
        if let wave {
            guard logs.isEmpty else {
                throw Failure(ExitStatus.usage, "--wave is of what the daemon saw, not of a log: leave --log out")
            }
            return try WaveReport.run(wave, files, common)
        }
        let keys = try sectionKeys
        let span = try ReportSpan(day: day, week: week, since: since, until: until, now: LocalTime.now)
        let settings = try readSettings(common)
        // Read into memory while the logs are.
        let opening = ReportBase.placeKeys.isDisjoint(with: keys) ? nil : LocationsOpening(settings)
        var input = ReportInput(settings, span)
        var hours = span.hours
        var firstDay = Int.min
        var everything = "All that the logs hold"
        var isHistory = false
        if logs.isEmpty, let history = try HistoryInput(settings, common) {
            let read = try history.read(span, into: &input)
            (hours, firstDay) = read
            isHistory = true
            if let text = history.warning(of: read.hours, input.tally) { Terminal.warn(text) }
            everything = "The last \(HistoryInput.usualDays) days that were counted"
        } else {
            do { try input.read(logs.isEmpty ? LogInput.configured(settings) : logs) } catch let failure as Failure {
                // Lists can be asked on a host that has no log yet.
                guard asking.askLists, logs.isEmpty else { throw failure }
            }
        }
        guard !input.isEmpty || asking.askLists else {
            if let failure = input.failures.first { throw failure }
            throw Failure(
                ExitStatus.no,
                input.lines > input.unread
                    ? "nothing happened in that span"
                    : "not one line of a mail server's in what was read; --log names other logs, and breakwater parse FILE "
                        + "tells what it reads of one")
        }
        let base = ReportBase(input.tally, hours: hours, firstDay: firstDay)
        base.drops = input.drops
        let locations = opening?.take()
        if let databases = locations?.databases, !databases.isEmpty {
            base.origin = { databases.origin(of: $0) }
            base.ownerName = { databases.owner(of: $0) }
        }
        // What is wrong with the store costs its sections alone.
        if logs.isEmpty, keys.contains(where: ReportBase.watchedKeys.contains) {
            switch StoreInput(settings).watched(from: base.begin, to: base.end) {
            case .success(let watched): base.watched = watched
            case .failure(let failure): input.failures.append(failure)
            }
        }
        let asked = try asking.askLists ? asking.ask(base, settings) : nil
        base.listTests = asked?.tests
        var report = base.report(span.title ?? everything, only: keys)
        if input.isEmpty {
            report = Report(
                title: "No log", begin: LocalTime.now, end: LocalTime.now,
                sections: report.sections.filter { $0.key == "dnsbl_test" })
        }
        if report.sections.contains(where: { ReportBase.placeKeys.contains($0.key) }) {
            report.credits = Set((locations?.credits ?? []) + base.storedCredits).sorted()
        }
        let read: [(String, Int)] =
            isHistory ? [] : [("lines", input.lines), ("unread", input.unread), ("repeated", input.repeated)]
        if !files.isEmpty {
            for name in try files.write(report) { common.say(name) }
        } else if common.json {
            common.say(ReportJSON.document(report, keys, read).description)
        } else if !common.quiet {
            Terminal.write(ReportText(style: common.style).text(of: report, read), to: 1)
        }
        if let failure = input.failures.first { throw failure }
        if let asked {
            guard asked.hasAnswer else {
                throw Failure(
                    ExitStatus.no,
                    "no name server answered: nothing is known of any list; --resolver names another server")
            }
            if asked.tests.states.contains(where: \.isDangerous) { throw Failure(ExitStatus.no, "") }
        }
    }

    private var sectionKeys: [String] {
        get throws {
            guard let only else { return ReportBase.keys }
            var keys = only.split(separator: ",").map(String.init)
            for key in keys where !ReportBase.keys.contains(key) {
                throw Failure(
                    ExitStatus.usage,
                    "--only \(shown(key)): no such section"
                        + (nearest(key, among: ReportBase.keys).map { "; did you mean \($0)?" }
                            ?? "; expected some of \(ReportBase.keys.joined(separator: ","))"))
            }
            guard !keys.isEmpty else { throw Failure(ExitStatus.usage, "--only: no section is named") }
            guard asking.askLists || !keys.contains("dnsbl_test") else {
                throw Failure(ExitStatus.usage, "--only dnsbl_test wants --ask-lists: it asks by DNS")
            }
            if asking.askLists, !keys.contains("dnsbl_test") { keys.append("dnsbl_test") }
            return keys
        }
    }
}
