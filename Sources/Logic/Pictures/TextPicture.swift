import Events
import Reports

/// Pictures of characters, for a terminal: bars and sparklines that fit a width, of Unicode's blocks or of ASCII.
package struct TextPicture {
    package enum Characters: Sendable { case blocks, ascii }

    private let width: Int
    private let characters: Characters

    /// Lines of at most `width` characters; never less than 24.
    package init(width: Int, characters: Characters) {
        self.width = max(24, min(width, 400))
        self.characters = characters
    }

    // MARK: - Bars

    /// A bar of `length` characters at most, without what would be blank; a value above zero shows.
    package func bar(_ value: Double, of most: Double, length: Int) -> String {
        guard value > 0, most > 0, length > 0, value.isFinite, most.isFinite else { return "" }
        let share = min(1, value / most) * Double(length)
        guard characters == .blocks else { return String(repeating: "#", count: max(1, Int(share.rounded()))) }
        let eighths = max(1, Int((share * 8).rounded()))
        let rest = eighths % 8
        return String(repeating: "\u{2588}", count: eighths / 8) + (rest > 0 ? Self.lying[rest - 1] : "")
    }

    /// A line for each: its label, its bar, and its figure in words to the right.
    package func bars(_ rows: [(label: String, size: Double, words: String)]) -> [String] {
        let wordsWidth = rows.reduce(0) { max($0, $1.words.count) }
        let labelWidth = min(rows.reduce(0) { max($0, $1.label.count) }, max(8, width / 3))
        let length = max(4, width - labelWidth - wordsWidth - 4)
        let most = rows.reduce(0) { max($0, $1.size.isFinite ? $1.size : 0) }
        return rows.map { row in
            let bar = bar(row.size, of: most, length: length)
            let label = fitted(row.label, labelWidth)
            return label + blank(labelWidth - label.count) + "  " + bar + blank(length - bar.count) + "  "
                + blank(wordsWidth - row.words.count) + row.words
        }
    }

    // MARK: - Sparklines

    /// A character for each value, or for the highest of several where there is no room; `nil` is a blank.
    package func sparkline(_ values: [Int?], top: Int? = nil, length: Int? = nil) -> String {
        let room = max(1, min(length ?? width, width))
        let most = Double(max(1, top ?? values.lazy.compactMap { $0 }.max() ?? 1))
        let count = min(values.count, room)
        return (0..<count).map { column in
            // Equal shares of the values, each of at least one.
            let part = values[(column * values.count / count)..<((column + 1) * values.count / count)]
            guard let value = part.lazy.compactMap({ $0 }).max() else { return " " }
            return step(Double(value) / most)
        }.joined()
    }

    private func step(_ share: Double) -> String {
        let steps = characters == .blocks ? Self.standing : Self.dots
        let index = share <= 0 ? 0 : max(1, Int((min(1, share) * Double(steps.count - 1)).rounded()))
        return steps[index]
    }

    /// A character darker the more there is, for cells of a grid.
    private func shade(_ share: Double) -> String {
        let steps = characters == .blocks ? Self.shades : Self.dots
        let index = share <= 0 ? 0 : max(1, Int((min(1, share) * Double(steps.count - 1)).rounded()))
        return steps[index]
    }

    private static let lying = ["\u{258f}", "\u{258e}", "\u{258d}", "\u{258c}", "\u{258b}", "\u{258a}", "\u{2589}"]
    private static let standing = [
        "\u{2581}", "\u{2581}", "\u{2582}", "\u{2583}", "\u{2584}", "\u{2585}", "\u{2586}", "\u{2587}", "\u{2588}",
    ]
    private static let shades = ["\u{b7}", "\u{2591}", "\u{2592}", "\u{2593}", "\u{2588}"]
    private static let dots = ["_", ".", ":", "-", "=", "+", "*", "#", "@"]

    private func blank(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }

    private func fitted(_ text: String, _ room: Int) -> String {
        if text.count <= room { return text }
        return characters == .blocks ? text.prefix(room - 1) + "\u{2026}" : text.prefix(room - 2) + ".."
    }

    // MARK: - A section's picture

    /// What a terminal shows beside a section's table; no lines where there is nothing to draw.
    package func lines(of section: Report.Section, offsetSeconds: Int) -> [String] {
        switch section.picture {
        case nil: []
        case .bars(let column): bars(BarsDrawing.rows(section, column: column, offsetSeconds: offsetSeconds))
        case .curve(let curve): lines(curve, offsetSeconds)
        case .stack(let stack): lines(stack)
        case .grid(let grid): lines(grid)
        case .map(let world): lines([world])
        case .maps(let worlds): lines(worlds)
        }
    }

    /// The curve against its limit, what is marked below it, and the times at both ends.
    private func lines(_ curve: Report.Curve, _ offsetSeconds: Int) -> [String] {
        guard let first = curve.points.first?.time, let last = curve.points.last?.time, first < last else { return [] }
        var kinds: [String] = []
        for mark in curve.marks where !kinds.contains(mark.kind) && kinds.count < 6 { kinds.append(mark.kind) }
        let labelWidth = min(([curve.unit] + kinds).reduce(0) { max($0, $1.count) }, width / 3)
        let length = width - labelWidth - 12
        func column(_ time: Instant) -> Int {
            let share = Double(time.nanoseconds &- first.nanoseconds) / Double(last.nanoseconds &- first.nanoseconds)
            return max(0, min(length - 1, Int(share * Double(length))))
        }
        func line(_ label: String, _ text: String, _ words: String) -> String {
            let label = fitted(label, labelWidth)
            return label + blank(labelWidth - label.count) + "  " + text + blank(length - text.count) + "  " + words
        }
        var levels = [Int?](repeating: nil, count: length)
        for point in curve.points { levels[column(point.time)] = max(levels[column(point.time)] ?? 0, point.value) }
        // A column without a sample of its own has the one before, unless it is far.
        if curve.points.count < length {
            for index in levels.indices.dropFirst() where levels[index] == nil { levels[index] = levels[index - 1] }
        }
        let peak = curve.points.map(\.value).max() ?? 0
        let top = max(peak, curve.limit ?? 0)
        var lines = [line(curve.unit, sparkline(levels, top: top), Wording.grouped(top))]
        for kind in kinds {
            var counts = [Int](repeating: 0, count: length)
            let marks = curve.marks.filter { $0.kind == kind }
            for mark in marks { counts[column(mark.time)] &+= mark.count }
            lines.append(line(kind, sparkline(counts), Wording.grouped(marks.reduce(0) { $0 &+ $1.count })))
        }
        let (begin, end) = (Wording.moment(first, offsetSeconds), Wording.moment(last, offsetSeconds))
        if begin.count + end.count + 2 <= length {
            lines.append(line("", begin + blank(length - begin.count - end.count) + end, "").trimmingEnd)
        }
        return lines
    }

    private func lines(_ stack: Report.Stack) -> [String] {
        bars(
            stack.labels.enumerated().map { day, label in
                let sum = stack.parts.reduce(0) { $0 &+ (day < $1.values.count ? $1.values[day] : 0) }
                return (label, Double(sum), Wording.grouped(sum))
            })
    }

    /// A row of shades for each row; two characters a column where there is room.
    private func lines(_ grid: Report.Grid) -> [String] {
        let most = Double(max(1, grid.values.lazy.joined().compactMap { $0 }.max() ?? 1))
        let labelWidth = min(grid.rowLabels.reduce(0) { max($0, $1.count) }, 12)
        let sums = grid.values.map { row in Wording.grouped(row.reduce(0) { $0 &+ ($1 ?? 0) }) }
        let sumWidth = sums.reduce(0) { max($0, $1.count) }
        let columns = grid.columnLabels.count
        let wide = labelWidth + 4 + columns * 2 + sumWidth <= width ? 2 : 1
        guard labelWidth + 4 + columns * wide + sumWidth <= width else { return [] }
        return zip(grid.rowLabels, zip(grid.values, sums)).map { label, row in
            let label = fitted(label, labelWidth)
            let cells = row.0.prefix(columns).map { value in
                String(repeating: value.map { shade(Double($0) / most) } ?? " ", count: wide)
            }.joined()
            return label + blank(labelWidth - label.count) + "  " + cells + blank(columns * wide - cells.count) + "  "
                + blank(sumWidth - row.1.count) + row.1
        }
    }

    /// The ten countries with the most of each day, as bars: a terminal has no map.
    private func lines(_ worlds: [Report.WorldCounts]) -> [String] {
        worlds.filter { !$0.isDifference }.flatMap { world -> [String] in
            let most = world.counts.filter { $0.value > 0 }.sorted { ($0.value, $1.key) > ($1.value, $0.key) }
            let rows = most.prefix(10).map { country, count in
                (country.name ?? country.description, Double(count), Wording.grouped(count))
            }
            return (worlds.count > 1 ? [fitted(world.title, width)] : []) + bars(rows)
        }
    }
}

extension String {
    fileprivate var trimmingEnd: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
