import Events
import Reports

/// Slots over time: the curve with its limit, waves shaded behind it, bans and sheds in lanes below.
struct CurveDrawing {
    private let curve: Report.Curve
    private let offsetSeconds: Int
    private var drawing: Drawing
    private let begin: Instant
    private let end: Instant
    private let perNanosecond: Double
    private let top: Int
    private let (left, plotTop, plotHeight): (Double, Double, Double)
    private let right: Double
    private let kinds: [String]

    private static let laneHeight = 26.0
    private static let mostKinds = 6

    static func drawing(
        _ curve: Report.Curve, title: String, offsetSeconds: Int, form: Drawing.Form
    ) -> Drawing {
        var picture = CurveDrawing(curve, title, offsetSeconds, form)
        picture.draw()
        return picture.drawing
    }

    private init(_ curve: Report.Curve, _ title: String, _ offsetSeconds: Int, _ form: Drawing.Form) {
        self.curve = curve
        self.offsetSeconds = offsetSeconds
        let times =
            curve.points.map(\.time) + curve.marks.map(\.time)
            + curve.spans.flatMap { [$0.begin, $0.end] }.filter { $0 != .distantPast && $0 != .distantFuture }
        begin = times.min() ?? Instant(seconds: 0)
        end = max(times.max() ?? begin, begin + .seconds(1))
        perNanosecond = 1 / max(1, (end - begin).inSeconds * 1e9)
        top = max(1, curve.limit ?? 0, curve.points.map(\.value).max() ?? 0)
        var seen: [String] = []
        for mark in curve.marks where !seen.contains(mark.kind) && seen.count < Self.mostKinds {
            seen.append(mark.kind)
        }
        kinds = seen
        left =
            12
            + (Axis.levels(to: top, about: 5).map { TextWidth.of(Wording.grouped($0)) } + kinds.map(TextWidth.of))
            .reduce(24) { max($0, min($1, 90)) }
        right = form.width - (kinds.isEmpty ? 8 : 52)
        plotTop = 46
        plotHeight = form == .wide ? 220 : 180
        drawing = Drawing(
            form, height: plotTop + plotHeight + 46 + Double(kinds.count) * Self.laneHeight, title: title)
        drawing.summary = summary
    }

    // MARK: - Places

    private func x(_ time: Instant) -> Double {
        left + max(0, min(1, Double(time.nanoseconds &- begin.nanoseconds) * perNanosecond)) * (right - left)
    }

    private func y(_ value: Int) -> Double {
        plotTop + plotHeight * (1 - Double(max(0, value)) / Double(top))
    }

    private func moment(_ time: Instant) -> String { Wording.moment(time, offsetSeconds) }

    // MARK: - Steps

    private mutating func draw() {
        drawSpans()
        drawAxes()
        drawLine()
        drawLimit()
        drawLanes()
    }

    /// What the words above the plot say stands in two rows; where neither has room, the table has it.
    private mutating func drawSpans() {
        var ends = [left - 8, left - 8]
        for span in curve.spans {
            let (from, to) = (x(span.begin), x(span.end))
            let title = "\(span.label): \(moment(max(span.begin, begin))) to \(moment(min(span.end, end)))"
            drawing.rect(
                "span", x: from, y: plotTop, width: max(1, to - from), height: plotHeight, title: title)
            drawing.line("spanedge", from, plotTop, from, plotTop + plotHeight)
            let width = min(TextWidth.of(span.label), 240)
            let place = max(left, min(from, right - width))
            guard let row = ends.firstIndex(where: { $0 + 8 <= place }) else { continue }
            drawing.text("spanword", place, 26 - 14 * Double(row), span.label, room: width)
            ends[row] = place + width
        }
    }

    private mutating func drawAxes() {
        for level in Axis.levels(to: top, about: 5) {
            drawing.line(level == 0 ? "axis" : "rule", left, y(level), right, y(level))
            drawing.text("quiet", left - 6, y(level) + 4, Wording.grouped(level), .end)
        }
        let bottom = plotTop + plotHeight
        let room = drawing.form == .wide ? 80.0 : 62
        let ticks = Axis.times(
            from: begin, to: end, about: Int((right - left) / room), offsetSeconds: offsetSeconds)
        for tick in ticks {
            drawing.line("axis", x(tick.time), bottom, x(tick.time), bottom + 4)
            drawing.text(
                tick.isDay ? "strong" : "quiet", max(left + 14, min(right - 16, x(tick.time))), bottom + 18, tick.label,
                .middle)
        }
        var words = Wording.date(CivilTime(begin, offsetSeconds: offsetSeconds))
        if drawing.form == .wide { words += ", " + Wording.zone(offsetSeconds) }
        drawing.text("quiet", left, bottom + 36, words)
        let rest = right - left - TextWidth.of(words) - 12
        drawing.text("quiet", right, bottom + 36, curve.unit, .end, room: min(rest, 200))
    }

