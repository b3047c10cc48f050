import Events
import Testing

@testable import Dialects

extension Int: SessionKey {
    func mixed(with secret: UInt64) -> UInt64 { UInt64(bitPattern: Int64(self)) }
}

@Suite struct SessionTableTests {
    private let start = Instant(seconds: 1_000_000)

    @Test func `what was set is found until it is removed`() {
        var table = SessionTable<Int, String>(capacity: 3, longestAge: .seconds(60))
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
        var table = SessionTable<Int, Int>(capacity: 3, longestAge: .seconds(60))
        for key in 1...5 { table.set(key, key, at: start) }
        #expect((1...5).map { table.value($0, at: start) } == [nil, nil, 3, 4, 5])
        #expect((table.count, table.evicted) == (3, 2))
        // The oldest place had come free.
        table.remove(3)
        table.set(6, 6, at: start)
        #expect((table.count, table.evicted) == (3, 2))
    }

    @Test func `too old is not the same session`() {
        var table = SessionTable<Int, Int>(capacity: 3, longestAge: .seconds(60))
        table.set(1, 1, at: start)
        #expect(table.value(1, at: start + .seconds(60)) == 1)
        #expect(table.value(1, at: start + .seconds(61)) == nil)
        #expect((table.count, table.evicted) == (0, 1))
    }
}
