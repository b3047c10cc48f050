import Foundation
import Origins
import Testing

@testable import Pictures

@Suite struct ColourTests {
    static let day25 = ["VN": 44_000, "SA": 43_700, "DE": 37_000, "US": 10_148]

    /// The complaint about the first map of 2011: almost all of it had one colour.
    @Test func `44,000 and 10,148 have different colours, and 37,000 that of 44,000`() {
        let classes = ColourClasses(steps: Self.day25.values)
        let names = Self.day25.mapValues(classes.name)
        #expect(names["VN"] == names["SA"] && names["VN"] == names["DE"] && names["VN"] != names["US"])
        #expect(names["US"] != classes.name(0))
        #expect(classes.legend.map(\.label) == ["none", "10,000\u{2013}29,999", "30,000\u{2013}44,000"])
    }

    @Test func `with small counts beside them all are on the map, in seven classes`() {
        let classes = ColourClasses(steps: Array(Self.day25.values) + [2101, 303, 165, 48, 3, 1])
        #expect(
            classes.legend.map(\.label) == [
                "none", "1\u{2013}99", "100\u{2013}299", "300\u{2013}999", "1,000\u{2013}2,999", "3,000\u{2013}9,999",
                "10,000\u{2013}29,999", "30,000\u{2013}44,000",
            ])
        #expect(
            [0, 1, 99, 100, 303, 2101, 10_148, 44_000].map(classes.name) == [
                "q0", "q1", "q1", "q2", "q3", "q4", "q6", "q7",
            ])
    }

    @Test(arguments: [[], [0], [1], [7], [1, 2], [Int.max], [1, Int.max], [9, 10, 11], [-5, 3]])
    func `every count above zero has a colour, the highest the strongest`(counts: [Int]) {
        for classes in [ColourClasses(steps: counts), ColourClasses(close: counts)] {
            for count in counts { #expect((classes.name(count) == "q0") == (count <= 0), "\(count)") }
            if let most = counts.max(), most > 0 { #expect(classes.name(most) == "q7") }
            #expect(classes.legend.count <= 1 + ColourClasses.most)
            #expect(Set(classes.legend.map(\.name)).count == classes.legend.count)
        }
    }

    /// Sunday a tenth of the other days, nights a third of the days: both are to be seen.
    @Test func `hours of a week are told apart`() {
        let classes = ColourClasses(
            close: (0..<100).map { 160 + $0 % 30 } + (0..<60).map { 400 + $0 * 4 } + (0..<24).map { 16 + $0 })
        #expect(Set([20, 170, 450, 630].map(classes.name)).count == 4)
    }

    @Test func `a difference has the same steps to both sides`() {
        let classes = DifferenceClasses([-8000, -20, 0, 20, 43_690, 8047])
        #expect(classes.name(-8000).first == "d" && classes.name(8000).first == "e" && classes.name(0) == "q0")
        #expect(classes.name(-8000).last == classes.name(8000).last)
        #expect(classes.name(43_690) == "e4")
        #expect(
            classes.legend.map(\.label) == [
                "\u{2212}8,000 to \u{2212}3,000", "\u{2212}2,999 to \u{2212}1", "no change", "+1 to +2,999",
                "+3,000 to +9,999", "+10,000 to +29,999", "+30,000 to +43,690",
            ])
        #expect(DifferenceClasses([Int.min, 5]).name(Int.min) == "d4")
    }

    /// By lightness alone, for those who see no hues and on grey paper.
    @Test(arguments: [false, true], ["q", "d", "e"])
    func `neighbouring classes differ in lightness`(isDark: Bool, letter: String) throws {
        let halves = DrawingStyle.text.components(separatedBy: "@media screen and (prefers-color-scheme:dark)")
        let style = halves[isDark ? 1 : 0]
        let count = letter == "q" ? 7 : 4
        let levels = try (1...count).map { number in
            let rule = try #require(style.firstMatch(of: try Regex("\\.\(letter)\(number)\\{fill:#([0-9a-f]{6})\\}")))
            return try luminance(String(rule.output[1].substring ?? ""))
        }
        for (one, next) in zip(levels, levels.dropFirst()) {
            let ratio = (max(one, next) + 0.05) / (min(one, next) + 0.05)
            #expect(ratio > 1.2 && (one > next) != isDark, "\(levels)")
        }
    }

    private func luminance(_ hex: String) throws -> Double {
        let number = try #require(UInt32(hex, radix: 16))
        let parts = [16, 8, 0].map { Double(number >> $0 & 255) / 255 }
        let linear = parts.map { $0 <= 0.04045 ? $0 / 12.92 : pow(($0 + 0.055) / 1.055, 2.4) }
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }
}
