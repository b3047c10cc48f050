import Events
import Glibc
import Posix

/// `breakwaterd [--config FILE] [--observe]`: the daemon, in the foreground.
@main
struct Breakwaterd {
    static let version = "0.1.0"

    static func main() {
        // A reader of stderr or of the control socket that goes away is no reason to end.
        signal(SIGPIPE, SIG_IGN)
        Heap.giveBackLargeBlocks()
        do {
            let agent = try Agent(try AgentOptions(CommandLine.arguments.dropFirst()))
            try agent.run()
        } catch let failure as StartFailure {
            end(failure)
        } catch {
            // EX_OSERR: the kernel refused what every host allows.
            end(StartFailure(71, "\(error)"))
        }
    }

    private static func end(_ failure: StartFailure) -> Never {
        say("breakwaterd: " + failure.text + "\n", on: STDERR_FILENO)
        Glibc.exit(failure.code)
    }

    fileprivate static func say(_ text: String, on descriptor: Int32) {
        var text = text
        _ = text.withUTF8 { Glibc.write(descriptor, $0.baseAddress, $0.count) }
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

/// The options. They are read by hand: the argument parser that the CLI uses brings FoundationEssentials, which doubles
/// the daemon's program and costs it 2 MB of memory for as long as it lives (docs/decisions/memory.md).
struct AgentOptions {
    var configPath = getenv("BREAKWATER_CONFIG").map { String(cString: $0) } ?? "/etc/breakwater/breakwater.toml"
    var isObserving = false
    var fromStart = false
    var isVerbose = false

    /// Reads what stands behind the program's name. `--help` and `--version` are answered here and end the program.
    init(_ words: some Sequence<String>) throws(StartFailure) {
        var words = words.makeIterator()
        while let word = words.next() {
            let (name, given) = AgentOptions.parts(of: word)
            switch (name, given) {
            case ("--config", _):
                guard let path = given ?? words.next(), !path.isEmpty else {
                    throw StartFailure(64, "--config: which file?\n" + AgentOptions.usage)
                }
                configPath = path
            case ("--observe", nil): isObserving = true
            case ("--from-start", nil): fromStart = true
            case ("--verbose", nil), ("-v", nil): isVerbose = true
            case ("--version", nil): AgentOptions.answer(Breakwaterd.version + "\n")
            case ("--help", nil), ("-h", nil): AgentOptions.answer(AgentOptions.help)
            default:
                let what = word.hasPrefix("-") ? "no such option" : "takes no arguments but options"
                throw StartFailure(64, "\(Record.escaped(word.utf8, limit: 60)): \(what)\n" + AgentOptions.usage)
            }
        }
    }

    /// `--name=value` in its two parts.
    private static func parts(of word: String) -> (name: String, value: String?) {
        guard word.hasPrefix("--"), let sign = word.firstIndex(of: "=") else { return (word, nil) }
        return (String(word[..<sign]), String(word[word.index(after: sign)...]))
    }

    private static func answer(_ text: String) -> Never {
        Breakwaterd.say(text, on: STDOUT_FILENO)
        Glibc.exit(0)
    }

    private static let usage = """
        Usage: breakwaterd [--config FILE] [--observe] [--from-start] [--verbose]
        See breakwaterd --help.
        """

    private static let help = """
        Follows the mail log, bans the sources that DNSBLs list, and frees the slots
        they hold. Runs in the foreground and logs to stderr. SIGTERM ends it, SIGHUP
        reads the configuration again. Bans stay in the kernel when it ends.

        Usage: breakwaterd [--config FILE] [--observe] [--from-start] [--verbose]

          --config FILE   The configuration file; conf.d/*.toml beside it is read, too.
                          (default: BREAKWATER_CONFIG, else
                          /etc/breakwater/breakwater.toml)
          --observe       Only note what would be done, whatever the configuration and
                          `breakwater enforce` say.
          --from-start    Read the log from its beginning instead of from where reading
                          ended.
          -v, --verbose   Log each line that is an event.
          --version       Show the version.
          -h, --help      Show this.

        See breakwaterd(8) and breakwater.toml(5).

        """
}
