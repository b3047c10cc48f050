import Testing

@testable import Store

/// Days carried out of a history and into another.
@Suite struct HistoryDaysTests {
    private static let hour = History.Key(span: 0, number: 20_777 * 24 + 5, host: "mx")
    private static let day = History.Key(span: 1, number: 20_777, host: "mx")
    private static let rows: [(key: History.Key, bytes: [UInt8])] = [(hour, [1]), (day, [2, 2])]

    private static func same(_ key: History.Key, _ kept: [UInt8], _ given: [UInt8]) -> Bool { kept == given }

    private func restore(
        _ rows: [(key: History.Key, bytes: [UInt8])], into history: History, replaces: Bool = false
    ) throws -> History.Standing {
        try history.restore(rows, day: 20_777, host: "mx", replaces: replaces, isSame: Self.same)
    }

    private func all(_ history: History) throws -> [String] {
        try history.counts(ofDay: 20_777, host: "mx").map { "\($0.key.span) \($0.key.number) \($0.bytes)" }
    }

    @Test func `a day goes in once, and never over or into other counts unasked`() throws {
        let directory = try TestDirectory()
        let history = try History(directory.state)
        #expect(try restore(Self.rows, into: history) == .new)
        #expect(try restore(Self.rows, into: history) == .known)
        #expect(try all(history) == ["0 498653 [1]", "1 20777 [2, 2]"])
        let other: [(key: History.Key, bytes: [UInt8])] = [(Self.day, [3])]
        #expect(try restore(other, into: history) == .other)
        #expect(try restore([(Self.hour, [1])], into: history) == .other)
        #expect(try all(history) == ["0 498653 [1]", "1 20777 [2, 2]"])
        #expect(try restore(other, into: history, replaces: true) == .other)
        #expect(try all(history) == ["1 20777 [3]"])
        #expect(try restore([(Self.hour, [1]), (Self.day, [3])], into: history) == .other)
        let elsewhere = try history.standing(of: other, day: 20_778, host: "mx", isSame: Self.same)
        #expect(elsewhere == .new)
    }

    @Test func `every day and host is found, also one that has hours alone, as it was when reading began`() throws {
        let directory = try TestDirectory()
        let history = try History(directory.state)
        let keys = [
            Self.day, History.Key(span: 0, number: 20_778 * 24 + 23, host: "mx"),
            History.Key(span: 0, number: 20_777 * 24, host: ""), Self.hour,
            // Drops, and what belongs to no day.
            History.Key(span: 2, number: 20_776, host: "mx"), History.Key(span: 3, number: 0, host: ""),
        ]
        try history.add(
            History.Addition(
                counts: keys.map { ($0, [7]) }, parts: [History.Part(length: 40, hash: .max, bytes: 3..<9)]),
            merging: { _, older, _ in older })
        let reading = try #require(try History(reading: directory.state))
        try reading.freeze()
        let expected = ["20776 mx", "20777 ", "20777 mx", "20778 mx"]
        #expect(try reading.dayNumbers().map { "\($0.day) \($0.host)" } == expected)
        #expect(try reading.parts() == [History.Part(length: 40, hash: .max, bytes: 3..<9)])
        let later = History.Key(span: 1, number: 20_779, host: "mx")
        try history.add(History.Addition(counts: [(later, [7])], parts: []), merging: { _, older, _ in older })
        #expect(try reading.dayNumbers().map { "\($0.day) \($0.host)" } == expected)
        #expect(try reading.counts(ofDay: 20_779, host: "mx").isEmpty)
        for day in [Int.max, .min] { #expect(try reading.counts(ofDay: day, host: "mx").isEmpty) }
        try history.note([History.Part(length: 40, hash: .max, bytes: 9..<12)])
        #expect(try history.parts() == [History.Part(length: 40, hash: .max, bytes: 3..<12)])
    }
}
