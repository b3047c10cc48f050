import ControlProtocol
import Events
import Posix
import Reports
import Waves

/// `report --wave last|N|list`: what a wave was, what was done, and what it was to good senders.
struct WaveReport {
    let wave: Wave
    /// From two minutes before it to two minutes after.
    var samples: [(time: Instant, slots: Int)] = []
    /// Bans, sheds and the server's own lines that it is full, counted in steps of five seconds.
    var marks: [(time: Instant, kind: String, count: Int)] = []

    static func run(_ which: String, _ common: CommonOptions) throws {
        if which == "list" { return try list(common) }
        guard which == "last" || Int(which).map({ $0 > 0 }) == true else {
            throw Failure(ExitStatus.usage, "--wave \(shown(which)): expected last, list or a number of the list")
        }
        guard let report = try ask(Int(which), common) else { return }
        if common.json { return common.say(JSON.document("report", [("wave", report.json)]).description) }
        for line in report.lines(common.style) { common.say(line) }
    }

    /// `nil` for the latest.
    private static func ask(_ number: Int?, _ common: CommonOptions) throws -> WaveReport? {
        var report: WaveReport?
        let last = try common.connect().ask(.wave(number)) { row in
            if let wave = Wave(row) { report = WaveReport(wave: wave) }
            guard let time = row.instant("time") else { return }
            switch row.word {
            case "sample": report?.samples.append((time, row.integer("slots") ?? 0))
            case "mark": report?.marks.append((time, row["kind"] ?? "", row.integer("count") ?? 0))
            default: break
            }
        }
        if report == nil {
            if common.json {
                common.say(JSON.document("report", [("wave", .null)]).description)
            } else if let text = last["text"] {
                common.say(text)
            }
            try finish(last)
        }
        return report
    }

    private static func list(_ common: CommonOptions) throws {
        var waves: [Wave] = []
        let last = try common.connect().ask(.waves(limit: 1000)) { if let wave = Wave($0) { waves.append(wave) } }
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
        try finish(last)
    }

    // MARK: - As values

    /// For the shared report, with its curve.
    var section: Report.Section {
        let label = "wave \(wave.number)"
        let curve = Report.Curve(
            points: samples.map { (time: $0.time, value: $0.slots) }, unit: "slots", limit: wave.limit,
            spans: [(begin: wave.begin, end: wave.end ?? wave.last, label: label)], marks: marks)
        return Report.Section(
            "wave", "Wave \(wave.number)",
            columns: [Report.Column("figure", "Figure"), Report.Column("value", "Value")],
            rows: figures.map { [.text($0.name), .text($0.text)] }, notes: notes,
            picture: samples.isEmpty ? nil : .curve(curve))
    }

    private var figures: [(name: String, text: String)] {
        let counts = wave.counts
        let estimate = counts.isEstimate ? "about " : ""
        var end = "still on"
        if let time = wave.end { end = "until \(clock(time))" }
        if wave.isCutOff { end = "not watched after \(clock(wave.last))" }
        var peak = wave.peakText + (wave.limit.map { " of \($0)" } ?? "") + " slots at \(clock(wave.peakAt))"
        if wave.isAtLeast { peak += ", the server's limit: more could not come" }
        var figures = [
            ("time", "\(clock(wave.begin)) \(end), \(length(wave))"), ("peak", peak),
            ("demand", "\(wave.peakDemand) with the connections ended in the minute before"),
            ("at the limit", WaveState.span(wave.atLimit)),
            (
                "judged by",
                "begins above \(wave.marks.high), ends at \(wave.marks.low); "
                    + (wave.normal.map { "usual were up to \($0)" } ?? "what is usual was not known")
            ),
            (
                "samples",
                "\(wave.samples), \(grouped(wave.new)) connections begun, \(wave.jumps.count) times a rise by 20 or more"
            ),
            (
                "sources",
                "\(estimate)\(grouped(counts.sources)) in \(estimate)\(grouped(counts.networks)) networks (/24, /48)"
            ),
        ]
        if !counts.worst.isEmpty {
            let worst = counts.worst.prefix(5).map { "\($0.network.shortDescription) \(grouped($0.rejections))" }
            figures.append(("worst", worst.joined(separator: ", ")))
        }
        let classes = counts.classes.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
            .map { "\($0.key.rawValue) \(grouped($0.value))" }
        figures.append(
            (
                "rejections",
                grouped(counts.rejections) + (classes.isEmpty ? "" : ": " + classes.joined(separator: ", "))
            ))
        if counts.saturations > 0 {
            figures.append(
                ("saturation", "the server said \(grouped(counts.saturations)) times that it is full, or near it"))
        }
        figures.append(("bans", grouped(counts.bans)))
        figures.append(("sheds", "\(grouped(counts.sheds)), \(grouped(counts.told)) of them had their 5xx"))
        if counts.observed > 0 {
            figures.append(("observed", "\(grouped(counts.observed)) orders noted, not carried out"))
        }
        figures.append(
            (
                "slot-seconds",
                "\(grouped(Int(wave.slotMilliseconds / 1000))) taken, about \(grouped(Int(wave.savedSlotMilliseconds / 1000))) kept free"
            ))
        figures.append(("good senders", goodText))
        return figures
    }

