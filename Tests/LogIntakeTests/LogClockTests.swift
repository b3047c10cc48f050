import Events
import Glibc
import LogIntake
import Testing

/// Stamps without a year or zone, at the edges where they mean two things. Zones are named by rule, so that no time zone
/// database is needed (tzset(3)).
@Suite(.serialized) struct LogClockTests {
    private static let berlin = "CET-1CEST,M3.5.0,M10.5.0/3"
    private static let sydney = "AEST-10AEDT,M10.1.0,M4.1.0/3"

    @Test(arguments: [
        (
            "a year ends", "UTC", "2026-01-02T00:00:00Z",
            ["Dec 31 23:59:59", "Jan  1 00:00:00"], ["2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"]
        ),
        (
            "a leap day of the last leap year", "UTC", "2026-11-21T00:00:00Z", ["Feb 29 12:00:00"],
            ["2024-02-29T12:00:00Z"]
        ),
        (
            "an old file of a year before: its own last write counts", "UTC", "2024-12-01T00:00:00Z",
            ["Nov 20 10:00:00", "Nov 25 10:00:00"], ["2024-11-20T10:00:00Z", "2024-11-25T10:00:00Z"]
        ),
        (
            "summer time begins: the hour that is left out", berlin, "2026-11-21T00:00:00Z",
            ["Mar 29 01:59:59", "Mar 29 03:00:00"], ["2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z"]
        ),
        (
            "summer time ends: the hour that comes twice", berlin, "2026-11-21T00:00:00Z",
            [
                "Oct 25 01:59:59", "Oct 25 02:00:00", "Oct 25 02:59:58", "Oct 25 02:59:57", "Oct 25 02:00:01",
                "Oct 25 02:30:00", "Oct 25 02:29:59", "Oct 25 03:00:00",
            ],
            [
                "2026-10-24T23:59:59Z", "2026-10-25T00:00:00Z", "2026-10-25T00:59:58Z", "2026-10-25T00:59:57Z",
                "2026-10-25T01:00:01Z", "2026-10-25T01:30:00Z", "2026-10-25T01:29:59Z", "2026-10-25T02:00:00Z",
            ]
        ),
        (
            "the same in the southern half", sydney, "2026-11-21T00:00:00Z",
            ["Apr  5 02:30:00", "Apr  5 02:31:00", "Apr  5 02:00:30", "Apr  5 03:00:00"],
            ["2026-04-04T15:30:00Z", "2026-04-04T15:31:00Z", "2026-04-04T16:00:30Z", "2026-04-04T17:00:00Z"]
        ),
        (
            "zones in the stamps, whatever ours is", sydney, "2026-11-21T00:00:00Z",
            ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00.5Z"],
            ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T01:30:00Z"]
        ),
        (
            "stamps that cannot be right count as the line before", "UTC", "2026-11-21T00:00:00Z",
            ["2026-11-20T10:00:00Z", "2037-01-01T00:00:00Z", "2026-11-20T25:00:00Z", "Feb 30 10:00:00"],
            ["2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"]
        ),
    ])
    func `the time of each line`(name: String, zone: String, reference: String, stamps: [String], times: [String])
        throws
    {
        let before = getenv("TZ").map { String(cString: $0) }
        setenv("TZ", zone, 1)
        tzset()
        defer {
            if let before { setenv("TZ", before, 1) } else { unsetenv("TZ") }
            tzset()
        }
        var clock = LogClock(reference: try #require(LogClockTests.instant(reference)))
        var found: [String] = []
        for stamp in stamps {
            let bytes = Array("\(stamp) mx postfix/smtpd[1]: text".utf8)
            var header = LogLine()
            let isRead = header.read(bytes.span)
            #expect(isRead, "\(stamp)")
            found.append(clock.time(of: header, in: bytes.span).rfc3339)
        }
        #expect(found == times)
    }

    private static func instant(_ text: String) -> Instant? {
        let bytes = Array("\(text) mx a: b".utf8)
        return LogLine(bytes.span)?.time(in: bytes.span, reference: .distantFuture)
    }
}
