/// An SVG in the making: shapes and words at places, in pixels from its upper left corner.
///
/// It names classes and no colours, so that one style sheet (`DrawingStyle`) serves light, dark and print, and a page
/// with many drawings holds it once.
struct Drawing {
    /// How wide a drawing is made: words keep their size, so a phone's is another drawing and not a smaller one.
    enum Form: String {
        case wide, narrow

        var width: Double { self == .wide ? 860 : 330 }
    }

    let form: Form
    var height: Double
    /// What it shows, in one line, and what is to be seen in it: for those who do not see it.
    var title: String
    var summary: String
    private(set) var body = ""

    init(_ form: Form, height: Double, title: String, summary: String = "") {
        self.form = form
        self.height = height
        self.title = title
        self.summary = summary
    }

    var width: Double { form.width }

    // MARK: - Shapes

    mutating func rect(
        _ name: String, x: Double, y: Double, width: Double, height: Double, title: String? = nil, radius: Double = 0
    ) {
        body += "<rect class=\"\(name)\" x=\"\(Wording.place(x))\" y=\"\(Wording.place(y))\""
        body += " width=\"\(Wording.place(width))\" height=\"\(Wording.place(height))\""
        if radius > 0 { body += " rx=\"\(Wording.place(radius))\"" }
        close("rect", title)
    }

    mutating func line(_ name: String, _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) {
        path(name, "M\(Wording.place(x1)) \(Wording.place(y1))L\(Wording.place(x2)) \(Wording.place(y2))")
    }

    mutating func path(_ name: String, _ data: String, title: String? = nil) {
        body += "<path class=\"\(name)\" d=\"\(data)\""
        close("path", title)
    }

    mutating func circle(_ name: String, x: Double, y: Double, radius: Double, title: String? = nil) {
        body += "<circle class=\"\(name)\" cx=\"\(Wording.place(x))\" cy=\"\(Wording.place(y))\""
        body += " r=\"\(Wording.place(radius))\""
        close("circle", title)
    }

    private mutating func close(_ element: String, _ title: String?) {
        if let title {
            body += "><title>\(Markup.escaped(title))</title></\(element)>\n"
        } else {
            body += "/>\n"
        }
    }

    enum Anchor: String { case start, middle, end }

    /// Words whose base line begins, has its middle or ends at a place. `room` cuts them, and the whole is in a title.
    mutating func text(
        _ name: String, _ x: Double, _ y: Double, _ text: String, _ anchor: Anchor = .start, room: Double = .infinity
    ) {
        let shown = TextWidth.fitted(text, room)
        body += "<text x=\"\(Wording.place(x))\" y=\"\(Wording.place(y))\""
        if !name.isEmpty { body += " class=\"\(name)\"" }
        if anchor != .start { body += " text-anchor=\"\(anchor.rawValue)\"" }
        body += ">\(Markup.escaped(shown))"
        if shown != text { body += "<title>\(Markup.escaped(text))</title>" }
        body += "</text>\n"
    }

    /// Markup made elsewhere.
    mutating func raw(_ markup: String) { body += markup }

    // MARK: - The whole

    private var opening: String {
        "viewBox=\"0 0 \(Wording.place(width)) \(Wording.place(height))\" width=\"\(Wording.place(width))\" "
            + "height=\"\(Wording.place(height))\" role=\"img\""
    }

    private func words(_ id: String) -> String {
        let title = "<title id=\"\(id)-t\">\(Markup.escaped(title))</title>"
        return summary.isEmpty ? title : title + "<desc id=\"\(id)-d\">\(Markup.escaped(summary))</desc>"
    }

    private func labels(_ id: String) -> String {
        "aria-labelledby=\"\(id)-t\"" + (summary.isEmpty ? "" : " aria-describedby=\"\(id)-d\"")
    }

    /// For a page that holds the style sheet; `id` is its own there.
    func embedded(id: String) -> String {
        "<svg class=\"drawing \(form.rawValue)\" \(opening) \(labels(id))>\(words(id))\n\(body)</svg>\n"
    }

    /// A file of its own, with its style, its title above it and a ground, as the page around it is not known.
    var file: String {
        let (margin, head) = (16.0, 48.0)
        let (wide, high) = (Wording.place(width + 2 * margin), Wording.place(height + head + margin))
        var text = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(wide) \(high)\" width=\"\(wide)\" "
        text += "height=\"\(high)\" role=\"img\" \(labels("b"))>\(words("b"))\n"
        text += "<style>\(DrawingStyle.text)</style>\n"
        text += "<rect class=\"ground\" x=\"0.5\" y=\"0.5\" width=\"\(Wording.place(width + 2 * margin - 1))\" "
        text += "height=\"\(Wording.place(height + head + margin - 1))\" rx=\"8\"/>\n"
        let shown = TextWidth.fitted(title, width / 1.35)
        text += "<text class=\"head\" x=\"16\" y=\"30\">\(Markup.escaped(shown))</text>\n"
        return text + "<g transform=\"translate(16 48)\">\n\(body)</g>\n</svg>\n"
    }
}

/// How wide words are, about: no font can be asked here.
enum TextWidth {
    /// In DejaVu Sans of 12 px, which is wider than most.
    static func of(_ text: some StringProtocol) -> Double {
        text.unicodeScalars.reduce(0) { width, scalar in width + Self.width(scalar.value) }
    }

    private static func width(_ scalar: UInt32) -> Double {
        switch scalar {
        case 0x20..<0x7f: Double(halves[Int(scalar) - 0x20] - 0x60) / 2
        case 0x1100...: 12.5
        default: 9
        }
    }

    /// Half pixels of U+0020 to U+007E, `a` for one of them; measured.
    private static let halves = Array(
        "hjlupwsgjjluhihippppppppppiiuuumxqqqspnsshhpnursosqporqxqoqjijullopnpoippggngxpoppjmjpotoompipu".utf8)

    /// The text, or as much as fits with `…` behind.
    static func fitted(_ text: String, _ room: Double) -> String {
        guard room.isFinite, of(text) > room else { return text }
        var (result, width) = ("", 12.0)
        for character in text {
            width += of(String(character))
            if width > room { break }
            result.append(character)
        }
        return result + "\u{2026}"
    }
}
