import Events
import Origins
import Reports

/// A report as one JSON document: a key for each section, `null` where there is nothing to say.
enum ReportJSON {
    static func document(_ report: Report, _ keys: [String], _ read: [(String, Int)]) -> JSON {
        let sections = Dictionary(uniqueKeysWithValues: report.sections.map { ($0.key, $0) })
        return .document(
            "report",
            [
                ("title", .string(report.title)), ("begin", .string(report.begin.rfc3339)),
                ("end", .string(report.end.rfc3339)), ("offset_s", JSON(report.offsetSeconds)),
                ("hosts", .array(report.hosts.map { .string($0) })),
            ] + read.map { ($0.0, JSON($0.1)) } + [("credits", .array(report.credits.map { .string($0) }))]
                + keys.map { key in (key, sections[key].map(section) ?? .null) })
    }

    private static func section(_ section: Report.Section) -> JSON {
        let rows = section.rows.map { row in
            JSON.object(zip(section.columns, row).flatMap { column, cell in values(column.key, cell) })
        }
        var fields: [(String, JSON)] = [
            ("title", .string(section.title)), ("rows", .array(rows)),
            ("notes", .array(section.notes.map { .string($0) })),
        ]
        switch section.picture {
        case .grid(let grid):
            fields.append(
                (
                    "grid",
                    .object([
                        ("rows", .array(grid.rowLabels.map { .string($0) })),
                        ("columns", .array(grid.columnLabels.map { .string($0) })),
                        ("values", .array(grid.values.map { .array($0.map { JSON($0) }) })),
                    ])
                ))
        case .stack(let stack):
            fields.append(
                (
                    "parts",
                    .object(stack.parts.map { part in (part.name, .array(part.values.map { JSON($0) })) })
                ))
        case .curve(let curve):
            fields += [
                ("limit", JSON(curve.limit)),
                ("points", .array(curve.points.map { timed($0.time, [("value", JSON($0.value))]) })),
                (
                    "spans",
                    .array(
                        curve.spans.map {
                            .object([
                                ("begin", .string($0.begin.rfc3339)), ("end", .string($0.end.rfc3339)),
                                ("label", .string($0.label)),
                            ])
                        })
                ),
                (
                    "marks",
                    .array(
                        curve.marks.map { timed($0.time, [("kind", .string($0.kind)), ("count", JSON($0.count))]) })
                ),
            ]
        default: break
        }
        return .object(fields)
    }

    private static func timed(_ time: Instant, _ fields: [(String, JSON)]) -> JSON {
        .object([("t", .string(time.rfc3339))] + fields)
    }

    private static func values(_ key: String, _ cell: Report.Cell) -> [(String, JSON)] {
        switch cell {
        case .none: [(key, .null)]
        case .text(let text): [(key, .string(text))]
        case .count(let count), .short(let count): [(key, JSON(count))]
        case .estimate(let count): [(key, JSON(count)), (key + "_is", .string("estimate"))]
        case .atLeast(let count): [(key, JSON(count)), (key + "_is", .string("at least"))]
        case .share(let share): [(key, .number(share))]
        case .factor(let factor): [(key, .number(factor))]
        case .number(let number): [(key, .number(number))]
        case .span(let span): [(key, .integer(span.nanoseconds / 1_000_000_000))]
        case .time(let time): [(key, .string(time.rfc3339))]
        case .country(let country): [(key, JSON(country?.description))]
        }
    }
}
