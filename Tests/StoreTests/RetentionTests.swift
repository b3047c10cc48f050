import Addresses
import Events
import Glibc
import Testing

@testable import Store

@Suite struct RetentionTests {
    /// Runs retention to its end.
    private func prune(_ database: Database, at now: Instant) throws {
        for _ in 0..<10_000 where try !Retention.step(database, at: now) { return }
        Issue.record("retention did not come to an end")
    }

    @Test func `what expires leaves, what does not stays, and the file is small again`() throws {
        let directory = try TestDirectory()
        let database = try Opening.open(directory.state)
        var pending = Pending()
        let old = tonight - .days(366)
        for number in 0..<9000 {
            let line = [[UInt8](repeating: 0x61, count: 200)]
            pending.add(
                .decision(Decision(.ban, at: old, prefix: host(number), why: "x", outcome: .done), evidence: line))
            pending.add(.ban(ban(number, since: old)))
            pending.add(.known(KnownSender(host(number), until: tonight - .seconds(1), isAuthenticated: false)))
        }
        for number in 0..<2000 {
            pending.add(.sample(StoredSample(time: old + .seconds(Int64(number)), connections: 1, slots: 1, new: 0)))
        }
        pending.add(.allow(AllowEntry(host(1), until: tonight - .seconds(1), by: "root")))
        try database.transaction { () throws(StoreError) in try database.write(pending) }
        // Of each kind one that is to stay.
        var young = Pending()
        young.add(
            .decision(Decision(.shed, at: tonight - .days(34), prefix: host(1), why: "x", outcome: .done), evidence: [])
        )
        young.add(.ban(ban(20_000, since: tonight - .days(364))))
        young.add(.known(KnownSender(host(20_000), until: tonight + .seconds(1), isAuthenticated: false)))
        young.add(.sample(StoredSample(time: tonight - .days(34), connections: 1, slots: 1, new: 0)))
        young.add(.allow(AllowEntry(host(2), until: .distantFuture, by: "root")))
        try database.transaction { () throws(StoreError) in try database.write(young) }
        try database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        let full = directory.size()

        try prune(database, at: tonight)
        let reader = StoreReader(directory.state)
        #expect(try reader.decisions(atMost: 10).map(\.decision.kind) == [.shed])
        #expect(try reader.bans(at: .distantPast).map(\.ban.prefix) == [host(20_000)])
        #expect(try reader.knownSenders(at: .distantPast).map(\.prefix) == [host(20_000)])
        #expect(try reader.samples(since: .distantPast, atMost: 10).map(\.time) == [tonight - .days(34)])
        #expect(try reader.allowEntries(at: .distantPast).map(\.prefix) == [host(2)])
        let small = directory.size()
        print("full \(full) bytes, after retention \(small) bytes")
        #expect(full > 3_000_000)
        #expect(small < 600_000)
    }

    @Test func `above their number the oldest decisions leave`() throws {
        let directory = try TestDirectory()
        let database = try Opening.open(directory.state)
        try database.execute(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 502500)
            INSERT INTO decisions (at_ns, kind, why, outcome, observed, evidence)
            SELECT 9000000000000000000, 'note', '', 'done', 0, '' FROM n
            """)
        try prune(database, at: tonight)
        #expect(try database.integer("SELECT count(*) FROM decisions") == 500_000)
        #expect(try database.integer("SELECT min(id) FROM decisions") == 2501)
    }

    @Test func `above their number the bans that ended first leave, and never one that lasts`() throws {
        let directory = try TestDirectory()
        let database = try Opening.open(directory.state)
        try database.execute(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 501500)
            INSERT INTO bans SELECT CAST(printf('%017d', i) AS BLOB), 0, CASE WHEN i > 1000 THEN 9000000000000000000 ELSE
                1763677329000000000 + i END, 1, '', 'local', 1, 0, 0 FROM n
            """)
        // 1,500 too many, of which 1,000 have ended: a year before tonight less one day.
        try prune(database, at: tonight - .days(1))
        #expect(try database.integer("SELECT count(*) FROM bans") == 500_500)
    }

    @Test func `the write-ahead log is bounded`() throws {
        let directory = try TestDirectory()
        let writer = try directory.writer()
        for round in 0..<20 {
            for number in 0..<5000 { writer.post(.ban(ban(round * 5000 + number))) }
            #expect(writer.flush(timeout: .minutes(1)))
        }
        // One large commit may stand in it; twenty may not.
        #expect(directory.size("breakwater.db-wal") < 8 << 20)
        writer.close(timeout: .minutes(1))
        #expect(directory.names() == ["breakwater.db"])
    }
}
