import Addresses
import Origins

/// Where they come from: networks, countries, owners.
extension ReportBase {
    /// Blocks of the size that one owner mostly has: IPv4 /24, IPv6 /48.
    package var networks: Report.Section {
        var section = Report.Section(
            "networks", "Networks",
            columns: [
                Report.Column("network", "network"), Report.Column("sources", "addresses"),
                Report.Column("attempts", "attempts"), Report.Column("rejected", "rejected"),
                Report.Column("accepted", "accepted"), Report.Column("share", "of all rejected"),
            ], picture: .bars(column: "rejected"))
        let entries = visitors.entries
        var blocks = Blocks()
        for place in ReportBase.inOrder(entries) { blocks.add(entries[place]) }
        blocks.close()
        let all = blocks.rejected
        for (prefix, _) in blocks.most.items {
            guard let block = blocks.counts[prefix] else { continue }
            section.rows.append([
                .text(prefix.description), .count(block.sources), .count(block.attempts), .count(block.rejected),
                .count(block.accepted), .share(all == 0 ? 0 : Double(block.rejected) / Double(all)),
            ])
        }
        section.notes = beyondNote(visitors)
        section.notes.append(
            "\(Figures.grouped(blocks.count)) networks in all, \(Figures.grouped(all)) rejections, 5xx and 4xx together."
        )
        return section
    }

    /// Sources in the order of their addresses, block by block; kept are those with the most rejections.
    private struct Blocks {
        struct Counts {
            var sources = 0
            var attempts = 0
            var rejected = 0
            var accepted = 0
        }
        private(set) var most = Top<Prefix>(15)
        private(set) var counts: [Prefix: Counts] = [:]
        private(set) var count = 0
        private(set) var rejected = 0
        private var current = Counts()
        private var prefix: Prefix?

        mutating func add(_ entry: SourceTable.Entry) {
            if prefix?.contains(entry.address) != true {
                close()
                prefix = Prefix(entry.address, bits: entry.address.isIPv4 ? 120 : 48)
            }
            current.sources += 1
            current.attempts += entry.counts.attempts
            current.rejected += entry.counts.rejections + Int(entry.counts.deferred)
            current.accepted += Int(entry.counts.accepted)
        }

        mutating func close() {
            guard let prefix else { return }
            count += 1
            rejected += current.rejected
            most.offer(prefix, current.rejected)
            if most.items.contains(where: { $0.item == prefix }) { counts[prefix] = current }
            current = Counts()
            self.prefix = nil
        }
    }

    /// Places of entries by address. IPv4 by a single key, as comparing two halves takes twice as long.
    static func inOrder(_ entries: [SourceTable.Entry]) -> [Int] {
        var keys: [UInt64] = []
        var others: [Int] = []
        keys.reserveCapacity(entries.count)
        for (place, entry) in entries.enumerated() {
            if entry.address.isIPv4 {
                keys.append(entry.address.low << 32 | UInt64(place))
            } else {
                others.append(place)
            }
        }
        keys.sort()
        others.sort { entries[$0].address < entries[$1].address }
        let first = others.firstIndex { entries[$0].address > IPAddress(v4: 0) } ?? others.count
        return others[..<first] + keys.map { Int($0 & 0xffff_ffff) } + others[first...]
    }

    /// Rejections by country over the report's span, with the ratio to the next.
    package var countries: Report.Section? {
        guard let counts = origins(days)?.countries else { return nil }
        let known = counts.filter { $0.key != nil }.sorted {
            $0.value.turnedAway != $1.value.turnedAway
                ? $0.value.turnedAway > $1.value.turnedAway : ($0.key?.description ?? "") < ($1.key?.description ?? "")
        }
        let total = counts.values.reduce(0) { $0 + $1.turnedAway }
        var section = Report.Section(
            "countries", "Rejected by country",
            columns: [
                Report.Column("country", "country"), Report.Column("rejected", "rejected"),
                Report.Column("share", "share"), Report.Column("ratio", "to the next"),
                Report.Column("sources", "addresses"), Report.Column("accepted", "accepted"),
            ])
        for (index, row) in known.enumerated() {
            let next = index + 1 < known.count ? known[index + 1].value.turnedAway : 0
            section.rows.append([
                .country(row.key), .count(row.value.turnedAway),
                .share(total == 0 ? 0 : Double(row.value.turnedAway) / Double(total)),
                next == 0 ? .none : .factor(Double(row.value.turnedAway) / Double(next)), .count(row.value.sources),
                .count(row.value.accepted),
            ])
        }
        let unlocated = counts[nil] ?? OriginCounts.Counts()
        section.rows.append([
            .text("unlocated"), .count(unlocated.turnedAway),
            .share(total == 0 ? 0 : Double(unlocated.turnedAway) / Double(total)), .none, .count(unlocated.sources),
            .count(unlocated.accepted),
        ])
        section.notes = beyondNote(visitors)
        section.picture = .map(
            Report.WorldCounts(
                title: "Rejected by country",
                counts: Dictionary(
                    uniqueKeysWithValues: known.compactMap { row in row.key.map { ($0, row.value.turnedAway) } }),
                unlocated: unlocated.turnedAway))
        return section
    }

