import Addresses
import Events

/// Puts what is pending into the tables; the caller opened the transaction.
extension Database {
    func write(_ pending: Pending) throws(StoreError) {
        // In the table's order neighbours share pages: ten thousand scattered bans would touch each page many times.
        for (prefix, change) in pending.bans.sorted(by: { $0.key < $1.key }) {
            switch change {
            case .put(let ban): try write(ban)
            case .end(let time): try endBan(of: prefix, at: time)
            }
        }
        for (decision, evidence) in pending.decisions { try write(decision, evidence) }
        for sample in pending.samples { try write(sample) }
        for wave in pending.waves.values { try write(wave) }
        for sender in pending.known.values { try write(sender) }
        for (name, value) in pending.counters {
            let statement = try statement(
                "INSERT INTO counters VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value")
            statement.bind(1, name)
            statement.bind(2, value)
            try statement.run()
        }
        for (path, text) in pending.positions {
            let statement = try statement(
                "INSERT INTO positions VALUES (?1, ?2) ON CONFLICT DO UPDATE SET position = excluded.position")
            statement.bind(1, path)
            statement.bind(2, text)
            try statement.run()
        }
        for (prefix, entry) in pending.allow { try write(entry, at: prefix) }
        if let override = pending.mode { try write(override) }
    }

    private func write(_ ban: StoredBan) throws(StoreError) {
        let statement = try statement("INSERT OR REPLACE INTO bans VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")
        statement.bind(1, ban.ban.prefix)
        statement.bind(2, ban.ban.since)
        statement.bind(3, ban.ban.until)
        statement.bind(4, ban.ban.timeout)
        statement.bind(5, ban.ban.why)
        statement.bind(6, ban.ban.origin.rawValue)
        statement.bind(7, ban.ban.count)
        statement.bind(8, ban.hits)
        statement.bind(9, ban.sheds)
        try statement.run()
    }

    private func endBan(of prefix: Prefix, at time: Instant) throws(StoreError) {
        let statement = try statement("UPDATE bans SET until_ns = min(until_ns, ?2) WHERE prefix = ?1")
        statement.bind(1, prefix)
        statement.bind(2, time)
        try statement.run()
    }

    private func write(_ decision: Decision, _ evidence: [[UInt8]]) throws(StoreError) {
        let statement = try statement(
            """
            INSERT INTO decisions (at_ns, kind, prefix, why, outcome, latency_ns, told, timeout_ns, count, port, pid, observed,
                detail, evidence)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
            """)
        statement.bind(1, decision.time)
        statement.bind(2, decision.kind.rawValue)
        if let prefix = decision.prefix { statement.bind(3, prefix) }
        statement.bind(4, decision.why)
        statement.bind(5, decision.outcome.rawValue)
        statement.bind(6, decision.latency)
        if let told = decision.told { statement.bind(7, told) }
        statement.bind(8, decision.timeout)
        statement.bind(9, decision.count.map(Int64.init))
        statement.bind(10, decision.port.map(Int64.init))
        statement.bind(11, decision.pid.map(Int64.init))
        statement.bind(12, decision.isObserved)
        if let detail = decision.detail { statement.bind(13, detail) }
        // Escaped lines hold no line feed, so that one joins them.
        statement.bind(14, evidence.map { Record.escaped($0) }.joined(separator: "\n"))
        try statement.run()
    }

    private func write(_ sample: StoredSample) throws(StoreError) {
        let statement = try statement("INSERT OR REPLACE INTO samples VALUES (?1, ?2, ?3, ?4)")
        statement.bind(1, sample.time)
        statement.bind(2, sample.connections)
        statement.bind(3, sample.slots)
        statement.bind(4, sample.new)
        try statement.run()
    }

    private func write(_ sender: KnownSender) throws(StoreError) {
        let statement = try statement("INSERT OR REPLACE INTO known VALUES (?1, ?2, ?3)")
        statement.bind(1, sender.prefix)
        statement.bind(2, sender.until)
        statement.bind(3, sender.isAuthenticated)
        try statement.run()
    }

    private func write(_ entry: AllowEntry?, at prefix: Prefix) throws(StoreError) {
        guard let entry else {
            let statement = try statement("DELETE FROM allow WHERE prefix = ?1")
            statement.bind(1, prefix)
            return try statement.run()
        }
        let statement = try statement("INSERT OR REPLACE INTO allow VALUES (?1, ?2, ?3)")
        statement.bind(1, entry.prefix)
        statement.bind(2, entry.until)
        statement.bind(3, entry.by)
        try statement.run()
    }

    private func write(_ override: ModeOverride?) throws(StoreError) {
        guard let override else { return try statement("DELETE FROM mode").run() }
        let statement = try statement("INSERT OR REPLACE INTO mode VALUES (1, ?1, ?2)")
        statement.bind(1, override.enforces)
        statement.bind(2, override.until)
        try statement.run()
    }
}
