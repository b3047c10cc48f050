import Events
import Pictures
import Reports
import Testing

struct BarsDrawingTests {
    @Test func `a bar is named by the column that tells the rows apart`() throws {
        let section = Report.Section(
            "funnel", "From connection to delivery",
            columns: [
                Report.Column("until", "until"), Report.Column("stage", "stage"), Report.Column("count", "count"),
            ],
            rows: [
                [.text("2011-02-25"), .text("connections"), .count(231_802)],
                [.text("2011-02-25"), .text("distinct addresses"), .count(78_202)],
            ], picture: .bars(column: "count"))
        let report = Report(title: "x", begin: Instant(seconds: 0), end: Instant(seconds: 86400), sections: [section])
        let file = try #require(PictureFile.all(of: report).first)
        #expect(file.text.contains("distinct addresses: 78,202"))
        #expect(!file.text.contains("2011-02-25"))
    }
}
