import Addresses
import Events
import Glibc
import Posix
import Testing

@testable import Store

/// Files that are broken, disks that are full, other processes in the way: the daemon goes on, and says so.
@Suite struct TroubleTests {
    /// What may have happened to the file, and whether the bans in it could still be read.
    enum Damage: String, CaseIterable, Sendable {
        case garbage, cutToHalfAPage, headerZeroed, rootOfKnownZeroed, middleZeroed, foreignTables, tableMissing,
            columnMissing
        case impossibleVersion, directoryInItsPlace

        var leavesBans: Bool {
            switch self {
            case .rootOfKnownZeroed, .tableMissing, .columnMissing, .impossibleVersion: true
            default: false
            }
        }
    }

    private func inflict(_ damage: Damage, on directory: TestDirectory) throws {
        func change(_ sql: StaticString) throws {
            try Database(directory.state.databasePath, .readWrite, busyTimeoutMilliseconds: 0).execute(sql)
        }
        let path = directory.state.databasePath
        switch damage {
        case .garbage:
            truncate(path, 0)
            try directory.scribble([UInt8](repeating: 0x78, count: 20_000), at: 0)
        case .cutToHalfAPage: truncate(path, 2048)
        case .headerZeroed: try directory.scribble([UInt8](repeating: 0, count: 100), at: 0)
        case .rootOfKnownZeroed:
            let database = try Database(path, .readOnly, busyTimeoutMilliseconds: 0)
            let root = try database.integer("SELECT rootpage FROM sqlite_schema WHERE name = 'known'")
            try directory.scribble([UInt8](repeating: 0, count: 4096), at: (root - 1) * 4096)
        case .middleZeroed: try directory.scribble([UInt8](repeating: 0, count: directory.size() - 8192), at: 4096)
        case .foreignTables:
            unlink(path)
            close(creat(path, 0o600))
            try change("CREATE TABLE mails (subject TEXT)")
        case .tableMissing: try change("DROP TABLE counters")
        case .columnMissing: try change("ALTER TABLE known DROP COLUMN authenticated")
        case .impossibleVersion: try change("PRAGMA user_version = -3")
        case .directoryInItsPlace:
            unlink(path)
            mkdir(path, 0o700)
        }
    }

    @Test(arguments: Damage.allCases)
    func `a broken database is moved aside, and what can be read carried over`(damage: Damage) throws {
        let directory = try TestDirectory()
        let first = try directory.writer()
        for number in 0..<500 { first.post(.ban(ban(number))) }
        first.post(.allow(AllowEntry(host(999), until: .distantFuture, by: "root")))
        first.close(timeout: .minutes(1))
        try inflict(damage, on: directory)

        let writer = try directory.writer()
        let notices = writer.takeNotices()
        guard case .movedAside(let name, _, let carriedOver) = notices.first else {
            Issue.record("notices: \(notices)")
            return
        }
        #expect(notices.count == 1, "\(notices)")
        #expect(name == "breakwater.db.corrupt-20261120-222209")
        #expect(notices[0].asksForAll)
        #expect(directory.names().contains(name))
        #expect(try writer.reader.bans(at: tonight).count == (damage.leavesBans ? 500 : 0))
        #expect(try writer.reader.allowEntries(at: tonight).count == (damage.leavesBans ? 1 : 0))
        #expect(carriedOver == (damage.leavesBans ? 501 : 0))
        writer.post(.ban(ban(1000)))
        #expect(writer.flush(timeout: .minutes(1)))
        #expect(try writer.reader.ban(of: host(1000)) == ban(1000))
        writer.close(timeout: .minutes(1))
    }

    @Test func `a page that is torn while the daemon runs is met, and written around`() throws {
        let directory = try TestDirectory()
        let writer = try directory.writer()
        for number in 0..<5000 { writer.post(.ban(ban(number))) }
        writer.flush(timeout: .minutes(1))
        // Into the file, and no page left in anybody's cache.
        try Database(directory.state.databasePath, .readWrite, busyTimeoutMilliseconds: 5000).execute(
            "PRAGMA wal_checkpoint(TRUNCATE)")
        try directory.scribble([UInt8](repeating: 0xff, count: directory.size() - 4096), at: 4096)
        for number in 5000..<6000 { writer.post(.ban(ban(number))) }
        #expect(writer.flush(timeout: .minutes(1)))
        let notices = writer.takeNotices()
        #expect(notices.contains { if case .movedAside = $0 { true } else { false } }, "\(notices)")
        #expect(try writer.reader.ban(of: host(5999)) == ban(5999))
        writer.close(timeout: .minutes(1))
    }

