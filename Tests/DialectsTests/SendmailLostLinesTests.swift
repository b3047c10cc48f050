import Dialects
import Events
import Foundation
import Testing

/// Logs that lose the last line of every tenth message or connection: what is remembered for that line is bounded.
@Suite struct SendmailLostLinesTests {
    /// Hands out lines, 200 a second, and counts the events.
    private struct Log<MTA: Dialect> {
        var dialect: MTA
        var lines = 0
        var events = 0
        private var event = Event()

        init(_ dialect: MTA) { self.dialect = dialect }

        mutating func put(_ text: String) {
            lines += 1
            let bytes = Array(text.utf8)
            var line = LogLine()
            guard line.read(bytes.span) else { return }
            line.heard = Instant(seconds: 1_700_000_000) + .milliseconds(5 * lines)
            if dialect.read(line, in: bytes.span, into: &event) { events += 1 }
        }
    }

    /// Half of the messages are mail, half a refused recipient.
    private static func sendmail(
        _ count: Int, _ look: (_ lines: Int, _ open: Int, _ lost: Int) -> Void
    ) -> (events: Int, lost: Int) {
        var log = Log(Sendmail())
        var message = 0
        while log.lines < count {
            message += 1
            let id = "6AKNA8\(message % 10)U" + String(message % 9_000_000 + 1_000_000)
            let header = "Nov 20 23:09:40 mx1 sm-mta[\(message % 32768)]: \(id): "
            let isLost = message % 10 == 0 || message % 10 == 1
            let fields = "proto=ESMTP, daemon=M, relay=[198.51.100.9]"
            if message % 2 == 0 {
                log.put(header + "from=<a@b>, size=9, class=0, nrcpts=1, " + fields)
                if !isLost { log.put(header + "to=<b@c>, pri=3, dsn=2.0.0, stat=Sent") }
            } else {
                log.put(header + "<nobody@lab.test>... User unknown")
                if !isLost { log.put(header + "from=<a@b>, size=0, class=0, nrcpts=0, " + fields) }
            }
            if message % 1000 == 0 { look(log.lines, log.dialect.open, log.dialect.lost) }
        }
        return (log.events, log.dialect.lost)
    }

    private static func qmail(_ count: Int, _ look: (_ lines: Int, _ open: Int, _ lost: Int) -> Void) -> Int {
        var log = Log(Qmail())
        var connection = 0
        while log.lines < count {
            connection += 1
            log.put("@400000006740e5a80c5be0d4 tcpserver: pid \(connection) from 198.51.100.9")
            if connection % 10 != 0 { log.put("@400000006740e5a80c5be0d4 tcpserver: end \(connection) status 0") }
            if connection % 1000 == 0 { look(log.lines, log.dialect.open, log.dialect.lost) }
        }
        return log.events
    }

    @Test func `Sendmail's messages`() {
        var mostOpen = 0
        let (events, lost) = Self.sendmail(100_000) { _, open, _ in mostOpen = max(mostOpen, open) }
        #expect(mostOpen > 100 && mostOpen <= 4096)
        #expect(lost > 0, "what went to make room was counted")
        #expect(events > 40_000)
    }

    @Test func `tcpserver's connections`() {
        var mostOpen = 0
        var lost = 0
        let events = Self.qmail(100_000) { _, open, now in
            mostOpen = max(mostOpen, open)
            lost = now
        }
        #expect(mostOpen > 100 && mostOpen <= 4096)
        #expect(lost > 0)
        #expect(events == 100_000 || events == 100_001)
    }

    /// Memory after ten million lines is that after one million.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["BREAKWATER_LONG"] != nil, "ten million lines take minutes"))
    func `ten million lines in flat memory`() throws {
        for name in ["Sendmail", "Qmail"] {
            var first = 0
            var mostOpen = 0
            func look(_ lines: Int, _ open: Int, _ lost: Int) {
                mostOpen = max(mostOpen, open)
                if lines >= 1_000_000, first == 0 { first = Self.residentKilobytes() }
            }
            if name == "Sendmail" { _ = Self.sendmail(10_000_000, look) } else { _ = Self.qmail(10_000_000, look) }
            let last = Self.residentKilobytes()
            print("\(name): resident after 1 and 10 million lines \(first) and \(last) kB, at most \(mostOpen) open")
            #expect(last - first < 2048)
        }
    }

    /// Fields of /proc/self/statm are pages of 4 kB; the second is what is resident.
    private static func residentKilobytes() -> Int {
        let fields = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ") ?? []
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4 : 0
    }
}
