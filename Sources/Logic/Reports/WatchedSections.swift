import Events
import Waves

/// What the daemon saw besides the log: `nil` for a report of logs alone.
extension ReportBase {
    /// Slots over time, with waves, bans, sheds and the server's own word that it is full; as a table, by day.
    package var curve: Report.Section? {
        guard let watched, !watched.points.isEmpty else { return nil }
        struct Day {
            var most: (time: Instant, value: Int)?
            var counts: [Watched.Kind: Int] = [:]
        }
        var days: [Int64: Day] = [:]
        for point in watched.points {
            let day = localDay(point.time)
            if point.value > days[day]?.most?.value ?? -1 { days[day, default: Day()].most = point }
        }
        let marks = watched.sortedMarks
        for mark in marks { days[localDay(mark.time), default: Day()].counts[mark.kind, default: 0] += mark.count }
        var section = Report.Section(
            "curve", "Slots over time",
            columns: [
                Report.Column("day", "day"), Report.Column("most", "most slots"), Report.Column("most_at", "at"),
                Report.Column("bans", "bans"), Report.Column("sheds", "sheds"),
                Report.Column("saturation", "said to be full"),
            ])
        for (number, day) in days.sorted(by: { $0.key < $1.key }) {
            let most = day.most
            let isAtLeast = watched.limit.map { limit in most.map { $0.value >= limit } ?? false } ?? false
            section.rows.append([
                .text(LocalDay.date(Int(number))),
                most.map { isAtLeast ? .atLeast($0.value) : .count($0.value) } ?? .none,
                most.map { .text(localClock($0.time)) } ?? .none,
                .count(day.counts[.bans] ?? 0), .count(day.counts[.sheds] ?? 0), .count(day.counts[.saturation] ?? 0),
            ])
        }
        section.picture = .curve(
            Report.Curve(
                points: watched.points, unit: "slots in use", limit: watched.limit,
                spans: watched.waves.map { ($0.begin, $0.end ?? $0.last, "wave \($0.number)") },
                marks: marks.map { ($0.time, $0.kind.rawValue, $0.count) }))
        section.notes.append("The curve has the most slots of each \(watched.step.span).")
        if let since = watched.marksSince {
            section.notes.append(
                "Bans and sheds are kept from \(LocalDay.date(Int(localDay(since)))) \(localClock(since)) on.")
        }
        return section
    }

    /// The waves of the span, one that is on among them.
    package var waves: Report.Section? {
        guard let watched, !watched.waves.isEmpty else { return nil }
        var section = Report.Section(
            "waves", "Waves",
            columns: [
                Report.Column("wave", "wave"), Report.Column("begin", "began"), Report.Column("length_s", "lasted s"),
                Report.Column("peak", "peak"), Report.Column("at_limit_s", "at limit s"),
                Report.Column("sources", "sources"), Report.Column("bans", "bans"), Report.Column("sheds", "sheds"),
                Report.Column("kept_slot_s", "slot-s kept free"), Report.Column("good_hurt", "good hurt"),
            ])
        for wave in watched.waves {
            let counts = wave.counts
            section.rows.append([
                .count(wave.number), .time(wave.begin), .count(wave.span.wholeSeconds),
                wave.isAtLeast ? .atLeast(wave.peak) : .count(wave.peak), .count(wave.atLimit.wholeSeconds),
                counts.isEstimate ? .estimate(counts.sources) : .count(counts.sources), .count(counts.bans),
                .count(counts.sheds), .estimate(Int(wave.savedSlotMilliseconds / 1000)), .count(counts.good.hurt),
            ])
        }
        section.notes.append(
            "Good hurt are senders known before that were delayed or turned away, as the log tells it. All of a wave: breakwater report --wave N."
        )
        if watched.waves.contains(where: { !$0.isOver }) { section.notes.append("The last one is still on.") }
        return section
    }

    /// What ending connections gave back, and what a slot costs.
    package var shedding: Report.Section? {
        guard let watched, watched.ended + watched.noted > 0 || watched.bytesPerSlot != nil else { return nil }
        let isPartial = watched.marksSince != nil
        func count(_ count: Int) -> Report.Cell { isPartial ? .atLeast(count) : .count(count) }
        var section = Report.Section(
            "shedding", "What shedding gave back",
            columns: [
                Report.Column("ended", "connections ended"), Report.Column("told", "had their 5xx"),
                Report.Column("untold", "had not"), Report.Column("unknown", "not known"),
                Report.Column("noted", "only noted"), Report.Column("kept_slot_s", "slot-seconds kept free"),
                Report.Column("slot_bytes", "bytes a slot"),
            ])
        section.rows = [
            [
                count(watched.ended), count(watched.told), count(watched.untold),
                count(watched.ended - watched.told - watched.untold), count(watched.noted),
                .estimate(watched.keptSlotSeconds), watched.bytesPerSlot.map { .count($0) } ?? .none,
            ]
        ]
        section.notes.append(
            "Slot-seconds kept free: each connection that was ended is taken to have held its slot for another minute, "
                + "in a wave as far as the server's limit would have let it.")
        if watched.noted > 0 { section.notes.append("Only noted: what would have been ended, while observing.") }
        section.notes += memoryNote
        return section
    }

    /// What a slot costs, and all of them.
    var memoryNote: [String] {
        guard let bytes = watched?.bytesPerSlot else { return [] }
        func size(_ bytes: Int) -> String {
            bytes < 1_000_000_000
                ? "\(Figures.number(Double(bytes) / 1e6)) MB" : "\(Figures.number(Double(bytes) / 1e9)) GB"
        }
        var text = "A slot takes \(size(bytes)) of memory"
        if let limit = watched?.limit, case let (all, isTooMuch) = bytes.multipliedReportingOverflow(by: limit),
            !isTooMuch
        {
            text += ", and all \(Figures.grouped(limit)) about \(size(all))"
        }
        return [text + "."]
    }

    private func localDay(_ time: Instant) -> Int64 { tally.localMinute(time).quotient(1440) }

    /// `14:36`, by the local clock.
    private func localClock(_ time: Instant) -> String {
        let minute = Int(tally.localMinute(time) - localDay(time) * 1440)
        return padded(minute / 60, 2) + ":" + padded(minute % 60, 2)
    }
}

extension Duration {
    fileprivate var wholeSeconds: Int {
        Int(nanoseconds / 1_000_000_000 + (nanoseconds % 1_000_000_000 >= 500_000_000 ? 1 : 0))
    }
}
