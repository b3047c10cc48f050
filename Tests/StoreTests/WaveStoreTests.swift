import Addresses
import Events
import Testing

@testable import Store

@Suite struct WaveStoreTests {
    private func wave(_ number: Int, _ text: String = "wave") -> StoredWave {
        StoredWave(number: number, begin: tonight + .minutes(Int64(number)), text: text)
    }

    @Test func `a wave is one row, the newest first, and the next process has it`() throws {
        let directory = try TestDirectory()
        let writer = try directory.writer()
        #expect(try writer.reader.waves(atMost: 1) == [])
        for number in 1...3 { writer.post(.wave(wave(number))) }
        writer.post(.wave(wave(2, "wave number=2 peak=216")))
        writer.close(timeout: .minutes(1))
        let next = try directory.writer()
        #expect(try next.reader.waves(atMost: 2) == [wave(3), wave(2, "wave number=2 peak=216")])
        #expect(try next.reader.wave(1) == wave(1))
        #expect(try next.reader.wave(4) == nil)
        next.close(timeout: .minutes(1))
    }

    /// As the first breakwater left it.
    @Test func `a file of version 1 gets the table, and keeps what it had`() throws {
        let directory = try TestDirectory()
        let old = try directory.writer()
        old.post(.ban(ban(1)))
        old.close(timeout: .minutes(1))
        let database = try Database(directory.state.databasePath, .readWrite, busyTimeoutMilliseconds: 0)
        try database.execute("DROP TABLE waves; PRAGMA user_version = 1")
        let writer = try directory.writer()
        #expect(writer.takeNotices() == [])
        writer.post(.wave(wave(1)))
        #expect(writer.flush(timeout: .minutes(1)))
        #expect(try writer.reader.waves(atMost: 1) == [wave(1)])
        #expect(try writer.reader.bans(at: tonight) == [ban(1)])
        #expect(try database.integer("PRAGMA user_version") == Schema.version)
        writer.close(timeout: .minutes(1))
    }

    @Test func `waves are carried over from a broken file`() throws {
        let directory = try TestDirectory()
        let first = try directory.writer()
        first.post(.wave(wave(7)))
        first.close(timeout: .minutes(1))
        try Database(directory.state.databasePath, .readWrite, busyTimeoutMilliseconds: 0).execute(
            "DROP TABLE counters")
        let writer = try directory.writer()
        #expect(writer.takeNotices().count == 1)
        #expect(try writer.reader.waves(atMost: 9) == [wave(7)])
        writer.close(timeout: .minutes(1))
    }

    @Test func `the oldest waves leave`() throws {
        let directory = try TestDirectory()
        let writer = try directory.writer()
        for number in [1, 2, StoreRecord.mostWaves + 1] { writer.post(.wave(wave(number))) }
        #expect(writer.flush(timeout: .minutes(1)))
        let database = try Database(directory.state.databasePath, .readWrite, busyTimeoutMilliseconds: 5000)
        _ = try Retention.step(database, at: tonight)
        #expect(try writer.reader.waves(atMost: 9).map(\.number) == [StoreRecord.mostWaves + 1, 2])
        writer.close(timeout: .minutes(1))
    }

    @Test func `decisions of a span, counted by kind and step`() throws {
        let directory = try TestDirectory()
        let writer = try directory.writer()
        // One every second for a minute; every third is a ban, of which every second was only noted.
        for second in 0..<60 {
            var decision = Decision(
                second % 3 == 0 ? .ban : .shed, at: tonight + .seconds(Int64(second)), prefix: host(second), why: "x",
                outcome: second % 10 == 9 ? .refused : .done)
            decision.isObserved = second % 6 == 0
            writer.post(.decision(decision, evidence: []))
        }
        #expect(writer.flush(timeout: .minutes(1)))
        func counts(_ from: Int64, _ to: Int64, _ step: Int64) throws -> [String] {
            try writer.reader.decisionCounts(
                from: tonight + .seconds(from), to: tonight + .seconds(to), step: .seconds(step)
            ).map { "\(($0.time - tonight).nanoseconds / 1_000_000_000) \($0.kind.rawValue) \($0.count)" }
        }
        // Steps stand at full multiples since 1970; tonight is 22:22:09.
        #expect(try counts(21, 31, 30) == ["21 ban 2", "21 shed 5"])
        #expect(try counts(0, 1, 1) == [])
        #expect(try counts(3, 4, 1) == ["3 ban 1"])
        #expect(try counts(-100, 0, 1) == [])
        #expect(try counts(60, 900, 1) == [])
        #expect(try counts(-100, 900, 3600).reduce(0) { $0 + (Int($1.split(separator: " ")[2]) ?? 0) } == 44)
        writer.close(timeout: .minutes(1))
        #expect(
            try StoreReader(try TestDirectory().state).decisionCounts(from: tonight, to: tonight, step: .seconds(1))
                == [])
    }
}
