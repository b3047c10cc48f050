import Events
import Glibc
import Posix
import Testing

@testable import Store

/// What is counted of logs is kept by hour and day, added to, and never twice.
@Suite struct HistoryTests {
    private let day = History.Key(span: 1, number: 20_777, host: "mx")
    private static let together: History.Merge = { _, older, newer in older + newer }
    private static let half: History.Thin = { _, bytes in Array(bytes.prefix(bytes.count / 2)) }

    private func addition(_ bytes: [UInt8], _ parts: [Range<Int64>] = []) -> History.Addition {
        History.Addition(
            counts: [(day, bytes)],
            parts: parts.map { History.Part(length: 40, hash: hash(head.prefix(40)), bytes: $0) })
    }

    /// How a log begins.
    private let head = Array("Nov 20 22:22:09 mx postfix/smtpd[12]: connect from unknown[192.0.2.7]\n".utf8)

    private func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    @Test func `counts of one day are merged, other days and hosts are left alone`() throws {
        let directory = try TestDirectory()
        let history = try History(directory.state)
        try history.add(addition([1]), merging: HistoryTests.together)
        try history.add(addition([2]), merging: HistoryTests.together)
        let other = History.Key(span: 1, number: 20_777, host: "mx2")
        try history.add(History.Addition(counts: [(other, [9])], parts: []), merging: HistoryTests.together)
        #expect(try history.bytes(of: day) == [1, 2])
        #expect(try history.bytes(of: other) == [9])
        #expect(try history.bytes(of: History.Key(span: 0, number: 20_777, host: "mx")) == nil)
        var seen: [String] = []
        try history.forEach(span: 1, in: 20_777..<20_778) { key, bytes in seen.append("\(key.host) \(bytes)") }
        #expect(seen == ["mx [1, 2]", "mx2 [9]"])
        #expect(try history.days() == 20_777...20_777)
        #expect(directory.mode(directory.state.historyPath) == 0o600)
        let reading = try History(reading: directory.state)
        #expect(try reading?.bytes(of: day) == [1, 2])
        #expect(try History(reading: TestDirectory().state) == nil)
    }

    @Test func `what has been counted of a log is known by how it begins`() throws {
        let directory = try TestDirectory()
        let history = try History(directory.state)
        try history.add(addition([1], [0..<100]), merging: HistoryTests.together)
        try history.add(addition([1], [100..<250, 400..<500, 420..<430]), merging: HistoryTests.together)
        #expect(try history.counted(ofLogBeginning: head) == [0..<250, 400..<500])
        // The file has grown since: its first 40 bytes are the same.
        #expect(try history.counted(ofLogBeginning: head + head) == [0..<250, 400..<500])
        #expect(try history.counted(ofLogBeginning: Array(head.prefix(39))) == [])
        #expect(try history.counted(ofLogBeginning: [0x4e] + head) == [])
        // A begin that every log may have says nothing.
        let short = History.Part(length: 6, hash: hash(head.prefix(6)), bytes: 0..<1000)
        try history.add(History.Addition(counts: [], parts: [short]), merging: HistoryTests.together)
        #expect(try history.counted(ofLogBeginning: head) == [0..<250, 400..<500])
    }

