import Events
import Foundation
import Origins
import Reports
import Testing

@testable import Pictures

@Suite struct PageTests {
    static let begin = CivilTime(year: 2011, month: 2, day: 24).instant(offsetSeconds: 3600)

    static func report(_ sections: [Report.Section]) -> Report {
        Report(title: "A day", begin: begin, end: begin + .days(1), offsetSeconds: 3600, sections: sections)
    }

    static func page(_ sections: [Report.Section]) -> String { Page.text(of: report(sections), writer: "breakwater 0") }

    /// The browser would not run or apply what differs from these by one character.
    @Test func `the policy names the script and the style that are in the page`() {
        #expect(PageScript.hash == "sha256-" + SHA256.base64(PageScript.text))
        #expect(PageStyle.hash == "sha256-" + SHA256.base64(PageStyle.text))
        let page = Self.page([])
        #expect(
            page.contains("<script>\(PageScript.text)</script>") && page.contains("<style>\(PageStyle.text)</style>"))
        #expect(page.contains("default-src 'none'; style-src 'sha256-") && !page.contains("unsafe-inline"))
        // What the page itself says must not end either.
        #expect(!PageScript.text.contains("</") && !PageStyle.text.contains("<"))
    }

    static let hostile = "</script></title></style><img src=x onerror=run()>\"'"

    static let everyPicture: [Report.Picture] = [
        .bars(column: "count"),
        .curve(
            Report.Curve(
                points: [(begin, 3), (begin + .seconds(5), 7)], unit: hostile, limit: 9,
                spans: [(begin, begin + .seconds(3), hostile)], marks: [(begin, hostile, 2)])),
        .stack(Report.Stack(labels: [hostile], parts: [(hostile, [3])])),
        .grid(Report.Grid(rowLabels: [hostile], columnLabels: [hostile], values: [[1]])),
        .map(Report.WorldCounts(title: hostile, counts: [:], unlocated: 2)),
        .maps([Report.WorldCounts(title: hostile, counts: [:], unlocated: 2)]),
    ]

    static func hostileReport(_ picture: Report.Picture) -> Report {
        let rows: [[Report.Cell]] = [[.text(hostile), .count(3), .text(hostile)]]
        let section = Report.Section(
            hostile, hostile, columns: [.init("zone", hostile), .init("count", hostile), .init("owner", hostile)],
            rows: rows, notes: [hostile], picture: picture)
        var report = Report(title: hostile, begin: begin, end: begin + .days(1), hosts: [hostile], sections: [section])
        report.credits = [hostile]
        return report
    }

    @Test(arguments: everyPicture.indices)
    func `no text gets out of its place`(picture: Int) {
        let page = Page.text(of: Self.hostileReport(Self.everyPicture[picture]), writer: Self.hostile)
        #expect(page.components(separatedBy: "<script").count == 2)
        #expect(page.components(separatedBy: "<style").count == 2)
        #expect(!page.contains("<img") && page.contains("&lt;img src=x onerror=run()&gt;&quot;&#39;"))
        // Behind the document's own first line it is well-formed XML, but for elements that HTML leaves open.
        let body = page.replacingOccurrences(of: "<!DOCTYPE html>", with: "")
            .replacing(/<meta [^>]*>/, with: "").replacingOccurrences(of: "<br>", with: "<br/>")
            .replacing(/<script>[^<]*[\s\S]*?<\/script>/, with: "")
        #expect(XML.problem(body) == nil)
    }

    @Test(arguments: everyPicture.indices)
    func `a file is well-formed by itself`(picture: Int) throws {
        let files = PictureFile.all(of: Self.hostileReport(Self.everyPicture[picture]))
        let file = try #require(files.first)
        #expect(XML.problem(file.text) == nil)
        #expect(!file.text.contains("<img") && file.text.contains("role=\"img\"") && file.text.contains("<title id="))
        #expect(file.name.wholeMatch(of: /[a-z0-9_-]+\.svg/) != nil)
        // It loads nothing.
        #expect(file.text.components(separatedBy: "http").count == 2 && !file.text.contains("url("))
    }

    @Test func `files have names of their own`() {
        let world = Report.WorldCounts(title: "a day", counts: [:], unlocated: 0)
        let sections = ["waves", "waves", "waves-2"].map {
            Report.Section($0, $0, columns: [], picture: .maps([world, world]))
        }
        let names = PictureFile.all(of: Self.report(sections)).map(\.name)
        #expect(Set(names).count == 6 && names.prefix(2) == ["waves.svg", "waves-2.svg"])
    }

    /// Each kind of cell, as it is read and as it is sorted.
    @Test(arguments: [
        (Report.Cell.count(44_000), "<td class=\"n\" data-v=\"44000\">44,000</td>"),
        (.estimate(1200), "<td class=\"n\" data-v=\"1200\">~1,200</td>"),
        (.atLeast(301), "<td class=\"n\" data-v=\"301\">\u{2265}301</td>"),
        (.share(3327.0 / 4202), "79.18%</td>"), (.share(8.0 / 229_430), "0.00%</td>"), (.factor(66.51), "x66.5</td>"),
        (.number(2.54), "data-v=\"2.54\">2.5</td>"), (.span(.minutes(10)), "<td class=\"n\" data-v=\"600\">10m</td>"),
        (.time(begin), "<td class=\"t\" data-v=\"1298502000\">2011-02-24 00:00</td>"),
        (.country(Country("VN")), "<td>Vietnam <small>VN</small></td>"), (.country(Country("EU")), "<td>EU</td>"),
        (.country(nil), "<td>unlocated</td>"), (.none, "<td></td>"), (.text("zen.example"), "<td>zen.example</td>"),
    ])
    func `a cell is shown as what it is`(cell: Report.Cell, expected: String) {
        let section = Report.Section(
            "k", "T", columns: [.init("name", "Name"), .init("value", "Value")], rows: [[.text("a"), cell]])
        #expect(Self.page([section]).contains("<tr><th scope=\"row\">a</th>\(expected.hasPrefix("<") ? expected : "")"))
        #expect(Self.page([section]).contains(expected))
    }

    @Test func `a column with one word in it is sorted by words`() {
        let section = Report.Section(
            "k", "T", columns: [.init("name", "Name"), .init("value", "Value")],
            rows: [[.text("a"), .count(1)], [.text("b"), .text("many")], [.text("c")]])
        let page = Self.page([section])
        #expect(page.contains("<th scope=\"col\">Value</th>") && page.contains("3 rows</caption>"))
        // A row that is too short has an empty cell.
        #expect(page.contains("<tr><th scope=\"row\">c</th><td></td></tr>"))
    }

    @Test func `sections of the same key have anchors of their own`() {
        let page = Self.page([
            Report.Section("wave", "First", columns: []), Report.Section("wave", "Second", columns: []),
        ])
        for anchor in ["s-wave", "s-wave--2"] {
            #expect(page.contains("<section id=\"\(anchor)\"") && page.contains("<a href=\"#\(anchor)\">"))
        }
    }

    @Test func `a report without anything is a page`() {
        let empty = Self.page([])
        #expect(
            empty.contains("<h1>A day</h1>") && empty.contains("<main id=\"report\">\n</main>")
                && !empty.contains("<nav"))
        #expect(
            Self.page([Report.Section("k", "T", columns: [.init("a", "A")])]).contains("<p class=\"note\">Nothing.</p>")
        )
    }
}