    @Test func `only the newest three of the broken ones are kept`() throws {
        let directory = try TestDirectory()
        for number in 0..<6 {
            let writer = try directory.writer(at: tonight + .seconds(Int64(number)))
            writer.close(timeout: .minutes(1))
            try directory.scribble([UInt8](repeating: 0x78, count: 64), at: 0)
            for suffix in ["-wal", "-shm"] { close(creat(directory.state.databasePath + suffix, 0o600)) }
        }
        try directory.writer(at: tonight + .seconds(6)).close(timeout: .minutes(1))
        let aside = directory.names().filter {
            $0.contains("corrupt") && !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm")
        }
        #expect(aside == ["13", "14", "15"].map { "breakwater.db.corrupt-20261120-2222" + $0 })
        #expect(directory.names().filter { $0.hasSuffix("-wal") && $0.contains("corrupt") }.count <= 3)
    }

    @Test func `a newer database is not touched, and nothing is lost from it`() throws {
        let directory = try TestDirectory()
        let first = try directory.writer()
        first.post(.ban(ban(1)))
        first.close(timeout: .minutes(1))
        try Database(directory.state.databasePath, .readWrite, busyTimeoutMilliseconds: 0).execute(
            "PRAGMA user_version = 99")
        let writer = try directory.writer()
        writer.post(.ban(ban(2)))
        #expect(!writer.flush(timeout: .minutes(1)))
        let notices = writer.takeNotices().map(\.description)
        #expect(
            notices == [
                "store: the database has schema version 99 of a later breakwater; this one knows \(Schema.version) and does not write to it; "
                    + "going on without disk, bans stay in force, trying again every minute"
            ])
        #expect(try writer.reader.bans(at: tonight) == [ban(1)])
        #expect(directory.names().filter { $0.contains("corrupt") } == [])
        writer.close(timeout: .seconds(10))
    }

    @Test func `no directory: said once, kept in memory, written when there is one`() throws {
        let directory = try TestDirectory()
        close(creat(directory.state.path, 0o600))
        let writer = try directory.writer()
        writer.post(.ban(ban(1)))
        #expect(!writer.flush(timeout: .minutes(1)))
        #expect(!writer.flush(timeout: .minutes(1)))
        #expect(writer.takeNotices().count == 1)
        unlink(directory.state.path)
        writer.post(.ban(ban(2)))
        #expect(writer.flush(timeout: .minutes(1)))
        #expect(writer.takeNotices() == [.diskAgain])
        #expect(try writer.reader.bans(at: tonight).count == 2)
        writer.close(timeout: .minutes(1))
    }

    @Test func `a directory removed under the daemon is made again`() throws {
        let directory = try TestDirectory()
        let writer = try directory.writer()
        writer.post(.ban(ban(1)))
        writer.flush(timeout: .minutes(1))
        for name in directory.names() { unlink(directory.state.path + "/" + name) }
        rmdir(directory.state.path)
        writer.post(.ban(ban(2)))
        #expect(writer.flush(timeout: .minutes(1)))
        #expect(writer.takeNotices() == [.beganAfresh])
        #expect(try writer.reader.bans(at: tonight) == [ban(2)])
        writer.close(timeout: .minutes(1))
    }

    @Test func `a directory that others may write to is taken back`() throws {
        let directory = try TestDirectory()
        mkdir(directory.state.path, 0o700)
        chmod(directory.state.path, 0o777)
        try directory.writer().close(timeout: .minutes(1))
        #expect(directory.mode(directory.state.path) == 0o700)
    }

    @Test(.enabled(if: geteuid() == 0, "chown needs root"))
    func `a directory that is somebody else's is not trusted`() throws {
        let directory = try TestDirectory()
        mkdir(directory.state.path, 0o700)
        chown(directory.state.path, 65534, 65534)
        let writer = try directory.writer()
        #expect(writer.takeNotices().map(\.description).first?.contains("check owner 65534") == true)
        writer.close(timeout: .seconds(10))
    }

    /// A breakwaterd started by hand on a host where the unit's runs, which owns the directory as a user of its own.
    @Test(.enabled(if: geteuid() == 0, "chown needs root"))
    func `the database in a directory that is somebody else's stays where it is`() throws {
        let directory = try TestDirectory()
        let first = try directory.writer()
        first.post(.ban(ban(1)))
        first.close(timeout: .minutes(1))
        let before = directory.names()
        chown(directory.state.path, 65534, 65534)
        let second = try directory.writer()
        second.post(.ban(ban(2)))
        second.close(timeout: .seconds(10))
        #expect(directory.names() == before)
        chown(directory.state.path, 0, 0)
        let third = try directory.writer()
        #expect(try third.reader.bans(at: tonight).count == 1)
        third.close(timeout: .minutes(1))
    }

    @Test(.enabled(if: geteuid() == 0, "mount needs root"))
    func `a full disk: said once, bans kept, the file not moved, written when there is room`() throws {
        let directory = try TestDirectory()
        mkdir(directory.state.path, 0o700)
        #expect(mount("tmpfs", directory.state.path, "tmpfs", 0, "size=400k,mode=0700") == 0)
        let writer = try directory.writer()
        #expect(writer.takeNotices() == [])
        let line = [[UInt8](repeating: 0x61, count: 300)]
        var number = 0
        var isFull = false
        while !isFull, number < 10_000 {
            for _ in 0..<100 {
                writer.post(.ban(ban(number)))
                writer.post(
                    .decision(
                        Decision(.ban, at: tonight, prefix: host(number), why: "x", outcome: .done), evidence: line))
                number += 1
            }
            isFull = !writer.flush(timeout: .minutes(1))
        }
        #expect(isFull)
        writer.post(.ban(ban(number)))
        #expect(!writer.flush(timeout: .minutes(1)))
        let notices = writer.takeNotices()
        #expect(notices.count == 1)
        #expect(notices.first?.description.contains("full") == true, "\(notices)")
        #expect(mount("tmpfs", directory.state.path, "tmpfs", UInt(MS_REMOUNT), "size=40m") == 0)
        #expect(writer.flush(timeout: .minutes(1)))
        #expect(writer.takeNotices() == [.diskAgain])
        #expect(try writer.reader.bans(at: tonight).count == number + 1)
        #expect(directory.names().filter { $0.contains("corrupt") } == [])
        writer.close(timeout: .minutes(1))
    }

    @Test(.enabled(if: geteuid() == 0, "mount needs root"))
    func `a file system gone read-only`() throws {
        let directory = try TestDirectory()
        mkdir(directory.state.path, 0o700)
        #expect(mount("tmpfs", directory.state.path, "tmpfs", 0, "size=4m,mode=0700") == 0)
        let first = try directory.writer()
        first.post(.ban(ban(1)))
        first.close(timeout: .minutes(1))
        #expect(mount("tmpfs", directory.state.path, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), "size=4m") == 0)
        let writer = try directory.writer()
        writer.post(.ban(ban(2)))
        #expect(!writer.flush(timeout: .minutes(1)))
        let notices = writer.takeNotices()
        #expect(notices.count == 1)
        #expect(notices.first?.description.contains("EROFS") == true, "\(notices)")
        #expect(mount("tmpfs", directory.state.path, "tmpfs", UInt(MS_REMOUNT), "size=4m") == 0)
        #expect(writer.flush(timeout: .minutes(1)))
        #expect(try writer.reader.bans(at: tonight).count == 2)
        writer.close(timeout: .minutes(1))
    }

    @Test func `while the disk does not answer, posting goes on and bans are kept`() throws {
        let directory = try TestDirectory()
        let writer = try directory.writer()
        // Another process that holds the write lock looks to the writer like a disk that does not answer.
        let other = try Database(directory.state.databasePath, .readWrite, busyTimeoutMilliseconds: 5000)
        try other.execute("BEGIN IMMEDIATE")
        for number in 0..<50_000 {
            writer.post(
                .decision(Decision(.ban, at: tonight, prefix: host(number), why: "x", outcome: .done), evidence: []))
            if number % 10 == 0 { writer.post(.ban(ban(number))) }
        }
        try other.execute("ROLLBACK")
        while !writer.flush(timeout: .minutes(1)) {}
        #expect(try writer.reader.bans(at: tonight).count == 5000)
        let kept = try writer.reader.decisions(atMost: 100_000)
        let dropped = writer.takeNotices().reduce(0) { sum, notice in
            if case .dropped(let records, _) = notice { sum + records } else { sum }
        }
        #expect(kept.count + dropped == 50_000)
        #expect(dropped > 0)
        #expect(kept.first?.decision.prefix == host(49_999))
        writer.close(timeout: .minutes(1))
    }
}
