import ArgumentParser
import Configuration
import Events
import Glibc
import Posix

/// `breakwaterd [--config FILE] [--observe]`: the daemon, in the foreground.
@main
struct Breakwaterd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "breakwaterd",
        abstract: "Follows the mail log, bans the sources that DNSBLs list, and frees the slots they hold.",
        discussion: """
            Runs in the foreground and logs to stderr. SIGTERM ends it, SIGHUP reads the configuration again.
            Bans stay in the kernel when it ends. See breakwaterd(8) and breakwater.toml(5).
            """,
        version: version)

    static let version = "0.1.0"

    @Option(help: ArgumentHelp("The configuration file; conf.d/*.toml beside it is read too.", valueName: "file"))
    var config = getenv("BREAKWATER_CONFIG").map { String(cString: $0) } ?? "/etc/breakwater/breakwater.toml"

    @Flag(help: "Only note what would be done, whatever the configuration and `breakwater enforce` say.")
    var observe = false

    @Flag(help: "Read the log from its beginning instead of from where reading ended.")
    var fromStart = false

    @Flag(name: .shortAndLong, help: "Log each line that is an event.")
    var verbose = false

    func run() throws {
        // A reader of stderr or of the control socket that goes away is no reason to end.
        signal(SIGPIPE, SIG_IGN)
        do {
            let agent = try Agent(
                AgentOptions(configPath: config, isObserving: observe, fromStart: fromStart, isVerbose: verbose))
            try agent.run()
        } catch let failure as StartFailure {
            end(failure)
        } catch let error as SystemError {
            // EX_OSERR: the kernel refused what every host allows.
            end(StartFailure(71, error.description))
        }
    }

    private func end(_ failure: StartFailure) -> Never {
        var text = "breakwaterd: " + failure.text + "\n"
        _ = text.withUTF8 { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
        Glibc.exit(failure.code)
    }
}

/// Why the daemon does not start: one sentence with the remedy, and a code of sysexits(3).
struct StartFailure: Error {
    let code: Int32
    let text: String

    init(_ code: Int32, _ text: String) {
        self.code = code
        self.text = text
    }
}

struct AgentOptions {
    var configPath: String
    var isObserving: Bool
    var fromStart: Bool
    var isVerbose: Bool
}
