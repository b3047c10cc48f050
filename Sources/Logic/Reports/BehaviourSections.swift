import Addresses
import Events

/// How they behave: again and again, for how long, and to what words.
extension ReportBase {
    /// Gaps between the attempts of one source, in steps of two.
    package var retries: Report.Section {
        let visitors = visitors
        let minutes = minutes
        var bins = [Int](repeating: 0, count: 13)
        var copies = 0
        var index = 0
        let entries = visitors.entries
        while index < minutes.count {
            let source = minutes[index] >> 32
            var last = minutes[index] & 0xffff_ffff
            let first = last
            var distinct = 1
            index += 1
            while index < minutes.count, minutes[index] >> 32 == source {
                let next = minutes[index] & 0xffff_ffff
                let gap = next - last
                bins[min(12, 1 + 63 - gap.leadingZeroBitCount)] += 1
                last = next
                distinct += 1
                index += 1
            }
            let attempts = entries[Int(source)].counts.attempts
            bins[0] += max(0, attempts - distinct)
            if attempts >= 2, distinct >= 2, last - first <= 15 { copies += 1 }
        }
        let total = bins.reduce(0, +)
        var section = Report.Section(
            "retries", "Gaps between attempts of one source",
            columns: [
                Report.Column("gap", "gap"), Report.Column("count", "count"), Report.Column("share", "share"),
            ], picture: .bars(column: "count"))
        for (index, count) in bins.enumerated() where count > 0 {
            section.rows.append([
                .text(ReportBase.gapNames[index]), .count(count), .share(Double(count) / Double(max(1, total))),
            ])
        }
        if copies > 0 {
            section.notes.append(
                "\(Figures.grouped(copies)) sources came several times within 15 minutes, and then no more.")
        }
        section.notes.append("Times are kept to the minute.")
        if visitors.events.isMinuteless { section.notes.append("Not all minutes could be kept: gaps are an estimate.") }
        return section
    }

    private static let gapNames =
        ["within a minute", "1 min", "2-3 min", "4-7 min", "8-15 min", "16-31 min", "32-63 min"]
        + ["1-2 h", "2-4 h", "4-8 h", "8-17 h", "17-34 h", "longer"]

    /// The sources that came most often without delivering anything, and how they came.
    package var repeaters: Report.Section {
        let visitors = visitors
        let entries = visitors.entries
        var most = Top<IPAddress>(10)
        for entry in entries where !entry.counts.hasDelivered { most.offer(entry.address, entry.counts.attempts) }
        let wanted = Dictionary(
            uniqueKeysWithValues: most.items.compactMap { row in
                visitors.table.index(of: row.item).map { ($0, row.item) }
            })
        var times: [IPAddress: [UInt64]] = [:]
        for mark in minutes {
            if let address = wanted[Int(mark >> 32)] { times[address, default: []].append(mark & 0xffff_ffff) }
        }
        var section = Report.Section(
            "repeaters", "Sources that came most often and delivered nothing",
            columns: [
                Report.Column("source", "source"), Report.Column("attempts", "attempts"),
                Report.Column("rejected", "rejected"), Report.Column("first", "first"), Report.Column("last", "last"),
                Report.Column("median_gap_s", "median gap"), Report.Column("labels", "rejected as"),
            ])
        for row in most.items {
            guard let place = visitors.table.index(of: row.item) else { continue }
            let counts = entries[place].counts
            let minutes = times[row.item] ?? []
            let gaps = zip(minutes.dropFirst(), minutes).map { $0 - $1 }.sorted()
            section.rows.append([
                .text(ReportBase.name(row.item)), .count(row.count), .count(counts.rejections + Int(counts.deferred)),
                .text(minutes.first.map(ReportBase.minute) ?? ""), .text(minutes.last.map(ReportBase.minute) ?? ""),
                // Most of its attempts share a minute with another.
                row.count > 2 * minutes.count
                    ? .text("< 1m")
                    : gaps.isEmpty ? .none : .span(.minutes(Int64(gaps[gaps.count / 2]))),
                .text(labelNames(counts.labels)),
            ])
        }
        return section
    }

