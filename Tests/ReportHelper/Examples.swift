// Reports with the figures of Fixtures, and what they do not have made up so that every run has the same.

import Addresses
import Events
import Foundation
import Origins
import Reports
import Waves

private let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

func rows(_ name: String) throws -> [[String]] {
    let text = try String(contentsOf: fixtures.appending(path: name + ".tsv"), encoding: .utf8)
    return text.split(separator: "\n").dropFirst().map { line in
        line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
}

/// The same numbers every time.
struct Numbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }
}

func columns(_ pairs: [(String, String)]) -> [Report.Column] { pairs.map { Report.Column($0.0, $0.1) } }
let day24 = CivilTime(year: 2011, month: 2, day: 24).instant(offsetSeconds: 3600)

enum Examples {
    static func week() throws -> Report {
        var report = Report(
            title: "breakwater: 20 to 26 February 2011", begin: day24 - .days(4), end: day24 + .days(3),
            offsetSeconds: 3600, hosts: ["mx1.example.org", "mx2.example.org"],
            sections: [
                try classes(), try moved(), samples(), rhythm(), try countries(), try networks(), hosts(),
            ])
        report.credits = ["IP location data: IPFire Location Database, 2022-10-29, CC BY-SA 4.0"]
        return report
    }

    static func waves() throws -> Report {
        Report(
            title: "breakwater: waves of July 2009", begin: Instant(seconds: 1_248_645_600),
            end: Instant(seconds: 1_248_818_400), offsetSeconds: 7200, hosts: ["mx.example.org"],
            sections: [
                try wave("1912-part1-untreated", "2009-07-27", 300),
                try wave("0830-part3-with-kill", "2009-07-28", 300),
                try wave("1436-part3-with-kill-biggest", "2009-07-28", 300),
            ])
    }

    /// What a report has of the daemon alone, in the sections that it has in earnest.
    static func watched() throws -> Report {
        let points = try rows("wave-2009-07-28-1436-part3-with-kill-biggest").map { row in
            (time: Instant(seconds: Int64(row[0]) ?? 0), value: Int(row[2]) ?? 0)
        }
        let first = points[0].time
        var watched = Watched(step: .seconds(5))
        watched.limit = 300
        watched.points = points
        watched.bytesPerSlot = 3_400_000
        var wave = Wave(
            number: 3, begin: points[0].time, marks: WaterMarks(high: 30, low: 15), normal: 12, limit: 300)
        for point in points where point.value > wave.peak { (wave.peak, wave.peakAt) = (point.value, point.time) }
        wave.end = points[points.count - 1].time
        wave.savedSlotMilliseconds = 9_000_000
        wave.counts.sources = 431
        for point in points where point.value > 30 {
            for number in 0..<(point.value / 9) {
                watched.note(.bans, at: point.time)
                watched.note(.sheds, at: point.time, told: number != 3)
                watched.noteBan(of: Prefix(IPAddress(v4: 0xc633_6400 + UInt32(number))), at: point.time)
                wave.counts.bans += 1
                wave.counts.sheds += 1
            }
        }
        watched.note(.saturation, at: wave.peakAt)
        watched.waves = [wave]
        let hour = Int(first.seconds / 3600) + 2
        let base = ReportBase(Tally { _ in 7200 }, hours: hour..<(hour + 1))
        base.watched = watched
        return base.report("breakwater: 28 July 2009", only: ["curve", "waves", "shedding", "ban_effect"])
    }

    // MARK: - Sections

    static func classes() throws -> Report.Section {
        let days = try ["2011-02-24", "2011-02-25"].map { try rows("logwatch-\($0)") }
        let names = days[0].map { $0[1] }
        let count = { (day: Int, name: String) in days[day].first { $0[1] == name }.flatMap { Int($0[0]) } ?? 0 }
        let kinds = names.filter { $0.hasPrefix("5xx") || $0 == "Accepted" }
        let totals = ["Accepted": "Total", "Rejected": "Total"]
        return Report.Section(
            "classes", "Accepted and rejected by class",
            columns: columns([
                ("class", "Class"), ("before", "24 Feb"), ("before_share", "Share"), ("count", "25 Feb"),
                ("share", "Share"),
            ]),
            rows: names.filter { $0 != "Total" && $0 != "Total 5xx Rejects" }.map { name in
                [.text(name)]
                    + (0...1).flatMap { day -> [Report.Cell] in
                        let whole = count(day, totals[name] ?? "Total 5xx Rejects")
                        return [.count(count(day, name)), .share(Double(count(day, name)) / Double(whole))]
                    }
            },
            notes: ["Shares of classes are of all rejections with 5xx."],
            picture: .stack(
                Report.Stack(
                    labels: ["24 Feb", "25 Feb"],
                    parts: kinds.map { name in
                        (name.replacingOccurrences(of: "5xx Reject ", with: ""), [count(0, name), count(1, name)])
                    })))
    }

