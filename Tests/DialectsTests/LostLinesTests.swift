import Dialects
import Events
import Foundation
import Testing

/// A log that loses the last line of every tenth session would fill a memory of sessions for ever.
///
/// `BREAKWATER_LONG=10000000` runs the last test with as many lines; it wants `-c release`.
@Suite struct LostLinesTests {
    /// The lines of session `number`, whose peer is 198.51.100.0/24's.
    private static func smtpdSession(_ number: Int) -> [String] {
        let id = String(UInt64(truncatingIfNeeded: number) &* 0x9e37_79b9_7f4a_7c15 | 1 << 63, radix: 16)
        let head = "2026-11-20T22:58:04.378468+00:00 mx smtpd[59]: \(id) smtp "
        return [
            head + "connected address=198.51.100.\(number % 250) host=<unknown>",
            head + "failed-command command=\"RCPT TO:<a@b>\" result=\"550 5.7.1 listed at zen.dnsbl.test\"",
            head + "disconnected reason=quit",
        ]
    }

    private static func qpsmtpdSession(_ number: Int) -> [String] {
        let pid = 400 + number % 1_000_000
        let head = "2026-11-20T23:00:02.631892+00:00 mx qpsmtpd[\(pid)]: "
        return [
            head + "Accepted connection 0/15 from 198.51.100.\(number % 250) / x",
            head + "Connection from x [198.51.100.\(number % 250)]", head + "fail, zen.dnsbl.test",
            head + "550 http://zen.dnsbl.test/",
            "2026-11-20T23:00:02.631892+00:00 mx qpsmtpd[1]: cleaning up after \(pid)",
        ]
    }

    /// Reads sessions whose every tenth loses its last line, and returns how many rejections named the right peer.
    private static func rejections(
        _ dialect: inout some Dialect, _ numbers: Range<Int>, _ session: (Int) -> [String]
    ) -> Int {
        var right = 0
        for number in numbers {
            for line in number % 10 == 0 ? session(number).dropLast() : session(number)[...] {
                let event = dialect.event(of: Array(line.utf8))
                if event?.rejectionClass == .rbl, event?.peer?.description == "198.51.100.\(number % 250)" {
                    right += 1
                }
            }
        }
        return right
    }

    @Test func `OpenSMTPD's sessions are bounded`() {
        var dialect = OpenSMTPD(capacity: 64)
        #expect(Self.rejections(&dialect, 0..<3_000, Self.smtpdSession) == 3_000)
        #expect(dialect.remembered <= 128)
        #expect(dialect.forgotten > 200)
    }

    @Test func `qpsmtpd's sessions are bounded`() {
        var dialect = Qpsmtpd(capacity: 64)
        #expect(Self.rejections(&dialect, 0..<3_000, Self.qpsmtpdSession) == 3_000)
        #expect(dialect.remembered <= 64)
        #expect(dialect.forgotten > 200)
    }

    private static let lines = ProcessInfo.processInfo.environment["BREAKWATER_LONG"].flatMap { Int($0) }

    @Test(.enabled(if: lines != nil, "BREAKWATER_LONG is not set")) func `a long log is read in flat memory`() throws {
        var smtpd = OpenSMTPD()
        var qpsmtpd = Qpsmtpd()
        let sessions = (Self.lines ?? 0) / 8
        let part = sessions / 10
        var sizes: [Int] = []
        for step in 0..<10 {
            let numbers = (step * part)..<((step + 1) * part)
            #expect(Self.rejections(&smtpd, numbers, Self.smtpdSession) == part)
            #expect(Self.rejections(&qpsmtpd, numbers, Self.qpsmtpdSession) == part)
            let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1]
            sizes.append((Int(pages) ?? 0) * 4)
        }
        print(
            "\(sessions * 8) lines; resident kB after each tenth: \(sizes); remembered \(smtpd.remembered) and "
                + "\(qpsmtpd.remembered), forgotten \(smtpd.forgotten) and \(qpsmtpd.forgotten)")
        #expect(sizes[9] - sizes[6] < 1_024)
    }
}