    private static func minute(_ minute: UInt64) -> String {
        let time = CivilTime(Instant(seconds: Int64(minute) * 60))
        return LocalDay.date(Int(minute / 1440)) + " \(padded(time.hour, 2)):\(padded(time.minute, 2))"
    }

    private func labelNames(_ mask: UInt64) -> String {
        let labels = tally.labels.labels
        return labels.indices.filter { $0 < 63 && mask & DayCounts.bit($0) != 0 }
            .map { labels[$0] }.sorted().map(ListName.title).prefix(3).map { Report.shown($0, limit: 40) }.joined(
                separator: ", ")
    }

    /// What rejected connections cost: how long they held a slot.
    package var slots: Report.Section {
        struct Group {
            var connections = 0
            var seconds = 0
            var open = 0
        }
        var (rejected, delivered, silent) = (Group(), Group(), Group())
        func add(_ counts: SourceCounts, to group: inout Group) {
            if counts.connections == counts.disconnects {
                group.connections += Int(counts.connections)
                group.seconds.add(Int(counts.dwell))
            } else {
                group.open += Int(max(counts.connections, counts.disconnects))
            }
        }
        for entry in visitors.entries where entry.counts.connections > 0 || entry.counts.disconnects > 0 {
            if entry.counts.hasDelivered {
                add(entry.counts, to: &delivered)
            } else if entry.counts.rejections > 0 || entry.counts.deferred > 0 {
                add(entry.counts, to: &rejected)
            } else {
                add(entry.counts, to: &silent)
            }
        }
        let all = rejected.seconds + delivered.seconds + silent.seconds
        var section = Report.Section(
            "slots", "What held the slots",
            columns: [
                Report.Column("who", "connections of sources that"), Report.Column("connections", "connections"),
                Report.Column("slot_s", "slot-seconds"), Report.Column("share", "share"),
                Report.Column("mean_s", "mean s"), Report.Column("unknown", "end unknown"),
            ], picture: .bars(column: "slot_s"))
        for (name, group) in [
            ("were rejected, and delivered nothing", rejected), ("did nothing the log tells of", silent),
            ("delivered", delivered),
        ] {
            section.rows.append([
                .text(name), .count(group.connections), .count(group.seconds),
                .share(all == 0 ? 0 : Double(group.seconds) / Double(all)),
                group.connections == 0 ? .none : .number(Double(group.seconds) / Double(group.connections)),
                .count(group.open),
            ])
        }
        section.notes = memoryNote
        section.notes.append(
            "From the log's times of connect and disconnect; where one is missing, the end is unknown.")
        section.notes += beyondNote(visitors)
        return section
    }

    /// The words of rejections without what differs from peer to peer.
    package var texts: Report.Section {
        var texts: [[UInt8]: Int] = [:]
        var others = 0
        for (key, index) in tally.dayKeys where days.contains(key.number) {
            others.add(tally.dayCounts[index].texts.others)
            for entry in tally.dayCounts[index].texts.entries { texts[entry.text, default: 0].add(entry.count) }
        }
        let total = others.plus(texts.values.sum)
        let sorted = texts.sorted {
            $0.value != $1.value ? $0.value > $1.value : $0.key.lexicographicallyPrecedes($1.key)
        }
        var section = Report.Section(
            "texts", "The same rejection over and over",
            columns: [
                Report.Column("count", "count"), Report.Column("share", "share"), Report.Column("text", "text"),
            ])
        for (text, count) in sorted.prefix(15) {
            section.rows.append([
                .count(count), .share(Double(count) / Double(max(1, total))), .text(Record.escaped(text, limit: 120)),
            ])
        }
        let rest = others.plus(sorted.dropFirst(15).lazy.map(\.value).sum)
        if rest > 0 {
            section.rows.append([
                .count(rest), .share(Double(rest) / Double(max(1, total))),
                .text("\(Figures.grouped(max(0, sorted.count - 15))) other texts\(others > 0 ? ", and more" : "")"),
            ])
        }
        if let first = sorted.first, total >= 100, first.value * 2 >= total {
            section.notes.append(
                "One text is \(Figures.percent(first.value, of: total)) of all rejections: a storm of one kind.")
        }
        if others > 0 {
            section.notes.append("\(Figures.grouped(others)) rejections came when the table of texts was full.")
        }
        return section
    }
}
