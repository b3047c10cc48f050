import Addresses
import Events

/// Which lists do their work, and whom they name.
extension ReportBase {
    /// Hits of each list within 28 days, and what speaks against it, from the log alone.
    package var lists: Report.Section {
        let window = lastDays(ReportBase.window)
        let totals = totals(window.lowerBound * 24..<window.upperBound * 24)
        let visitors = visitors(window)
        var section = Report.Section(
            "dnsbl", "DNSBL health, 28 days",
            columns: [
                Report.Column("list", "list"), Report.Column("zone", "zone"), Report.Column("hits", "hits"),
                Report.Column("share", "share"), Report.Column("last_hit", "last hit"),
                Report.Column("errors", "error answers"), Report.Column("sources", "sources"),
                Report.Column("known_senders", "also delivered"), Report.Column("judgement", "judgement"),
            ], picture: .bars(column: "hits"))
        var zones: [String: (hits: Int, errors: Int, last: Int, mask: UInt64)] = [:]
        for (number, row) in totals.counts.rejections.enumerated() where row != HourCounts.Rejections() {
            let label = totals.labels[number]
            guard label.rejectionClass == .rbl || label.rejectionClass == .rhsbl else { continue }
            var zone = zones[label.name] ?? (0, 0, .min, 0)
            zone.hits.add(row.all)
            zone.errors.add(row.listFailures)
            zone.last = max(zone.last, totals.lastHours[number] ?? .min)
            zone.mask |= DayCounts.bit(number)
            zones[label.name] = zone
        }
        let total = zones.values.lazy.map(\.hits).sum
        // Counted once for each set of labels, of which there are few.
        var sets: [UInt64: (sources: Int, known: Int)] = [:]
        for entry in visitors.entries where entry.counts.labels != 0 {
            sets[entry.counts.labels, default: (0, 0)].sources += 1
            if entry.counts.hasDelivered { sets[entry.counts.labels, default: (0, 0)].known += 1 }
        }
        let sorted = zones.sorted { $0.value.hits != $1.value.hits ? $0.value.hits > $1.value.hits : $0.key < $1.key }
        for (name, zone) in sorted.prefix(40) {
            let met = sets.filter { $0.key & zone.mask != 0 }.values
                .reduce((sources: 0, known: 0)) { ($0.sources + $1.sources, $0.known + $1.known) }
            section.rows.append([
                .text(name.isEmpty ? "(unnamed)" : Report.shown(ListName.short(name))), .text(Report.shown(name)),
                .count(zone.hits), .share(total == 0 ? 0 : Double(zone.hits) / Double(total)),
                .text(LocalDay.hour(zone.last)), .count(zone.errors), .count(met.sources), .count(met.known),
                .text(ReportBase.judgement(zone.hits, zone.errors, met.sources, met.known, of: total)),
            ])
        }
        if sorted.count > 40 {
            section.notes.append(
                "\(sorted.count - 40) more lists with \(sorted.dropFirst(40).lazy.map(\.value.hits).sum) hits.")
        }
        section.notes += shortWindowNote(ReportBase.window)
        section.notes.append(
            "A list that is asked and never answers is in no log: compare with the MTA's configuration. Dangerous: it "
                + "answered with errors, or 5 % of those it rejected also delivered mail.")
        return section
    }

    /// Five per cent of known senders is where the daemon suspends a list, too (Policy's ZoneGuard).
    static func judgement(_ hits: Int, _ errors: Int, _ sources: Int, _ known: Int, of total: Int) -> String {
        if errors > 0 { return "dangerous: error answers taken for listings" }
        if known >= 3, known * 20 >= sources { return "dangerous: lists known senders" }
        if total >= 1000, hits * 1000 < total * 2 { return "closest to unused" }
        return "in use"
    }

