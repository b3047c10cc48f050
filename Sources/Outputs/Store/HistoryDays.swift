import Posix

/// The history by day and host, for who carries it elsewhere: all that stands under a day's keys, and back again.
extension History {
    /// From here on all reading sees one state, whatever others write meanwhile.
    package func freeze() throws(StoreError) { try database.execute("BEGIN") }

    /// The days and hosts that anything was counted of, in this order.
    package func dayNumbers() throws(StoreError) -> [(day: Int, host: String)] {
        let statement = try database.statement(
            """
            SELECT DISTINCT CASE span WHEN 0 THEN number / 24 ELSE number END AS day, host FROM counts WHERE span IN (0, 1, 2)
            ORDER BY day, host
            """)
        defer { statement.reset() }
        var found: [(day: Int, host: String)] = []
        while try statement.step() { found.append((statement.integer(0), statement.text(1))) }
        return found
    }

    /// Of one day and host, the hours first.
    package func counts(ofDay day: Int, host: String) throws(StoreError) -> [(key: Key, bytes: [UInt8])] {
        var found: [(key: Key, bytes: [UInt8])] = []
        let hours = (0..<24).map { Key(span: 0, number: day &* 24 &+ $0, host: host) }
        for key in hours + [Key(span: 1, number: day, host: host), Key(span: 2, number: day, host: host)] {
            if let bytes = try bytes(of: key) { found.append((key, bytes)) }
        }
        return found
    }

    /// Every part that has been counted, the first noted first.
    package func parts() throws(StoreError) -> [Part] {
        let statement = try database.statement("SELECT length, hash, start, upto FROM parts ORDER BY id")
        defer { statement.reset() }
        var found: [Part] = []
        while try statement.step() {
            let (start, end): (Int64, Int64) = (statement.integer(2), statement.integer(3))
            guard start < end else { continue }
            found.append(
                Part(length: statement.integer(0), hash: UInt64(bitPattern: statement.integer(1)), bytes: start..<end))
        }
        return found
    }

    /// How a day's counts stand to those that are there.
    package enum Standing: Sendable {
        /// There were none.
        case new
        /// The same are there.
        case known
        /// Others are there.
        case other
    }

    /// - Parameter isSame: whether two counts of one key are of the same events.
    package func standing(
        of counts: [(key: Key, bytes: [UInt8])], day: Int, host: String,
        isSame: (Key, _ kept: [UInt8], _ given: [UInt8]) -> Bool
    ) throws(StoreError) -> Standing {
        let kept = try self.counts(ofDay: day, host: host)
        if kept.isEmpty { return .new }
        let given = Dictionary(counts.map { ($0.key, $0.bytes) }) { $1 }
        guard kept.count == given.count else { return .other }
        for row in kept {
            guard let bytes = given[row.key], isSame(row.key, row.bytes, bytes) else { return .other }
        }
        return .known
    }

    /// Puts in a day's counts, all or nothing: where there are none, or in place of what is there if `replaces`.
    package func restore(
        _ counts: [(key: Key, bytes: [UInt8])], day: Int, host: String, replaces: Bool,
        isSame: (Key, _ kept: [UInt8], _ given: [UInt8]) -> Bool
    ) throws(StoreError) -> Standing {
        var standing = Standing.new
        try database.transaction { () throws(StoreError) in
            standing = try self.standing(of: counts, day: day, host: host, isSame: isSame)
            guard standing == .new || (standing == .other && replaces) else { return }
            for row in try self.counts(ofDay: day, host: host) { try remove(row.key) }
            for row in counts { try put(row.key, row.bytes) }
        }
        return standing
    }

    /// Notes parts as counted.
    package func note(_ parts: [Part]) throws(StoreError) {
        try database.transaction { () throws(StoreError) in
            for part in parts where part.length >= Part.shortest && !part.bytes.isEmpty { try note(part) }
        }
    }

    private func remove(_ key: Key) throws(StoreError) {
        let statement = try database.statement("DELETE FROM counts WHERE span = ?1 AND number = ?2 AND host = ?3")
        bind(statement, key)
        try statement.run()
    }
}
