import Events

/// A wave as it stands in the store: whoever posts it has its own words for the rest.
package struct StoredWave: Equatable, Sendable {
    /// Its key: posted again, it takes the place of what was there.
    package var number: Int
    package var begin: Instant
    package var text: String

    package init(number: Int, begin: Instant, text: String) {
        self.number = number
        self.begin = begin
        self.text = text
    }
}

/// How many decisions of a kind there were within a step of time.
package struct DecisionCount: Equatable, Sendable {
    package var time: Instant
    package var kind: Decision.Kind
    package var count: Int

    package init(time: Instant, kind: Decision.Kind, count: Int) {
        self.time = time
        self.kind = kind
        self.count = count
    }
}

extension Schema {
    static let waves: StaticString =
        "CREATE TABLE waves (number INTEGER PRIMARY KEY, begin_ns INTEGER NOT NULL, record TEXT NOT NULL)"
}

extension Database {
    func write(_ wave: StoredWave) throws(StoreError) {
        let statement = try statement("INSERT OR REPLACE INTO waves VALUES (?1, ?2, ?3)")
        statement.bind(1, wave.number)
        statement.bind(2, wave.begin)
        statement.bind(3, wave.text)
        try statement.run()
    }
}

extension StoreReader {
    /// The newest first.
    package func waves(atMost limit: Int) throws(StoreError) -> [StoredWave] {
        try rows(
            "SELECT number, begin_ns, record FROM waves ORDER BY number DESC LIMIT ?1", { $0.bind(1, limit) }, wave)
    }

    package func wave(_ number: Int) throws(StoreError) -> StoredWave? {
        try rows("SELECT number, begin_ns, record FROM waves WHERE number = ?1", { $0.bind(1, number) }, wave).first
    }

    private func wave(_ row: Statement) -> StoredWave? {
        StoredWave(number: row.integer(0), begin: row.instant(1), text: row.text(2))
    }

    /// Decisions that were carried out from `begin` up to `end`, counted by kind and by steps of `step`; at most 5000 rows.
    package func decisionCounts(from begin: Instant, to end: Instant, step: Duration) throws(StoreError)
        -> [DecisionCount]
    {
        guard let database = try open() else { return [] }
        let first = try database.firstDecision(since: begin)
        let past = try database.firstDecision(since: end)
        let statement = try database.statement(
            """
            SELECT at_ns / ?3 * ?3, kind, count(*) FROM decisions
            WHERE id >= ?1 AND id < ?2 AND outcome = 'done' AND observed = 0 GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 5000
            """)
        statement.bind(1, first)
        statement.bind(2, past)
        statement.bind(3, max(1_000_000, step.nanoseconds))
        var counts: [DecisionCount] = []
        while try statement.step() {
            guard let kind = Decision.Kind(rawValue: statement.text(1)) else { continue }
            counts.append(DecisionCount(time: statement.instant(0), kind: kind, count: statement.integer(2)))
        }
        return counts
    }
}

extension Database {
    /// The id of the first decision at or after `time`, or one past the last. Decisions stand in the order of their ids,
    /// which is that of their times, and have no index on them: the place is found by halving.
    func firstDecision(since time: Instant) throws(StoreError) -> Int {
        var low = try integer("SELECT coalesce(min(id), 1) FROM decisions")
        var high = try integer("SELECT coalesce(max(id), 0) + 1 FROM decisions")
        while low < high {
            let middle = low + (high - low) / 2
            let statement = try statement("SELECT at_ns FROM decisions WHERE id >= ?1 ORDER BY id LIMIT 1")
            statement.bind(1, middle)
            let isBefore = try statement.step() && statement.instant(0) < time
            statement.reset()
            if isBefore { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
