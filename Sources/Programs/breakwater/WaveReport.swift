import Addresses
import Configuration
import ControlProtocol
import Events
import Posix
import Reports
import SettingsFiles
import Store
import Waves

/// `report --wave last|N|list`: what a wave was, what was done, and what it was to good senders. Without a daemon it is
/// read from the store.
struct WaveReport {
    let wave: Wave
    /// From two minutes before it to two minutes after.
    var samples: [(time: Instant, slots: Int)] = []
    /// Bans, sheds and the server's own lines that it is full, counted in steps of five seconds.
    var marks: [(time: Instant, kind: Decision.Kind, count: Int)] = []
    /// Whoever was banned meanwhile, or would have been, each once.
    var banned: Set<Prefix> = []
    var origins: WaveOrigins?

    static let margin = Duration.minutes(2)
    /// Beyond, sources are not looked up any more.
    private static let mostBanned = 100_000

    static func run(_ which: String, _ files: ReportFiles, _ common: CommonOptions) throws {
        if which == "list" {
            guard files.isEmpty else {
                throw Failure(ExitStatus.usage, "--wave list: a page and pictures are of one wave")
            }
            return try list(common)
        }
        guard which == "last" || Int(which).map({ $0 > 0 }) == true else {
            throw Failure(ExitStatus.usage, "--wave \(shown(which)): expected last, list or a number of the list")
        }
        let number = Int(which)
        // Who may ask the daemon may not always read its store.
        let found = if let client = try client(common) { try ask(client, number) } else { try read(number, common) }
        guard var report = found else {
            let text = number.map { "no wave \($0) is known" } ?? "no wave so far"
            common.say(common.json ? JSON.document("report", [("wave", .null)]).description : text)
            throw Failure(ExitStatus.no, "")
        }
        let locations = Locations(common)
        if !locations.databases.isEmpty { report.origins = WaveOrigins(report.banned, locations) }
        if !files.isEmpty {
            for name in try files.write(report.page) { common.say(name) }
        } else if common.json {
            common.say(JSON.document("report", [("wave", report.json)]).description)
        } else {
            for line in report.lines(common.style) { common.say(line) }
        }
    }

    /// `nil` where no daemon answers.
    private static func client(_ common: CommonOptions) throws -> Client? {
        do { return try common.connect() } catch let failure as Failure where failure.code == ExitStatus.unavailable {
            return nil
        }
    }

    private static func reader(_ common: CommonOptions) throws -> StoreReader {
        let directory = StateDirectory(try readSettings(common).stateDirectory)
        try StateOwner.become(of: directory)
        return StoreReader(directory)
    }

    /// Without a number the latest; `nil` when there is none.
    private static func ask(_ client: Client, _ number: Int?) throws -> WaveReport? {
        var report: WaveReport?
        try client.ask(.wave(number)) { row in
            if let wave = Wave(row) { report = WaveReport(wave: wave) }
            guard let time = row.instant("time") else { return }
            switch row.word {
            case "sample": report?.samples.append((time, row.integer("slots") ?? 0))
            case "mark":
                guard let kind = row["kind"].flatMap({ Decision.Kind(rawValue: $0) }) else { return }
                report?.marks.append((time, kind, row.integer("count") ?? 0))
            case "banned": if let net = row["net"], let prefix = try? Prefix(parsing: net) { report?.note(prefix) }
            default: break
            }
        }
        return report
    }

    /// The same from the store.
    private static func read(_ number: Int?, _ common: CommonOptions) throws -> WaveReport? {
        let reader = try reader(common)
        do throws(StoreError) {
            let stored: StoredWave? =
                if let number { try reader.wave(number) } else { try reader.waves(atMost: 1).first }
            guard let stored, let wave = Wave(stored) else { return nil }
            let (begin, end) = (wave.begin - margin, (wave.end ?? wave.last) + margin)
            var report = WaveReport(wave: wave)
            report.samples = try reader.samples(since: begin, to: end, atMost: 200_000).map { ($0.time, $0.slots) }
            report.marks = try reader.decisionCounts(from: begin, to: end, step: .seconds(5))
                .filter { [.ban, .shed, .saturation].contains($0.kind) }.map { ($0.time, $0.kind, $0.count) }
            _ = try reader.forEachDecision(from: wave.begin, to: end) { decision in
                if let prefix = decision.prefix { report.note(prefix) }
            }
            return report
        } catch { throw StoreInput.failure(error) }
    }

    private mutating func note(_ prefix: Prefix) {
        if banned.count < WaveReport.mostBanned { banned.insert(prefix) }
    }

    private static func list(_ common: CommonOptions) throws {
        var waves: [Wave] = []
        if let client = try client(common) {
            try client.ask(.waves(limit: 1000)) { if let wave = Wave($0) { waves.append(wave) } }
        } else {
            let reader = try reader(common)
            do throws(StoreError) { waves = try reader.waves(atMost: 1000).compactMap { Wave($0) } } catch {
                throw StoreInput.failure(error)
            }
        }
        if common.json {
            common.say(
                JSON.document("report", [("waves", .array(waves.map { WaveReport(wave: $0).json }))]).description)
        } else if waves.isEmpty {
            common.say("no wave so far")
        } else {
            let rows = waves.map { wave in
                [
                    "\(wave.number)", clock(wave.begin), length(wave), (wave.isAtLeast ? ">=" : "") + "\(wave.peak)",
                    "\(wave.peakDemand)", "\(wave.counts.sources)", "\(wave.counts.bans)", "\(wave.counts.sheds)",
                    "\(wave.counts.good.hurt)",
                ]
            }
            let head = ["WAVE", "BEGAN", "LASTED", "PEAK", "DEMAND", "SOURCES", "BANS", "SHEDS", "GOOD HURT"]
            for line in table([head] + rows, rightAligned: [0, 2, 3, 4, 5, 6, 7, 8]) { common.say(line) }
        }
        if waves.isEmpty { throw Failure(ExitStatus.no, "") }
    }
}
