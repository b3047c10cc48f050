import Events
import Pictures
import Posix
import Waves

/// What is told of a wave, in words.
extension WaveReport {
    var figures: [(name: String, text: String)] {
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
        if let origins {
            for (name, list) in [("countries", origins.countries), ("owners", origins.systems)] {
                if let text = WaveOrigins.text(list) { figures.append((name, text)) }
            }
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

    var notes: [String] {
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
        if let origins {
            notes.append(
                "Countries and owners are those of the \(grouped(origins.count)) sources that were banned, or would have been."
            )
        }
        if samples.isEmpty { notes.append("Samples of that time are not kept any more.") }
        return notes
    }

    func lines(_ style: Style) -> [String] {
        var lines = [style.bold("wave \(wave.number)")]
        lines += TextPicture(width: 78, characters: Screen.isUnicode ? .blocks : .ascii)
            .lines(of: section(withLimit: false), offsetSeconds: offsetSeconds).map { "  " + $0 }
        for (name, text) in figures {
            lines.append("  " + name + String(repeating: " ", count: max(1, 14 - name.utf8.count)) + text)
        }
        return lines + (notes + (origins?.credits ?? [])).flatMap { [""] + WaveReport.wrapped($0, to: 78) }
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
}

func clock(_ time: Instant) -> String { LocalTime.clock(time, now: LocalTime.now) }

func length(_ wave: Wave) -> String { WaveState.span(wave.span) }
