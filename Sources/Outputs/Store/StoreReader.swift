import Addresses
import Events
import Glibc
import Posix

/// Questions to the store, each answered over a connection of its own.
///
/// Opening costs a fraction of a millisecond, and a database that was moved aside is never read by mistake. Readers and
/// the writer do not wait for each other (write-ahead log). What was posted but not yet written is not seen. Rows that
/// do not decode are left out.
package struct StoreReader: Sendable {
    private let path: String
    /// For a damaged file: where a query breaks off, what it gave before counts.
    private let takesPart: Bool

    package init(_ directory: StateDirectory) {
        path = directory.databasePath
        takesPart = false
    }

    /// For `salvage`.
    init(damaged path: String) {
        self.path = path
        takesPart = true
    }

    /// Bans that last beyond `now`, in no particular order.
    package func bans(at now: Instant) throws(StoreError) -> [StoredBan] {
        // The plus keeps SQLite from the index: in the table's own order most rows are wanted and stand side by side.
        try rows(
            "SELECT prefix, since_ns, until_ns, timeout_ns, why, origin, count, hits, sheds FROM bans WHERE +until_ns > ?1",
            { $0.bind(1, now) }, ban)
    }

    /// Sources whose ban has ended, the latest first: what the next ban's span is reckoned from.
    package func formerBans(at now: Instant, atMost limit: Int) throws(StoreError) -> [StoredBan] {
        try rows(
            """
            SELECT prefix, since_ns, until_ns, timeout_ns, why, origin, count, hits, sheds FROM bans WHERE until_ns <= ?1
            ORDER BY until_ns DESC LIMIT ?2
            """,
            {
                $0.bind(1, now)
                $0.bind(2, limit)
            }, ban)
    }

    /// The ban of exactly this prefix, lasting or ended.
    package func ban(of prefix: Prefix) throws(StoreError) -> StoredBan? {
        try rows(
            "SELECT prefix, since_ns, until_ns, timeout_ns, why, origin, count, hits, sheds FROM bans WHERE prefix = ?1",
            { $0.bind(1, prefix) }, ban
        ).first
    }

    /// Decisions on `prefix` and on what lies inside it, the newest first.
    package func history(of prefix: Prefix, atMost limit: Int) throws(StoreError) -> [StoredDecision] {
        try rows(
            """
            SELECT at_ns, kind, prefix, why, outcome, latency_ns, told, timeout_ns, count, port, pid, observed, detail, evidence
            FROM decisions WHERE prefix BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT ?3
            """,
            {
                $0.bind(1, prefix)
                $0.bind(2, Prefix(prefix.lastAddress))
                $0.bind(3, limit)
            }, decision)
    }

    /// All decisions, the newest first.
    package func decisions(atMost limit: Int) throws(StoreError) -> [StoredDecision] {
        try rows(
            """
            SELECT at_ns, kind, prefix, why, outcome, latency_ns, told, timeout_ns, count, port, pid, observed, detail, evidence
            FROM decisions ORDER BY id DESC LIMIT ?1
            """,
            { $0.bind(1, limit) }, decision)
    }

    /// Samples after `time`, up to `end`, the oldest first.
    package func samples(
        since time: Instant, to end: Instant = .distantFuture, atMost limit: Int
    ) throws(StoreError) -> [StoredSample] {
        try rows(
            "SELECT at_ns, connections, slots, new FROM samples WHERE at_ns > ?1 AND at_ns <= ?2 ORDER BY at_ns LIMIT ?3",
            {
                $0.bind(1, time)
                $0.bind(2, end)
                $0.bind(3, limit)
            }
        ) {
            StoredSample(time: $0.instant(0), connections: $0.integer(1), slots: $0.integer(2), new: $0.integer(3))
        }
    }

    package func counters() throws(StoreError) -> [String: Int64] {
        let pairs = try rows("SELECT name, value FROM counters") { (name: $0.text(0), value: $0.integer(1) as Int64) }
        return Dictionary(pairs.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    }

    package func logPositions() throws(StoreError) -> [String: String] {
        let pairs = try rows("SELECT path, position FROM positions") { (path: $0.text(0), position: $0.text(1)) }
        return Dictionary(pairs.map { ($0.path, $0.position) }, uniquingKeysWith: { $1 })
    }

    package func knownSenders(at now: Instant) throws(StoreError) -> [KnownSender] {
        try rows("SELECT prefix, until_ns, authenticated FROM known WHERE until_ns > ?1", { $0.bind(1, now) }) { row in
            row.prefix(0).map { KnownSender($0, until: row.instant(1), isAuthenticated: row.integer(2) != 0) }
        }
    }

    package func allowEntries(at now: Instant) throws(StoreError) -> [AllowEntry] {
        try rows("SELECT prefix, until_ns, by FROM allow WHERE until_ns > ?1", { $0.bind(1, now) }) { row in
            row.prefix(0).map { AllowEntry($0, until: row.instant(1), by: row.text(2)) }
        }
    }

    package func modeOverride(at now: Instant) throws(StoreError) -> ModeOverride? {
        try rows("SELECT enforces, until_ns FROM mode WHERE until_ns > ?1", { $0.bind(1, now) }) {
            ModeOverride(enforces: $0.integer(0) != 0, until: $0.instant(1))
        }.first
    }

    /// What a damaged file still gives: of each table what stands before the damage. Decisions and samples are not tried.
    func salvage() -> Pending {
        var pending = Pending()
        let ever = Instant.distantPast
        for ban in (try? bans(at: ever)) ?? [] { pending.add(.ban(ban)) }
        for sender in (try? knownSenders(at: ever)) ?? [] { pending.add(.known(sender)) }
        for entry in (try? allowEntries(at: ever)) ?? [] { pending.add(.allow(entry)) }
        for (name, value) in (try? counters()) ?? [:] { pending.add(.counter(name, value)) }
        for (path, text) in (try? logPositions()) ?? [:] { pending.add(.logPosition(path: path, text: text)) }
        if let override = try? modeOverride(at: ever) { pending.add(.mode(override)) }
        for wave in (try? waves(atMost: StoreRecord.mostWaves)) ?? [] { pending.add(.wave(wave)) }
        return pending
    }
}

// MARK: - Rows to values

extension StoreReader {
    /// A connection for one question; `nil` when there is no database yet.
    func open() throws(StoreError) -> Database? {
        if access(path, F_OK) != 0, errno == ENOENT { return nil }
        // The loop asks: better no answer than a long wait.
        return try Database(path, .readOnly, busyTimeoutMilliseconds: 50)
    }

    /// All rows of a query.
    func rows<Row>(
        _ sql: StaticString, _ bind: (Statement) -> Void = { _ in }, _ read: (Statement) -> Row?
    ) throws(StoreError) -> [Row] {
        guard let database = try open() else { return [] }
        let statement = try database.statement(sql)
        bind(statement)
        var rows: [Row] = []
        do throws(StoreError) {
            while try statement.step() {
                if let row = read(statement) { rows.append(row) }
            }
        } catch {
            if !takesPart { throw error }
        }
        return rows
    }

    private func ban(_ row: Statement) -> StoredBan? {
        guard let prefix = row.prefix(0), let origin = Ban.Origin(rawValue: row.text(5)) else { return nil }
        let ban = Ban(
            prefix: prefix, since: row.instant(1), until: row.instant(2), timeout: row.duration(3), why: row.text(4),
            origin: origin, count: row.integer(6))
        return StoredBan(ban, hits: row.integer(7), sheds: row.integer(8))
    }

    private func decision(_ row: Statement) -> StoredDecision? {
        guard let kind = Decision.Kind(rawValue: row.text(1)), let outcome = Outcome(rawValue: row.text(4)) else {
            return nil
        }
        var decision = Decision(kind, at: row.instant(0), prefix: row.prefix(2), why: row.text(3), outcome: outcome)
        if !row.isNull(5) { decision.latency = row.duration(5) }
        if !row.isNull(6) { decision.told = row.integer(6) != 0 }
        if !row.isNull(7) { decision.timeout = row.duration(7) }
        if !row.isNull(8) { decision.count = row.integer(8) }
        if !row.isNull(9) { decision.port = UInt16(clamping: row.integer(9) as Int64) }
        if !row.isNull(10) { decision.pid = Int32(clamping: row.integer(10) as Int64) }
        decision.isObserved = row.integer(11) != 0
        if !row.isNull(12) { decision.detail = row.text(12) }
        return StoredDecision(decision: decision, evidence: row.text(13).split(separator: "\n").map(String.init))
    }
}
