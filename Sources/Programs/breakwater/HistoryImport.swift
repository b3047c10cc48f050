import Archives
import BanLists
import ControlProtocol
import Events
import Glibc
import Posix
import Reports
import SettingsFiles
import Store

/// `import --history`: puts back what `export --history` wrote. A day of a host goes in as a whole where nothing was
/// counted of it; where the same is there nothing is done, so that a second import, or one that goes on after a break,
/// changes nothing; where other counts are there they are kept, unless they are to be replaced. They are never added up:
/// nobody could tell which events are in both.
struct HistoryImport {
    let files: [String]
    let replaces: Bool
    let isDryRun: Bool
    let common: CommonOptions

    private struct Counts {
        var days = 0
        var known = 0
        var refused = 0
        var tooOld = 0
        var bad = 0
        /// Of files that end before their own end.
        var cut = 0
    }

    static func isHistory(_ text: String) -> Bool {
        text.hasPrefix("# \(HistoryLine.schema)") || text.hasPrefix("{\"schema\":\"\(HistoryLine.schema)\"")
    }

    func run() throws {
        let directory = StateDirectory(try readSettings(common).stateDirectory)
        var counts = Counts()
        var failure: Failure?
        let history = try StateOwner.openHistory(directory, forWriting: !isDryRun)
        for file in files {
            do { try read(file, history, &counts) } catch let error as Failure { failure = failure ?? error }
        }
        if !isDryRun {
            do throws(StoreError) {
                try history?.expire(today: Int(LocalTime.now.seconds / 86400), thinning: LogImport.thin)
            } catch { throw Failure(74, "\(error)") }
        }
        tell(counts)
        if let failure { throw failure }
        if counts.bad + counts.refused + counts.cut > 0 || counts.days + counts.known == 0 {
            throw Failure(ExitStatus.no, "")
        }
    }

    private func tell(_ counts: Counts) {
        if common.json {
            common.say(
                JSON.document(
                    "import",
                    [
                        ("days", JSON(counts.days)), ("known", JSON(counts.known)), ("refused", JSON(counts.refused)),
                        ("too_old", JSON(counts.tooOld)), ("bad", JSON(counts.bad)), ("cut", JSON(counts.cut)),
                    ]
                ).description)
            return
        }
        func days(_ count: Int) -> String { "\(grouped(count)) day\(count == 1 ? "" : "s")" }
        var text =
            "\(isDryRun ? "would import" : "imported") \(days(counts.days)), \(grouped(counts.known)) were there already"
        if counts.refused > 0 { text += ", \(grouped(counts.refused)) have other counts" }
        if counts.tooOld > 0 {
            text += ", \(grouped(counts.tooOld)) are older than the \(History.kept) days that are kept"
        }
        common.say(text + ", \(counts.bad) bad line\(counts.bad == 1 ? "" : "s")")
    }

    private func read(_ file: String, _ history: History?, _ counts: inout Counts) throws {
        var lines = try LongLines(file)
        let today = Int(LocalTime.day(of: LocalTime.now))
        let before = counts
        var parts: [History.Part] = []
        var (number, dayLines) = (0, 0)
        var end: (days: Int, parts: Int)?
        while let text = try lines.next() {
            number += 1
            do {
                switch try HistoryImport.line(text, today: today) {
                case .nothing: break
                case .day(let day):
                    dayLines += 1
                    try take(day, today, history, "\(shown(file)):\(number)", &counts)
                case .part(let part) where parts.count < History.mostParts:
                    parts.append(History.Part(length: part.length, hash: part.hash, bytes: part.bytes))
                case .part: break
                case .end(let days, let parts): end = (days, parts)
                }
            } catch let error as RollupError {
                counts.bad += 1
                if counts.bad <= HistoryImport.mostTold { Terminal.warn("\(shown(file)):\(number): \(error)") }
            }
        }
        let isWhole = end.map { $0.days == dayLines && $0.parts == parts.count } ?? false
        if counts.bad == before.bad, !isWhole {
            counts.cut += 1
            Terminal.warn("\(shown(file)): not whole: its end is missing, or lines of it")
        }
        // Of days that are not here, as these counts have them, the logs are still to be counted.
        guard counts.bad == before.bad, counts.refused == before.refused, isWhole else {
            if counts.days > before.days {
                Terminal.warn(
                    "\(shown(file)): not all of it is in, so its logs are not noted as counted: import --log of them would "
                        + "count these days again")
            }
            return
        }
        guard let history, !isDryRun else { return }
        do throws(StoreError) { try history.note(parts) } catch { throw Failure(74, "\(error)") }
    }

