import Events
import Posix

/// The picture that `top` shows, as lines that fit the terminal. Nothing is told by colour alone.
struct TopView {
    let state: TopState
    let size: Screen.Size
    let style: Style
    let isUnicode: Bool
    let now: Instant

    /// Nothing is carried out: bans are noted only.
    private var isObserving: Bool { state.status["mode"] == "observing" }
    private var columns: Int { max(1, size.columns) }
    /// Both lists fit beside each other.
    private var isWide: Bool { size.columns >= 76 }

    /// As many lines as the terminal has, none longer than it is wide.
    ///
    /// Where there are few, the lists have three rows and their heading before anything goes in that is not needed to
    /// act; the events come last.
    var lines: [String] {
        let rows = max(1, size.rows)
        guard rows > 2 else { return [head, keys].suffix(rows) }
        let foot = [note, keys]
        let spare = max(0, rows - foot.count - 2 - 4)
        let wanted = [problem, wave, rates, spark].compactMap { $0 }.prefix(spare)
        let upper = ([head, slots] + wanted.reversed()).prefix(rows - foot.count)
        let room = rows - foot.count - upper.count
        let events = room >= 8 ? max(3, room * 2 / 5) : 0
        return [Array(upper), lists(room - events), eventLines(events), foot].flatMap { $0 }
    }

    // MARK: - The upper lines

    private var head: String {
        let status = state.status
        let clock = columns < 30 ? "" : LocalTime.clock(now)
        guard state.absence == nil else { return spread(style.bad("no daemon"), "no daemon", clock) }
        let mode = status["mode"] ?? "?"
        var text = "breakwater  \(mode)  \(escaped(status["backend"] ?? "?"))"
        if let since = status.instant("since") { text += "  up \(StatusAnswer.age(now - since))" }
        text += "  \(isObserving ? "noted" : "bans") \(grouped(status.integer("bans") ?? 0))"
        return spread(style.bold(cut(text, columns - clock.count - 2)), cut(text, columns - clock.count - 2), clock)
    }

    private var slots: String {
        let used = state.status.integer("slots_used") ?? 0
        guard let limit = state.status.integer("slots_limit"), limit > 0 else {
            return cut("slots    \(grouped(used)), no limit known")
        }
        let peak = state.status.integer("peak").map { "   peak today \(grouped($0))" } ?? ""
        let text = "slots    \(grouped(used))/\(grouped(limit)) "
        let tail = " \(min(999, used * 100 / limit)) %" + peak
        let width = min(50, columns - text.count - tail.count - 2)
        guard width >= 5 else { return cut(text + tail) }
        let filled = min(width, (used * width + limit / 2) / limit)
        let bar =
            String(repeating: isUnicode ? "█" : "#", count: filled)
            + String(repeating: isUnicode ? "░" : "-", count: width - filled)
        return cut(text + "[" + bar + "]" + tail)
    }

    private var spark: String? {
        let width = max(5, columns - 9 - 24)
        let values = Array(state.history.suffix(width))
        guard let most = values.max() else { return nil }
        let tail = "  most \(grouped(most)) in \(StatusAnswer.shortAge(.seconds(values.count * sampleSeconds)))"
        return cut("         " + Sparkline.text(values, top: most, isUnicode: isUnicode) + tail)
    }

    private var sampleSeconds: Int { max(1, state.status.integer("sample_s") ?? 5) }

    private var rates: String {
        var text = "rates    new \(state.status["new_per_second"] ?? "0")/s"
        for (name, key) in [
            ("rejected", "rejections"), ("bans", "bans_made"), ("sheds", "sheds"), ("dropped", "dropped"),
        ] {
            text += "  \(name) \(state.rate(key).map(TopView.perSecond) ?? "-")"
        }
        return cut(text)
    }

    private var wave: String? {
        guard let wave = WaveState(state.status) else { return nil }
        let text = cut("wave     " + wave.sentence(now))
        return wave.current == nil ? text : style.bold(text)
    }

    private var problem: String? {
        guard let text = state.status["problems"], !text.isEmpty else { return nil }
        return style.bad(cut("problem  " + escaped(text)))
    }

    // MARK: - The lists

    private func lists(_ room: Int) -> [String] {
        guard room > 0 else { return [] }
        if !isWide { return list(state.pane, room, columns) }
        let left = list(.sources, room, 42)
        let right = list(.networks, room, columns - 43)
        return (0..<room).map { left[$0] + " " + right[$0] }
    }

