import Foundation
import Testing

extension LabTests {
    /// Bans out to other programs, lists of others in, messages that slipped through.
    @Suite(.besideDaemon()) struct Transfers {
        private func file(_ name: String, _ text: String) throws -> String {
            let path = try daemon.directory + "/" + name
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            return path
        }

        @Test func `a real rbldnsd answers for the bans, IPv4 and IPv6, and for the test entries`() throws {
            let daemon = try daemon
            defer { _ = try? daemon.cli("unban", "--all", "--yes") }
            for net in ["198.51.100.7", "203.0.113.128/26", "2001:db8:77::1", "2001:db8:78::/48"] {
                try #require(daemon.cli("ban", net, "--for", "1h").code == 0)
            }
            let directory = daemon.directory + "/zone"
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try Data(daemon.cli("export", "dnsbl").output.utf8).write(to: URL(fileURLWithPath: directory + "/bans"))
            chmod(daemon.directory, 0o755)
            let server = try Program(
                [
                    labScript, "exec", "--name", daemon.server.name, "--in", "server", "--root", "--show", directory,
                    "--", "rbldnsd", "-n", "-u", "rbldns", "-r", directory, "-b", "127.0.0.1/5399",
                    "bl.mx.example:combined:bans",
                ], log: daemon.directory + "/rbldnsd.log")
            defer { server.end() }
            let asked = [
                "198.51.100.7", "198.51.100.8", "203.0.113.190", "203.0.113.1", "2001:db8:77::1", "2001:db8:77::2",
                "2001:db8:78:ffff::9", "127.0.0.2", "127.0.0.1", "::ffff:127.0.0.2",
            ]
            var answers: JSON?
            try eventually("rbldnsd answers") {
                let done = try Lab.run(
                    daemon.server.inside(
                        .server, ["/usr/bin/python3", "-B", fixture("dnsbl.py"), "5399", "bl.mx.example"] + asked))
                answers = try? JSON(parsing: done.output)
                return done.code == 0
            }
            let listed = try Set(asked.filter { try #require(answers)[$0].string != nil })
            #expect(
                listed == [
                    "198.51.100.7", "203.0.113.190", "2001:db8:77::1", "2001:db8:78:ffff::9", "127.0.0.2",
                    "::ffff:127.0.0.2",
                ])
            #expect(answers?["203.0.113.190"].string == "203.0.113.190 is banned here by breakwater")
        }

        @Test func `a published list comes in, its bad lines are counted, and one that was cut off does not`() throws {
            let daemon = try daemon
            defer { _ = try? daemon.cli("unban", "--all", "--yes") }
            let nets = (0..<10).map { "{\"cidr\":\"45.9.\($0).0/24\",\"sblid\":\"SBL\($0)\",\"rir\":\"ripencc\"}" }
            let metadata = "{\"type\":\"metadata\",\"timestamp\":1764460000,\"records\":10,\"copyright\":\"(c)\"}"
            let bad = [
                "{\"cidr\":\"0.0.0.0/0\",\"sblid\":\"SBL99\"}", "{\"cidr\":\"10.0.0.0/8\",\"sblid\":\"SBL98\"}", "{",
            ]
            let own = "{\"cidr\":\"203.0.113.25/32\",\"sblid\":\"SBL97\"}"
            var path = try file("drop.json", (nets + bad + [own, metadata]).joined(separator: "\n") + "\n")
            var done = try daemon.cli("import", "--for", "2d", path)
            #expect(done.code == 0 && done.output == "imported 10, skipped 1 (allowed), 3 bad lines\n", "\(done)")
            #expect(done.errors.contains(":12: 10.0.0.0/8 is no network of the internet's"), "\(done)")
            #expect(try daemon.bans()["45.9.3.0/24"]?["why"].string == "list:drop.json SBL3")
            #expect(try daemon.server.banned().keys.contains("45.9.9.0/24"))

            path = try file("drop.json", nets.prefix(4).joined(separator: "\n") + "\n")
            done = try daemon.cli("import", "--for", "2d", path)
            #expect(done.code == 1 && done.errors.contains("names 4 networks, and 10 of it are banned"), "\(done)")
            #expect(try daemon.cli("import", "--for", "2d", "--yes", path).code == 0)
            path = try file("drop.txt", "; Spamhaus DROP\n45.9.200.0/24 ; SBL200\r\n\n45.9.201.0/24 ; SBL201\n")
            done = try daemon.cli("import", path)
            #expect(done.output == "imported 2, skipped 0 (allowed), 0 bad lines\n", "\(done)")
            #expect(try daemon.cli("export", "plain").output.split(separator: "\n").count == 12)

            path = try file("mail.log", rejection(of: "198.51.100.7") + "\n")
            done = try daemon.cli("import", path)
            #expect(
                done.code == 64 && done.errors.contains("is a mail log, no list of networks: import --log"), "\(done)")
            path = try file("passwd", (0..<100).map { "user\($0):x:0:0\n" }.joined())
            done = try daemon.cli("import", path)
            #expect(done.code == 1 && done.output == "imported 0, skipped 0 (allowed), 100 bad lines\n", "\(done)")
            #expect(done.errors.split(separator: "\n").count == 20, "\(done)")
            try #require(daemon.cli("enforce", "off").code == 0)
            done = try daemon.cli("import", try file("drop.txt", "45.9.202.0/24\n"))
            #expect(
                done.code == 1 && done.errors.contains("drop.txt is not imported: breakwater only observes"), "\(done)")
            try #require(daemon.cli("enforce", "on").code == 0)
        }

        @Test func `flag passes the site's own relays and believes nobody below`() throws {
            let daemon = try daemon
            defer {
                for words in [["unban", "--all", "--yes"], ["allow", "--remove", "203.0.113.192/26"]] {
                    _ = try? daemon.cli(words)
                }
            }
            try #require(daemon.cli("allow", "203.0.113.192/26").code == 0)
            let below = "Received: from x (y [192.0.2.200])\n\tby z; Fri, 20 Nov 2026 21:04:00 +0100\n\nbody\n"
            let message = """
                Received: from localhost (localhost [127.0.0.1])
                \tby store.example (Postfix); Fri, 20 Nov 2026 21:05:02 +0100
                Received: from mx (mx.example [203.0.113.200])
                \tby store.example (Postfix); Fri, 20 Nov 2026 21:05:01 +0100
                Received: from [192.0.2.99] (host.example [::ffff:198.51.100.33])
                  by mx.example with ESMTP; Fri, 20 Nov 2026 21:04:59 +0100

                """ + below
            let done = try daemon.cli("flag", file("message", message))
            #expect(done.code == 0, "\(done)")
            #expect(
                done.output.hasPrefix("counted 198.51.100.33, banned 198.51.100.33")
                    && done.output.contains("(relay of Fri, 20 Nov 2026 21:04:59 +0100)"), "\(done)")
            #expect(try Set(daemon.bans().keys) == ["198.51.100.33/32"])

            let unclear = "Received: from [192.0.2.9] (helo=x (unknown [192.0.2.10])\n\tby mx.example; now\n" + below
            let refused = try daemon.cli("flag", file("unclear", unclear))
            #expect(refused.code == 64 && refused.errors.contains("several addresses"), "\(refused)")
            let local = try daemon.cli("flag", file("local", "Received: by mx.example; now\n\nbody\n"))
            #expect(local.code == 64 && local.errors.contains("only the site's own hosts"), "\(local)")
        }
    }
}
