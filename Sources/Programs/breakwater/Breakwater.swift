import ArgumentParser
import ControlProtocol
import Events
import Glibc
import Posix

/// The command line: one verb first, none means `status`.
@main
struct Breakwater: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "breakwater",
        abstract: "Look at and steer breakwaterd, which bans and sheds the connections of spam waves.",
        discussion: """
            No verb means `status`. `add` and `remove` are `ban` and `unban`.
            Exit codes: 0 yes/done, 1 no, 64 usage, 66 file not readable, 69 no daemon, 77 not permitted, 78 configuration. \
            See breakwater(8), breakwaterd(8), breakwater.toml(5).
            """,
        version: version,
        groupedSubcommands: [
            CommandGroup(
                name: "Look",
                subcommands: [
                    Status.self, List.self, Why.self, Events.self, Top.self, Sample.self,
                ]),
            CommandGroup(
                name: "Act",
                subcommands: [
                    BanVerb.self, Unban.self, Allow.self, Enforce.self, FlagVerb.self, Import.self, Export.self,
                ]),
            CommandGroup(
                name: "Without a daemon",
                subcommands: [
                    Doctor.self, Parse.self, Replay.self, ReportVerb.self, Check.self,
                ]),
            CommandGroup(name: "The daemon", subcommands: [Ping.self, Reload.self]),
        ])

    static let version = "0.1.0"

    static func main() {
        signal(SIGPIPE, SIG_IGN)
        do {
            let arguments = try Habits.translate(Array(CommandLine.arguments.dropFirst()))
            var command = try parseAsRoot(arguments)
            try command.run()
        } catch let failure as Failure {
            if !failure.text.isEmpty { Terminal.warn(failure.text) }
            Glibc.exit(Int32(failure.code))
        } catch let error as SystemError {
            Terminal.warn(error.description)
            Glibc.exit(74)
        } catch {
            exit(withError: error)
        }
    }
}

/// Options that every verb takes.
struct CommonOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The configuration file.", valueName: "file"))
    var config = environment("BREAKWATER_CONFIG") ?? "/etc/breakwater/breakwater.toml"

    @Option(help: ArgumentHelp("The daemon's control socket.", valueName: "path"))
    var socket: String?

    @Flag(help: "Answer as one JSON document.")
    var json = false

    @Flag(name: .shortAndLong, help: "No answer but the exit code.")
    var quiet = false

    @Option(help: "Colour: auto, always or never.")
    var color: Style.Choice = .auto

    var style: Style { Style(color) }

    /// The socket: the option, then BREAKWATER_SOCKET, then what the configuration says, then the default.
    var socketPath: String {
        if let path = socket ?? environment("BREAKWATER_SOCKET") { return path }
        return configuredSocketPath(config)
    }

    func connect() throws -> Client { try Client(socketPath) }

    /// Prints an answer unless `--quiet`.
    func say(_ text: String) { if !quiet { Terminal.print(text) } }
}

struct ChangeOptions: ParsableArguments {
    @Flag(name: [.customShort("n"), .long], help: "Say what would be done, and do nothing.")
    var dryRun = false
}

extension Style.Choice: ExpressibleByArgument {}

/// Ends the program with the code of a daemon's last record; 0 goes on.
func finish(_ last: Record) throws {
    let code = last.integer("code") ?? 0
    if code != 0 { throw Failure(code, "") }
}
