import Events
import Foundation
import Origins
import Reports
import Testing

@testable import Pictures

@Suite struct DrawingTests {
    static let begin = Instant(seconds: 1_248_714_737)

    static func curve(_ values: [Int], every seconds: Int64 = 5, limit: Int? = 300) -> Report.Curve {
        Report.Curve(
            points: values.enumerated().map { (begin + .seconds(Int64($0) * seconds), $1) }, unit: "slots", limit: limit
        )
    }

    static func drawing(_ curve: Report.Curve, _ form: Drawing.Form = .wide) -> Drawing {
        CurveDrawing.drawing(curve, title: "Slots", offsetSeconds: 7200, form: form)
    }

    private static func lines(_ drawing: Drawing) -> [[(x: Double, y: Double)]] {
        drawing.body.matches(of: /<path class="curve" d="M([^"]*)"/).map { match in
            match.1.split(separator: "L").map { point in
                let numbers = point.split(separator: " ").compactMap { Double($0) }
                return (numbers[0], numbers[1])
            }
        }
    }

    /// The wave of 2009 that ends above the limit of its server.
    @Test func `a curve stays below its frame, and touches it at its peak`() throws {
        let line = try #require(Self.lines(Self.drawing(Self.curve([4, 50, 88, 301, 301]))).first)
        #expect(line.count == 5 && line.map(\.y).min() == 46 && line.allSatisfy { $0.x >= 0 && $0.x <= 860 })
        #expect(
            Self.drawing(Self.curve([4, 301])).summary.contains("at most 301 slots at 2009-07-27 19:12:22, of 300"))
    }

    @Test func `a peak of one sample among a week of them is drawn`() throws {
        var values = [Int](repeating: 10, count: 120_960)
        values[77_777] = 300
        let drawing = Self.drawing(Self.curve(values))
        let line = try #require(Self.lines(drawing).first)
        #expect(line.count < 4000 && line.map(\.y).min() == 46)
        #expect(zip(line, line.dropFirst()).allSatisfy { $0.x <= $1.x })
    }

    @Test func `there is no line where nothing was recorded`() {
        var curve = Self.curve([Int](repeating: 5, count: 60))
        curve.points.removeSubrange(20..<40)
        #expect(Self.lines(Self.drawing(curve)).map(\.count) == [20, 20])
    }

    @Test(arguments: [[], [7]])
    func `a curve of hardly anything is drawn`(values: [Int]) {
        #expect(XML.problem(Self.drawing(Self.curve(values)).file) == nil)
    }

    @Test func `marks are summed in their lanes`() {
        var curve = Self.curve([4, 50, 88])
        curve.marks = [
            (Self.begin, "bans", 3), (Self.begin + .seconds(5), "sheds", 4), (Self.begin + .seconds(10), "bans", 9),
        ]
        let drawing = Self.drawing(curve)
        #expect(drawing.summary.contains("bans: 12. sheds: 4."))
        #expect(drawing.body.contains("<title>bans: 9 at 2009-07-27 19:12:27</title>"))
    }

    @Test func `axes have marks at round numbers and local times`() {
        #expect(Axis.levels(to: 301, about: 5) == [0, 100, 200, 300])
        #expect(Axis.levels(to: 7, about: 5) == [0, 2, 4, 6])
        #expect(Axis.levels(to: 0, about: 5) == [0])
        #expect(Axis.levels(to: Int.max, about: 5).count <= 6)
        let midnight = CivilTime(year: 2011, month: 2, day: 24).instant(offsetSeconds: 3600)
        let hours = Axis.times(from: midnight - .hours(2), to: midnight + .hours(2), about: 4, offsetSeconds: 3600)
        #expect(hours.map(\.label) == ["22:00", "23:00", "24 Feb", "01:00", "02:00"])
        let days = Axis.times(from: midnight - .days(2), to: midnight, about: 8, offsetSeconds: 3600)
        #expect(days.map(\.label).filter { $0.contains("Feb") } == ["22 Feb", "23 Feb", "24 Feb"])
        #expect(Axis.times(from: .distantPast, to: .distantFuture, about: 8, offsetSeconds: 0).count <= 10)
        #expect(Axis.times(from: midnight, to: midnight, about: 8, offsetSeconds: 0).isEmpty)
    }

    @Test func `more kinds than colours become the rest`() {
        let parts = (1...12).map { (name: "class \($0)", values: [$0, $0]) }
        let drawing = StackDrawing.drawing(
            Report.Stack(labels: ["24 Feb", "25 Feb"], parts: parts), title: "t", form: .wide)
        #expect(drawing.body.contains("4 others") && drawing.body.contains("<title>24 Feb, 4 others: 10</title>"))
        #expect(drawing.summary.contains("24 Feb 78"))
    }

    @Test func `an hour of which nothing is known is not an hour without any`() {
        let grid = Report.Grid(rowLabels: ["Mon"], columnLabels: ["0", "1", "2"], values: [[5, 0, nil]])
        let body = GridDrawing.drawing(grid, title: "t", form: .wide).body
        #expect(body.contains("Mon 1: 0") && body.contains("Mon 2: not recorded") && body.contains("class=\"void\""))
    }

    @Test func `words are cut to their room, and whole in a title`() {
        var drawing = Drawing(.wide, height: 20, title: "t")
        drawing.text("", 0, 10, "Hutchison Global Communications", room: 90)
        #expect(drawing.body.contains("\u{2026}<title>Hutchison Global Communications</title>"))
    }
}

