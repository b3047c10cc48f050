import Addresses
import Events
import Reports
import Testing

/// The two days of February 2011 that LogWatch printed, from a log with their counts.
@Suite(.serialized) struct LogWatchTests {
    static let both = [day(2011, 2, 24), day(2011, 2, 25)]
    static let counted: CountedLog = {
        var log = CountedLog("logwatch-2011-02-24-and-25")
        for begin in both { try? fill(begin, &log) }
        return log
    }()

    private static func tableName(_ begin: Instant) -> String { "logwatch-" + begin.rfc3339.prefix(10) }

    private static func fill(_ begin: Instant, _ log: inout CountedLog) throws {
        var number = 0
        for row in try Table.rows(tableName(begin)) {
            for _ in 0..<(Int(row[0]) ?? 0) {
                let time = begin + .milliseconds(Int64(number % 86_399_000))
                let peer = address(number % 90_000)
                let isKnown = write(row[1], time, peer, &log)
                number += isKnown ? 331 : 0
                if !isKnown { break }
            }
        }
    }

    /// False for a line of the table that is a sum.
    private static func write(_ label: String, _ time: Instant, _ peer: IPAddress, _ log: inout CountedLog) -> Bool {
        switch label {
        case "Accepted": log.accept(time, peer)
        case "5xx Reject relay denied": log.reject(time, peer, "554 5.7.1 <c@d.example>: Relay access denied")
        case "5xx Reject HELO/EHLO":
            log.reject(time, peer, "504 5.5.2 <e>: Helo command rejected: need fully-qualified hostname")
        case "5xx Reject unknown user":
            log.reject(
                time, peer, "550 5.1.1 <c@d.example>: Recipient address rejected: User unknown in local recipient table"
            )
        case "5xx Reject recipient address":
            log.reject(time, peer, "554 5.7.1 <c@d.example>: Recipient address rejected: Access denied")
        case "5xx Reject client host":
            log.reject(time, peer, "554 5.7.1 <unknown[\(peer)]>: Client host rejected: Access denied")
        case "5xx Reject RBL": log.list(time, peer, "zen.spamhaus.org", "; http://www.spamhaus.org/query/bl?ip=\(peer)")
        default: return false
        }
        return true
    }

    /// LogWatch's block, made of the post's own figures.
    private static func block(_ rows: [[String]]) -> [String] {
        var lines: [String] = []
        for row in rows {
            let percent = row[2] + "%"
            let line =
                String(repeating: " ", count: 8 - row[0].count) + row[0] + "   " + row[1]
                + String(repeating: " ", count: 50 - row[1].count - percent.count) + percent
            if row[1].hasPrefix("Total") {
                lines += ["--------   --------------------------------------------------", line]
                lines += ["========   ==================================================", ""]
            } else {
                lines.append(line)
            }
        }
        return Array(lines.dropLast())
    }

    @Test(arguments: both)
    func `the block comes out as it was printed`(begin: Instant) throws {
        let section = base(Self.counted, begin, begin).classes
        #expect(ReportBase.logWatchLines(section) == Self.block(try Table.rows(Self.tableName(begin))))
    }

    @Test func `the day's rise is told line by line`() throws {
        let section = try #require(base(Self.counted, Self.both[1], Self.both[1]).change)
        #expect(section.row("Accepted") == ["Accepted", "2237", "2372", "x1.1", ""])
        #expect(section.row("5xx Reject RBL") == ["5xx Reject RBL", "3327", "221282", "x66.5", "alarm"])
        #expect(section.row("5xx Reject HELO/EHLO") == ["5xx Reject HELO/EHLO", "16", "2381", "x148.8", "alarm"])
        #expect(section.row("5xx Reject client host") == ["5xx Reject client host", "29", "8", "x0.3", ""])
        #expect(section.row("Rejected") == ["Rejected", "4202", "229430", "x54.6", "alarm"])
        // Nothing is known of the day before the first.
        #expect(base(Self.counted, Self.both[0], Self.both[0]).change == nil)
    }

    @Test func `what one text said so often is one text`() {
        let section = base(Self.counted, Self.both[1], Self.both[1]).texts
        #expect(
            section.figures[0] == [
                "221282", "96.45%",
                "554 5.7.1 Service unavailable; Client host [] blocked using zen.spamhaus.org; http://www.spamhaus.org/",
            ])
        #expect(section.figures.count == 6)
        #expect(section.notes.contains { $0.contains("96.45%") })
    }
}

@Suite struct FigureTests {
    @Test(arguments: [
        (1, 8, "12.50%"), (1, 800, "0.12%"), (3, 800, "0.38%"), (8, 229_430, "0.00%"), (2381, 229_430, "1.04%"),
        (1, 3, "33.33%"), (2, 3, "66.67%"), (0, 0, "0.00%"), (7, 7, "100.00%"), (1, 16_000, "0.01%"),
    ])
    func `shares round as printf does`(count: Int, total: Int, text: String) {
        #expect(Figures.percent(count, of: total) == text)
    }

    @Test func `factors and thousands`() {
        #expect(Figures.factor(221_282.0 / 3327) == "x66.5")
        #expect(Figures.factor(0.05) == "x0.05")
        #expect(Figures.factor(.infinity) == "new")
        #expect(Figures.grouped(-1_234_567) == "-1,234,567")
    }
}
