import ArgumentParser
import ConnectionSampler
import ControlProtocol
import Events
import Glibc
import Posix

struct Sample: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Connection counts over time: date, then the count.",
        discussion: "From the daemon's store; with --local counted here and now, without a daemon.")
    @Option(help: ArgumentHelp("With --local: one sample each.", valueName: "duration"))
    var every: String?
    @Option(help: ArgumentHelp("How far back.", valueName: "duration"))
    var since = "1h"
    @Flag(help: "Count connections to the configured ports here, without the daemon.")
    var local = false
    @Flag(help: "One JSON object a line.")
    var jsonl = false
    @OptionGroup var common: CommonOptions

    func run() throws {
        guard let span = try readSpan(since) else { return }
        if local || every != nil { return try runLocally() }
        try common.connect().ask(.samples(since: span)) { row in
            guard let time = row.instant("time"), let connections = row.integer("connections") else { return }
            if jsonl || common.json {
                common.say(
                    JSON.object([
                        ("t", .string(time.rfc3339)), ("connections", JSON(connections)), ("slots", JSON(row.integer("slots"))),
                        ("new", JSON(row.integer("new"))),
                    ]).description)
            } else {
                common.say("\(classicDate(time)) \(connections)")
            }
        }
    }
}