    /// Exactly `room` lines, each exactly `width` wide.
    private func list(_ pane: TopState.Pane, _ room: Int, _ width: Int) -> [String] {
        let isActive = state.pane == pane
        let heading =
            (isActive ? "*" : " ") + " "
            + (pane == .sources
                ? fixed("SOURCE", 20) + right("REJ", 5) + right("DROP", 6) + "  STATE"
                : fixed("NETWORK", 17) + right("REJ", 5) + right("SRC", 5) + "  STATE")
        var lines = [style.bold(fixed(heading, width))]
        let rows = state.rows(pane)
        let visible = max(1, room - 1)
        let place = state.selection(pane)
        let first = max(0, min(place - visible / 2, rows.count - visible))
        for (offset, row) in rows.dropFirst(first).prefix(visible).enumerated() {
            let isSelected = isActive && first + offset == place
            let name = row.prefix.shortDescription
            let text =
                (isSelected ? ">" : " ") + " "
                + (pane == .sources
                    ? fixed(name, 20) + right(TopView.short(row.rejected), 5) + right(TopView.short(row.dropped), 6)
                    : fixed(name, 17) + right(TopView.short(row.rejected), 5) + right(TopView.short(row.sources), 5))
                + "  " + row.state(now, isObserving: isObserving)
            lines.append(isSelected ? style.reverse(fixed(text, width)) : fixed(text, width))
        }
        if rows.isEmpty { lines.append(fixed("  none of late", width)) }
        lines += repeatElement(fixed("", width), count: max(0, room - lines.count))
        return Array(lines.prefix(room))
    }

    private func eventLines(_ room: Int) -> [String] {
        guard room > 0 else { return [] }
        let shown = state.events.suffix(room - 1)
        return [style.bold("  EVENTS")] + shown.map { cut("  " + $0) }
            + repeatElement("", count: max(0, room - 1 - shown.count))
    }

    // MARK: - The lower lines

    private var note: String {
        if let question = state.question {
            let name = question.prefix.shortDescription
            let text =
                question.verb == .ban
                ? "ban \(name), and end its connections? y/n" : "allow \(name): never ban nor shed it? y/n"
            return style.bold(cut(text))
        }
        if let absence = state.absence { return style.bad(cut("trying again: \(absence)")) }
        return cut(state.message ?? "")
    }

    private var keys: String {
        cut("q quit  s sort: \(state.order.rawValue)  tab list  up/down select  b ban  a allow")
    }

    // MARK: - Text that fits

    /// Shortened to what fits, its end marked.
    private func cut(_ text: String, _ width: Int? = nil) -> String {
        let width = max(0, width ?? columns)
        guard text.count > width else { return text }
        return width < 2 ? String(text.prefix(width)) : text.prefix(width - 1) + (isUnicode ? "…" : "~")
    }

    private func fixed(_ text: String, _ width: Int) -> String {
        let text = cut(text, width)
        return text + String(repeating: " ", count: max(0, width - text.count))
    }

    private func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    /// `text` at the left, which is `plain` with colour, and `end` at the right.
    private func spread(_ text: String, _ plain: String, _ end: String) -> String {
        let gap = columns - plain.count - end.count
        return gap < 1 ? text : text + String(repeating: " ", count: gap) + end
    }

    private func escaped(_ text: String) -> String { Record.escaped(text.utf8, limit: 200) }

    private static func perSecond(_ rate: Double) -> String {
        rate >= 10 || rate == 0 ? "\(Int(rate.rounded()))/s" : "\((rate * 10).rounded() / 10)/s"
    }

    /// `812`, `12k`, `3M`: four characters at most.
    static func short(_ count: Int) -> String {
        count < 10_000 ? String(count) : count < 1_000_000 ? "\(count / 1000)k" : "\(count / 1_000_000)M"
    }
}

/// A curve in one line of text.
enum Sparkline {
    private static let blocks: [Character] = Array("▁▂▃▄▅▆▇█")
    private static let plain: [Character] = Array("_.:-=+*#")

    /// A character for each value; `top` is the highest.
    static func text(_ values: [Int], top: Int, isUnicode: Bool) -> String {
        let marks = isUnicode ? blocks : plain
        return String(
            values.map { value in
                let step = top > 0 ? (min(max(0, value), top) * (marks.count - 1) + top / 2) / top : 0
                return marks[step]
            })
    }
}
