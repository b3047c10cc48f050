import Origins
import Reports

/// The world in classed colours, for the counts of a day or for the difference of two.
///
/// Several maps of one kind share their classes, so that a colour means the same on all.
struct MapDrawing {
    private enum Classes {
        case counts(ColourClasses)
        case differences(DifferenceClasses)

        func name(_ count: Int) -> String {
            switch self {
            case .counts(let classes): classes.name(count)
            case .differences(let classes): classes.name(count)
            }
        }

        var legend: [(name: String, label: String)] {
            switch self {
            case .counts(let classes): classes.legend
            case .differences(let classes): classes.legend
            }
        }
    }

    let world: Report.WorldCounts
    private let classes: Classes

    static func maps(_ worlds: [Report.WorldCounts]) -> [MapDrawing] {
        let counts = ColourClasses(steps: worlds.filter { !$0.isDifference }.flatMap(\.counts.values))
        let differences = DifferenceClasses(worlds.filter(\.isDifference).flatMap(\.counts.values))
        return worlds.map { world in
            MapDrawing(world: world, classes: world.isDifference ? .differences(differences) : .counts(counts))
        }
    }

    var legend: [(name: String, label: String)] { classes.legend }

    private func words(_ count: Int) -> String { world.isDifference ? Wording.signed(count) : Wording.grouped(count) }

    /// What is on no place of the map, codes that no map has (`EU`, `AP`) among it.
    var unlocated: String {
        let elsewhere = world.counts.filter { $0.value != 0 && !World.countries.contains($0.key) }
        let sum = elsewhere.values.reduce(world.unlocated, &+)
        let codes = elsewhere.sorted { ($0.value.magnitude, $1.key) > ($1.value.magnitude, $0.key) }.prefix(8)
        let named = codes.map { "\($0.key.name ?? $0.key.description) \(words($0.value))" }.joined(separator: ", ")
        return "unlocated: \(words(sum))" + (named.isEmpty ? "" : " (\(named))")
    }

    private var summary: String {
        let located = world.counts.filter { $0.value != 0 && World.countries.contains($0.key) }
        let most = located.sorted { ($0.value.magnitude, $1.key) > ($1.value.magnitude, $0.key) }.prefix(10)
        let named = most.map { "\($0.key.name ?? $0.key.description) \(words($0.value))" }.joined(separator: ", ")
        return "\(located.count) countries" + (named.isEmpty ? "" : "; most: \(named)") + "; \(unlocated)."
    }

    // MARK: - In a page

    /// Every outline once, for the maps of a page to use.
    static let shapes: String = {
        var text = "<svg class=\"shapes\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>\n"
        for place in World.places {
            guard let outline = place.outline else { continue }
            text += "<path id=\"w\(place.country)\" fill-rule=\"evenodd\" d=\"\(outline)\"/>\n"
        }
        return text + "</defs></svg>\n"
    }()

    /// A map without words, as wide as the page has room; the page says legend and sums beside it.
    func embedded(id: String) -> String {
        "<svg class=\"drawing world\" viewBox=\"0 0 \(World.size.width) \(World.size.height)\" role=\"img\" "
            + "aria-labelledby=\"\(id)-t\" aria-describedby=\"\(id)-d\"><title id=\"\(id)-t\">"
            + Markup.escaped(world.title) + "</title><desc id=\"\(id)-d\">\(Markup.escaped(summary))</desc>\n"
            + land(shared: true) + "</svg>\n"
    }

    // MARK: - A file of its own

    func drawing(form: Drawing.Form = .wide) -> Drawing {
        let scale = form.width / Double(World.size.width)
        let height = Double(World.size.height) * scale
        let legend = Legend(self.legend, width: form.width)
        var drawing = Drawing(form, height: height + 34 + legend.height, title: world.title, summary: summary)
        drawing.raw("<g transform=\"scale(\(Wording.decimal(scale, 4)))\">\n\(land(shared: false))</g>\n")
        legend.draw(in: &drawing, y: height + 10)
        drawing.text("quiet", 0, drawing.height - 4, unlocated, room: form.width)
        return drawing
    }

    // MARK: - Land

    /// Outlines first, then circles, those with a count last: nothing lies over what is counted.
    private func land(shared: Bool) -> String {
        var text = "<path class=\"sea\" d=\"\(World.sea)\"/>\n<g class=\"land\">\n"
        for place in World.places {
            guard let outline = place.outline else { continue }
            let (name, title) = words(place)
            if shared {
                text += "<use href=\"#w\(place.country)\" class=\"\(name)\">\(title)</use>\n"
            } else {
                text += "<path class=\"\(name)\" fill-rule=\"evenodd\" d=\"\(outline)\">\(title)</path>\n"
            }
        }
        let circles = World.places.filter { $0.circle != nil }
        for isCounted in [false, true] {
            for place in circles where (world.counts[place.country] ?? 0 != 0) == isCounted {
                // One that has an outline is drawn already.
                guard let circle = place.circle, isCounted || place.outline == nil else { continue }
                let (name, title) = words(place)
                text += "<circle class=\"\(name)\" cx=\"\(circle.x)\" cy=\"\(circle.y)\" r=\"\(isCounted ? 14 : 5)\">"
                text += "\(title)</circle>\n"
            }
        }
        return text + "</g>\n"
    }

    private func words(_ place: World.Place) -> (name: String, title: String) {
        let count = world.counts[place.country] ?? 0
        let title = "\(place.country.name ?? place.country.description): \(words(count))"
        return (classes.name(count), "<title>\(Markup.escaped(title))</title>")
    }
}
