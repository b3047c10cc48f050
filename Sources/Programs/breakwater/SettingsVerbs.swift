import ArgumentParser
import Configuration
import ControlProtocol
import Events
import Glibc
import MailServer
import Posix
import SettingsFiles

/// `check`, and how the verbs that need no daemon come by the configuration.
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Is the configuration right? Needs no daemon.",
        discussion: "conf.d/*.toml beside the file is read too. --verbose prints the settings that come of it.")
    @Argument(help: "The configuration file.")
    var file: String?
    @ArgumentParser.Flag(name: .shortAndLong, help: "Print the settings in force.")
    var verbose = false
    @OptionGroup var common: CommonOptions

    func run() throws {
        let path = file ?? common.config
        let reading = try readConfiguration(path)
        if common.json {
            common.say(
                JSON.document(
                    "check",
                    [
                        ("file", .string(path)),
                        ("complaints", .array(reading.complaints.map { .string($0.description) })),
                    ]
                ).description)
        } else if !common.quiet {
            for complaint in reading.complaints { Terminal.write(complaint.description + "\n", to: 2) }
        }
        guard reading.complaints.isEmpty else { throw Failure(ExitStatus.configuration, "") }
        if verbose { common.say(reading.settings.toml) }
        for note in reading.notes where verbose { common.say("# " + note) }
        if !common.json, !verbose { common.say(verdict(path)) }
    }
}

/// What there is to say of a configuration without a mistake; only the default file may be missing.
func verdict(_ path: String) -> String {
    access(path, F_OK) == 0 ? "\(shown(path)) is right" : "\(shown(path)) is missing: the defaults hold"
}

/// Reads a configuration for a verb.
func readConfiguration(_ path: String) throws -> SettingsReading {
    do throws(SystemError) { return try SettingsFiles.read(path) } catch {
        throw Failure(reading: path, error)
    }
}

/// The settings in force; complaints end the program.
func readSettings(_ common: CommonOptions) throws -> Settings {
    let reading = try readConfiguration(common.config)
    guard reading.complaints.isEmpty else {
        throw Failure(ExitStatus.configuration, reading.complaints.map(\.description).joined(separator: "\n"))
    }
    return reading.settings
}

/// The socket that the configuration names; the default when it cannot be read (as by the group that may only ask). A
/// mistake elsewhere in it hides no daemon that runs.
func configuredSocketPath(_ path: String) -> String {
    (try? SettingsFiles.read(path))?.settings.controlSocket ?? Settings().controlSocket
}
