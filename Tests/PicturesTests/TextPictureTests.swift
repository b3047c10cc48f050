import Events
import Origins
import Reports
import Testing

@testable import Pictures

@Suite struct TextPictureTests {
    private let blocks = TextPicture(width: 40, characters: .blocks)
    private let ascii = TextPicture(width: 40, characters: .ascii)

    @Test func `a bar is as long as its share, to an eighth`() {
        #expect(blocks.bar(1, of: 2, length: 10) == "█████")
        #expect(blocks.bar(0.56, of: 1, length: 10) == "█████▋")
        #expect(blocks.bar(1, of: 44_000, length: 10) == "▏")
        #expect(blocks.bar(0, of: 9, length: 10) == "" && blocks.bar(.nan, of: 9, length: 10) == "")
        #expect(ascii.bar(0.56, of: 1, length: 10) == "######" && ascii.bar(1, of: 44_000, length: 10) == "#")
    }

    @Test func `bars stand in columns`() {
        let rows: [(label: String, size: Double, words: String)] = [
            ("Vietnam", 44_000, "44,000"), ("United States", 10_148, "10,148"), ("A name that is far too long", 3, "3"),
        ]
        #expect(
            blocks.bars(rows) == [
                "Vietnam        █████████████████  44,000", "United States  ███▉               10,148",
                "A name that …  ▏                       3",
            ])
        #expect(
            ascii.bars(rows) == [
                "Vietnam        #################  44,000", "United States  ####               10,148",
                "A name that..  #                       3",
            ])
    }

    @Test func `a sparkline shows the highest of what shares a column`() {
        #expect(blocks.sparkline([0, 1, 4, 8, nil, 8]) == "▁▁▄█ █")
        #expect(ascii.sparkline([0, 1, 4, 8, nil, 8]) == "_.=@ @")
        var values = [Int?](repeating: 0, count: 1000)
        values[777] = 9
        let line = blocks.sparkline(values, length: 20)
        #expect(line.count == 20 && Array(line)[15] == "█" && line.filter { $0 == "█" }.count == 1)
        #expect(blocks.sparkline([]) == "" && blocks.sparkline([150, 300], top: 300) == "▄█")
    }

    private static let begin = CivilTime(year: 2009, month: 7, day: 27, hour: 19, minute: 12).instant(
        offsetSeconds: 7200)

    static let sections: [Report.Section] = {
        let points = (0..<65).map { (time: begin + .seconds(Int64($0 * 5)), value: min(301, $0 * 8)) }
        let pictures: [Report.Picture] = [
            .bars(column: "count"),
            .curve(
                Report.Curve(
                    points: points, unit: "slots", limit: 300, marks: points.map { ($0.time, "bans", $0.value / 30) })),
            .stack(
                Report.Stack(labels: ["24 Feb", "25 Feb"], parts: [("RBL", [3327, 221_282]), ("HELO", [16, 2381])])),
            .grid(
                Report.Grid(
                    rowLabels: ["Mon", "Sun"], columnLabels: (0..<24).map(String.init),
                    values: [(0..<24).map { $0 * 9 }, (0..<24).map { $0 < 3 ? nil : $0 }])),
            .map(
                Report.WorldCounts(
                    title: "25 Feb",
                    counts: [Country("VN"): 44_000, Country("US"): 10_148].reduce(into: [:]) { all, next in
                        if let country = next.key { all[country] = next.value }
                    }, unlocated: 2)),
        ]
        return pictures.map {
            Report.Section(
                "k", "T", columns: [.init("zone", "Zone"), .init("count", "Count")],
                rows: [[.text("zen.example"), .count(44)], [.text("list.example"), .count(3)]], picture: $0)
        }
    }()

    @Test(arguments: sections.indices, [1, 24, 40, 80, 132])
    func `no line is longer than the terminal is wide`(section: Int, width: Int) {
        for characters in [TextPicture.Characters.blocks, .ascii] {
            let lines = TextPicture(width: width, characters: characters).lines(
                of: Self.sections[section], offsetSeconds: 7200)
            for line in lines { #expect(line.count <= max(24, width), "\(line)") }
            if width >= 40 { #expect(!lines.isEmpty) }
            if characters == .ascii { #expect(lines.allSatisfy { $0.utf8.allSatisfy { $0 < 0x80 } }) }
        }
    }

    @Test func `a curve says its limit, its marks and its times`() {
        let lines = TextPicture(width: 80, characters: .ascii).lines(of: Self.sections[1], offsetSeconds: 7200)
        #expect(lines.count == 3)
        #expect(lines[0].hasPrefix("slots  .") && lines[0].hasSuffix("@  301"))
        #expect(
            lines[1].hasPrefix("bans   ") && lines[2].contains("2009-07-27 19:12") && lines[2].hasSuffix("19:17:20"))
    }
}
