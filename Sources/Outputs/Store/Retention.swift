import Events

/// What leaves the store, in steps small enough that the writer stays quick.
enum Retention {
    /// Rows that one step removes of each table at most.
    fileprivate static let rowsPerStep = 1000
    private static let historyKept = Duration.days(35)
    private static let decisionsKept = 500_000
    private static let endedBansKept = Duration.days(365)
    private static let bansKept = 500_000
    private static let knownKept = 200_000
    /// Free pages (of 4 KiB) that are left in the file for what comes next.
    private static let freePagesKept = 64

    /// Takes one step; true when there is more to do.
    static func step(_ database: Database, at now: Instant) throws(StoreError) -> Bool {
        var removed = 0
        try database.transaction { () throws(StoreError) in
            removed += try removeDecisions(database, before: now - historyKept)
            removed += try database.remove(
                "DELETE FROM samples WHERE at_ns IN (SELECT at_ns FROM samples WHERE at_ns < ?1 ORDER BY at_ns LIMIT ?2)",
                before: now - historyKept)
            removed += try database.remove(
                "DELETE FROM bans WHERE prefix IN (SELECT prefix FROM bans WHERE until_ns < ?1 ORDER BY until_ns LIMIT ?2)",
                before: now - endedBansKept)
            removed += try database.remove(
                "DELETE FROM known WHERE prefix IN (SELECT prefix FROM known WHERE until_ns < ?1 ORDER BY until_ns LIMIT ?2)",
                before: now)
            removed += try database.remove(
                "DELETE FROM allow WHERE prefix IN (SELECT prefix FROM allow WHERE until_ns < ?1 LIMIT ?2)", before: now
            )
            removed += try removeSurplus(database, at: now)
            removed += try removeWaves(database)
        }
        if removed > 0 { return true }
        // Pages are given back only once rows stay: each page moved is written twice.
        let free = try database.integer("PRAGMA freelist_count")
        guard free > freePagesKept else { return false }
        try database.execute("PRAGMA incremental_vacuum(512)")
        let left = try database.integer("PRAGMA freelist_count")
        // A file that was not made for it keeps its free pages; asking again would go on for ever.
        if left > freePagesKept, left < free { return true }
        // The file itself shrinks when the write-ahead log is folded into it.
        try database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return false
    }

    /// Decisions stand in the order of their ids, so age and number are judged at the lower end alone.
    private static func removeDecisions(_ database: Database, before time: Instant) throws(StoreError) -> Int {
        let removed = try database.remove(
            """
            DELETE FROM decisions WHERE id IN
                (SELECT id FROM (SELECT id, at_ns FROM decisions ORDER BY id LIMIT ?2) WHERE at_ns < ?1)
            """, before: time)
        let first = try database.integer("SELECT min(id) FROM decisions")
        let last = try database.integer("SELECT max(id) FROM decisions")
        guard last - first >= decisionsKept else { return removed }
        let statement = try database.statement("DELETE FROM decisions WHERE id < ?1")
        statement.bind(1, min(last - decisionsKept + 1, first + rowsPerStep))
        try statement.run()
        return removed + database.changes
    }

    /// The oldest ones, beyond what is kept.
    private static func removeWaves(_ database: Database) throws(StoreError) -> Int {
        let statement = try database.statement("DELETE FROM waves WHERE number <= (SELECT max(number) FROM waves) - ?1")
        statement.bind(1, StoreRecord.mostWaves)
        try statement.run()
        return database.changes
    }

    /// Above the bound the bans that ended first leave, and the known senders whose time is nearest its end.
    private static func removeSurplus(_ database: Database, at now: Instant) throws(StoreError) -> Int {
        var removed = 0
        var surplus = try database.integer("SELECT count(*) FROM bans") - bansKept
        if surplus > 0 {
            let statement = try database.statement(
                "DELETE FROM bans WHERE prefix IN (SELECT prefix FROM bans WHERE until_ns < ?1 ORDER BY until_ns LIMIT ?2)"
            )
            statement.bind(1, now)
            statement.bind(2, min(surplus, rowsPerStep))
            try statement.run()
            removed += database.changes
        }
        surplus = try database.integer("SELECT count(*) FROM known") - knownKept
        if surplus > 0 {
            let statement = try database.statement(
                "DELETE FROM known WHERE prefix IN (SELECT prefix FROM known ORDER BY until_ns LIMIT ?1)")
            statement.bind(1, min(surplus, rowsPerStep))
            try statement.run()
            removed += database.changes
        }
        return removed
    }
}

extension Database {
    /// Runs a DELETE of at most one step's rows older than `time`. Returns how many went.
    fileprivate func remove(_ sql: StaticString, before time: Instant) throws(StoreError) -> Int {
        let statement = try statement(sql)
        statement.bind(1, time)
        statement.bind(2, Retention.rowsPerStep)
        try statement.run()
        return changes
    }
}
