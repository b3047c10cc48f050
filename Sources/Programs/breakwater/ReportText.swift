import CLinux
import Events
import Glibc
import Pictures
import Reports

/// A report for a terminal or a mail: tables, with bars and sparklines where a section has a picture.
struct ReportText {
    let style: Style
    private let width: Int
    private let picture: TextPicture

    init(style: Style) {
        self.style = style
        width = ReportText.terminalWidth
        let locale = environment("LC_ALL") ?? environment("LC_CTYPE") ?? environment("LANG") ?? ""
        let isUTF8 = locale.lowercased().contains("utf-8") || locale.lowercased().contains("utf8")
        picture = TextPicture(width: width, characters: isUTF8 ? .blocks : .ascii)
    }

    private static var terminalWidth: Int {
        var size = winsize()
        if ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col >= 40 { return min(200, Int(size.ws_col)) }
        return environment("COLUMNS").flatMap { Int($0) }.map { min(200, max(60, $0)) } ?? 100
    }

    func text(of report: Report, _ read: [(String, Int)]) -> String {
        var text = style.bold(report.title) + "\n"
        let span =
            "\(ReportText.clock(report.begin, report.offsetSeconds)) to "
            + ReportText.clock(report.end, report.offsetSeconds)
        let hosts = report.hosts.map { $0.isEmpty ? "(no host's name)" : Report.shown($0, limit: 40) }
        let counted = read.filter { $0.0 == "lines" || $0.1 > 0 }.map { "\(grouped($0.1)) \($0.0)" }
        text +=
            [
                span, hosts.prefix(8).joined(separator: ", ") + (hosts.count > 8 ? " ..." : ""),
                counted.joined(separator: ", "),
            ]
            .filter { !$0.isEmpty }.joined(separator: " | ") + "\n"
        for section in report.sections { text += "\n" + self.text(of: section, report.offsetSeconds) }
        if !report.credits.isEmpty {
            text += "\n" + report.credits.map { Report.shown($0, limit: 200) + "\n" }.joined()
        }
        return text
    }

    /// In the zone that the report's days are of.
    private static func clock(_ instant: Instant, _ offset: Int) -> String {
        let time = CivilTime(instant, offsetSeconds: offset)
        return "\(padded(time.year, 4))-\(padded(time.month, 2))-\(padded(time.day, 2)) "
            + "\(padded(time.hour, 2)):\(padded(time.minute, 2))"
    }

    private func text(of section: Report.Section, _ offset: Int) -> String {
        var lines = [style.bold(section.title)]
        if section.rows.isEmpty {
            lines.append("  nothing")
        } else if section.key == "classes" {
            lines += ReportBase.logWatchLines(section)
        } else {
            lines += table(section, offset)
        }
        switch section.picture {
        case .bars, nil: break
        default: lines += [""] + picture.lines(of: section, offsetSeconds: offset)
        }
        for note in section.notes { lines += wrapped(note) }
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: - Tables

    private func table(_ section: Report.Section, _ offset: Int) -> [String] {
        var shown = Array(section.rows.prefix(ReportText.mostRows))
        if shown.count < section.rows.count, let last = section.rows.last, last.first == .text("unlocated") {
            shown.append(last)
        }
        let isFigure = section.columns.indices.map { column in
            section.rows.contains { $0.count > column && ReportText.isFigure($0[column]) }
        }
        var cells = [section.columns.map { $0.title.uppercased() }]
        cells += shown.map { row in row.map { ReportText.text($0, offset) } }
        var widths = section.columns.indices.map { column in
            cells.reduce(0) { max($0, $1.count > column ? $1[column].utf8.count : 0) }
        }
        // What is too wide is cut where the widest text stands.
        let excess = widths.reduce(0, +) + 2 * (widths.count - 1) - width
        let widest = widths.indices.filter { !isFigure[$0] }.max { widths[$0] < widths[$1] }
        if excess > 0, let widest { widths[widest] = max(16, widths[widest] - excess) }
        var lines = cells.map { row in
            row.enumerated().map { column, cell in
                let cut = cell.utf8.count > widths[column] ? String(cell.utf8.prefix(widths[column] - 2)) ?? cell : nil
                let text = cut.map { $0 + ".." } ?? cell
                let fill = String(repeating: " ", count: max(0, widths[column] - text.utf8.count))
                return isFigure[column] ? fill + text : text + fill
            }.joined(separator: "  ")
        }
        let room = width - (widths.reduce(0, +) + 2 * widths.count)
        if case .bars(let key) = section.picture, let column = section.columns.firstIndex(where: { $0.key == key }),
            room >= 8
        {
            let values = shown.map { ReportText.value($0[column]) }
            // A total would make all others short.
            let totals = shown.map { $0.contains(.text("total")) }
            let most = zip(values, totals).filter { !$0.1 }.map(\.0).max() ?? 0
            for (index, value) in values.enumerated() where !totals[index] && most > 0 {
                lines[index + 1] += "  " + picture.bar(value, of: most, length: min(30, room))
            }
        }
        if section.rows.count > shown.count {
            lines.append("... and \(section.rows.count - shown.count) more (--json has all)")
        }
        lines[0] = style.bold(lines[0])
        return lines.map { line in String(line.reversed().drop { $0 == " " }.reversed()) }
    }

    private static let mostRows = 30

    private static func isFigure(_ cell: Report.Cell) -> Bool {
        switch cell {
        case .count, .short, .estimate, .atLeast, .share, .factor, .number, .span: true
        case .none, .text, .time, .country: false
        }
    }

    private static func text(_ cell: Report.Cell, _ offset: Int) -> String {
        switch cell {
        case .none: "-"
        case .text(let text): text
        case .count(let count): grouped(count)
        case .short(let count): Figures.short(count)
        case .estimate(let count): "~" + grouped(count)
        case .atLeast(let count): ">=" + grouped(count)
        case .share(let share): Figures.percent(share)
        case .factor(let factor): Figures.factor(factor)
        case .number(let number): Figures.number(number)
        case .span(let span): span.span
        case .time(let time): clock(time, offset)
        case .country(let country): country?.description ?? "?"
        }
    }

    private static func value(_ cell: Report.Cell) -> Double {
        switch cell {
        case .count(let count), .short(let count), .estimate(let count), .atLeast(let count): Double(count)
        case .share(let value), .factor(let value), .number(let value): value
        case .span(let span): span.inSeconds
        case .none, .text, .time, .country: 0
        }
    }

    private func wrapped(_ note: String) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in note.split(separator: " ") {
            if !line.isEmpty, line.utf8.count + word.utf8.count + 3 > width {
                lines.append("  " + line)
                line = ""
            }
            line += line.isEmpty ? word : " " + word
        }
        return lines + ["  " + line]
    }
}
