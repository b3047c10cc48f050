import Events
import Testing
import Waves

@Suite struct LatelyTests {
    private static let start = Instant(seconds: 1_800_000_000)

    private func counts(_ lately: inout Lately<Int>, at second: Int64) -> [Int: Int] {
        lately.all(at: Self.start + .seconds(second)).mapValues(\.count)
    }

    @Test func `what is older than ten minutes is forgotten, what is younger than five counts`() {
        var lately = Lately<Int>(limit: 100)
        for second in [0, 1, 299] { lately.note(7, at: Self.start + .seconds(second)) }
        #expect(counts(&lately, at: 299) == [7: 3])
        lately.note(7, at: Self.start + .seconds(300))
        lately.note(8, at: Self.start + .seconds(301))
        #expect(counts(&lately, at: 302) == [7: 4, 8: 1])
        #expect(lately.all(at: Self.start + .seconds(302))[7]?.last == Self.start + .seconds(300))
        #expect(counts(&lately, at: 601) == [7: 1, 8: 1])
        #expect(counts(&lately, at: 3600) == [:])
    }

    @Test func `in a crowd who was seen often stays`() {
        var lately = Lately<Int>(limit: 100)
        for number in 0..<10_000 {
            lately.note(-1, at: Self.start)
            if number % 50 == 0 { lately.note(-2, at: Self.start) }
            lately.note(number, at: Self.start)
        }
        let counts = counts(&lately, at: 1)
        #expect(counts.count <= 100)
        #expect(counts[-1] == 10_000)
        #expect(counts[-2] == 200)
    }
}