    @Test func `counts and what they are of are added together or not at all`() throws {
        let directory = try TestDirectory()
        let history = try History(directory.state)
        try Database(directory.state.historyPath, .readWrite, busyTimeoutMilliseconds: 0)
            .execute("CREATE TRIGGER no BEFORE INSERT ON parts BEGIN SELECT raise(ABORT, 'no'); END")
        #expect(throws: StoreError.self) {
            try history.add(addition([1], [0..<100]), merging: HistoryTests.together)
        }
        #expect(try history.bytes(of: day) == nil)
    }

    @Test func `what is older than it is kept goes`() throws {
        let directory = try TestDirectory()
        let history = try History(directory.state)
        for number in [100, 101, 500] {
            try history.add(
                History.Addition(
                    counts: [
                        (History.Key(span: 1, number: number, host: "mx"), [1]),
                        (History.Key(span: 0, number: number * 24, host: "mx"), [1]),
                    ], parts: []), merging: HistoryTests.together)
        }
        try history.expire(today: 501, thinning: HistoryTests.half)
        #expect(try history.days() == 101...500)
        var hours: [Int] = []
        try history.forEach(span: 0, in: 0..<1_000_000) { key, _ in hours.append(key.number) }
        #expect(hours == [101 * 24, 500 * 24])
    }

    @Test func `drops of a day go with the day; what is of no day stays`() throws {
        let directory = try TestDirectory()
        let history = try History(directory.state)
        let readings = History.Key(span: 3, number: 0, host: "")
        let days = [100, 101].map { History.Key(span: 2, number: $0, host: "mx") }
        for key in days + [readings] {
            try history.add(History.Addition(counts: [(key, [1, 2])], parts: []), merging: HistoryTests.together)
        }
        #expect(try history.days() == 100...101)
        try history.expire(today: 501, thinning: HistoryTests.half)
        #expect(try history.bytes(of: days[0]) == nil)
        #expect(try history.bytes(of: days[1]) == [1, 2])
        #expect(try history.bytes(of: readings) == [1, 2])
    }

    @Test func `days become thin after some weeks, once, and again when they are added to`() throws {
        let directory = try TestDirectory()
        let history = try History(directory.state)
        let old = History.Key(span: 1, number: 400, host: "mx")
        let new = History.Key(span: 1, number: 490, host: "mx")
        for key in [old, new] {
            try history.add(
                History.Addition(counts: [(key, [1, 2, 3, 4])], parts: []), merging: HistoryTests.together)
        }
        for _ in 0..<2 { try history.expire(today: 500, thinning: HistoryTests.half) }
        #expect(try history.bytes(of: old) == [1, 2])
        #expect(try history.bytes(of: new) == [1, 2, 3, 4])
        try history.add(History.Addition(counts: [(old, [8, 9])], parts: []), merging: HistoryTests.together)
        try history.expire(today: 500, thinning: HistoryTests.half)
        #expect(try history.bytes(of: old) == [1, 2])
    }

    @Test func `the writer adds from its own thread, and what waits is written at the end`() throws {
        let directory = try TestDirectory()
        let writer = try HistoryWriter(directory.state, merging: HistoryTests.together, thinning: HistoryTests.half) {
            tonight
        }
        for number in 0..<10 { writer.post { [addition = addition([UInt8(number)])] in addition } }
        #expect(writer.close(timeout: .seconds(10)))
        #expect(try History(reading: directory.state)?.bytes(of: day) == Array(0..<10))
        #expect(writer.problem == nil)
    }

    @Test func `a history beyond use is moved aside, and the counts go into a new one`() throws {
        let directory = try TestDirectory()
        #expect(mkdir(directory.state.path, 0o700) == 0)
        let file = try #require(fopen(directory.state.historyPath, "w"))
        fputs(String(repeating: "no database ", count: 1000), file)
        fclose(file)
        let writer = try HistoryWriter(directory.state, merging: HistoryTests.together, thinning: HistoryTests.half) {
            tonight
        }
        writer.post { [addition = addition([7])] in addition }
        #expect(writer.close(timeout: .seconds(10)))
        #expect(try History(reading: directory.state)?.bytes(of: day) == [7])
        #expect(directory.names().contains("history.db.corrupt-20261120-222209"))
    }

    @Test func `without a disk counts wait, and at the bound the oldest is given up`() throws {
        let directory = try TestDirectory()
        let file = try #require(fopen(directory.state.path, "w"))
        fclose(file)
        let writer = try HistoryWriter(directory.state, merging: HistoryTests.together, thinning: HistoryTests.half) {
            tonight
        }
        writer.post { [addition = addition([0])] in addition }
        let end = MonotonicClock.nanoseconds() + 10_000_000_000
        while writer.problem == nil, MonotonicClock.nanoseconds() < end { usleep(1000) }
        #expect(
            writer.problem?.contains("the history is not written: open \(directory.state.path): ENOTDIR") == true,
            "\(writer.problem ?? "")")
        for number in 1...70 { writer.post { [addition = addition([UInt8(number)])] in addition } }
        unlink(directory.state.path)
        #expect(writer.close(timeout: .seconds(10)))
        let bytes = try #require(try History(reading: directory.state)?.bytes(of: day))
        #expect(bytes.count < 71 && bytes.last == 70)
    }
}
