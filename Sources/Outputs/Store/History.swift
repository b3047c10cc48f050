import Events
import Glibc
import Posix

/// What was counted of logs, by hour and day of each host, for a year and more: bytes whose form is their maker's.
///
/// A database of its own beside the daemon's: it is large, the command line writes to it too, and a fault in it never
/// touches the bans. With each count stands which part of which log file it is of, so that nothing counts twice,
/// whoever counts it and how often he begins again. See docs/decisions/history.md.
package final class History {
    package struct Key: Hashable, Sendable {
        /// 0 for an hour, 1 for a day, 2 for a day's drops in the kernel; those of other numbers are kept for good.
        package var span: UInt8
        /// Hours or days since 1970 began, by the local clock.
        package var number: Int
        package var host: String

        package init(span: UInt8, number: Int, host: String) {
            self.span = span
            self.number = number
            self.host = host
        }
    }

    /// A stretch of a log file, which is known by how it begins.
    package struct Part: Equatable, Sendable {
        /// How many of the first bytes were looked at, and their FNV-1a hash of 64 bits.
        package var length: Int
        package var hash: UInt64
        package var bytes: Range<Int64>

        package init(length: Int, hash: UInt64, bytes: Range<Int64>) {
            self.length = length
            self.hash = hash
            self.bytes = bytes
        }

        /// Shorter begins are those of more than one file.
        package static let shortest = 32
    }

    /// What an addition holds; `merge` makes one count of an older one and a newer one, `nil` when the older is broken.
    package struct Addition: Sendable {
        package var counts: [(key: Key, bytes: [UInt8])]
        package var parts: [Part]

        package init(counts: [(key: Key, bytes: [UInt8])], parts: [Part]) {
            self.counts = counts
            self.parts = parts
        }
    }
    package typealias Merge = @Sendable (Key, _ older: [UInt8], _ newer: [UInt8]) -> [UInt8]?
    /// What is kept of a day after some weeks, `nil` when it is broken.
    package typealias Thin = @Sendable (Key, [UInt8]) -> [UInt8]?

    let database: Database
    private static let version = 1
    /// Days that are kept.
    package static let kept = 400
    /// Days that are kept whole.
    private static let keptWhole = 35
    package static let mostParts = 20_000

    /// Opens it for writing, and makes it where there is none.
    package init(_ directory: StateDirectory) throws(StoreError) {
        do throws(SystemError) { try directory.prepare() } catch { throw .directory(error) }
        do throws(SystemError) {
            let file = try Descriptor.open(directory.historyPath, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
            if fchmod(file.number, 0o600) != 0 { throw SystemError("fchmod 0600", directory.historyPath) }
        } catch { throw .system(error) }
        database = try Database(directory.historyPath, .readWrite, busyTimeoutMilliseconds: 5000)
        try database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        try database.execute("PRAGMA journal_mode = WAL")
        try database.execute("PRAGMA synchronous = NORMAL")
        try database.execute("PRAGMA journal_size_limit = 4194304")
        try database.execute("PRAGMA trusted_schema = OFF")
        let found = try database.integer("PRAGMA user_version")
        if found > History.version { throw .newer(version: found, known: History.version) }
        if found == 0 {
            try database.transaction { () throws(StoreError) in
                try database.execute(History.tables)
                try database.execute("PRAGMA user_version = 1")
            }
        }
    }

    /// Opens it for reading alone; `nil` when there is none yet.
    package init?(reading directory: StateDirectory) throws(StoreError) {
        if access(directory.historyPath, F_OK) != 0, errno == ENOENT { return nil }
        database = try Database(directory.historyPath, .readOnly, busyTimeoutMilliseconds: 5000)
        let found = try database.integer("PRAGMA user_version")
        if found > History.version { throw .newer(version: found, known: History.version) }
    }

    // MARK: - Writing

    /// Adds counts and notes what they are of, all or nothing.
    package func add(_ addition: Addition, merging merge: Merge) throws(StoreError) {
        try database.transaction { () throws(StoreError) in
            for (key, bytes) in addition.counts {
                let older = try self.bytes(of: key)
                try put(key, older.flatMap { merge(key, $0, bytes) } ?? bytes)
            }
            for part in addition.parts where part.length >= Part.shortest && !part.bytes.isEmpty { try note(part) }
        }
    }

    /// Forgets what is older than `kept` days before `today`, and the oldest parts beyond the bound; makes days that were
    /// kept whole thin.
    package func expire(today: Int, thinning thin: Thin) throws(StoreError) {
        while try thinOne(before: today - History.keptWhole, thin) {}
        try database.transaction { () throws(StoreError) in
            let days = today - History.kept
            for (span, first) in [(UInt8(0), days * 24), (1, days), (2, days)] {
                let statement = try database.statement("DELETE FROM counts WHERE span = ?1 AND number < ?2")
                statement.bind(1, Int(span))
                statement.bind(2, first)
                try statement.run()
            }
            let statement = try database.statement(
                "DELETE FROM parts WHERE id <= (SELECT max(id) FROM parts) - ?1")
            statement.bind(1, History.mostParts)
            try statement.run()
        }
        try database.execute("PRAGMA incremental_vacuum(4096)")
    }

    /// One day a transaction: merging and reading go on between them. False when none is left.
    private func thinOne(before day: Int, _ thin: Thin) throws(StoreError) -> Bool {
        let oldest = try database.statement(
            "SELECT number, host, bytes FROM counts WHERE span = 1 AND is_thin = 0 AND number < ?1 LIMIT 1")
        oldest.bind(1, day)
        guard try oldest.step() else { return false }
        let key = Key(span: 1, number: oldest.integer(0), host: oldest.text(1))
        let bytes = oldest.withBytes(2) { Array($0) }
        oldest.reset()
        let statement = try database.statement(
            "UPDATE counts SET bytes = ?4, is_thin = 1 WHERE span = ?1 AND number = ?2 AND host = ?3")
        bind(statement, key)
        statement.bind(4, bytes: thin(key, bytes) ?? bytes)
        try statement.run()
        return true
    }

    func put(_ key: Key, _ bytes: [UInt8]) throws(StoreError) {
        let statement = try database.statement(
            "INSERT OR REPLACE INTO counts (span, number, host, bytes) VALUES (?1, ?2, ?3, ?4)")
        bind(statement, key)
        statement.bind(4, bytes: bytes)
        try statement.run()
    }

    func bind(_ statement: Statement, _ key: Key) {
        statement.bind(1, Int(key.span))
        statement.bind(2, key.number)
        statement.bind(3, key.host)
    }

    /// A part that goes on where another one ends makes that one longer; one inside another says nothing new.
    func note(_ part: Part) throws(StoreError) {
        let around = try database.statement(
            "SELECT 1 FROM parts WHERE length = ?1 AND hash = ?2 AND start <= ?3 AND upto >= ?4")
        around.bind(1, part.length)
        around.bind(2, Int64(bitPattern: part.hash))
        around.bind(3, part.bytes.lowerBound)
        around.bind(4, part.bytes.upperBound)
        let isKnown = try around.step()
        around.reset()
        if isKnown { return }
        let longer = try database.statement(
            "UPDATE parts SET upto = ?4 WHERE length = ?1 AND hash = ?2 AND upto = ?3")
        longer.bind(1, part.length)
        longer.bind(2, Int64(bitPattern: part.hash))
        longer.bind(3, part.bytes.lowerBound)
        longer.bind(4, part.bytes.upperBound)
        try longer.run()
        if database.changes > 0 { return }
        let new = try database.statement("INSERT INTO parts (length, hash, start, upto) VALUES (?1, ?2, ?3, ?4)")
        new.bind(1, part.length)
        new.bind(2, Int64(bitPattern: part.hash))
        new.bind(3, part.bytes.lowerBound)
        new.bind(4, part.bytes.upperBound)
        try new.run()
    }

    // MARK: - Reading

    /// The bytes of one hour or day, `nil` when nothing was counted in it.
    package func bytes(of key: Key) throws(StoreError) -> [UInt8]? {
        let statement = try database.statement("SELECT bytes FROM counts WHERE span = ?1 AND number = ?2 AND host = ?3")
        bind(statement, key)
        defer { statement.reset() }
        return try statement.step() ? statement.withBytes(0) { Array($0) } : nil
    }

    /// Hands over the hours or days of `numbers`, in their order.
    package func forEach(
        span: UInt8, in numbers: Range<Int>, _ body: (Key, [UInt8]) throws(StoreError) -> Void
    ) throws(StoreError) {
        let statement = try database.statement(
            "SELECT number, host, bytes FROM counts WHERE span = ?1 AND number >= ?2 AND number < ?3 ORDER BY number, host"
        )
        statement.bind(1, Int(span))
        statement.bind(2, numbers.lowerBound)
        statement.bind(3, numbers.upperBound)
        defer { statement.reset() }
        while try statement.step() {
            let key = Key(span: span, number: statement.integer(0), host: statement.text(1))
            try body(key, statement.withBytes(2) { Array($0) })
        }
    }

    /// The first and the last day that anything was counted on.
    package func days() throws(StoreError) -> ClosedRange<Int>? {
        // A column of SQLite takes anything, and who may write the file is not who reads it.
        let statement = try database.statement(
            "SELECT min(number), max(number) FROM counts WHERE span IN (1, 2) AND number BETWEEN -1000000 AND 1000000")
        defer { statement.reset() }
        guard try statement.step(), !statement.isNull(0) else { return nil }
        return statement.integer(0)...statement.integer(1)
    }

    /// The stretches of a log that have been counted, in their order and apart from each other. `head` is how the log
    /// begins: 1024 bytes, or as many as it has.
    package func counted(ofLogBeginning head: [UInt8]) throws(StoreError) -> [Range<Int64>] {
        let hashes = PrefixHashes(head)
        let statement = try database.statement("SELECT length, hash, start, upto FROM parts")
        defer { statement.reset() }
        var ranges: [Range<Int64>] = []
        while try statement.step() {
            let (start, end): (Int64, Int64) = (statement.integer(2), statement.integer(3))
            guard start < end, hashes[statement.integer(0)] == UInt64(bitPattern: statement.integer(1)) else {
                continue
            }
            ranges.append(start..<end)
        }
        return ranges.sorted { $0.lowerBound < $1.lowerBound }.reduce(into: []) { joined, range in
            if let last = joined.last, range.lowerBound <= last.upperBound {
                joined[joined.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                joined.append(range)
            }
        }
    }

    private static let tables: StaticString = """
        CREATE TABLE counts (
            span INTEGER NOT NULL, number INTEGER NOT NULL, host TEXT NOT NULL, bytes BLOB NOT NULL,
            is_thin INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (span, number, host)
        );
        CREATE TABLE parts (
            id INTEGER PRIMARY KEY, length INTEGER NOT NULL, hash INTEGER NOT NULL, start INTEGER NOT NULL,
            upto INTEGER NOT NULL
        );
        CREATE INDEX parts_end ON parts (length, hash, upto);
        """
}

/// FNV-1a hashes of every beginning of some bytes, as `Fingerprint` of LogIntake has them.
private struct PrefixHashes {
    private var hashes: [UInt64] = [0xcbf2_9ce4_8422_2325]

    init(_ bytes: [UInt8]) {
        for byte in bytes { hashes.append((hashes[hashes.count - 1] ^ UInt64(byte)) &* 0x100_0000_01b3) }
    }

    subscript(length: Int) -> UInt64? { hashes.indices.contains(length) ? hashes[length] : nil }
}