    static func moved() throws -> Report.Section {
        let (before, after) = (try rows("logwatch-2011-02-24"), try rows("logwatch-2011-02-25"))
        return Report.Section(
            "moved", "What moved since the day before",
            columns: columns([("line", "Line"), ("before", "24 Feb"), ("after", "25 Feb"), ("factor", "Times")]),
            rows: zip(before, after).filter { !$0.0[1].contains("Total") }.map { pair in
                let (old, new) = (Int(pair.0[0]) ?? 0, Int(pair.1[0]) ?? 0)
                return [.text(pair.0[1]), .count(old), .count(new), .factor(Double(new) / Double(max(1, old)))]
            }, picture: .bars(column: "factor"))
    }

    static func wave(_ name: String, _ date: String, _ limit: Int) throws -> Report.Section {
        let points = try rows("wave-\(date)-\(name)").map { row in
            (time: Instant(seconds: Int64(row[0]) ?? 0), value: Int(row[2]) ?? 0)
        }
        var spans: [(begin: Instant, end: Instant, label: String)] = []
        var start: Instant?
        for point in points {
            if start == nil, point.value > 30 { start = point.time }
            if let begin = start, point.value <= 15 {
                spans.append((begin, point.time, "wave \(spans.count + 1)"))
                start = nil
            }
        }
        let last = points[points.count - 1].time
        if let begin = start { spans.append((begin, last, "wave \(spans.count + 1), still open")) }
        let treated = name.contains("kill")
        let marks = points.flatMap { point -> [(time: Instant, kind: String, count: Int)] in
            guard treated, point.value > 30 else { return [] }
            return [(point.time, "bans", point.value / 9), (point.time, "sheds", point.value / 7)]
        }
        return Report.Section(
            "wave", "Wave of \(date), \(name.prefix(2)):\(name.dropFirst(2).prefix(2))",
            columns: columns([
                ("begin", "Begin"), ("end", "End"), ("span_s", "Length"), ("peak", "Peak"), ("peak_at", "At"),
            ]),
            rows: spans.map { span in
                let within = points.filter { $0.time >= span.begin && $0.time <= span.end }
                let peak = within.max { $0.value < $1.value } ?? points[0]
                return [
                    .time(span.begin), .time(span.end), .span(span.end - span.begin),
                    peak.value >= limit ? .atLeast(peak.value) : .count(peak.value), .time(peak.time),
                ]
            },
            picture: .curve(
                Report.Curve(points: points, unit: "slots in use", limit: limit, spans: spans, marks: marks)))
    }

    /// A week of samples, one every five seconds.
    static func samples() -> Report.Section {
        var numbers = Numbers(state: 7)
        let begin = day24 - .days(4)
        var points: [(time: Instant, value: Int)] = []
        var marks: [(time: Instant, kind: String, count: Int)] = []
        var spans: [(begin: Instant, end: Instant, label: String)] = []
        let waves = [(2.31, 1500.0), (3.9, 400), (4.42, 3000), (4.47, 900), (5.6, 2200)]
        for second in stride(from: 0, to: 7 * 86400, by: 5) {
            let day = Double(second) / 86400
            // Nothing was recorded for three hours: the daemon was not running.
            if (1.5..<1.625).contains(day) { continue }
            let hour = day.truncatingRemainder(dividingBy: 1) * 24
            var value = 8 + 9 * max(0, sin((hour - 6) / 24 * 2 * .pi)) + Double(numbers.next() % 7)
            for wave in waves {
                let since = Double(second) - wave.0 * 86400
                if since > 0, since < wave.1 { value += 340 * sin(since / wave.1 * .pi) }
            }
            let time = begin + .seconds(Int64(second))
            points.append((time, min(300, Int(value))))
            if value > 60, second % 15 == 0 { marks.append((time, "bans", Int(value / 20))) }
            if value > 120, second % 10 == 0 { marks.append((time, "sheds", Int(value / 12))) }
        }
        for (number, wave) in waves.enumerated() {
            let from = begin + .seconds(Int64(wave.0 * 86400))
            spans.append((from, from + .seconds(Int64(wave.1)), "wave \(number + 1)"))
        }
        return Report.Section(
            "slots", "Slots", columns: columns([("wave", "Wave"), ("begin", "Begin"), ("span_s", "Length")]),
            rows: spans.map { [.text($0.label), .time($0.begin), .span($0.end - $0.begin)] },
            picture: .curve(
                Report.Curve(points: points, unit: "slots in use", limit: 300, spans: spans, marks: marks)))
    }

