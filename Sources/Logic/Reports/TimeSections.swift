import Events

/// When they come: the rhythm of the week, and a week that is ahead of itself.
extension ReportBase {
    /// Attempts by weekday and hour, of all that is recorded up to the report's end: a mean where a weekday came more
    /// than once.
    package var rhythm: Report.Section {
        let span = hours.clamped(to: recordedHours)
        var sums = [[Int]](repeating: [Int](repeating: 0, count: 24), count: 7)
        var times = [[Int]](repeating: [Int](repeating: 0, count: 24), count: 7)
        let byHour = attemptsByHour
        for hour in span {
            let day = Int(Int64(hour).quotient(24))
            let weekday = LocalDay.weekday(day)
            sums[weekday][hour - day * 24].add(byHour[hour] ?? 0)
            times[weekday][hour - day * 24] += 1
        }
        var section = Report.Section(
            "rhythm", "Weekday by hour",
            columns: [
                Report.Column("weekday", "weekday"), Report.Column("attempts", "attempts a day"),
                Report.Column("ratio", "to the other days"), Report.Column("busiest_hour", "busiest hour"),
            ])
        // A day that is recorded for some hours only is scaled to none: its mean is of the hours that are.
        var means = [[Double?]](repeating: [Double?](repeating: nil, count: 24), count: 7)
        var daily = [Double?](repeating: nil, count: 7)
        for weekday in 0..<7 {
            for hour in 0..<24 where times[weekday][hour] > 0 {
                let mean = Double(sums[weekday][hour]) / Double(times[weekday][hour])
                means[weekday][hour] = mean
                daily[weekday] = (daily[weekday] ?? 0) + mean
            }
        }
        for weekday in 0..<7 {
            guard let own = daily[weekday] else { continue }
            let others: [Double] = (0..<7).compactMap { $0 == weekday ? nil : daily[$0] }
            let mean: Double = others.isEmpty ? 0 : others.reduce(0.0, +) / Double(others.count)
            let busiest = means[weekday].indices.max { (means[weekday][$0] ?? -1) < (means[weekday][$1] ?? -1) } ?? 0
            section.rows.append([
                .text(LocalDay.weekdays[weekday]), .count(Int(own.rounded())), mean > 0 ? .factor(own / mean) : .none,
                .text("\(padded(busiest, 2)):00"),
            ])
        }
        section.picture = .grid(
            Report.Grid(
                rowLabels: LocalDay.weekdays, columnLabels: (0..<24).map { padded($0, 2) },
                values: means.map { row in row.map { mean in mean.map { Int($0.rounded()) } } }))
        return section
    }

    /// Of all hosts together.
    private var attemptsByHour: [Int: Int] {
        var result: [Int: Int] = [:]
        for (key, index) in tally.hourKeys { result[key.number, default: 0].add(tally.hourCounts[index].attempts) }
        return result
    }

    /// Whether the last hours already hold twice a normal week, which is the median of up to eight weeks before.
    package var pace: Report.Section? {
        let byHour = attemptsByHour
        let end = hours.clamped(to: recordedHours).upperBound
        func sum(_ range: Range<Int>) -> Int { range.lazy.map { byHour[$0] ?? 0 }.sum }
        var weeks: [Int] = []
        for number in 1...8 {
            let week = (end - 168 * (number + 1))..<(end - 168 * number)
            guard week.lowerBound >= recordedHours.lowerBound else { break }
            weeks.append(sum(week))
        }
        guard !weeks.isEmpty else { return nil }
        let normal = weeks.sorted()[weeks.count / 2]
        var section = Report.Section(
            "pace", "Against a normal week",
            columns: [
                Report.Column("normal", "normal week"), Report.Column("last_week", "last 7 days"),
                Report.Column("factor", "factor"), Report.Column("hours", "twice within hours"),
                Report.Column("alarm", "alarm"),
            ], notes: ["Normal is the median of \(weeks.count) week\(weeks.count == 1 ? "" : "s") before."])
        let last = sum((end - 168)..<end)
        var (count, twice) = (0, Int?.none)
        for length in 1...168 {
            count.add(byHour[end - length] ?? 0)
            if ReportBase.isTwice(count, normal) {
                twice = length
                break
            }
        }
        let isAlarm = twice.map { $0 < 144 } ?? false
        section.rows = [
            [
                .count(normal), .count(last), normal == 0 ? .none : .factor(Double(last) / Double(normal)),
                twice.map { .count($0) } ?? .none, .text(isAlarm ? "alarm" : ""),
            ]
        ]
        if isAlarm, let twice {
            section.notes.append("The last \(twice) hours hold already twice a normal week (within 5 %).")
        }
        return section
    }

    /// Within 5 %: 233,000 against 120,000 were called so.
    static func isTwice(_ count: Int, _ normal: Int) -> Bool { normal >= 100 && count * 100 >= normal * 190 }

    /// Counts day by day, for a picture.
    package var byDay: Report.Section? {
        guard days.count > 1 else { return nil }
        var section = Report.Section(
            "days", "Day by day",
            columns: [
                Report.Column("day", "day"), Report.Column("connections", "connections"),
                Report.Column("accepted", "accepted"), Report.Column("rejected", "rejected"),
                Report.Column("deferred", "deferred"), Report.Column("sources", "addresses"),
            ])
        var parts = [[Int]](repeating: [], count: RejectionClass.reported.count)
        var accepted: [Int] = []
        var labels: [String] = []
        for day in days.suffix(400) {
            let totals = totals((day * 24)..<(day * 24 + 24))
            labels.append(LocalDay.date(day))
            accepted.append(totals.counts.accepted)
            for (index, known) in RejectionClass.reported.enumerated() {
                parts[index].append(totals.permanent(known.rejectionClass))
            }
            section.rows.append([
                .text(LocalDay.date(day)), .count(totals.counts.connections), .count(totals.counts.accepted),
                .count(totals.rejected), .count(totals.deferred), Visitors(tally, day..<(day + 1)).distinct,
            ])
        }
        section.picture = .stack(
            Report.Stack(
                labels: labels,
                parts: [("accepted", accepted)]
                    + RejectionClass.reported.enumerated().filter { parts[$0.offset].contains { $0 > 0 } }
                    .map { ($0.element.words, parts[$0.offset]) }))
        return section
    }
}
