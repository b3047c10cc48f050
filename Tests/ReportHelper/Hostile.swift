// What a zone, an owner or a reply's text may be called by whoever wants to run something in the administrator's browser.

import Events
import Origins
import Reports

let hostileTexts = [
    "</script><img src=x onerror=\"document.title='run'\">", "<svg onload=document.title='run'>",
    "</title></desc></style><script>document.title='run'</script>", "\" onmouseover=\"document.title='run'\" x=\"",
    "' onfocus='document.title=\"run\"' autofocus tabindex='0", "javascript:document.title='run'",
    "]]><!-- <b>bold</b> --><![CDATA[", "&lt;b&gt; &amp;amp; &#60;i&#62;", "{{constructor.constructor('1')()}} ${1}",
    "https://example.net/beacon.png", "@import url(https://example.net/x.css);", "\u{202e}gnp.elif\u{0}\u{1b}[2J\u{7f}",
    String(repeating: "unbroken", count: 60),
]

extension Examples {
    /// Every text of a report that could come from elsewhere is a hostile one.
    static func hostile() -> Report {
        let texts = hostileTexts
        let rows = texts.enumerated().map { number, text -> [Report.Cell] in
            [.text(text), .count(number + 1), .text(text)]
        }
        let titles = columns([("zone", texts[0]), ("count", texts[1]), ("owner", texts[2])])
        let times = texts.indices.map { day24 + .minutes(Int64($0)) }
        let pictures: [Report.Picture] = [
            .bars(column: "count"),
            .curve(
                Report.Curve(
                    points: times.enumerated().map { ($1, $0 * 7) }, unit: texts[0], limit: 90,
                    spans: zip(times, texts).map { ($0, $0 + .seconds(30), $1) },
                    marks: zip(times, texts).map { ($0, $1, 3) })),
            .stack(Report.Stack(labels: texts, parts: texts.map { ($0, texts.indices.map { $0 + 1 }) })),
            .grid(
                Report.Grid(
                    rowLabels: texts, columnLabels: texts, values: texts.map { _ in texts.map { $0.utf8.count } })),
            .maps(
                texts.prefix(4).map {
                    Report.WorldCounts(title: $0, counts: Country("VN").map { [$0: 3] } ?? [:], unlocated: 1)
                }),
        ]
        var report = Report(
            title: texts[2], begin: day24, end: day24 + .days(1), hosts: texts,
            sections: pictures.enumerated().map { number, picture in
                Report.Section(
                    texts[number], texts[number], columns: titles, rows: rows, notes: texts, picture: picture)
            })
        report.credits = texts
        return report
    }
}