    private var goodText: String {
        let good = wave.counts.good
        var text = "\(grouped(good.hurt)): \(grouped(good.delayed)) delayed"
        if good.delayed > 0 { text += " (longest \(WaveState.span(good.longestDelay)))" }
        text += ", \(grouped(good.turnedAway)) turned away and not back yet"
        if good.banned > 0 { text += "; \(grouped(good.banned)) banned" }
        return text + "; \(grouped(good.accepted)) messages of such senders accepted"
    }

    private var notes: [String] {
        var notes = [
            "Slot-seconds kept free: each connection that was ended is taken to have held its slot for another minute, as "
                + "far as the server's limit would have let it. What bans kept from connecting is not in it.",
            "Good senders are those whose mail was accepted in the weeks before, and allowed ones. Delayed or turned "
                + "away is what the log tells: a 4xx, a refusal for want of slots or on a list's word. Who waited for a "
                + "slot in the kernel's queue, or gave up there, and who was unknown before, is not in it.",
        ]
        if wave.counts.isEstimate {
            notes.append("The daemon was started anew during the wave, or it had more sources than are told apart.")
        }
        if samples.isEmpty { notes.append("Samples of that time are not kept any more.") }
        return notes
    }

    // MARK: - As text and JSON

    private func lines(_ style: Style) -> [String] {
        var lines = [style.bold("wave \(wave.number)")]
        if let most = samples.map(\.slots).max() {
            let values = Sparkline.shrunk(samples.map(\.slots), to: 64)
            lines.append("  \(Sparkline.text(values, top: most, isUnicode: Screen.isUnicode))  most \(most)")
        }
        for (name, text) in figures {
            lines.append("  " + name + String(repeating: " ", count: max(1, 14 - name.utf8.count)) + text)
        }
        return lines + notes.flatMap { [""] + WaveReport.wrapped($0, to: 78) }
    }

    /// Broken between words, indented by two.
    private static func wrapped(_ text: String, to width: Int) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] += " " + word
            } else {
                lines.append("  " + word)
            }
        }
        return lines
    }

    private var json: JSON {
        let counts = wave.counts
        let good = counts.good
        let classes = counts.classes.sorted { $0.key.rawValue < $1.key.rawValue }.map {
            ($0.key.rawValue, JSON($0.value))
        }
        func seconds(_ milliseconds: Int64) -> JSON { .number(Double(milliseconds) / 1000) }
        return .object([
            ("number", JSON(wave.number)), ("begin", .string(wave.begin.rfc3339)), ("end", JSON(wave.end?.rfc3339)),
            ("cut_off", .bool(wave.isCutOff)), ("seconds", seconds(wave.span.milliseconds)),
            ("peak", JSON(wave.peak)), ("peak_at", .string(wave.peakAt.rfc3339)),
            ("peak_at_least", .bool(wave.isAtLeast)), ("peak_demand", JSON(wave.peakDemand)),
            ("peak_connections", JSON(wave.peakConnections)), ("limit", JSON(wave.limit)),
            ("normal", JSON(wave.normal)), ("high", JSON(wave.marks.high)), ("low", JSON(wave.marks.low)),
            ("at_limit_s", seconds(wave.atLimit.milliseconds)), ("samples", JSON(wave.samples)),
            ("new", JSON(wave.new)),
            (
                "jumps",
                .array(wave.jumps.map { .object([("t", .string($0.time.rfc3339)), ("rise", JSON($0.rise))]) })
            ),
            ("sources", JSON(counts.sources)), ("networks", JSON(counts.networks)),
            ("is_estimate", .bool(counts.isEstimate)),
            (
                "worst_networks",
                .array(
                    counts.worst.map {
                        .object([("net", .string($0.network.description)), ("rejections", JSON($0.rejections))])
                    })
            ),
            ("rejections", JSON(counts.rejections)), ("classes", .object(classes)),
            ("deferrals", JSON(counts.deferrals)),
            ("acceptances", JSON(counts.acceptances)), ("saturations", JSON(counts.saturations)),
            ("bans", JSON(counts.bans)), ("sheds", JSON(counts.sheds)), ("told", JSON(counts.told)),
            ("observed", JSON(counts.observed)),
            ("slot_seconds", seconds(wave.slotMilliseconds)),
            ("slot_seconds_saved", seconds(wave.savedSlotMilliseconds)),
            (
                "good",
                .object([
                    ("accepted", JSON(good.accepted)), ("delayed", JSON(good.delayed)),
                    ("turned_away", JSON(good.turnedAway)), ("banned", JSON(good.banned)),
                    ("longest_delay_s", seconds(good.longestDelay.milliseconds)),
                ])
            ),
            (
                "slots",
                .array(samples.map { .object([("t", .string($0.time.rfc3339)), ("slots", JSON($0.slots))]) })
            ),
            (
                "marks",
                .array(
                    marks.map {
                        .object([
                            ("t", .string($0.time.rfc3339)), ("kind", .string($0.kind)), ("count", JSON($0.count)),
                        ])
                    })
            ),
            ("notes", .array(notes.map { .string($0) })),
        ])
    }
}

private func clock(_ time: Instant) -> String { LocalTime.clock(time, now: LocalTime.now) }

private func length(_ wave: Wave) -> String { WaveState.span(wave.span) }
