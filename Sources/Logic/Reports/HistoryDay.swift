import Addresses
import Events
import Origins

/// All that was counted of one host's day: its hours, its sources, what the kernel dropped. What the history has under
/// as many keys, in one piece.
package struct HistoryDay: Equatable, Sendable {
    /// 0 to 23 for the hours, then what is of the whole day.
    private enum Slot {
        static let day = 24
        static let drops = 25
    }
    private struct Piece: Equatable {
        var slot: Int
        var bytes: [UInt8]
    }

    /// Days since 1970 began, by the local clock.
    package let day: Int
    package let host: String
    private let pieces: [Piece]

    /// Of what the history has under the keys of this host's day: hours (span 0), the day (1) and its drops (2).
    package init(day: Int, host: String, counts: [(span: UInt8, number: Int, bytes: [UInt8])]) {
        self.day = day
        self.host = host
        pieces = counts.compactMap { row in
            switch row.span {
            case Tally.Key.Span.hour.rawValue where (0..<Slot.day).contains(row.number &- day &* 24):
                Piece(slot: row.number &- day &* 24, bytes: row.bytes)
            case Tally.Key.Span.day.rawValue: Piece(slot: Slot.day, bytes: row.bytes)
            case DropCounts.span: Piece(slot: Slot.drops, bytes: row.bytes)
            default: nil
            }
        }.sorted { $0.slot < $1.slot }
    }

    /// The same for the history.
    package var counts: [(span: UInt8, number: Int, bytes: [UInt8])] {
        pieces.map { piece in
            switch piece.slot {
            case Slot.day: (Tally.Key.Span.day.rawValue, day, piece.bytes)
            case Slot.drops: (DropCounts.span, day, piece.bytes)
            default: (Tally.Key.Span.hour.rawValue, day &* 24 &+ piece.slot, piece.bytes)
            }
        }
    }

    private static func key(_ slot: Int, _ day: Int, _ host: String) -> Tally.Key {
        slot == Slot.day ? Tally.Key(.day, day, host) : Tally.Key(.hour, day &* 24 &+ slot, host)
    }

    private static let version: UInt8 = 1

    /// A version, then the bytes under each key.
    var packed: [UInt8] {
        var writer = ByteWriter()
        writer.byte(HistoryDay.version)
        writer.number(pieces.count)
        for piece in pieces {
            writer.number(piece.slot)
            writer.text(piece.bytes)
        }
        return writer.bytes
    }

    /// Reads what `packed` gave. The counts are read too, and put as they would be counted here: whatever is no count, or
    /// more than a day can have, is an error.
    init(day: Int, host: String, packed: [UInt8]) throws(RollupError) {
        var reader = ByteReader(packed)
        guard try reader.byte() == HistoryDay.version else { throw RollupError(description: "of another version") }
        var pieces: [Piece] = []
        for _ in 0..<(try reader.count(most: 26)) {
            let slot = try reader.number()
            guard slot > pieces.last?.slot ?? -1, slot <= Slot.drops else {
                throw RollupError(description: "has hours out of order")
            }
            let bytes = Array(try reader.text(longest: .max))
            pieces.append(Piece(slot: slot, bytes: try HistoryDay.counted(slot, day, host, bytes)))
        }
        guard reader.isAtEnd else { throw RollupError(description: "goes on behind its end") }
        guard !pieces.isEmpty else { throw RollupError(description: "is empty") }
        self.day = day
        self.host = host
        self.pieces = pieces
    }

    /// The bytes as they are written today.
    private static func counted(
        _ slot: Int, _ day: Int, _ host: String, _ bytes: [UInt8]
    ) throws(RollupError) -> [UInt8] {
        if slot == Slot.drops {
            let drops = try DropCounts(bytes)
            guard drops.total.packets < 1 << 50, drops.total.bytes < 1 << 52, drops.prefixes.count <= DropCounts.kept
            else { throw RollupError(description: "has counts that no day has") }
            return drops.encoded()
        }
        var tally = Tally()
        try tally.merge(key(slot, day, host), bytes)
        guard tally.isPlausible, let counted = tally.encoded(key(slot, day, host)) else {
            throw RollupError(description: "has counts that no day has")
        }
        return counted
    }

    /// Whether two counts under one key are the same, though one was written by an older version, or a day has lost its
    /// minutes with time.
    package static func isSame(span: UInt8, _ kept: [UInt8], _ given: [UInt8]) -> Bool {
        if kept == given { return true }
        guard let span = Tally.Key.Span(rawValue: span) else { return false }
        let key = Tally.Key(span, 0, "")
        var tally = Tally()
        do throws(RollupError) { try tally.merge(key, kept) } catch { return false }
        guard let same = tally.encoded(key) else { return false }
        if same == given { return true }
        return span == .day && (Tally.thinned(key, given) == same || Tally.thinned(key, kept) == given)
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
        /// Packets of banned sources.
        package var dropped = 0
        /// By 5xx, the most first; lists by both.
        package var classes: [(name: String, count: Int)] = []
        package var lists: [(name: String, count: Int)] = []
        /// Sources by country, `?` for those without; empty without a database.
        package var countries: [(name: String, count: Int)] = []

        package var figures: [(key: String, count: Int)] {
            [
                ("connections", connections), ("accepted", accepted), ("rejected", rejected), ("deferred", deferred),
                ("auth_failures", authFailures), ("saturations", saturations), ("sources", sources),
                ("delivering", delivering), ("dropped", dropped),
            ]
        }
    }

    /// - Parameter origin: asked for those whose origin was not stored with what they did.
    package func summary(_ origin: ((IPAddress) -> Origin?)?) throws(RollupError) -> Summary {
        guard LocalDay.possible.contains(day) else { throw RollupError(description: "is of no day that can be") }
        var tally = Tally()
        var drops = DropCounts()
        for piece in pieces {
            if piece.slot == Slot.drops {
                drops = try DropCounts(piece.bytes)
            } else {
                try tally.merge(HistoryDay.key(piece.slot, day, host), piece.bytes)
            }
        }
        let totals = Totals(tally, (day * 24)..<(day * 24 + 24))
        var summary = Summary()
        summary.dropped = drops.total.packets
        summary.connections = totals.counts.connections
        summary.accepted = totals.counts.accepted
        summary.rejected = totals.rejected
        summary.deferred = totals.deferred
        summary.authFailures = totals.counts.authFailures
        summary.saturations = totals.counts.saturations
        var (classes, lists): ([String: Int], [String: Int]) = ([:], [:])
        for (label, counts) in totals.rejections {
            classes[label.rejectionClass.rawValue, default: 0].add(counts.permanent)
            if label.rejectionClass == .rbl || label.rejectionClass == .rhsbl, !label.name.isEmpty {
                lists[label.name, default: 0].add(counts.all)
            }
        }
        summary.classes = HistoryDay.sorted(classes.filter { $0.value > 0 })
        summary.lists = HistoryDay.sorted(lists)
        guard let counts = tally.dayCounts.first else { return summary }
        (summary.sources, summary.isEstimate) = counts.distinct
        summary.delivering = counts.sources.entries.reduce(0) { $0 + ($1.counts.hasDelivered ? 1 : 0) }
        if origin != nil || !counts.origins.origins.isEmpty {
            var countries: [Country?: Int] = [:]
            for entry in counts.sources.entries {
                let found = counts.origins[entry.origin] ?? origin?(entry.address)
                countries[found?.country, default: 0] += 1
            }
            summary.countries = HistoryDay.sorted(
                Dictionary(countries.map { ($0?.description ?? "?", $1) }) { $0 + $1 })
        }
        return summary
    }

    /// The most first, and no more than anybody reads.
    private static func sorted(_ counts: [String: Int]) -> [(name: String, count: Int)] {
        let all = counts.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
        let others = all.dropFirst(100).lazy.map(\.value).sum
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
                return events < most && day.distinct.count < most && day.beyond < most && day.listings.others < most
                    && day.texts.others < most
                    && day.sources.entries.allSatisfy { entry in
                        entry.counts.dwell.magnitude
                            <= (UInt64(entry.counts.connections) + UInt64(entry.counts.disconnects)) * 90000
                    }
                    && day.texts.entries.allSatisfy { $0.count < most }
                    && day.listings.counts.values.allSatisfy { $0 < most }
            }
    }
}
