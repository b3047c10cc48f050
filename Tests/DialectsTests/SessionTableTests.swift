import Events
import Testing

@testable import Dialects

@Suite struct SessionTableTests {
    private let start = Instant(seconds: 1_000_000)

    @Test func `what was set is found until it is removed`() {
        var table = SessionTable<UInt64, String>(capacity: 3, longestAge: .seconds(60))
        table.set(1, "a", at: start)
        table.set(1, "b", at: start)
        table.update(1) { $0 += "c" }
        table.update(2) { $0 += "c" }
        #expect(table.value(1, at: start) == "bc")
        #expect(table.value(2, at: start) == nil)
        table.remove(1)
        #expect(table.value(1, at: start) == nil)
        #expect((table.count, table.evicted) == (0, 0))
    }

    @Test func `the oldest makes room and is counted`() {
        var table = SessionTable<UInt64, UInt64>(capacity: 3, longestAge: .seconds(60))
        for key in UInt64(1)...5 { table.set(key, key, at: start) }
        #expect((UInt64(1)...5).map { table.value($0, at: start) } == [nil, nil, 3, 4, 5])
        #expect((table.count, table.evicted) == (3, 2))
        // The oldest place had come free.
        table.remove(3)
        table.set(6, 6, at: start)
        #expect((table.count, table.evicted) == (3, 2))
    }

    @Test func `too old is not the same session`() {
        var table = SessionTable<UInt64, UInt64>(capacity: 3, longestAge: .seconds(60))
        table.set(1, 1, at: start)
        #expect(table.value(1, at: start + .seconds(60)) == 1)
        #expect(table.value(1, at: start + .seconds(61)) == nil)
        #expect((table.count, table.evicted) == (0, 1))
    }

    @Test(arguments: [UInt64(7), 40, 300]) func `it holds what a dictionary holds`(keys: UInt64) {
        var table = SessionTable<UInt64, UInt64>(capacity: 1000, longestAge: .seconds(60))
        var known: [UInt64: UInt64] = [:]
        var random: UInt64 = 1
        // Fewer than have room, as what goes to make room is the oldest and not what a dictionary forgets.
        for step in UInt64(0)..<900 {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let key = random >> 33 % keys
            if random >> 63 == 0 {
                table.set(key, step, at: start)
                known[key] = step
            } else {
                table.remove(key)
                known[key] = nil
            }
            #expect(table.count == known.count)
            for key in 0..<keys where table.value(key, at: start) != known[key] { Issue.record("\(key) after \(step)") }
        }
    }
}