    private static let mostTold = 20

    private static func line(_ text: String, today: Int) throws -> HistoryLine {
        guard text.hasPrefix("{") else { return try HistoryLine(text, today: today) }
        guard let fields = FlatJSON.fields(text[...], passesNested: true) else {
            throw RollupError(description: "no JSON object of a history")
        }
        return try HistoryLine(fields.compactMapValues { $0 }, today: today)
    }

    private func take(
        _ day: HistoryDay, _ today: Int, _ history: History?, _ place: String, _ counts: inout Counts
    ) throws {
        guard day.day > today - History.kept else {
            counts.tooOld += 1
            return
        }
        let rows = day.counts.map { row in
            (key: History.Key(span: row.span, number: row.number, host: day.host), bytes: row.bytes)
        }
        let standing: History.Standing
        do throws(StoreError) {
            if isDryRun {
                standing =
                    try history?.standing(of: rows, day: day.day, host: day.host, isSame: HistoryImport.isSame) ?? .new
            } else {
                standing =
                    try history?.restore(
                        rows, day: day.day, host: day.host, replaces: replaces, isSame: HistoryImport.isSame) ?? .new
            }
        } catch { throw Failure(74, "\(error)") }
        switch standing {
        case .new: counts.days += 1
        case .known: counts.known += 1
        case .other where replaces: counts.days += 1
        case .other:
            counts.refused += 1
            if counts.refused <= HistoryImport.mostTold {
                Terminal.warn(
                    "\(place): of \(LocalDay.date(day.day)), host \(shown(day.host)), other counts are there; they are kept "
                        + "(--yes puts the file's in their place)")
            }
        }
    }

    private static func isSame(_ key: History.Key, _ kept: [UInt8], _ given: [UInt8]) -> Bool {
        HistoryDay.isSame(span: key.span, kept, given)
    }
}

/// The lines of a file, packed or not, or of standard input; a day of many sources is megabytes long.
struct LongLines {
    private static let longest = 64 << 20
    private let input: PackedInput
    private let name: String
    private var held: [UInt8] = []
    private var start = 0
    /// Up to here there is no line's end.
    private var searched = 0
    private var isAtEnd = false

    init(_ name: String) throws {
        self.name = name
        do throws(SystemError) {
            let descriptor =
                name == "-"
                ? try Descriptor("dup", "standard input", dup(STDIN_FILENO))
                : try StateOwner.openLog(name)
            input = PackedInput(descriptor, named: name)
        } catch { throw Failure(reading: name, error) }
    }

    /// The next line that has its end; one without it is half a line.
    mutating func next() throws -> String? {
        while true {
            if let end = held[searched...].firstIndex(of: 0x0a) {
                defer {
                    start = end + 1
                    searched = start
                }
                let isCRLF = end > start && held[end - 1] == 0x0d
                return String(decoding: held[start..<(isCRLF ? end - 1 : end)], as: UTF8.self)
            }
            if isAtEnd { return nil }
            held.removeFirst(start)
            start = 0
            searched = held.count
            guard held.count < LongLines.longest else {
                throw Failure(ExitStatus.noInput, "\(shown(name)): a line is longer than 64 MiB")
            }
            try fill()
        }
    }

    private mutating func fill() throws {
        do {
            let chunk = try [UInt8](unsafeUninitializedCapacity: 1 << 20) { buffer, count in
                count = try input.read(into: buffer)
            }
            held += chunk
            isAtEnd = chunk.isEmpty
        } catch let error as SystemError {
            throw Failure(reading: name, error)
        } catch let error as UnpackError {
            throw Failure(ExitStatus.noInput, "\(shown(name)): \(error); what could be read of it counts")
        }
    }
}
