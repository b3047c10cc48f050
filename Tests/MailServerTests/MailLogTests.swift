import Foundation
import Glibc
import MailServer
import Testing

/// Which log a host has when nobody says, on a host whose files lie below a directory of the test.
@Suite struct MailLogTests {
    private static let now = 1_795_000_000

    @Test(
        arguments: [
            ("rsyslog writes mail.log", ["mail.log": 60, "syslog": 5], true, "/var/log/mail.log", true),
            (
                "a mail.log that nobody writes any more, beside a journal", ["mail.log": 3 * 86400], true, "journal",
                true
            ),
            ("the same without a journal", ["mail.log": 3 * 86400], false, "/var/log/mail.log", true),
            (
                "an old mail.log, and syslog written still", ["mail.log": 9 * 86400, "syslog": 5], true,
                "/var/log/syslog", true
            ),
            ("a journal alone", [:], true, "journal", true),
            ("nothing at all", [:], false, "/var/log/mail.log", false),
        ] as [(String, [String: Int], Bool, String, Bool)])
    func `the log that is written to`(
        name: String, ages: [String: Int], hasJournal: Bool, expected: String, exists: Bool
    ) throws {
        let found = try MailLogTests.found(ages, hasJournal: hasJournal)
        #expect(found.name == expected)
        #expect(found.exists == exists)
    }

    /// Debian's rsyslog writes a mail line to mail.log and to syslog.
    @Test(arguments: [
        ("mail.log is followed and away for its rotation", "mail.log", ["syslog": 5], "/var/log/mail.log"),
        ("syslog is followed, and mail.log has come", "syslog", ["mail.log": 5, "syslog": 5], "/var/log/mail.log"),
        ("syslog is followed and away", "syslog", ["messages": 5], "/var/log/syslog"),
        ("nobody writes to mail.log any more", "mail.log", ["mail.log": 3 * 86400], "journal"),
        ("none of them is followed", "exim4/mainlog", ["syslog": 5], "/var/log/syslog"),
    ])
    func `a log that is away for its rotation is not exchanged for another`(
        name: String, kept: String, ages: [String: Int], expected: String
    ) throws {
        #expect(try MailLogTests.found(ages, hasJournal: true, keeping: kept).name == expected)
    }

    /// What is found on a host whose logs were written to so many seconds ago.
    private static func found(
        _ ages: [String: Int], hasJournal: Bool, keeping kept: String? = nil
    ) throws -> (name: String, exists: Bool) {
        let root = NSTemporaryDirectory() + "breakwater-maillog-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: root) }
        for folder in ["/var/log", "/run/systemd/journal"] {
            try FileManager.default.createDirectory(atPath: root + folder, withIntermediateDirectories: true)
        }
        for (file, age) in ages {
            let path = root + "/var/log/" + file
            try Data("x\n".utf8).write(to: URL(fileURLWithPath: path))
            var times = [timespec(tv_sec: Self.now - age, tv_nsec: 0), timespec(tv_sec: Self.now - age, tv_nsec: 0)]
            #expect(utimensat(AT_FDCWD, path, &times, 0) == 0)
        }
        if hasJournal { try Data().write(to: URL(fileURLWithPath: root + "/run/systemd/journal/socket")) }
        return MailLog.find(
            now: Self.now, in: root, keeping: kept.map { [root + "/var/log/" + $0] } ?? [])
    }
}
