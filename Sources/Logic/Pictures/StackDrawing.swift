import Reports

/// Columns of several parts, one for each day.
struct StackDrawing {
    private let stack: Report.Stack
    private let parts: [(name: String, values: [Int])]
    private let totals: [Int]
    private var drawing: Drawing

    /// As many kinds have a colour; the smallest go together as the rest.
    private static let most = 8

    static func drawing(_ stack: Report.Stack, title: String, form: Drawing.Form) -> Drawing {
        var picture = StackDrawing(stack, title, form)
        picture.draw()
        return picture.drawing
    }

    private init(_ stack: Report.Stack, _ title: String, _ form: Drawing.Form) {
        self.stack = stack
        // What has fewer values than there are days has none on those that are missing.
        let full = stack.parts.map { part in
            (
                name: part.name,
                values: stack.labels.indices.map { $0 < part.values.count ? max(0, part.values[$0]) : 0 }
            )
        }
        parts = Self.joined(full)
        totals = stack.labels.indices.map { day in full.reduce(0) { $0 &+ $1.values[day] } }
        drawing = Drawing(form, height: 0, title: title)
        let days = zip(stack.labels, totals).prefix(31).map { "\($0) \(Wording.grouped($1))" }
        drawing.summary = "In all: " + days.joined(separator: ", ") + "."
    }

    private static func joined(_ parts: [(name: String, values: [Int])]) -> [(name: String, values: [Int])] {
        guard parts.count > most else { return parts }
        let sums = parts.map { $0.values.reduce(0, &+) }
        let large = Set(parts.indices.sorted { sums[$0] > sums[$1] }.prefix(most))
        let small = parts.indices.filter { !large.contains($0) }
        let days = parts.first?.values.indices ?? 0..<0
        let rest = days.map { day in small.reduce(0) { $0 &+ parts[$1].values[day] } }
        return parts.indices.filter(large.contains).map { parts[$0] } + [("\(small.count) others", rest)]
    }

    private func colour(_ part: Int) -> String { part < Self.most ? "k\(part + 1)" : "k0" }

    private mutating func draw() {
        let top = max(1, totals.max() ?? 1)
        let levels = Axis.levels(to: top, about: 5)
        let left = 12 + levels.reduce(20) { max($0, TextWidth.of(Wording.grouped($1))) }
        let entries = parts.indices.map { (name: colour($0), label: parts[$0].name) }
        let legend = Legend(entries, width: drawing.width)
        let plotTop = legend.height + 26
        let height = drawing.form == .wide ? 220.0 : 180
        drawing.height = plotTop + height + 28
        legend.draw(in: &drawing, y: 0)
        func y(_ value: Int) -> Double { plotTop + height * (1 - Double(value) / Double(top)) }
        for level in levels {
            drawing.line(level == 0 ? "axis" : "rule", left, y(level), drawing.width, y(level))
            drawing.text("quiet", left - 6, y(level) + 4, Wording.grouped(level), .end)
        }
        let slot = (drawing.width - left) / Double(max(1, stack.labels.count))
        let bar = min(slot * 0.72, 96)
        let widest = stack.labels.reduce(10) { max($0, TextWidth.of($1)) } + 8
        let every = max(1, Int((widest / slot).rounded(.up)))
        let totalWidest = totals.reduce(10) { max($0, TextWidth.of(Wording.grouped($1))) } + 4
        for (day, label) in stack.labels.enumerated() {
            let middle = left + (Double(day) + 0.5) * slot
            var sum = 0
            for (index, part) in parts.enumerated() where part.values[day] > 0 {
                let count = part.values[day]
                drawing.rect(
                    "part \(colour(index))", x: middle - bar / 2, y: y(sum &+ count), width: bar,
                    height: y(sum) - y(sum &+ count), title: "\(label), \(part.name): \(Wording.grouped(count))")
                sum &+= count
            }
            if totalWidest <= slot {
                drawing.text("", middle, y(totals[day]) - 6, Wording.grouped(totals[day]), .middle)
            }
            if day % every == 0 {
                let room = min(slot * Double(every) - 4, 2 * min(middle, drawing.width - middle))
                drawing.text("quiet", middle, plotTop + height + 18, label, .middle, room: max(room, 14))
            }
        }
    }
}

/// Which colour is what: in rows above a drawing, or below.
struct Legend {
    private let entries: [(name: String, label: String, x: Double, row: Int)]
    let height: Double

    static let rowHeight = 20.0

    init(_ entries: [(name: String, label: String)], width: Double) {
        var (x, row) = (0.0, 0)
        self.entries = entries.map { entry in
            let wide = 20 + min(TextWidth.of(entry.label), width - 24) + 14
            if x > 0, x + wide - 14 > width { (x, row) = (0, row + 1) }
            defer { x += wide }
            return (entry.name, entry.label, x, row)
        }
        height = entries.isEmpty ? 0 : Double(row + 1) * Self.rowHeight
    }

    func draw(in drawing: inout Drawing, y: Double) {
        for entry in entries {
            let top = y + Double(entry.row) * Self.rowHeight
            drawing.rect("swatch \(entry.name)", x: entry.x + 0.5, y: top + 2.5, width: 13, height: 13, radius: 2)
            drawing.text("", entry.x + 20, top + 13, entry.label, room: drawing.width - 24)
        }
    }
}
