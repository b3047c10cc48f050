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
            Reads logs of any mail server, rotated and packed ones too, of one host or of several; a line that stands in
            two of the files counts once. Without a span it is about everything that the logs hold; with one, what they
            hold before it is compared with.
            D is a date (2011-02-24), today or yesterday; T is a date, a time (2011-02-24T17:00) or a span back from now (7d).
            """)
    @Option(
        name: .customLong("log"), parsing: .upToNextOption,
        help: ArgumentHelp(
            "Log files, - for standard input; without any the log that is configured.", valueName: "file"))
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
    @Option(help: ArgumentHelp("One page that opens offline, to this file, - for standard output.", valueName: "file"))
    var html: String?
    @Option(help: ArgumentHelp("A wave that the daemon saw: last, list or a number of that.", valueName: "which"))
    var wave: String?
    @OptionGroup var common: CommonOptions

    func run() throws {
        if let wave { return try WaveReport.run(wave, common) }
        let keys = try sectionKeys
        let span = try ReportSpan(day: day, week: week, since: since, until: until, now: LocalTime.now)
        let settings = try readSettings(common)
        var input = ReportInput(settings, span)
        try input.read(logs.isEmpty ? LogInput.configured(settings) : logs)
        guard !input.tally.isEmpty else {
            if let failure = input.failures.first { throw failure }
            throw Failure(
                ExitStatus.no,
                input.lines > input.unread
                    ? "nothing happened in that span" : "not one line of a mail server's in what was read")
        }
        let base = ReportBase(input.tally, hours: span.hours)
        let locations = Locations(settings)
        if !locations.databases.isEmpty {
            base.origin = { locations.databases.origin(of: $0) }
            base.ownerName = { locations.databases.owner(of: $0) }
        }
        var report = base.report(span.title ?? "All that the logs hold", only: keys)
        if report.sections.contains(where: { ["countries", "country_days", "systems"].contains($0.key) }) {
            report.credits = locations.credits
        }
        let read: [(String, Int)] = [("lines", input.lines), ("unread", input.unread), ("repeated", input.repeated)]
        if let html {
            try write(Page.text(of: report, writer: "breakwater \(Breakwater.version)"), to: html)
        } else if common.json {
            common.say(ReportJSON.document(report, keys, read).description)
        } else if !common.quiet {
            Terminal.write(ReportText(style: common.style).text(of: report, read), to: 1)
        }
        if let failure = input.failures.first { throw failure }
    }

    /// Beside the file and then in its place, so that nobody opens half a page.
    private func write(_ page: String, to path: String) throws {
        if path == "-" { return Terminal.write(page, to: STDOUT_FILENO) }
        let beside = path + ".new"
        do throws(SystemError) {
            let file = try Descriptor.open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode: 0o644)
            Terminal.write(page, to: file.number)
        } catch { throw Failure(74, "\(shown(beside)): \(errnoText(error.code))") }
        guard rename(beside, path) == 0 else {
            throw Failure(74, "\(shown(path)): \(errnoText(errno))")
        }
    }

    private var sectionKeys: [String] {
        get throws {
            guard let only else { return ReportBase.keys }
            let keys = only.split(separator: ",").map(String.init)
            for key in keys where !ReportBase.keys.contains(key) {
                throw Failure(
                    ExitStatus.usage,
                    "--only \(shown(key)): no such section; expected some of \(ReportBase.keys.joined(separator: ","))")
            }
            guard !keys.isEmpty else { throw Failure(ExitStatus.usage, "--only: no section is named") }
            return keys
        }
    }
}
