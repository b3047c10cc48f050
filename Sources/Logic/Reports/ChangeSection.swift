import Events

/// Which line moved since the span before, and by what factor.
extension ReportBase {
    /// What the report's span is compared with.
    private struct Baseline {
        var hours: Range<Int>
        var note: String
        /// Mondays are not measured by Sundays.
        var isJudged: Bool
    }

    /// A single day by the same weekday of the week before if that is known, else by the day before; a longer span by
    /// the one before it.
    private var baseline: Baseline? {
        let length = hours.count
        func isRecorded(_ range: Range<Int>) -> Bool {
            range.lowerBound >= recordedHours.lowerBound && !totals(range).counts.isEmpty
        }
        let span = days.lowerBound * 24..<days.upperBound * 24
        guard length <= 24, days.count == 1 else {
            let before = (hours.lowerBound - length)..<hours.lowerBound
            // A log rarely begins at midnight: most of a span is enough to compare with.
            guard !totals(before).counts.isEmpty, before.lowerBound >= recordedHours.lowerBound - length / 8 else {
                return nil
            }
            return Baseline(hours: before, note: "Compared with the span of the same length before.", isJudged: true)
        }
        let weekBefore = (hours.lowerBound - 168)..<(hours.upperBound - 168)
        if isRecorded(weekBefore) {
            return Baseline(
                hours: weekBefore, note: "Compared with \(LocalDay.date(days.lowerBound - 7)), the same weekday.",
                isJudged: true)
        }
        let dayBefore = (hours.lowerBound - 24)..<(hours.upperBound - 24)
        guard !totals(span).counts.isEmpty, !totals(dayBefore).counts.isEmpty else { return nil }
        let isWeekend = LocalDay.weekday(days.lowerBound - 1) >= 5
        let wasWeekend = LocalDay.weekday(days.lowerBound) >= 5
        return Baseline(
            hours: dayBefore,
            note: "Compared with \(LocalDay.date(days.lowerBound - 1)), the day before"
                + (isWeekend == wasWeekend
                    ? "." : "; a working day and a weekend are no measure for each other, so there is no alarm."),
            isJudged: isWeekend == wasWeekend)
    }

    package var change: Report.Section? {
        guard let baseline else { return nil }
        let (before, after) = (totals(baseline.hours), totals)
        var section = Report.Section(
            "change", "What moved",
            columns: [
                Report.Column("label", "what"), Report.Column("before", "before"), Report.Column("after", "now"),
                Report.Column("factor", "factor"), Report.Column("alarm", "alarm"),
            ], notes: [baseline.note])
        func add(_ label: String, _ old: Int, _ new: Int, isGood: Bool = false) {
            guard old > 0 || new > 0 else { return }
            let isAlarm = baseline.isJudged && ReportBase.isAlarm(old, new, isGood: isGood)
            section.rows.append([
                .text(label), .count(old), .count(new), old == 0 ? .none : .factor(Double(new) / Double(old)),
                .text(isAlarm ? "alarm" : ""),
            ])
        }
        add("Accepted", before.counts.accepted, after.counts.accepted, isGood: true)
        add("Rejected", before.rejected, after.rejected)
        for known in RejectionClass.reported {
            add(
                "5xx Reject \(known.words)", before.permanent(known.rejectionClass),
                after.permanent(known.rejectionClass))
        }
        for known in RejectionClass.reported {
            add(
                "4xx Reject \(known.words)", before.temporary(known.rejectionClass),
                after.temporary(known.rejectionClass))
        }
        add("Connections", before.counts.connections, after.counts.connections)
        add("Failed logins", before.counts.authFailures, after.counts.authFailures)
        add("All slots taken", before.counts.saturations, after.counts.saturations)
        return section
    }

    /// Three times as many rejections and a thousand more; or half of the good mail gone.
    static func isAlarm(_ before: Int, _ after: Int, isGood: Bool) -> Bool {
        isGood ? before >= 100 && 2 * after <= before : after >= 3 * before && after - before >= 1000
    }
}
