import Addresses
import ArgumentParser
import Configuration
import ControlProtocol
import Dialects
import Events
import LogIntake
import Posix
import SettingsFiles

/// `parse`: what each line of a log says, in our words; the answer to whether a log is understood.
struct Parse: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Each line of a log as the event it is: does it read my log?",
        discussion: """
            Line number, MTA, event, class, code, peer and zone of every line that is one; the rest is counted.
            Exit 1 when not a single line is read.
            """)
    @Option(help: ArgumentHelp("How the MTA writes: courier.", valueName: "kind"))
    var mta = "auto"
    @Flag(help: "One JSON object a line.")
    var jsonl = false
    @Argument(help: "A log file, or - for standard input; without one the log that is configured.")
    var file: String?
    @OptionGroup var common: CommonOptions

    func run() throws {
        guard mta == "auto" || mta == "courier" else {
            throw Failure(ExitStatus.usage, "--mta \(shown(mta)): this version reads courier")
        }
        let settings = try readSettings(common)
        let path = try file ?? logPath(settings)
        var dialect = Courier(rblTexts: settings.mta.rblTexts)
        let now = LocalTime.now
        var listing = JSONListing("parse", "events")
        var (lines, events) = (0, 0)
        var output = ""
        try eachLine(of: path) { bytes in
            lines += 1
            guard let header = LogLine(bytes), let event = dialect.read(header, in: bytes) else { return }
            events += 1
            guard !common.quiet else { return }
            if common.json { return listing.add(Parse.json(event, lines, header, bytes, now)) }
            output += jsonl ? Parse.json(event, lines, header, bytes, now).description : Parse.line(event, lines)
            output += "\n"
            if output.utf8.count > 65536 {
                Terminal.write(output, to: 1)
                output = ""
            }
        }
        Terminal.write(output, to: 1)
        if common.json, !common.quiet { listing.end([("lines", JSON(lines)), ("read", JSON(events))]) }
        if !jsonl, !common.json, !common.quiet {
            Terminal.warn("\(grouped(lines)) lines, \(grouped(events)) read, \(grouped(lines - events)) of no concern")
        }
        if events == 0 {
            throw Failure(
                ExitStatus.no,
                common.quiet
                    ? "" : "\(shown(path)): not one line of Courier's; is it the mail log? (Debian: /var/log/mail.log)")
        }
    }

    /// `3  courier rejection rbl 511 198.51.100.9:37809 zen.example`
    static func line(_ event: Event, _ number: Int) -> String {
        var words = ["\(number) ", "courier", event.kind.rawValue]
        if let rejectionClass = event.rejectionClass { words.append(rejectionClass.rawValue) }
        if let code = event.code { words.append("\(code)") }
        if let peer = event.peer {
            let port = event.port.map { ":\($0)" } ?? ""
            words.append(peer.isIPv4 || port.isEmpty ? "\(peer)\(port)" : "[\(peer)]\(port)")
        }
        if let zone = event.zone { words.append(Record.escaped(zone.utf8, limit: 80)) }
        if event.isAuthenticated { words.append("authenticated") }
        if event.isListFailure { words.append("list-failure") }
        if event.isContinuation { words.append("continued") }
        if let connections = event.connections { words.append("\(connections)\(event.isAtLimit ? " at-limit" : "")") }
        return words.joined(separator: " ")
    }

    static func json(_ event: Event, _ number: Int, _ header: LogLine, _ bytes: Span<UInt8>, _ now: Instant) -> JSON {
        let time = header.time(in: bytes, reference: now) { LocalTime.offsetSeconds(showing: $0) }
        return JSON.object([
            ("line", JSON(number)), ("time", JSON(time?.rfc3339Microseconds)),
            ("host", .string(text(bytes, header.host))), ("mta", .string("courier")),
            ("event", .string(event.kind.rawValue)),
            ("class", JSON(event.rejectionClass?.rawValue)), ("code", JSON(event.code.map { Int($0) })),
            ("peer", JSON(event.peer?.description)), ("port", JSON(event.port.map { Int($0) })),
            ("zone", JSON(event.zone)),
            ("pid", JSON(event.pid.map { Int($0) })), ("authenticated", .bool(event.isAuthenticated)),
            ("list_failure", .bool(event.isListFailure)), ("continued", .bool(event.isContinuation)),
            ("connections", JSON(event.connections)),
        ])
    }

    private static func text(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
        var copy: [UInt8] = []
        for index in range { copy.append(bytes[index]) }
        return String(decoding: copy, as: UTF8.self)
    }
}

/// Calls `body` with each line of a file or of standard input (`-`).
func eachLine(of path: String, _ body: (Span<UInt8>) -> Void) throws {
    do throws(SystemError) {
        try forEachLine(ofFileAt: path) { bytes, _ in body(bytes) }
    } catch {
        throw Failure(ExitStatus.noInput, "\(shown(path)): \(errnoText(error.code))")
    }
}