    private mutating func drawLimit() {
        guard let limit = curve.limit else { return }
        drawing.line("limit", left, y(limit), right, y(limit))
        drawing.text("limitword", right, y(limit) - 5, "limit \(Wording.grouped(limit))", .end)
    }

    /// Pieces of the curve: where nothing was recorded for long there is none.
    private mutating func drawLine() {
        for piece in pieces() {
            guard let first = piece.first, let last = piece.last else { continue }
            if piece.count == 1 {
                drawing.circle("bar", x: x(first.time), y: y(first.value), radius: 2)
                continue
            }
            let points = thinned(piece).map { "\(Wording.place(x($0.time))) \(Wording.place(y($0.value)))" }
            let data = points.joined(separator: "L")
            let base = Wording.place(y(0))
            drawing.path(
                "area", "M\(Wording.place(x(first.time))) \(base)L\(data)L\(Wording.place(x(last.time))) \(base)Z")
            drawing.path("curve", "M" + data)
        }
    }

    /// A gap is more than ten times the usual step.
    private func pieces() -> [ArraySlice<(time: Instant, value: Int)>] {
        let points = curve.points
        guard points.count > 2 else { return points.isEmpty ? [] : [points[...]] }
        let steps = zip(points, points.dropFirst()).prefix(1000).map { $1.time.nanoseconds &- $0.time.nanoseconds }
        let usual = max(steps.sorted()[steps.count / 2], 1_000_000_000)
        var pieces: [ArraySlice<(time: Instant, value: Int)>] = []
        var start = 0
        for index in 1..<points.count
        where points[index].time.nanoseconds &- points[index - 1].time.nanoseconds > usual &* 10 {
            pieces.append(points[start..<index])
            start = index
        }
        return pieces + [points[start...]]
    }

    /// Of the points in one column of pixels, the first, the lowest, the highest and the last: the drawing is the same.
    private func thinned(
        _ points: ArraySlice<(time: Instant, value: Int)>
    ) -> [(time: Instant, value: Int)] {
        guard points.count > Int(drawing.width) * 2 else { return Array(points) }
        var kept: [(time: Instant, value: Int)] = []
        var start = points.startIndex
        while start < points.endIndex {
            let column = Int(x(points[start].time))
            var (low, high, next) = (start, start, start)
            while next < points.endIndex, Int(x(points[next].time)) == column {
                if points[next].value < points[low].value { low = next }
                if points[next].value > points[high].value { high = next }
                next += 1
            }
            for index in Set([start, low, high, next - 1]).sorted() { kept.append(points[index]) }
            start = next
        }
        return kept
    }

    /// A lane for each kind: what happened in a few pixels' time is one bar, as high as its share of the most.
    private mutating func drawLanes() {
        for (row, kind) in kinds.enumerated() {
            let base = plotTop + plotHeight + 46 + Double(row + 1) * Self.laneHeight - 6
            let marks = curve.marks.filter { $0.kind == kind }
            var columns: [Int: (count: Int, first: Instant)] = [:]
            for mark in marks {
                let column = columns[Int((x(mark.time) - left) / 4)] ?? (0, mark.time)
                columns[Int((x(mark.time) - left) / 4)] = (
                    column.count &+ max(0, mark.count), min(column.first, mark.time)
                )
            }
            let most = Double(max(1, columns.values.map(\.count).max() ?? 1))
            drawing.line("rule", left, base, right, base)
            drawing.text("", left - 6, base, kind, .end, room: left - 10)
            for (column, (count, first)) in columns.sorted(by: { $0.key < $1.key }) where count > 0 {
                let height = max(2, Double(count) / most * (Self.laneHeight - 8))
                drawing.rect(
                    "k\(row + 1)", x: left + Double(column) * 4, y: base - height, width: 3.4, height: height,
                    title: "\(kind): \(Wording.grouped(count)) at \(moment(first))")
            }
            let total = marks.reduce(0) { $0 &+ $1.count }
            drawing.text("quiet", right + 6, base, Wording.grouped(total), room: 50)
        }
    }

    // MARK: - In words

    private var summary: String {
        guard let peak = curve.points.max(by: { $0.value < $1.value }) else { return "Nothing was recorded." }
        var words = "From \(moment(begin)) to \(moment(end)): at most \(Wording.grouped(peak.value)) \(curve.unit)"
        words += " at \(moment(peak.time))"
        if let limit = curve.limit { words += ", of \(Wording.grouped(limit))" }
        words += "."
        if !curve.spans.isEmpty {
            words += " Shaded: " + curve.spans.prefix(12).map(\.label).joined(separator: ", ") + "."
        }
        for kind in kinds {
            let total = curve.marks.lazy.filter { $0.kind == kind }.reduce(0) { $0 &+ $1.count }
            words += " \(kind): \(Wording.grouped(total))."
        }
        return words
    }
}