    /// From class to listing to addresses: each listing that replies named, and each list without such names.
    package var listings: Report.Section {
        var section = Report.Section(
            "listings", "Listings and who met them",
            columns: [
                Report.Column("label", "class"), Report.Column("listing", "listing"),
                Report.Column("rejections", "rejections"), Report.Column("addresses", "addresses"),
                Report.Column("most", "the most by"),
            ])
        var named: [Name: [IPAddress: Int]] = [:]
        var others = 0
        for (key, index) in tally.dayKeys where days.contains(key.number) {
            let day = tally.dayCounts[index]
            others.add(day.listings.others)
            for (pair, count) in day.listings.counts {
                let listing = day.listings.names[Int(pair.listing)]
                let name = Name(title: ListName.title(tally.labels.labels[listing.label]), id: listing.id)
                named[name, default: [:]][day.sources[Int(pair.source)].address, default: 0].add(count)
            }
        }
        var rows: [(name: Name, addresses: [IPAddress: Int], count: Int)] = []
        for (name, addresses) in named { rows.append((name, addresses, addresses.values.sum)) }
        rows.sort { $0.count != $1.count ? $0.count > $1.count : $0.name < $1.name }
        for row in rows.prefix(ReportBase.mostListings) {
            var most = Top<IPAddress>(4)
            for (address, count) in row.addresses { most.offer(address, count) }
            section.rows.append([
                .text(Report.shown(row.name.title)), .text(Report.shown(row.name.id)), .count(row.count),
                .count(row.addresses.count), .text(ReportBase.names(most)),
            ])
        }
        for row in unnamedListings { section.rows.append(row) }
        if rows.count > ReportBase.mostListings {
            let more = rows.dropFirst(ReportBase.mostListings)
            section.notes.append("\(more.count) more listings with \(more.lazy.map(\.count).sum) rejections.")
        }
        if others > 0 { section.notes.append("\(others) rejections named a listing when the table was full.") }
        return section
    }

    private static let mostListings = 20

    private struct Name: Hashable, Comparable {
        var title: String
        var id: String

        static func < (left: Name, right: Name) -> Bool { (left.title, left.id) < (right.title, right.id) }
    }

    /// By class: the sources that were rejected under nothing else, so that their counts are those of the class.
    private var unnamedListings: [[Report.Cell]] {
        let labels = tally.labels.labels
        var result: [[Report.Cell]] = []
        let rejections = totals.rejections.filter { $0.label.rejectionClass.concernsClient }
            .sorted {
                $0.counts.permanent != $1.counts.permanent
                    ? $0.counts.permanent > $1.counts.permanent : $0.label < $1.label
            }
        for (label, counts) in rejections.prefix(12) {
            guard let number = labels.firstIndex(of: label) else { continue }
            let bit = DayCounts.bit(number)
            var addresses = 0
            var most = Top<IPAddress>(4)
            for entry in visitors.entries where entry.counts.labels & bit != 0 {
                addresses += 1
                if entry.counts.labels == bit { most.offer(entry.address, Int(entry.counts.refused)) }
            }
            result.append([
                .text(Report.shown(ListName.title(label))), .text("all"), .count(counts.all),
                number < 63 ? .count(addresses) : .atLeast(0),
                .text(ReportBase.names(most)),
            ])
        }
        return result
    }

    private static func names(_ most: Top<IPAddress>) -> String {
        most.items.map { "\(name($0.item)) (\($0.count))" }.joined(separator: " ")
    }

    /// An address, or the /64 that IPv6 counts by.
    static func name(_ source: IPAddress) -> String {
        source.isIPv4 ? source.description : Prefix(source, bits: 64).description
    }
}

/// The few with the greatest counts, in one pass; of equal ones the least.
struct Top<Item: Comparable> {
    private(set) var items: [(item: Item, count: Int)] = []
    private let most: Int

    init(_ most: Int) { self.most = most }

    @inline(__always)
    mutating func offer(_ item: Item, _ count: Int) {
        if items.count == most, let last = items.last, count < last.count || (count == last.count && item > last.item) {
            return
        }
        insert(item, count)
    }

    private mutating func insert(_ item: Item, _ count: Int) {
        guard count > 0 else { return }
        let place = items.firstIndex { $0.count < count || ($0.count == count && $0.item > item) } ?? items.count
        items.insert((item, count), at: place)
        if items.count > most { items.removeLast() }
    }
}
