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
            Line number, MTA, event, class, code, peer and zone of every line that is one; the rest is counted. \
            Exit 1 when not a single line is read.
            """)
    @Option(help: ArgumentHelp("How the MTA writes: auto, courier, postfix, exim ...", valueName: "kind"))
    var mta: String?
    @Flag(help: "One JSON object a line.")
    var jsonl = false
    @Flag(help: "Only how many there are of each event.")
    var count = false
    @Argument(help: "A log file, or - for standard input; without one the log that is configured.")
    var file: String?
    @OptionGroup var common: CommonOptions

    func run() throws {
        var settings = try readSettings(common)
        do throws(Complaint) {
            if let mta { try settings.set("mta.kind", "\"\(mta)\"") }
        } catch { throw Failure(ExitStatus.usage, "--mta \(shown(mta ?? "")): \(error.text)") }
        let names = try file.map { [$0] } ?? LogInput.configured(settings)
        var reader = LogReader(settings.mta.kinds, settings.mta.siteWords)
        var listing = JSONListing("parse", "events")
        var counts = EventCounts()
        let shape: Shape = common.quiet || count ? .counts : common.json ? .document : jsonl ? .objects : .lines
        var (lines, events) = (0, 0)
        var output = ""
        var event = Event()
        var reference = LocalTime.now
        var failure: Failure?
        for name in names {
            // What was read of a damaged file counts; that it is damaged is said at the end.
            do {
                let input = try LogInput(name)
                reference = input.reference
                // A closure in place: variables that a function of its own shares are checked at each use.
                var isMore = true
                while isMore {
                    isMore = try input.readPiece { bytes, info in
                        lines += 1
                        // Half an address is another address: a line that was cut is not judged.
                        guard !info.isCut, reader.read(bytes, into: &event) else {
                            return
                        }
                        events += 1
                        switch shape {
                        case .counts: return counts.add(event.kind, event.rejectionClass)
                        case .document: return listing.add(Parse.json(event, lines, reader.header, bytes, reference))
                        case .objects: output += Parse.json(event, lines, reader.header, bytes, reference).description
                        case .lines: output += Parse.line(event, lines)
                        }
                        output += "\n"
                        if output.utf8.count > 65536 {
                            Terminal.write(output, to: 1)
                            output = ""
                        }
                    }
                }
            } catch let error as Failure { failure = failure ?? error }
        }
        Terminal.write(output, to: 1)
        if !common.quiet {
            if shape == .document { listing.end([("lines", JSON(lines)), ("read", JSON(events))]) }
            if count {
                for text in counts.report(lines, events, asJSON: common.json || jsonl) { common.say(text) }
            }
            if !jsonl, !common.json {
                Terminal.warn(
                    "\(grouped(lines)) lines, \(grouped(events)) read, \(grouped(lines - events)) of no concern")
            }
        }
        if reader.overflowed > 0, !common.quiet { Terminal.warn(overflowText(reader.overflowed)) }
        if let failure { throw failure }
        if events == 0 {
            throw Failure(
                ExitStatus.no,
                common.quiet
                    ? ""
                    : "\(names.map(shown).joined(separator: ", ")): not one line of a mail server's; is it the mail log? (Debian: /var/log/mail.log)"
            )
        }
    }

    /// What is said of each event.
    private enum Shape {
        case lines
        case objects
        case document
        case counts
    }

    /// `3  courier rejection rbl 511 198.51.100.9:37809 zen.example`
    static func line(_ event: Event, _ number: Int) -> String {
        var words = ["\(number) ", event.mta.rawValue, event.kind.rawValue]
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
            ("host", .string(text(bytes, header.host))), ("mta", .string(event.mta.rawValue)),
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

/// How many lines there were of each event.
private struct EventCounts {
    private var rows: [(kind: Event.Kind, rejectionClass: RejectionClass?, count: Int)] = []
    /// Where in `rows` a kind and class stand, from 1 on; 0 for those that did not come yet.
    private var places = [UInt8](repeating: 0, count: 256)

    mutating func add(_ kind: Event.Kind, _ rejectionClass: RejectionClass?) {
        let number = EventCounts.number(kind) << 4 | EventCounts.number(rejectionClass)
        if places[number] == 0 {
            rows.append((kind, rejectionClass, 0))
            places[number] = UInt8(rows.count)
        }
        rows[Int(places[number]) - 1].count += 1
    }

    private static func number(_ kind: Event.Kind) -> Int {
        switch kind {
        case .rejection: 0
        case .deferral: 1
        case .acceptance: 2
        case .connect: 3
        case .disconnect: 4
        case .saturation: 5
        case .authFailure: 6
        }
    }

    private static func number(_ rejectionClass: RejectionClass?) -> Int {
        switch rejectionClass {
        case nil: 0
        case .rbl: 1
        case .rhsbl: 2
        case .relayDenied: 3
        case .helo: 4
        case .unknownUser: 5
        case .recipient: 6
        case .clientHost: 7
        case .sender: 8
        case .auth: 9
        case .content: 10
        case .connLimit: 11
        case .other: 12
        }
    }

    func report(_ lines: Int, _ events: Int, asJSON: Bool) -> [String] {
        let sorted = rows.sorted { $0.count > $1.count }
        if asJSON {
            let counts = sorted.map { row in
                JSON.object([
                    ("event", .string(row.kind.rawValue)), ("class", JSON(row.rejectionClass?.rawValue)),
                    ("count", JSON(row.count)),
                ])
            }
            return [
                JSON.document(
                    "parse", [("lines", JSON(lines)), ("read", JSON(events)), ("counts", .array(counts))]
                ).description
            ]
        }
        let names = sorted.map { row in
            row.kind.rawValue + (row.rejectionClass.map { " " + $0.rawValue } ?? "")
        }
        let width = names.map(\.utf8.count).max() ?? 0
        let figures = sorted.map { grouped($0.count) }
        let figureWidth = figures.map(\.utf8.count).max() ?? 0
        return zip(names, figures).map { name, figure in
            name + String(repeating: " ", count: width - name.utf8.count + 2 + figureWidth - figure.utf8.count) + figure
        }
    }
}
