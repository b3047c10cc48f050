import Addresses

/// What the kernel dropped of banned sources, and what became of it since the span before.
extension ReportBase {
    /// Lines of these tables: with those of others and the total a terminal shows them all.
    private static let mostDropRows = 25
    /// Who stands here is told as new, gone or moved.
    private static let mostRanks = 20

    private var dropDays: Range<Int> {
        Int(Int64(hours.lowerBound).quotient(24))..<Int(Int64(hours.upperBound + 23).quotient(24))
    }

    private func dropCounts(_ days: Range<Int>) -> DropCounts {
        var counts = DropCounts()
        for day in days.sorted() { if let known = drops[day] { counts.merge(known) } }
        return counts
    }

    package var dropped: Report.Section? {
        guard !drops.isEmpty else { return nil }
        let counts = dropCounts(dropDays)
        var section = Report.Section(
            "drops", "Dropped in the kernel",
            columns: [
                Report.Column("net", "host/mask"), Report.Column("packets", "packets"), Report.Column("bytes", "bytes"),
            ])
        func add(_ name: String, _ amount: DropCounts.Amount) {
            section.rows.append([.text(name), .short(amount.packets), .short(amount.bytes)])
        }
        let ranked = counts.ranked
        for entry in ranked.prefix(ReportBase.mostDropRows) { add(entry.prefix.shortDescription, entry.amount) }
        let rest = ranked.dropFirst(ReportBase.mostDropRows)
        let others = rest.reduce(into: counts.others) { $0 += $1.amount }
        if others != DropCounts.Amount() {
            add(counts.others == DropCounts.Amount() ? "\(Figures.grouped(rest.count)) others" : "others", others)
        }
        if !counts.isEmpty { add("total", counts.total) }
        section.notes = ["Packets of banned sources that would have opened a connection, by whole days."]
        if counts.others != DropCounts.Amount() {
            section.notes.append(
                "Of a day the \(Figures.grouped(DropCounts.kept)) prefixes with the most packets are kept, so a line's "
                    + "figures are at least these; \(Figures.grouped(counts.others.packets)) packets are of others.")
        }
        return section
    }

    /// The span of the same length before: who is new, who is gone, who moved.
    package var dropChange: Report.Section? {
        let now = dropDays
        let before = (now.lowerBound - now.count)..<now.lowerBound
        guard before.contains(where: { drops[$0] != nil }) else { return nil }
        let (newer, older) = (dropCounts(now), dropCounts(before))
        let (new, old) = (newer.ranked, older.ranked)
        let newRanks = ReportBase.ranks(new)
        let oldRanks = ReportBase.ranks(old)
        var section = Report.Section(
            "drops_change", "Dropped in the kernel: new, gone, moved",
            columns: [
                Report.Column("net", "host/mask"), Report.Column("change", "change"),
                Report.Column("rank_before", "rank before"), Report.Column("rank", "rank now"),
                Report.Column("packets_before", "packets before"), Report.Column("packets", "packets now"),
            ])
        func add(_ prefix: Prefix) {
            let (from, to) = (oldRanks[prefix], newRanks[prefix])
            section.rows.append([
                .text(prefix.shortDescription), .text(ReportBase.change(from, to)),
                from.map { .count($0) } ?? .none, to.map { .count($0) } ?? .none,
                .short(older.prefixes[prefix]?.packets ?? 0), .short(newer.prefixes[prefix]?.packets ?? 0),
            ])
        }
        let most = ReportBase.mostRanks
        for entry in new.prefix(most) { add(entry.prefix) }
        for entry in old.prefix(most) where (newRanks[entry.prefix] ?? .max) > most { add(entry.prefix) }
        section.notes = [
            "Compared with \(LocalDay.date(before.lowerBound))"
                + (before.count > 1 ? " to \(LocalDay.date(before.upperBound - 1))." : "."),
            ReportBase.kinds(new, old),
        ]
        if newer.others != DropCounts.Amount() || older.others != DropCounts.Amount() {
            section.notes.append("Prefixes with few packets are not kept apart: one of those may look new or gone.")
        }
        return section
    }

    private static func ranks(_ ranked: [(prefix: Prefix, amount: DropCounts.Amount)]) -> [Prefix: Int] {
        Dictionary(ranked.enumerated().map { ($0.element.prefix, $0.offset + 1) }) { first, _ in first }
    }

    private static func change(_ from: Int?, _ to: Int?) -> String {
        switch (from, to) {
        case (nil, _): "new"
        case (_, nil): "gone"
        case (let from?, let to?): to < from ? "up \(from - to)" : to > from ? "down \(to - from)" : "same"
        }
    }

    /// Of those with the most packets, as many of both spans: how many are single addresses, how many netblocks.
    private static func kinds(
        _ new: [(prefix: Prefix, amount: DropCounts.Amount)], _ old: [(prefix: Prefix, amount: DropCounts.Amount)]
    ) -> String {
        let count = min(10, new.count, old.count)
        let hosts = (
            before: old.prefix(count).count { $0.prefix.isHost }, now: new.prefix(count).count { $0.prefix.isHost }
        )
        let what =
            hosts.now < hosts.before
            ? "fewer individual addresses, more netblocks"
            : hosts.now > hosts.before
                ? "more individual addresses, fewer netblocks" : "as many individual addresses and netblocks"
        return
            "Of the first \(count), \(hosts.now) are individual addresses and \(count - hosts.now) netblocks; before "
            + "\(hosts.before) and \(count - hosts.before): \(what)."
    }
}
