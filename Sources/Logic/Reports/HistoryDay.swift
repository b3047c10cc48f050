import Addresses
import Events
import Origins

/// All that was counted of one host's day: its hours, and its sources. What the history has under 25 keys, in one piece.
package struct HistoryDay: Equatable, Sendable {
    /// Days since 1970 began, by the local clock.
    package let day: Int
    package let host: String
    /// Their keys in the order of hours, the day's own last.
    package private(set) var pieces: [Tally.Piece]

    /// Of what the history has under the keys of this host's day: hours (span 0) and the day (1).
    package init(day: Int, host: String, counts: [(span: UInt8, number: Int, bytes: [UInt8])]) {
        let pieces = counts.compactMap { row in
            Tally.Key.Span(rawValue: row.span).map {
                Tally.Piece(key: Tally.Key($0, row.number, host), bytes: row.bytes)
            }
        }
        self.init(day: day, host: host, pieces: pieces)
    }

    private init(day: Int, host: String, pieces: [Tally.Piece]) {
        self.day = day
        self.host = host
        self.pieces = pieces.sorted { $0.key < $1.key }
    }

    private func slot(_ key: Tally.Key) -> Int { key.span == .day ? 24 : key.number - day * 24 }

    /// A version, then each piece with its hour, 24 for the day itself.
    var packed: [UInt8] {
        var writer = ByteWriter()
        writer.byte(Tally.version)
        writer.number(pieces.count)
        for piece in pieces {
            writer.number(slot(piece.key))
            writer.text(piece.bytes)
        }
        return writer.bytes
    }

    /// Reads what `packed` gave. The counts are read too, and put as they would be counted here: whatever is no count, or
    /// more than a day can have, is an error.
    init(day: Int, host: String, packed: [UInt8]) throws(RollupError) {
        var reader = ByteReader(packed)
        guard try reader.byte() == Tally.version else { throw RollupError(description: "of another version") }
        var pieces: [Tally.Piece] = []
        var last = -1
        for _ in 0..<(try reader.count(most: 25)) {
            let slot = try reader.number()
            guard slot > last, slot <= 24 else { throw RollupError(description: "has hours out of order") }
            last = slot
            let key = slot == 24 ? Tally.Key(.day, day, host) : Tally.Key(.hour, day * 24 + slot, host)
            var tally = Tally()
            try tally.merge(key, Array(try reader.text(longest: .max)))
            guard tally.isPlausible, let bytes = tally.encoded(key) else {
                throw RollupError(description: "has counts that no day has")
            }
            pieces.append(Tally.Piece(key: key, bytes: bytes))
        }
        guard reader.isAtEnd else { throw RollupError(description: "goes on behind its end") }
        guard !pieces.isEmpty else { throw RollupError(description: "is empty") }
        self.init(day: day, host: host, pieces: pieces)
    }

    /// Guards against a slip of a disk or a hand, as the day's bytes have room for other numbers, too.
    static func check(_ date: String, _ host: String, _ data: String) -> UInt64 {
        // FNV-1a.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for text in [date, host, data] {
            for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            hash = (hash ^ 0x09) &* 0x100_0000_01b3
        }
        return hash
    }
}

extension HistoryDay {
    /// What a person or another program reads of a day.
    package struct Summary: Sendable {
        package var connections = 0
        package var accepted = 0
        /// 5xx and 4xx.
        package var rejected = 0
        package var deferred = 0
        package var authFailures = 0
        package var saturations = 0
        package var sources = 0
        /// There were more than are kept.
        package var isEstimate = false
        package var delivering = 0
        /// By 5xx, the most first; lists by both.
        package var classes: [(name: String, count: Int)] = []
        package var lists: [(name: String, count: Int)] = []
        /// Sources by country, `?` for those without; empty without a database.
        package var countries: [(name: String, count: Int)] = []

        package var figures: [(key: String, count: Int)] {
            [
                ("connections", connections), ("accepted", accepted), ("rejected", rejected), ("deferred", deferred),
                ("auth_failures", authFailures), ("saturations", saturations), ("sources", sources),
                ("delivering", delivering),
            ]
        }
    }

    package func summary(_ origin: ((IPAddress) -> Origin?)?) throws(RollupError) -> Summary {
        var tally = Tally()
        for piece in pieces { try tally.merge(piece.key, piece.bytes) }
        let totals = Totals(tally, (day * 24)..<(day * 24 + 24))
        var summary = Summary()
        summary.connections = totals.counts.connections
        summary.accepted = totals.counts.accepted
        summary.rejected = totals.rejected
        summary.deferred = totals.deferred
        summary.authFailures = totals.counts.authFailures
        summary.saturations = totals.counts.saturations
        var (classes, lists): ([String: Int], [String: Int]) = ([:], [:])
        for (label, counts) in totals.rejections {
            classes[label.rejectionClass.rawValue, default: 0] += counts.permanent
            if label.rejectionClass == .rbl || label.rejectionClass == .rhsbl, !label.name.isEmpty {
                lists[label.name, default: 0] += counts.permanent + counts.temporary
            }
        }
        summary.classes = HistoryDay.sorted(classes.filter { $0.value > 0 })
        summary.lists = HistoryDay.sorted(lists)
        guard let counts = tally.dayCounts.first else { return summary }
        (summary.sources, summary.isEstimate) = counts.distinct
        summary.delivering = counts.sources.entries.reduce(0) { $0 + ($1.counts.hasDelivered ? 1 : 0) }
        if let origin {
            var countries: [Country?: Int] = [:]
            for entry in counts.sources.entries { countries[origin(entry.address)?.country, default: 0] += 1 }
            summary.countries = HistoryDay.sorted(
                Dictionary(countries.map { ($0?.description ?? "?", $1) }) { $0 + $1 })
        }
        return summary
    }

    /// The most first, and no more than anybody reads.
    private static func sorted(_ counts: [String: Int]) -> [(name: String, count: Int)] {
        let all = counts.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
        let others = all.dropFirst(100).reduce(0) { $0 + $1.value }
        return all.prefix(100).map { ($0.key, $0.value) } + (others > 0 ? [(Label.overflow, others)] : [])
    }
}

extension Tally {
    /// Whether all counts are such that sums over years of them are numbers still.
    fileprivate var isPlausible: Bool {
        let most = 1 << 34
        let isHourly = hourCounts.allSatisfy { hour in
            [
                hour.connections, hour.disconnects, hour.accepted, hour.authenticated, hour.authFailures,
                hour.saturations,
                hour.mostConnections, hour.withoutPeer,
            ].allSatisfy { $0 < most }
                && hour.rejections.allSatisfy {
                    $0.permanent < most && $0.temporary < most && $0.listFailures < most
                }
        }
        return isHourly
            && dayCounts.allSatisfy { day in
                let events = day.sources.entries.reduce(0) {
                    $0 + Int($1.counts.connections) + Int($1.counts.disconnects)
                }
                // 25 hours, where clocks are put back.
                return events < most && day.beyond < most && day.listings.others < most && day.texts.others < most
                    && day.sources.entries.allSatisfy { entry in
                        entry.counts.dwell.magnitude
                            <= (UInt64(entry.counts.connections) + UInt64(entry.counts.disconnects)) * 90000
                    }
                    && day.texts.entries.allSatisfy { $0.count < most }
                    && day.listings.counts.values.allSatisfy { $0 < most }
            }
    }
}