@Suite struct MapTests {
    @Test func `every country of the names is on the map, but Antarctica`() {
        #expect(Set(Country.named).subtracting(World.countries).map(\.description) == ["AQ"])
        #expect(World.places.count == 248 && World.places.allSatisfy { $0.outline != nil || $0.circle != nil })
    }

    /// From the formulas of Šavrič, Patterson and Jenny (2018), which the outlines were drawn with elsewhere.
    @Test(arguments: [("HK", 114.18, 22.35), ("MT", 14.4, 35.9), ("SG", 103.83, 1.36), ("RE", 55.52, -21.14)])
    func `a small country stands where it is`(code: String, longitude: Double, latitude: Double) throws {
        let country = try #require(Country(code))
        let circle = try #require(World.places.first { $0.country == country }?.circle)
        let theta = asin(sqrt(3) / 2 * sin(latitude * .pi / 180))
        let (square, sixth) = (theta * theta, pow(theta, 6))
        let slope = 1.340264 - 3 * 0.081106 * square + sixth * (7 * 0.000893 + 9 * 0.003796 * square)
        let x = longitude * .pi / 180 * cos(theta) / (sqrt(3) / 2 * slope)
        // Half the width is the projection's half equator.
        #expect(abs(Double(circle.x) - (1000 + x / 2.7066299 * 1000)) < 2)
    }

    static func world(_ counts: [String: Int], isDifference: Bool = false) -> Report.WorldCounts {
        var named: [Country: Int] = [:]
        for (code, count) in counts { if let country = Country(code) { named[country] = count } }
        return Report.WorldCounts(title: "25 February 2011", counts: named, unlocated: 111, isDifference: isDifference)
    }

    @Test func `the pointer on a country says name and count`() {
        let file = MapDrawing.maps([Self.world(["VN": 44_000, "US": 10_148, "HK": 7])])[0].drawing().file
        for words in ["Vietnam: 44,000", "United States: 10,148", "Hong Kong: 7", "France: 0"] {
            #expect(file.contains("<title>\(words)</title>"), "\(words)")
        }
        #expect(file.contains("<circle class=\"q1\"") && file.contains("fill-rule=\"evenodd\""))
    }

    @Test func `what has no place on the map is said`() {
        let map = MapDrawing.maps([Self.world(["EU": 880, "AP": 12, "VN": 3])])[0]
        #expect(map.unlocated == "unlocated: 1,003 (EU 880, AP 12)")
        #expect(map.drawing().summary == "1 countries; most: Vietnam 3; unlocated: 1,003 (EU 880, AP 12).")
        let difference = MapDrawing.maps([Self.world(["EU": -20, "VN": -3], isDifference: true)])[0]
        #expect(difference.unlocated == "unlocated: +91 (EU \u{2212}20)")
        #expect(difference.drawing().file.contains("<title>Vietnam: \u{2212}3</title>"))
    }

    @Test func `days share a scale, and a page has the outlines once`() {
        let maps = MapDrawing.maps([Self.world(["US": 2101]), Self.world(["US": 10_148, "VN": 44_000])])
        #expect(maps[0].legend.map(\.label) == maps[1].legend.map(\.label))
        let worlds = [Self.world(["US": 2101]), Self.world(["VN": 44_000])]
        let page = PageTests.page([Report.Section("countries", "Countries", columns: [], picture: .maps(worlds))])
        #expect(
            page.components(separatedBy: "id=\"wVN\"").count == 2
                && page.components(separatedBy: "href=\"#wVN\"").count == 3)
        #expect(page.utf8.count < 150_000)
    }
}
