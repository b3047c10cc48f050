import Events

/// What DNSBLs answered that were asked whether they are alive, beside what the log had of them.
extension ReportBase {
    /// The lists that rejected somebody within 28 days, as the log calls them, the most hits first.
    package var listLabels: [(name: String, kinds: ListTest.Kinds)] {
        var found: [String: (hits: Int, kinds: ListTest.Kinds)] = [:]
        for (label, counts) in listTotals.rejections {
            guard let kind = ReportBase.kind(label) else { continue }
            found[label.name, default: (0, [])].hits.add(counts.all)
            found[label.name]?.kinds.formUnion(kind)
        }
        return found.sorted { $0.value.hits != $1.value.hits ? $0.value.hits > $1.value.hits : $0.key < $1.key }
            .map { ($0.key, $0.value.kinds) }
    }

    private static func kind(_ label: Label) -> ListTest.Kinds? {
        switch label.rejectionClass {
        case .rbl: .addresses
        case .rhsbl: .names
        default: nil
        }
    }

    private var listTotals: Totals {
        let window = lastDays(ReportBase.window)
        return totals(window.lowerBound * 24..<window.upperBound * 24)
    }

    private func hits(_ labels: Set<String>) -> (count: Int, last: Int) {
        let totals = listTotals
        var (count, last) = (0, Int.min)
        for (number, row) in totals.counts.rejections.enumerated() where row != HourCounts.Rejections() {
            let label = totals.labels[number]
            guard ReportBase.kind(label) != nil, labels.contains(label.name) else { continue }
            count.add(row.all)
            last = max(last, totals.lastHours[number] ?? .min)
        }
        return (count, last)
    }

    /// - Parameters:
    ///   - tests: one for each of the first of `zones`.
    ///   - servers: whom they were asked of.
    package func listTests(of tests: [ListTest], _ zones: ListZones, askedOf servers: String) -> ListTests {
        let isWhole = !recordedDays.isEmpty && recordedDays.lowerBound <= lastDays(ReportBase.window).lowerBound
        var rows: [(state: ListTest.State, hits: Int, cells: [Report.Cell], note: String)] = []
        for (zone, test) in zip(zones.zones, tests) {
            let met = hits(zone.labels)
            // Without four weeks of a log, that nobody was rejected says nothing.
            let (state, text) = test.finding(hits: met.count > 0 || isWhole ? met.count : nil)
            let isOfNames = !test.kinds.contains(.addresses) || (test.isListed(.name) && !test.isListed(.address))
            var note = "\(Report.shown(zone.name)): \(state.rawValue): \(text)."
            if state == .silent, met.count > 0 { note += " It rejected \(Figures.grouped(met.count)) in 28 days." }
            if state < .useless, let words = test.words {
                note += " It says: \(Report.shown(String(decoding: words, as: UTF8.self), limit: 160))"
            }
            rows.append(
                (
                    state, met.count,
                    [
                        .text(Report.shown(zone.name)), .text(zone.origins.joined(separator: ", ")),
                        .text(state.rawValue), test.cell(isOfNames ? .name : .address),
                        test.cell(isOfNames ? .noName : .noAddress), isOfNames ? .none : test.cell(.address6),
                        .count(met.count), met.last == .min ? .none : .text(LocalDay.hour(met.last)),
                    ], note
                ))
        }
        rows.sort { $0.state != $1.state ? $0.state < $1.state : $0.hits > $1.hits }
        var section = Report.Section(
            "dnsbl_test", "DNSBLs asked whether they are alive",
            columns: [
                Report.Column("zone", "zone"), Report.Column("from", "from"), Report.Column("state", "state"),
                Report.Column("test_entry", "test entry"), Report.Column("opposite", "its opposite"),
                Report.Column("ipv6", "IPv6 entry"), Report.Column("hits", "hits"),
                Report.Column("last_hit", "last hit"),
            ], rows: rows.map(\.cells), notes: rows.map(\.note))
        if zones.zones.count > tests.count {
            section.notes.append("\(zones.zones.count - tests.count) more lists were not asked: name them one by one.")
        }
        if !zones.others.isEmpty {
            section.notes.append(
                "The log names lists by words that are no zone: "
                    + zones.others.prefix(8).map { Report.shown($0) }.joined(separator: ", ") + ".")
        }
        section.notes.append(
            "Asked of \(servers) by RFC 5782: 127.0.0.2 and TEST must be listed, 127.0.0.1 and INVALID never. Hits are of 28 "
                + "days.")
        if !recordedDays.isEmpty { section.notes += shortWindowNote(ReportBase.window) }
        return ListTests(section: section, states: rows.map(\.state))
    }
}

/// A section of a report, and whether all in it is well.
package struct ListTests: Sendable {
    package var section: Report.Section
    package var states: [ListTest.State]
}
