import Addresses
import Events
import Testing
import Waves

@Suite struct LatelyTests {
    private static let start = Instant(seconds: 1_800_000_000)

    private func source(_ number: UInt32) -> Prefix { Prefix(IPAddress(v4: number)) }

    private func counts(_ lately: inout Lately, at second: Int64) -> [Prefix: Int] {
        lately.all(at: Self.start + .seconds(second)).mapValues(\.count)
    }

    @Test func `what is older than ten minutes is forgotten, what is younger than five counts`() {
        var lately = Lately(limit: 100)
        for second in [0, 1, 299] { lately.note(source(7), at: Self.start + .seconds(second)) }
        #expect(counts(&lately, at: 299) == [source(7): 3])
        lately.note(source(7), at: Self.start + .seconds(300))
        lately.note(source(8), at: Self.start + .seconds(301))
        #expect(counts(&lately, at: 302) == [source(7): 4, source(8): 1])
        #expect(lately.all(at: Self.start + .seconds(302))[source(7)]?.last == Self.start + .seconds(300))
        #expect(counts(&lately, at: 601) == [source(7): 1, source(8): 1])
        #expect(counts(&lately, at: 3600) == [:])
    }

    @Test func `in a crowd who was seen often stays`() {
        let (often, atTimes) = (source(20_000), source(20_001))
        var lately = Lately(limit: 100)
        for number in UInt32(0)..<10_000 {
            lately.note(often, at: Self.start)
            if number % 50 == 0 { lately.note(atTimes, at: Self.start) }
            lately.note(source(number), at: Self.start)
        }
        let counts = counts(&lately, at: 1)
        #expect(counts.count <= 100)
        #expect(counts[often] == 10_000)
        #expect(counts[atTimes] == 200)
    }
}
