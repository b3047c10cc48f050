import Events

/// From connection to delivery, week by week: how few are left at each step.
extension ReportBase {
    package var funnel: Report.Section {
        var section = Report.Section(
            "funnel", "From connection to delivery",
            columns: [
                Report.Column("last_day", "until"), Report.Column("stage", "stage"), Report.Column("count", "count"),
                Report.Column("share", "of connections"),
            ], picture: .bars(column: "count"))
        for week in weeks.suffix(8) {
            let hours = (week.lowerBound * 24)..<(week.upperBound * 24)
            let totals = totals(hours.clamped(to: self.hours))
            let visitors = visitors(week)
            let connections = totals.counts.attempts
            let refused = totals.rejections.lazy.filter { $0.label.rejectionClass.concernsClient }.map(\.counts.all).sum
            func add(_ stage: String, _ count: Report.Cell) {
                let value: Int
                switch count {
                case .count(let known), .estimate(let known), .atLeast(let known): value = known
                default: value = 0
                }
                section.rows.append([
                    .text(LocalDay.date(week.upperBound - 1)), .text(stage), count,
                    connections == 0 ? .none : .share(Double(value) / Double(connections)),
                ])
            }
            add("connections", .count(connections))
            add("distinct addresses", visitors.distinct)
            add("rejections for the address alone", .count(refused))
            add("distinct addresses rejected so", visitors.count { $0.refused > 0 })
            add("distinct addresses that got further", visitors.count(\.hasTalked))
            add("distinct addresses that delivered", visitors.count(\.hasDelivered))
            section.notes = beyondNote(visitors)
        }
        section.notes.append(
            "For the address alone: listed, no or a bad name, dynamic, too many connections. Got further: was answered "
                + "on what it said. IPv6 counts by /64.")
        return section
    }

    /// The report's days in weeks that end with its last day.
    var weeks: [Range<Int>] {
        guard !days.isEmpty else { return [] }
        var result: [Range<Int>] = []
        var end = days.upperBound
        while end > days.lowerBound, result.count < 60 {
            result.append(max(days.lowerBound, end - 7)..<end)
            end -= 7
        }
        return result.reversed()
    }

    /// What was rejected for its address alone, by kind of reason and by list; what has no name is a line, too.
    package var connect: Report.Section {
        var section = Report.Section(
            "connect", "Rejected for the address alone",
            columns: [
                Report.Column("label", "class"), Report.Column("zone", "zone"), Report.Column("count", "count"),
                Report.Column("share", "share"),
            ], picture: .bars(column: "count"))
        var rows: [String: (zone: String, count: Int)] = [:]
        var (total, others) = (0, 0)
        for (label, counts) in totals.rejections where label.rejectionClass.concernsClient {
            let count = counts.all
            total.add(count)
            let hasName = !label.name.isEmpty && label.name != Label.overflow
            guard hasName || label.rejectionClass == .connLimit else {
                others.add(count)
                continue
            }
            let title = ListName.title(label)
            let zone = label.rejectionClass == .rbl ? label.name : ""
            let known = rows[title] ?? (zone, 0)
            rows[title] = (known.zone == zone ? zone : "several", known.count.plus(count))
        }
        let sorted = rows.sorted {
            $0.value.count != $1.value.count ? $0.value.count > $1.value.count : $0.key < $1.key
        }
        func add(_ title: String, _ zone: String, _ count: Int) {
            section.rows.append([
                .text(title), .text(zone), .count(count), .share(total == 0 ? 0 : Double(count) / Double(total)),
            ])
        }
        for (title, row) in sorted.prefix(40) { add(title, Report.shown(row.zone), row.count) }
        others.add(sorted.dropFirst(40).lazy.map(\.value.count).sum)
        add("other", "", others)
        add("total", "", total)
        section.notes = ["5xx and 4xx together. Other: those whose words name neither list nor reason."]
        return section
    }

    /// How many different senders delivered, per week, four weeks and year.
    package var senders: Report.Section {
        var section = Report.Section(
            "senders", "Distinct senders that delivered",
            columns: [
                Report.Column("window", "window"), Report.Column("since", "since"), Report.Column("senders", "senders"),
                Report.Column("authenticated", "of them logged in"), Report.Column("messages", "messages"),
            ])
        for (name, count) in [("week", 7), ("28 days", 28), ("year", 365)] {
            let window = lastDays(count)
            let visitors = Visitors(delivering: tally, window)
            section.rows.append([
                .text(name), .text(LocalDay.date(max(window.lowerBound, recordedDays.lowerBound))),
                visitors.count(\.hasDelivered), visitors.count { $0.authenticated > 0 },
                .count(totals(window.lowerBound * 24..<window.upperBound * 24).counts.accepted),
            ])
        }
        section.notes = shortWindowNote(365)
        return section
    }
}

extension Report {
    /// Foreign text for a cell: escaped, and cut where it is long.
    package static func shown(_ text: String, limit: Int = 120) -> String {
        Record.escaped(text.utf8, limit: limit)
    }
}
