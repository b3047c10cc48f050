import Events

/// Accepted and rejected by class, as LogWatch has it.
extension ReportBase {
    package var classes: Report.Section {
        let totals = totals
        var section = Report.Section(
            "classes", "Accepted and rejected",
            columns: [
                Report.Column("kind", "kind"), Report.Column("label", "what"), Report.Column("count", "count"),
                Report.Column("share", "share"),
            ], picture: .bars(column: "count"))
        func add(_ kind: String, _ label: String, _ count: Int, of total: Int) {
            section.rows.append([
                .text(kind), .text(label), .count(count), .share(total == 0 ? 0 : Double(count) / Double(total)),
            ])
        }
        let accepted = totals.counts.accepted
        let rejected = totals.rejected
        add("summary", "Accepted", accepted, of: accepted + rejected)
        add("summary", "Rejected", rejected, of: accepted + rejected)
        add("summary", "Total", accepted + rejected, of: accepted + rejected)
        let families = [
            ("5xx", rejected, { totals.permanent($0) }), ("4xx", totals.deferred, { totals.temporary($0) }),
        ]
        for (family, total, count) in families where total > 0 {
            for known in RejectionClass.reported where count(known.rejectionClass) > 0 {
                add(family, "\(family) Reject \(known.words)", count(known.rejectionClass), of: total)
            }
            add(family, "Total \(family) Rejects", total, of: total)
        }
        if totals.counts.authenticated > 0 {
            section.notes.append(
                "\(Figures.grouped(totals.counts.authenticated)) of the accepted messages came after a login.")
        }
        if totals.counts.authFailures > 0 {
            section.notes.append("\(Figures.grouped(totals.counts.authFailures)) logins failed.")
        }
        if totals.counts.saturations > 0 {
            let most = totals.counts.mostConnections
            section.notes.append(
                "\(Figures.grouped(totals.counts.saturations)) lines said that all slots were taken"
                    + (most > 0 ? ", \(Figures.grouped(most)) connections at most." : "."))
        }
        if tally.isHostsFull {
            section.notes.append(
                "More than \(tally.bounds.hosts) hosts wrote: the later ones count as one, \"(others)\".")
        }
        return section
    }

    /// The section in LogWatch's layout, byte for byte what its Postfix script prints for the same counts.
    package static func logWatchLines(_ section: Report.Section) -> [String] {
        let rule = String(repeating: "-", count: 8) + "   " + String(repeating: "-", count: 50)
        let end = String(repeating: "=", count: 8) + "   " + String(repeating: "=", count: 50)
        let rows = section.rows.compactMap { row -> (row: [Report.Cell], kind: String, label: String, count: Int)? in
            guard row.count == 4, case .text(let kind) = row[0], case .text(let label) = row[1],
                case .count(let count) = row[2]
            else { return nil }
            return (row, kind, label, count)
        }
        // The last line of each kind is its sum.
        var totals: [String: (label: Report.Cell, count: Int)] = [:]
        for row in rows { totals[row.kind] = (row.row[1], row.count) }
        var lines: [String] = []
        for (row, kind, label, count) in rows {
            let isTotal = row[1] == totals[kind]?.label
            if isTotal { lines.append(rule) }
            let figure = String(count)
            let percent = Figures.percent(count, of: totals[kind]?.count ?? 0)
            lines.append(
                String(repeating: " ", count: max(0, 8 - figure.utf8.count)) + figure + "   " + label
                    + String(repeating: " ", count: max(1, 50 - label.utf8.count - percent.utf8.count)) + percent)
            if isTotal { lines += [end, ""] }
        }
        if lines.last == "" { lines.removeLast() }
        return lines
    }
}
