import ArgumentParser
import Configuration
import ControlProtocol
import Events

/// `replay`: old logs through the same parser and policy as the daemon's, with the clock of the log.
struct Replay: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What if: old logs against the policy, nothing touched.",
        discussion: """
            Lines are judged by the dates they carry, of all files together; files packed by gzip, xz or zstd are unpacked.
            --set changes a setting for this run, and shows both: --set ban.first=1h --set 'ban.classes={rbl=1.0}'
            A key that comes again begins another column: --set ban.first=1h --set ban.first=1d
            """)
    @Argument(help: "Log files, - for standard input.")
    var files: [String] = []
    @Option(name: .customLong("set"), help: ArgumentHelp("A setting for this run.", valueName: "key=value"))
    var changes: [String] = []
    @Option(help: ArgumentHelp("Another configuration file to compare with.", valueName: "file"))
    var against: [String] = []
    @Option(
        help: ArgumentHelp(
            "How long a rejected connection holds its slot when nothing is done; by default as its mail server has it.",
            valueName: "duration"))
    var hold: String?
    @OptionGroup var common: CommonOptions

    func run() throws {
        let plan = try ReplayPlan(try readSettings(common), changes: changes, against: against)
        let names = try files.isEmpty ? LogInput.configured(plan.reading) : files
        let held = try readSpan(hold)
        guard held ?? .zero <= .days(1) else {
            throw Failure(ExitStatus.usage, "--hold \(shown(hold ?? "")): at most 1d")
        }
        var run = try ReplayRun(plan, hold: held)
        var logs = try MergedLogs(names)
        var progress = Progress(isWanted: !common.quiet)
        let inputs = logs.inputs
        logs.readAll { line, info, time in
            run.hear(line, isCut: info.isCut, at: time)
            progress.note(run.lines) { LogInput.share(of: inputs) }
        }
        progress.end()
        run.finish()
        guard run.lines > run.unread else {
            if let failure = logs.failures.first { throw failure }
            throw Failure(
                ExitStatus.no, "not one line of a mail server's in \(names.map(shown).joined(separator: ", "))")
        }
        if common.json { common.say(run.json.description) } else { for line in run.report { common.say(line) } }
        if let failure = logs.failures.first { throw failure }
    }
}