    /// The same for each day and host: a row for each of the ten countries with the most, the others together.
    package var countryDays: Report.Section? {
        guard let origins = origins(days) else { return nil }
        let all = origins.countries
        let top = all.filter { $0.key != nil }
            .sorted {
                $0.value.turnedAway != $1.value.turnedAway
                    ? $0.value.turnedAway > $1.value.turnedAway
                    : "\($0.key?.description ?? "")" < "\($1.key?.description ?? "")"
            }
            .prefix(10).map(\.key)
        var section = Report.Section(
            "country_days", "Rejected by country, host and day",
            columns: [
                Report.Column("country", "country"), Report.Column("host", "host"), Report.Column("day", "day"),
                Report.Column("rejected", "rejected"),
            ])
        var rows: [(country: Int, host: String, day: Int, count: Int)] = []
        let keys = tally.dayKeys.filter { days.contains($0.key.number) }.sorted { $0.key < $1.key }
        for (key, index) in keys.suffix(ReportBase.mostCountryDays) {
            var counts = [Int](repeating: 0, count: top.count + 2)
            for entry in tally.dayCounts[index].sources.entries {
                let turnedAway = entry.counts.rejections + Int(entry.counts.deferred)
                guard turnedAway > 0 else { continue }
                let stored = tally.dayCounts[index].origins[entry.origin]
                let country = stored.map(\.country) ?? origins.country(of: entry.address)
                let place = country == nil ? top.count + 1 : top.firstIndex(of: country) ?? top.count
                counts[place] += turnedAway
            }
            for (country, count) in counts.enumerated() where count > 0 {
                rows.append((country, key.host, key.number, count))
            }
        }
        for row in rows.sorted(by: { ($0.country, $0.host, $0.day) < ($1.country, $1.host, $1.day) }) {
            let name: Report.Cell =
                row.country < top.count
                ? .country(top[row.country]) : .text(row.country == top.count ? "other" : "unlocated")
            section.rows.append([
                name, .text(Report.shown(row.host)), .text(LocalDay.date(row.day)), .count(row.count),
            ])
        }
        return section
    }

    private static let mostCountryDays = 100

    /// Distinct addresses, not connections, of each autonomous system within 28 days.
    package var systems: Report.Section? {
        guard let counts = origins(lastDays(ReportBase.window))?.systems else { return nil }
        let known = counts.filter { $0.key != nil }.sorted {
            $0.value.sources != $1.value.sources
                ? $0.value.sources > $1.value.sources : ($0.key ?? 0) < ($1.key ?? 0)
        }
        let total = counts.values.reduce(0) { $0 + $1.sources }
        var section = Report.Section(
            "systems", "Distinct addresses by autonomous system, 28 days",
            columns: [
                Report.Column("sources", "addresses"), Report.Column("asn", "AS"), Report.Column("owner", "owner"),
                Report.Column("share", "share"), Report.Column("rejected", "rejected"),
                Report.Column("accepted", "accepted"),
            ], picture: .bars(column: "sources"))
        func add(_ name: String, _ owner: String, _ counts: OriginCounts.Counts) {
            section.rows.append([
                .count(counts.sources), .text(name), .text(owner),
                .share(total == 0 ? 0 : Double(counts.sources) / Double(total)), .count(counts.turnedAway),
                .count(counts.accepted),
            ])
        }
        for row in known.prefix(20) {
            guard let number = row.key else { continue }
            add("AS\(number)", Report.shown(ownerName(number) ?? "", limit: 60), row.value)
        }
        var others = OriginCounts.Counts()
        for row in known.dropFirst(20) { others.add(row.value) }
        if known.count > 20 { add("other", "\(known.count - 20) more", others) }
        add("unlocated", "", counts[nil] ?? OriginCounts.Counts())
        section.notes = shortWindowNote(ReportBase.window) + beyondNote(visitors(lastDays(ReportBase.window)))
        return section
    }
}

extension OriginCounts.Counts {
    mutating func add(_ other: OriginCounts.Counts) {
        sources += other.sources
        attempts += other.attempts
        turnedAway += other.turnedAway
        accepted += other.accepted
    }
}
