import Addresses
import Events

/// One decision in short, as reports count them.
package struct DecisionBrief: Equatable, Sendable {
    package var time: Instant
    /// `ban`, `shed` or `saturation`.
    package var kind: Decision.Kind
    /// Of a ban.
    package var prefix: Prefix?
    /// Of a shed: whether the peer had its 5xx, where that is known.
    package var told: Bool?
    package var isObserved: Bool
}

/// What the daemon saw in a span of time, in few rows whatever the span.
extension StoreReader {
    /// Samples from `begin` up to `end`: of each step of time the first with the most slots, at its own time.
    ///
    /// Steps stand at full multiples since 1970; with steps of a quarter of an hour five weeks are 3,360 rows.
    package func peaks(from begin: Instant, to end: Instant, step: Duration) throws(StoreError) -> [StoredSample] {
        guard let database = try open() else { return [] }
        let statement = try database.statement(
            "SELECT at_ns, connections, slots, new FROM samples WHERE at_ns >= ?1 AND at_ns < ?2 ORDER BY at_ns")
        statement.bind(1, begin)
        statement.bind(2, end)
        let width = max(1_000_000, step.nanoseconds)
        var peaks: [StoredSample] = []
        while try statement.step() {
            let sample = StoredSample(
                time: statement.instant(0), connections: statement.integer(1), slots: statement.integer(2),
                new: statement.integer(3))
            if let last = peaks.last, last.time.nanoseconds / width == sample.time.nanoseconds / width {
                if sample.slots > last.slots { peaks[peaks.count - 1] = sample }
            } else {
                peaks.append(sample)
            }
        }
        return peaks
    }

    /// The times of the first and the last sample that is kept.
    package func sampledSpan() throws(StoreError) -> ClosedRange<Instant>? {
        try rows("SELECT min(at_ns), max(at_ns) FROM samples") { row in
            row.isNull(0) ? nil : row.instant(0)...row.instant(1)
        }.first
    }

    /// Hands over bans, sheds and saturations from `begin` up to `end` that were carried out or noted, in their order.
    /// Returns the time of the first decision that is kept, where older ones have left.
    @discardableResult
    package func forEachDecision(
        from begin: Instant, to end: Instant, _ body: (DecisionBrief) -> Void
    ) throws(StoreError) -> Instant? {
        guard let database = try open() else { return nil }
        let statement = try database.statement(
            """
            SELECT at_ns, kind, prefix, told, observed FROM decisions
            WHERE id >= ?1 AND id < ?2 AND kind IN ('ban', 'shed', 'saturation') AND outcome = 'done' ORDER BY id
            """)
        statement.bind(1, try database.firstDecision(since: begin))
        statement.bind(2, try database.firstDecision(since: end))
        while try statement.step() { if let brief = brief(statement) { body(brief) } }
        guard try database.integer("SELECT min(id) FROM decisions") > 1 else { return nil }
        return Instant(nanoseconds: Int64(try database.integer("SELECT at_ns FROM decisions ORDER BY id LIMIT 1")))
    }

    /// Bans from `begin` up to `end`, at most `limit`, and the id after the last one looked at; `first` is such an id, to
    /// go on.
    package func bans(
        from begin: Instant, to end: Instant, startingAt first: Int? = nil, atMost limit: Int
    ) throws(StoreError) -> (bans: [DecisionBrief], next: Int?) {
        guard let database = try open() else { return ([], nil) }
        let statement = try database.statement(
            """
            SELECT at_ns, kind, prefix, told, observed, id FROM decisions
            WHERE id >= ?1 AND id < ?2 AND kind = 'ban' AND outcome = 'done' ORDER BY id LIMIT ?3
            """)
        let start: Int = if let first { first } else { try database.firstDecision(since: begin) }
        statement.bind(1, start)
        statement.bind(2, try database.firstDecision(since: end))
        statement.bind(3, limit)
        var bans: [DecisionBrief] = []
        var (count, last) = (0, 0)
        while try statement.step() {
            if let ban = brief(statement) { bans.append(ban) }
            count += 1
            last = statement.integer(5)
        }
        return (bans, count == limit ? last + 1 : nil)
    }

    private func brief(_ row: Statement) -> DecisionBrief? {
        guard let kind = Decision.Kind(rawValue: row.text(1)) else { return nil }
        return DecisionBrief(
            time: row.instant(0), kind: kind, prefix: kind == .ban ? row.prefix(2) : nil,
            told: row.isNull(3) ? nil : row.integer(3) != 0, isObserved: row.integer(4) != 0)
    }
}
