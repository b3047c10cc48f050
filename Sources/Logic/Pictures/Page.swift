import Events
import Origins
import Reports

/// A report as one HTML page that needs nothing else: no script, font or picture from anywhere, so that it opens from a
/// file and out of a mail. Its content security policy forbids whatever is not in it, and runs no script but its own.
package struct Page {
    private let report: Report
    /// Which program wrote it, in the last line.
    private let writer: String
    private var text = ""

    /// The page as text.
    package static func text(of report: Report, writer: String) -> String {
        var page = Page(report: report, writer: writer)
        page.write()
        return page.text
    }

    private init(report: Report, writer: String) {
        self.report = report
        self.writer = writer
    }

    /// A rejected mail's text may say anything: what is not of these hashes does not run, wherever it got to.
    private static let policy =
        "default-src 'none'; style-src '\(PageStyle.hash)'; script-src '\(PageScript.hash)'; "
        + "base-uri 'none'; form-action 'none'"

    private mutating func write() {
        text.reserveCapacity(400_000)
        text += """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="\(Self.policy)">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="referrer" content="no-referrer">
            <meta name="generator" content="\(Markup.escaped(writer))">
            <title>\(Markup.escaped(report.title))</title>
            <style>\(PageStyle.text)</style>
            </head>
            <body>
            <a class="skip" href="#report">Skip to the report</a>

            """
        if report.sections.contains(where: \.hasMap) { text += MapDrawing.shapes }
        let anchors = self.anchors
        writeHead()
        writeContents(anchors)
        text += "<main id=\"report\">\n"
        for (section, anchor) in zip(report.sections, anchors) { write(section, anchor) }
        text += "</main>\n"
        writeFoot()
        text += "<script>\(PageScript.text)</script>\n</body>\n</html>\n"
    }

    /// Of each section, each once.
    private var anchors: [String] {
        var seen: [String: Int] = [:]
        return report.sections.map { section in
            let name = "s-" + Markup.anchor(section.key)
            let count = seen[name, default: 0]
            seen[name] = count + 1
            return count == 0 ? name : "\(name)--\(count + 1)"
        }
    }

    // MARK: - Before and after the sections

    private mutating func writeHead() {
        let zone = Wording.zone(report.offsetSeconds)
        text += "<header>\n<h1>\(Markup.escaped(report.title))</h1>\n<p class=\"when\">"
        text += "\(time(report.begin)) to \(time(report.end)), \(zone)"
        if !report.hosts.isEmpty {
            let named = report.hosts.prefix(20).map(Markup.escaped).joined(separator: ", ")
            let more = report.hosts.count > 20 ? " and \(report.hosts.count - 20) more" : ""
            text += "<br>Lines of \(named)\(more)"
        }
        text += "</p>\n</header>\n"
    }

    private mutating func writeContents(_ anchors: [String]) {
        guard report.sections.count > 1 else { return }
        text += "<nav aria-labelledby=\"contents\">\n<h2 id=\"contents\">Contents</h2>\n<ol>\n"
        for (section, anchor) in zip(report.sections, anchors) {
            text += "<li><a href=\"#\(anchor)\">\(Markup.escaped(section.title))</a></li>\n"
        }
        text += "</ol>\n</nav>\n"
    }

    private mutating func writeFoot() {
        text += "<footer>\n"
        for credit in report.credits { text += "<p>\(Markup.escaped(credit))</p>\n" }
        if report.sections.contains(where: \.hasMap) {
            text +=
                "<p>Outlines of countries: Natural Earth, public domain. Borders are drawn as they are held, and are "
            text += "no statement.</p>\n"
        }
        text += "<p>Written by \(Markup.escaped(writer)).</p>\n</footer>\n"
    }

    private func time(_ instant: Instant) -> String {
        "<time datetime=\"\(instant.rfc3339)\">\(Wording.moment(instant, report.offsetSeconds))</time>"
    }

    // MARK: - A section

    private mutating func write(_ section: Report.Section, _ anchor: String) {
        text += "<section id=\"\(anchor)\" aria-labelledby=\"\(anchor)-h\">\n"
        text += "<h2 id=\"\(anchor)-h\">\(Markup.escaped(section.title))</h2>\n"
        if let picture = section.picture { write(picture, section, anchor) }
        PageTable(section, anchor: anchor, offsetSeconds: report.offsetSeconds).write(to: &text)
        for note in section.notes { text += "<p class=\"note\">\(Markup.escaped(note))</p>\n" }
        text += "</section>\n"
    }

    private mutating func write(_ picture: Report.Picture, _ section: Report.Section, _ anchor: String) {
        switch picture {
        case .map(let world): writeMaps([world], anchor)
        case .maps(let worlds): writeMaps(worlds, anchor)
        case .bars, .curve, .stack, .grid:
            text += "<figure>\n"
            // Words keep their size on a phone: it has a drawing of its own.
            for form in [Drawing.Form.wide, .narrow] {
                let drawing = section.drawing(form: form, offsetSeconds: report.offsetSeconds)
                text += drawing?.embedded(id: "\(anchor)-\(form.rawValue)") ?? ""
            }
            text += "</figure>\n"
        }
    }

    private mutating func writeMaps(_ worlds: [Report.WorldCounts], _ anchor: String) {
        text += "<div class=\"maps\">\n"
        for (number, map) in MapDrawing.maps(worlds).enumerated() {
            text += "<figure>\n<figcaption>\(Markup.escaped(map.world.title))</figcaption>\n"
            text += map.embedded(id: "\(anchor)-map\(number + 1)")
            text += "<ul class=\"legend\">\n"
            for entry in map.legend {
                text += "<li><svg class=\"key\" viewBox=\"0 0 14 14\" width=\"14\" height=\"14\" aria-hidden=\"true\">"
                text +=
                    "<rect class=\"swatch \(entry.name)\" x=\"0.5\" y=\"0.5\" width=\"13\" height=\"13\" rx=\"2\"/></svg>"
                text += "\(entry.label)</li>\n"
            }
            text += "<li>\(Markup.escaped(map.unlocated))</li>\n</ul>\n</figure>\n"
        }
        text += "</div>\n"
    }
}

extension Report.Section {
    var hasMap: Bool {
        switch picture {
        case .map, .maps: true
        default: false
        }
    }

    /// Its picture, but for maps, of which it may have several.
    func drawing(form: Drawing.Form, offsetSeconds: Int) -> Drawing? {
        switch picture {
        case .bars(let column):
            BarsDrawing.drawing(self, column: column, title: title, offsetSeconds: offsetSeconds, form: form)
        case .curve(let curve):
            CurveDrawing.drawing(curve, title: title, offsetSeconds: offsetSeconds, form: form)
        case .stack(let stack): StackDrawing.drawing(stack, title: title, form: form)
        case .grid(let grid): GridDrawing.drawing(grid, title: title, form: form)
        case .map, .maps, nil: nil
        }
    }
}
