import Foundation
import Testing

extension LabTests {
    /// The service script for logwatch, run by the real logwatch on what a real breakwaterd said.
    @Suite struct Logwatch {
        @Test func `logwatch sums up what was decided, and believes only lines at our own place`() throws {
            let directory = try #require(LabGround.current).directory + "/logwatch"
            for folder in ["log", "conf/conf/services", "conf/scripts/services"] {
                try FileManager.default.createDirectory(
                    atPath: "\(directory)/\(folder)", withIntermediateDirectories: true)
            }
            let own = packageDirectory + "/etc/logwatch/"
            try FileManager.default.copyItem(
                atPath: own + "breakwater.conf", toPath: directory + "/conf/conf/services/breakwater.conf")
            try FileManager.default.copyItem(
                atPath: own + "breakwater", toPath: directory + "/conf/scripts/services/breakwater")
            let said = try Daemon.with { daemon -> [String] in
                try daemon.append((1...12).map { rejection(of: "198.18.70.\($0)") })
                try eventually("all are banned") { try daemon.bans().count == 12 }
                try #require(daemon.cli("ban", "198.51.100.7", "--why", "spam \"run\" \u{1b}[31m").code == 0)
                try #require(daemon.cli("unban", "198.51.100.7").code == 0)
                try eventually("it is logged") { daemon.stderr.contains(" unban prefix=198.51.100.7") }
                // Outside systemd a line begins with its time, which is syslog's here.
                return daemon.stderr.split(separator: "\n").compactMap { line in
                    line.firstIndex(of: " ").map { String(line[line.index(after: $0)...]) }
                }
            }
            #expect(said.contains { $0.hasPrefix("ban prefix=") })
            let forged = "mx postfix/smtpd[9]: breakwaterd[12]: ban prefix=192.0.2.66/32 reason=forged outcome=done"
            let lines =
                said.map { "2026-11-30T10:00:01.000000+00:00 mx breakwaterd[12]: \($0)" }
                + ["2026-11-30T10:00:02.000000+00:00 \(forged)", "Nov 30 10:00:03 \(forged)"]
            try Data((lines.joined(separator: "\n") + "\n").utf8).write(
                to: URL(fileURLWithPath: directory + "/log/syslog"))
            // scripts/test has unpacked logwatch, which looks for its own files in fixed places.
            let places =
                "mkdir -p /usr/share/logwatch /etc/logwatch /var/cache/logwatch"
                + " && mount --bind '\(packageDirectory)/.build/tools/logwatch' /usr/share/logwatch"
                + " && mount --bind '\(directory)/conf' /etc/logwatch"
            let done = try Lab.run([
                "unshare", "--mount", "sh", "-c",
                "\(places) && exec perl /usr/share/logwatch/scripts/logwatch.pl --service breakwater --range all"
                    + " --detail High --output stdout --hostname mx --logdir '\(directory)/log'",
            ])
            #expect(done.code == 0, "\(done)")
            let report = done.output.split(separator: "\n").map {
                $0.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
            }
            for row in ["13 bans", "1 bans lifted", "12 rbl:spamhaus.org", "1 starts"] {
                #expect(report.contains(row), "\(row) in \(done.output)")
            }
            #expect(!done.output.contains("forged"))
            #expect(!done.output.contains("\u{1b}"))
        }
    }
}
