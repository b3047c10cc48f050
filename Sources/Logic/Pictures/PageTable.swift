import Reports

/// The table of a section: captioned, with headings for columns and rows, figures to the right, and what a column is
/// sorted by beside what is shown.
struct PageTable {
    private let section: Report.Section
    private let anchor: String
    private let offsetSeconds: Int
    /// Of each column: `n` for figures, `t` for times, nothing for words.
    private let kinds: [String]

    /// As many rows are shown at once on a screen; on paper all are.
    private static let most = 40

    init(_ section: Report.Section, anchor: String, offsetSeconds: Int) {
        self.section = section
        self.anchor = anchor
        self.offsetSeconds = offsetSeconds
        kinds = section.columns.indices.map { column in
            let cells = section.rows.lazy.compactMap { column < $0.count && $0[column] != .none ? $0[column] : nil }
            if cells.isEmpty || cells.contains(where: { $0.size == nil }) { return "" }
            return cells.allSatisfy(\.isTime) ? "t" : "n"
        }
    }

    func write(to text: inout String) {
        guard !section.columns.isEmpty else { return }
        guard !section.rows.isEmpty else {
            text += "<p class=\"note\">Nothing.</p>\n"
            return
        }
        // A wide or long table scrolls in its own box, with the keyboard too; the page does not.
        let isLong = section.rows.count > Self.most
        text +=
            "<div class=\"table\(isLong ? " long" : "")\" role=\"region\" tabindex=\"0\" aria-labelledby=\"\(anchor)-c\">\n<table>\n"
        let count = section.rows.count
        text += "<caption id=\"\(anchor)-c\">\(Markup.escaped(section.title)), "
        text += "\(Wording.grouped(count)) row\(count == 1 ? "" : "s")</caption>\n<thead>\n<tr>"
        for (column, kind) in zip(section.columns, kinds) {
            text += "<th scope=\"col\"\(kind.isEmpty ? "" : " class=\"\(kind)\"")>\(Markup.escaped(column.title))</th>"
        }
        text += "</tr>\n</thead>\n<tbody>\n"
        for row in section.rows { write(row, to: &text) }
        text += "</tbody>\n</table>\n</div>\n"
    }

    private func write(_ row: [Report.Cell], to text: inout String) {
        text += "<tr>"
        for (column, kind) in kinds.enumerated() {
            let cell = column < row.count ? row[column] : .none
            let words = Markup.escaped(cell.text(offsetSeconds))
            // A row is named by its first cell, unless that is a figure.
            if column == 0, kind != "n" {
                text += "<th scope=\"row\"\(attributes(cell, kind))>\(words)\(code(cell))</th>"
            } else {
                text += "<td\(attributes(cell, kind))>\(words)\(code(cell))</td>"
            }
        }
        text += "</tr>\n"
    }

    private func attributes(_ cell: Report.Cell, _ kind: String) -> String {
        let name = kind.isEmpty ? "" : " class=\"\(kind)\""
        guard let size = cell.size, size.isFinite else { return name }
        let exact = size == size.rounded() && size.magnitude < 1e15 ? String(Int(size)) : String(size)
        return name + " data-v=\"\(exact)\""
    }

    /// A country's code, behind its name.
    private func code(_ cell: Report.Cell) -> String {
        guard case .country(let country?) = cell, country.name != nil else { return "" }
        return " <small>\(country)</small>"
    }
}

extension Report.Cell {
    var isTime: Bool {
        if case .time = self { true } else { false }
    }
}
