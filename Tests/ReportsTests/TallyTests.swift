import Events
import Origins
import Reports
import Testing

/// A tally of a whole log equals those of its pieces, however it is cut and in whatever order they are merged.
@Suite struct TallyTests {
    static let lines = RandomLog.lines(3000, seed: 7)
    static let whole = RandomLog.tally(lines).contents

    @Test func `something of everything was counted`() {
        #expect(Self.whole.count == 2 * (3 * 24 + 3))
        #expect(Self.whole.values.allSatisfy { $0.count > 8 })
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `pieces in any order`(seed: UInt64) {
        // Cut where no message is under way: a queue id belongs to the log that it began in.
        var dice = Dice(seed)
        var pieces: [[String]] = []
        var rest = Self.lines[...]
        while !rest.isEmpty {
            var count = min(rest.count, 1 + dice.below(2500))
            while count < rest.count,
                !rest[rest.startIndex + count].contains("connect from")
                    || rest.prefix(count).suffix(12).contains(where: { $0.contains(": client=") })
            { count += 1 }
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        var tallies = pieces.map { RandomLog.tally($0) }
        while tallies.count > 1 {
            let piece = tallies.remove(at: dice.below(tallies.count))
            tallies[dice.below(tallies.count)].merge(piece)
        }
        #expect(tallies[0].contents == Self.whole)
    }

    @Test func `hosts apart`() {
        var merged = RandomLog.tally(Self.lines.filter { $0.contains(" mx2 ") })
        merged.merge(RandomLog.tally(Self.lines.filter { $0.contains(" mx1 ") }))
        #expect(merged.contents == Self.whole)
    }

    @Test func `what was encoded comes back, and adds up`() throws {
        let tally = RandomLog.tally(Self.lines)
        var copy = Tally()
        for key in tally.keys.shuffled() { try copy.merge(key, try #require(tally.encoded(key))) }
        #expect(copy.contents == Self.whole)
        var (first, second) = (Tally(), Tally())
        for key in tally.keys { try first.merge(key, try #require(tally.encoded(key))) }
        for key in tally.keys { try first.merge(key, try #require(tally.encoded(key))) }
        second.merge(tally)
        second.merge(tally)
        #expect(first.contents == second.contents)
        #expect(first.contents != Self.whole)
    }

    @Test func `forgetting leaves the others`() throws {
        var tally = RandomLog.tally(Self.lines)
        let keys = tally.keys
        for key in keys where key.number % 2 == 0 { tally.remove(key) }
        #expect(tally.keys == keys.filter { $0.number % 2 != 0 })
        for (name, bytes) in tally.contents { #expect(bytes == Self.whole[name]) }
    }

    @Test func `broken bytes are an error or something else, never a trap`() throws {
        var tally = RandomLog.tally(Self.lines.prefix(800))
        tally.locate(credits: ["x"]) { Origin(country: Country("CN"), asn: UInt32($0.low & 63)) }
        var dice = Dice(3)
        for key in tally.keys {
            let bytes = try #require(tally.encoded(key))
            for _ in 0..<(key.span == .day ? 400 : 20) {
                var broken = bytes
                switch dice.below(3) {
                case 0: broken.removeLast(1 + dice.below(broken.count))
                case 1: broken[dice.below(broken.count)] = UInt8(dice.below(256))
                default: broken[dice.below(min(60, broken.count))] ^= UInt8(1 << dice.below(8))
                }
                var other = Tally()
                try? other.merge(key, broken)
            }
            var other = Tally()
            #expect(throws: RollupError.self) { try other.merge(key, []) }
            #expect(throws: RollupError.self) { try other.merge(key, Array(bytes.dropLast())) }
            #expect(throws: RollupError.self) { try other.merge(key, bytes + [0]) }
        }
    }
}
