import Events
import Reports

/// A bar for each row of a table, of one of its columns.
struct BarsDrawing {
    /// The rest stands in the table.
    static let most = 30

    /// What the bars are of: the cell that tells the row from the others, the figure, and the figure in words.
    static func rows(
        _ section: Report.Section, column key: String, offsetSeconds: Int
    ) -> [(label: String, size: Double, words: String)] {
        guard let column = section.columns.firstIndex(where: { $0.key == key }) else { return [] }
        let label = labelColumn(section, offsetSeconds)
        return section.rows.compactMap { row in
            guard column < row.count, label < row.count, let size = row[column].size, size.isFinite else {
                return nil
            }
            return (row[label].text(offsetSeconds), max(0, size), row[column].text(offsetSeconds))
        }
    }

    /// The first of the columns that tell the rows apart best.
    private static func labelColumn(_ section: Report.Section, _ offsetSeconds: Int) -> Int {
        let different = section.columns.indices.map { column in
            Set(
                section.rows.compactMap { row in
                    column < row.count && row[column].size == nil ? row[column].text(offsetSeconds) : nil
                }
            ).count
        }
        return different.indices.max { different[$0] < different[$1] || different[$0] == different[$1] && $0 > $1 } ?? 0
    }

    static func drawing(
        _ section: Report.Section, column key: String, title: String, offsetSeconds: Int, form: Drawing.Form
    ) -> Drawing {
        let all = rows(section, column: key, offsetSeconds: offsetSeconds)
        let rows = all.prefix(most)
        let rowHeight = form == .wide ? 24.0 : 22
        var drawing = Drawing(
            form, height: Double(rows.count) * rowHeight + (all.count > most ? 22 : 4), title: title)
        let heading = section.columns.first { $0.key == key }?.title ?? key
        drawing.summary =
            "\(heading): " + rows.prefix(10).map { "\($0.label) \($0.words)" }.joined(separator: ", ") + "."
        let left = min(form.width * 0.42, rows.reduce(30) { max($0, TextWidth.of($1.label)) }) + 8
        let right = form.width - rows.reduce(30) { max($0, TextWidth.of($1.words)) } - 8
        let most = rows.reduce(0) { max($0, $1.size) }
        for (index, row) in rows.enumerated() {
            let y = Double(index) * rowHeight
            drawing.text("", left - 8, y + rowHeight / 2 + 4, row.label, .end, room: left - 8)
            drawing.rect("track", x: left, y: y + 4, width: right - left, height: rowHeight - 8, radius: 2)
            if most > 0, row.size > 0 {
                drawing.rect(
                    "bar", x: left, y: y + 4, width: max(1.5, row.size / most * (right - left)), height: rowHeight - 8,
                    title: "\(row.label): \(row.words)", radius: 2)
            }
            drawing.text("", form.width, y + rowHeight / 2 + 4, row.words, .end)
        }
        if all.count > Self.most {
            drawing.text("quiet", 0, drawing.height - 6, "and \(all.count - Self.most) more in the table")
        }
        return drawing
    }
}
