import Foundation
import Testing

extension LabTests {
    /// DNSBLs that are well and DNSBLs that are not, served by a real rbldnsd, asked whether they are alive.
    @Suite struct ListHealth {
        /// Zone, rbldnsd's type, and what is in it.
        private static let zones = [
            ("healthy.example", "ip4trie", "127.0.0.2 :127.0.0.2:Listed, see https://healthy.example/$\n"),
            ("healthy.example", "ip6trie", "::ffff:7f00:2\n"),
            ("unused.example", "ip4trie", "127.0.0.2 :127.0.0.2:Listed\n"),
            ("world.example", "ip4trie", "0.0.0.0/0 :127.0.0.2:This list has \u{1b}[31mended\n"),
            ("parked.example", "ip4trie", "0.0.0.0/0 :203.0.113.80:x\n"),
            ("refusing.example", "ip4trie", "0.0.0.0/0 :127.255.255.254:Error: open resolver\n"),
            ("bare.example", "ip4trie", "198.18.0.0/16 :127.0.0.2:Listed\n"),
            ("names.example", "dnset", "test :127.0.1.2:Listed\n"),
        ]

        private func states(_ report: JSON) -> [String: String] {
            Dictionary(
                report["dnsbl_test"]["rows"].array.map { ($0["zone"].string ?? "", $0["state"].string ?? "") }
            ) { $1 }
        }

        @Test func `each is told for what it is, from the log, the server's settings and by name`() throws {
            try Daemon.with(starts: false) { daemon in
                // Four weeks of a log, with a hit of one list.
                let now = Date()
                let days = [28.0, 0].map { now.addingTimeInterval(-86400 * $0) }
                let stamps = days.map { ISO8601DateFormatter().string(from: $0) }
                try daemon.append([
                    "\(stamps[0]) mx postfix/smtpd[1]: connect from unknown[198.18.0.9]",
                    "\(stamps[1]) mx postfix/smtpd[1]: NOQUEUE: reject: RCPT from unknown[198.18.0.9]: 554 5.7.1 Service "
                        + "unavailable; Client host [198.18.0.9] blocked using healthy.example; x; from=<a@b.example> "
                        + "to=<c@mx.example> proto=ESMTP helo=<d>",
                ])
                let directory = daemon.directory + "/zones"
                try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
                var words = ["rbldnsd", "-n", "-u", "rbldns", "-r", directory, "-b", "127.0.0.1/5398"]
                for (number, (zone, type, text)) in Self.zones.enumerated() {
                    try Data("$TTL 300\n\(text)".utf8).write(to: URL(fileURLWithPath: "\(directory)/\(number)"))
                    words.append("\(zone):\(type):\(number)")
                }
                chmod(daemon.directory, 0o755)
                let server = try Program(
                    [
                        labScript, "exec", "--name", daemon.server.name, "--in", "server", "--root", "--show",
                        directory,
                        "--",
                    ] + words, log: daemon.directory + "/rbldnsd.log")
                defer { server.end() }

                let named = ["unused", "world", "parked", "refusing", "bare", "names", "unserved"]
                    .flatMap { ["--list", $0 + ".example"] }
                func ask(_ resolver: String, _ more: [String]) throws -> Finished {
                    try Lab.run(
                        daemon.server.inside(
                            .server,
                            [
                                programDirectory + "/breakwater", "--config", daemon.configPath, "report", "--log",
                                daemon.log, "--only", "dnsbl", "--ask-lists", "--resolver", resolver,
                            ] + named + more))
                }
                var done = try ask("127.0.0.1:5398", ["--json"])
                try eventually("rbldnsd answers") {
                    done = try ask("127.0.0.1:5398", ["--json"])
                    return done.output.contains("not listed")
                }
                #expect(done.code == 1, "\(done)")
                let report = try JSON(parsing: done.output)
                #expect(
                    states(report) == [
                        "healthy.example": "healthy", "unused.example": "useless", "world.example": "lists the world",
                        "parked.example": "lists the world", "refusing.example": "refused to us",
                        "bare.example": "silent", "names.example": "useless", "unserved.example": "silent",
                        // Of the settings of the Courier that listens; rbldnsd has no such zones here.
                        "zen.bl.example": "silent",
                    ], "\(done)")
                let rows = report["dnsbl_test"]["rows"].array
                let healthy = try #require(rows.first { $0["zone"].string == "healthy.example" })
                #expect(healthy["hits"].int == 1 && healthy["from"].string == "log", "\(healthy)")
                #expect(healthy["ipv6"].string == "127.0.0.2" && healthy["opposite"].string == "not listed")
                #expect(rows.first { $0["zone"].string == "zen.bl.example" }?["from"].string == "courier")
                #expect(report["dnsbl"]["rows"].array.count == 1)

                done = try ask("127.0.0.1:5398", [])
                #expect(done.output.contains("\\x1b[31mended"), "\(done)")
                #expect(!done.output.contains("\u{1b}") && done.code == 1, "\(done)")
                #expect(
                    try ask("127.0.0.1:5398", ["--html", "-"]).output.contains("DNSBLs asked whether they are alive"))

                // The lab's own resolver, a real unbound, knows none of them; and its own lists have no test entries.
                done = try ask("127.0.0.1", ["--json"])
                #expect(try Set(states(JSON(parsing: done.output)).values) == ["silent"], "\(done)")
                #expect(done.code == 0, "\(done)")

                // Nobody answers: stopped, its packets wait for ever. That ends in time.
                let pid = try rbldnsd(below: server.pid)
                kill(pid, SIGSTOP)
                let begin = Date()
                done = try ask("127.0.0.1:5398", ["--json"])
                kill(pid, SIGCONT)
                #expect(Date().timeIntervalSince(begin) < 8, "\(done)")
                #expect(done.code == 1 && done.errors.contains("no name server answered"), "\(done)")
                #expect(try Set(states(JSON(parsing: done.output)).values) == ["silent"], "\(done)")
                #expect(done.output.contains("does not answer: no answer in 5s"), "\(done)")

                // Asked for with nothing to ask by, or what is no zone.
                done = try daemon.cli("report", "--log", daemon.log, "--list", "zen.example")
                #expect(done.code == 64 && done.errors.contains("want --ask-lists"), "\(done)")
                done = try daemon.cli("report", "--log", daemon.log, "--ask-lists", "--list", "no zone")
                #expect(done.code == 64 && done.errors.contains("expected a domain name"), "\(done)")
            }
        }

        /// The process itself, below what brought it into the namespace.
        private func rbldnsd(below parent: pid_t) throws -> pid_t {
            var pid = parent
            while try String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8) != "rbldnsd\n" {
                let children = try String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
                pid = try #require(
                    children.split(separator: " ").first.flatMap { pid_t($0) }, "no rbldnsd below \(pid)")
            }
            return pid
        }
    }
}