    /// A Sunday of a tenth, and a Monday morning as it is.
    static func rhythm() -> Report.Section {
        var numbers = Numbers(state: 11)
        let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        let values = days.indices.map { day in
            (0..<24).map { hour -> Int? in
                if day == 2, (12..<15).contains(hour) { return nil }
                let wave = 1 + max(0, sin(Double(hour - 6) / 24 * 2 * .pi)) * 2.2
                let weight = [1.25, 1, 1, 1, 1, 0.6, 0.1][day]
                return Int(wave * weight * 160) + Int(numbers.next() % 30)
            }
        }
        return Report.Section(
            "rhythm", "Rejections by weekday and hour",
            columns: columns([("weekday", "Weekday"), ("count", "Rejections"), ("share", "Share")]),
            rows: zip(days, values).map { day, hours in
                let sum = hours.reduce(0) { $0 + ($1 ?? 0) }
                return [.text(day), .count(sum), .share(Double(sum) / 52000)]
            },
            picture: .grid(
                Report.Grid(rowLabels: days, columnLabels: (0..<24).map { "\($0)" }, values: values)))
    }

    /// The counts told of two days in February 2011; those of other countries are made up.
    static func countries() throws -> Report.Section {
        let table = try rows("country-us-by-server-and-day-2011")
        let america = { (date: String) in table.filter { $0[1] == date }.reduce(0) { $0 + (Int($1[2]) ?? 0) } }
        func counts(_ named: [String: Int]) -> [Country: Int] {
            Dictionary(uniqueKeysWithValues: named.compactMap { code, count in Country(code).map { ($0, count) } })
        }
        let before = counts([
            "US": america("2011-02-24"), "VN": 310, "DE": 122, "SA": 48, "BR": 190, "IN": 260, "RU": 230, "CN": 96,
            "HK": 14, "SG": 3, "MT": 1, "LU": 2, "FR": 41, "GB": 77, "ZA": 9, "AU": 6, "CA": 33, "CL": 12, "JP": 8,
        ])
        let after = counts([
            "US": america("2011-02-25"), "VN": 44_000, "DE": 37_000, "SA": 43_700, "BR": 6_140, "IN": 8_330,
            "RU": 5_210,
            "CN": 2_870, "HK": 411, "SG": 96, "MT": 4, "FR": 1_240, "GB": 1_120, "ZA": 75, "AU": 38, "CA": 720,
            "CL": 640, "EU": 880, "AP": 12, "PL": 2_200, "UA": 3_350, "KR": 4_100, "TH": 1_900, "BH": 31, "RE": 5,
        ])
        var difference: [Country: Int] = [:]
        for country in Set(before.keys).union(after.keys) {
            difference[country] = (after[country] ?? 0) - (before[country] ?? 0)
        }
        let listed = Set(before.keys).union(after.keys).sorted { (after[$0] ?? 0) > (after[$1] ?? 0) }
        return Report.Section(
            "countries", "Countries",
            columns: columns([("country", "Country"), ("before", "24 Feb"), ("count", "25 Feb"), ("factor", "Times")]),
            rows: listed.map { country in
                let (old, new) = (before[country] ?? 0, after[country] ?? 0)
                return [
                    .country(country), .count(old), .count(new), old > 0 ? .factor(Double(new) / Double(old)) : .none,
                ]
            } + [[.country(nil), .count(21), .count(1003), .factor(47.8)]],
            notes: ["Unlocated are addresses that the database has no country for."],
            picture: .maps([
                Report.WorldCounts(title: "24 February 2011", counts: before, unlocated: 21),
                Report.WorldCounts(title: "25 February 2011", counts: after, unlocated: 111),
                Report.WorldCounts(
                    title: "25 February against 24 February", counts: difference, unlocated: 90, isDifference: true),
            ]))
    }

    static func networks() throws -> Report.Section {
        Report.Section(
            "networks", "Networks and owners",
            columns: columns([("asn", "Network"), ("owner", "Owner"), ("addresses", "Addresses")]),
            rows: try rows("distinct-ips-per-asn-28days-2005-07-26").map {
                [.text($0[1]), .text($0[2]), .estimate(Int($0[0]) ?? 0)]
            },
            notes: ["Distinct addresses in 28 days. Beyond 4,096 in a network the number is an estimate, within 2 %."],
            picture: .bars(column: "addresses"))
    }

    static func hosts() -> Report.Section {
        var numbers = Numbers(state: 5)
        return Report.Section(
            "hosts", "Kernel drops",
            columns: columns([
                ("net", "Host or network"), ("owner", "Owner"), ("country", "Country"), ("packets", "Packets"),
                ("first", "First seen"), ("span_s", "Banned for"),
            ]),
            rows: (0..<400).map { number in
                let last = day24 + .seconds(Int64(numbers.next() % 86400))
                return [
                    .text("198.51.\(number / 250 + 100).\(number % 250)"), .text("Example Networks \(number % 40)"),
                    .country(Country(["VN", "DE", "SA", "US", "BR"][number % 5])), .count(Int(numbers.next() % 9000)),
                    .time(last), .span(.seconds(600 << (number % 7))),
                ]
            })
    }
}
