import Events
import Posix
import Reports

/// A wave as a report of its own, for a page and for pictures.
extension WaveReport {
    var offsetSeconds: Int { LocalTime.offsetSeconds(at: wave.begin) }

    var page: Report {
        var report = Report(
            title: "Wave \(wave.number)", begin: wave.begin, end: wave.end ?? wave.last, offsetSeconds: offsetSeconds,
            sections: [section(withLimit: true), networks, classes].filter { !$0.rows.isEmpty }
                + (origins?.sections ?? []))
        report.credits = origins?.credits ?? []
        return report
    }

    /// The figures, with the slots over time beside them.
    func section(withLimit: Bool) -> Report.Section {
        let names: [Decision.Kind: String] = [.ban: "bans", .shed: "sheds", .saturation: "saturation"]
        let curve = Report.Curve(
            points: samples.map { (time: $0.time, value: $0.slots) }, unit: "slots in use",
            limit: withLimit ? wave.limit : nil,
            spans: [(begin: wave.begin, end: wave.end ?? wave.last, label: "wave \(wave.number)")],
            marks: [Decision.Kind.ban, .shed, .saturation].flatMap { kind in
                marks.filter { $0.kind == kind }.map { ($0.time, names[kind] ?? "", $0.count) }
            })
        return Report.Section(
            "wave", "Wave \(wave.number)",
            columns: [Report.Column("figure", "figure"), Report.Column("value", "value")],
            rows: figures.map { [.text($0.name), .text($0.text)] }, notes: notes,
            picture: samples.isEmpty ? nil : .curve(curve))
    }

    private var networks: Report.Section {
        Report.Section(
            "networks", "Networks with the most rejections",
            columns: [Report.Column("network", "network"), Report.Column("rejections", "rejections")],
            rows: wave.counts.worst.map { [.text($0.network.description), .count($0.rejections)] },
            picture: .bars(column: "rejections"))
    }

    private var classes: Report.Section {
        Report.Section(
            "classes", "Rejections by class",
            columns: [
                Report.Column("class", "class"), Report.Column("rejections", "rejections"),
                Report.Column("share", "share"),
            ],
            rows: wave.counts.classes.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }.map {
                [
                    .text($0.key.rawValue), .count($0.value),
                    .share(Double($0.value) / Double(max(1, wave.counts.rejections))),
                ]
            }, picture: .bars(column: "rejections"))
    }
}
