import Addresses
import CSQLite
import Events

/// The tables, and how an older file becomes one of today.
///
/// Times are nanoseconds since 1970 and spans nanoseconds; a prefix is 17 bytes: the address in its mapped form, then
/// its length in that space. So prefixes sort by address and what lies inside a network is one range.
enum Schema {
    static let version = steps.count

    /// Makes a new file ours, brings an older one up to date, and refuses what is neither.
    static func prepare(_ database: Database) throws(StoreError) {
        // Before the first table is made; without effect afterwards.
        try database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        try database.execute("PRAGMA journal_mode = WAL")
        // A commit reaches the disk at the next checkpoint: a crash of the system may lose the last seconds, a crash of
        // the daemon nothing that was committed, and neither tears the file.
        try database.execute("PRAGMA synchronous = NORMAL")
        try database.execute("PRAGMA journal_size_limit = 4194304")
        try database.execute("PRAGMA cache_size = -1024")
        try database.execute("PRAGMA trusted_schema = OFF")
        try database.execute("PRAGMA cell_size_check = ON")
        let found = try database.integer("PRAGMA user_version")
        if found > version { throw .newer(version: found, known: version) }
        if found < 0 { throw .wrongContent("the database has the impossible schema version \(found)") }
        if found == 0, try database.integer("SELECT count(*) FROM sqlite_schema") != 0 {
            throw .wrongContent("the database holds tables that are not breakwater's")
        }
        for step in steps[found...] {
            try database.transaction { () throws(StoreError) in
                try database.execute(step.tables)
                try database.execute(step.version)
            }
        }
    }

    /// What makes each version of the one before; a new file takes them all.
    private static let steps: [(tables: StaticString, version: StaticString)] = [
        (first, "PRAGMA user_version = 1"),
        (waves, "PRAGMA user_version = 2"),
    ]

    /// Looks whether the tables the daemon cannot do without are whole. The long ones, decisions and samples, are left
    /// out: reading them would hold up the start, and a fault there shows when it is met.
    static func check(_ database: Database) throws(StoreError) {
        for sql in columns {
            do throws(StoreError) {
                try database.statement(sql).run()
            } catch .sqlite(let error) where error.code & 0xff == SQLITE_ERROR {
                throw .wrongContent("the database is not of our schema: \(error.message)")
            }
        }
        for sql in checks {
            let statement = try database.statement(sql)
            guard try statement.step() else { throw .wrongContent("\(sql) gave no answer") }
            let answer = statement.text(0)
            statement.reset()
            if answer != "ok" {
                throw .wrongContent("the database is torn: \(Record.escaped(answer.utf8, limit: 200))")
            }
        }
    }

    /// The first group asks for the columns, which fails when they are missing; the second for the pages.
    private static let columns: [StaticString] = [
        "SELECT prefix, since_ns, until_ns, timeout_ns, why, origin, count, hits, sheds FROM bans LIMIT 0",
        "SELECT id, at_ns, kind, prefix, why, outcome, latency_ns, told, timeout_ns, count, port, pid, observed, detail, evidence FROM decisions LIMIT 0",
        "SELECT at_ns, connections, slots, new FROM samples LIMIT 0",
        "SELECT prefix, until_ns, authenticated FROM known LIMIT 0",
        "SELECT name, value FROM counters LIMIT 0",
        "SELECT path, position FROM positions LIMIT 0",
        "SELECT prefix, until_ns, by FROM allow LIMIT 0",
        "SELECT only, enforces, until_ns FROM mode LIMIT 0",
        "SELECT number, begin_ns, record FROM waves LIMIT 0",
    ]
    private static let checks: [StaticString] = [
        "PRAGMA quick_check(bans)", "PRAGMA quick_check(known)", "PRAGMA quick_check(allow)",
        "PRAGMA quick_check(counters)",
        "PRAGMA quick_check(positions)", "PRAGMA quick_check(mode)", "PRAGMA quick_check(waves)",
    ]

    private static let first: StaticString = """
        CREATE TABLE bans (
            prefix BLOB PRIMARY KEY NOT NULL, since_ns INTEGER NOT NULL, until_ns INTEGER NOT NULL, timeout_ns INTEGER NOT NULL,
            why TEXT NOT NULL, origin TEXT NOT NULL, count INTEGER NOT NULL, hits INTEGER NOT NULL, sheds INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX bans_until ON bans (until_ns);
        CREATE TABLE decisions (
            id INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, kind TEXT NOT NULL, prefix BLOB, why TEXT NOT NULL,
            outcome TEXT NOT NULL, latency_ns INTEGER, told INTEGER, timeout_ns INTEGER, count INTEGER, port INTEGER,
            pid INTEGER, observed INTEGER NOT NULL, detail TEXT, evidence TEXT NOT NULL
        );
        CREATE INDEX decisions_prefix ON decisions (prefix);
        CREATE TABLE samples (
            at_ns INTEGER PRIMARY KEY, connections INTEGER NOT NULL, slots INTEGER NOT NULL, new INTEGER NOT NULL
        );
        CREATE TABLE known (
            prefix BLOB PRIMARY KEY NOT NULL, until_ns INTEGER NOT NULL, authenticated INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX known_until ON known (until_ns);
        CREATE TABLE counters (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE positions (path TEXT PRIMARY KEY NOT NULL, position TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE allow (prefix BLOB PRIMARY KEY NOT NULL, until_ns INTEGER NOT NULL, by TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE mode (
            only INTEGER PRIMARY KEY CHECK (only = 1), enforces INTEGER NOT NULL, until_ns INTEGER NOT NULL
        );
        """
}

// MARK: - Our values as columns

extension Statement {
    func bind(_ index: Int32, _ value: Instant) { bind(index, value.nanoseconds) }
    func bind(_ index: Int32, _ value: Duration?) { bind(index, value?.nanoseconds) }
    func bind(_ index: Int32, _ value: Prefix) { bind(index, bytes: value.address.mappedBytes + [value.bits]) }

    func instant(_ column: Int32) -> Instant { Instant(nanoseconds: integer(column)) }
    func duration(_ column: Int32) -> Duration { .nanoseconds(integer(column) as Int64) }

    /// `nil` when the column holds no prefix.
    func prefix(_ column: Int32) -> Prefix? {
        withBytes(column) { bytes in
            guard bytes.count == 17, bytes[16] <= 128 else { return nil }
            var high: UInt64 = 0
            var low: UInt64 = 0
            for index in 0..<8 {
                high = high << 8 | UInt64(bytes[index])
                low = low << 8 | UInt64(bytes[index + 8])
            }
            return Prefix(IPAddress(high: high, low: low), bits: Int(bytes[16]))
        }
    }
}
