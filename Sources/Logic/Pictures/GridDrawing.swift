import Reports

/// Rows by columns of counts in classed colours, such as weekdays by hours, with the sum of each row.
struct GridDrawing {
    static func drawing(_ grid: Report.Grid, title: String, form: Drawing.Form) -> Drawing {
        let values = grid.values.flatMap { $0.compactMap { $0 } }
        let classes = ColourClasses(close: values)
        let sums = grid.values.map { $0.reduce(0) { $0 &+ ($1 ?? 0) } }
        let columns = max(1, grid.columnLabels.count)
        let left = 8 + min(120, grid.rowLabels.reduce(20) { max($0, TextWidth.of($1)) })
        let sumWidth = sums.reduce(20) { max($0, TextWidth.of(Wording.grouped($1))) }
        let right = form.width - (form == .wide ? sumWidth + 10 : 0)
        let cell = (width: (right - left) / Double(columns), height: form == .wide ? 26.0 : 20)
        let plotTop = 22.0
        let bottom = plotTop + Double(grid.rowLabels.count) * cell.height
        let entries =
            classes.legend + (grid.values.contains { $0.contains { $0 == nil } } ? [("void", "not recorded")] : [])
        let legend = Legend(entries, width: form.width)
        var drawing = Drawing(form, height: bottom + 14 + legend.height, title: title)
        drawing.summary = summary(grid, sums)

        let widest = grid.columnLabels.reduce(8) { max($0, TextWidth.of($1)) } + 4
        let every = [1, 2, 3, 4, 6, 12].first { Double($0) * cell.width >= widest } ?? 24
        for (column, label) in grid.columnLabels.enumerated() where column % every == 0 {
            let middle = left + (Double(column) + 0.5) * cell.width
            let room = max(10, min(cell.width * Double(every) - 4, 2 * min(middle, form.width - middle)))
            drawing.text("quiet", middle, 14, label, .middle, room: room)
        }
        if form == .wide { drawing.text("quiet", form.width, 14, "sum", .end) }
        for (row, label) in grid.rowLabels.enumerated() {
            let y = plotTop + Double(row) * cell.height
            drawing.text("", left - 8, y + cell.height / 2 + 4, label, .end, room: left - 8)
            guard row < grid.values.count else { continue }
            for (column, value) in grid.values[row].prefix(columns).enumerated() {
                let name = value.map { "part " + classes.name($0) } ?? "void"
                let inset = value == nil ? 2.5 : 0
                let words = value.map(Wording.grouped) ?? "not recorded"
                let columnLabel = column < grid.columnLabels.count ? grid.columnLabels[column] : ""
                drawing.rect(
                    name, x: left + Double(column) * cell.width + inset, y: y + inset,
                    width: cell.width - 1 - 2 * inset, height: cell.height - 1 - 2 * inset,
                    title: "\(label) \(columnLabel): \(words)")
            }
            if form == .wide {
                drawing.text("", form.width, y + cell.height / 2 + 4, Wording.grouped(sums[row]), .end)
            }
        }
        legend.draw(in: &drawing, y: bottom + 12)
        return drawing
    }

    private static func summary(_ grid: Report.Grid, _ sums: [Int]) -> String {
        let rows = zip(grid.rowLabels, sums).map { "\($0) \(Wording.grouped($1))" }
        var words = "Sums: " + rows.joined(separator: ", ") + "."
        let cells = grid.values.enumerated().flatMap { row, values in
            values.enumerated().map { (row, $0.offset, $0.element ?? 0) }
        }
        if let most = cells.max(by: { $0.2 < $1.2 }), most.2 > 0, most.0 < grid.rowLabels.count,
            most.1 < grid.columnLabels.count
        {
            words += " Most: \(Wording.grouped(most.2)), \(grid.rowLabels[most.0]) \(grid.columnLabels[most.1])."
        }
        return words
    }
}
