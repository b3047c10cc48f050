import Foundation
import Testing

extension LabTests {
    /// What hands type, and what it does.
    @Suite(.besideDaemon()) struct Habits {
        private func expect(_ words: [String], bans: [String], code: Int32 = 0) throws -> Finished {
            let daemon = try daemon
            let done = try daemon.cli(words)
            #expect(done.code == code, "\(done)")
            #expect(try Set(daemon.bans().keys) == Set(bans), "\(words)")
            #expect(try Set(daemon.server.banned().keys) == Set(bans), "\(words)")
            return done
        }

        @Test func `the words of fail2ban, and add and remove, do what they did`() throws {
            let (a, b) = ("198.51.100.7/32", "198.51.100.8/32")
            var done = try expect(["banip", "198.51.100.7"], bans: [a])
            #expect(
                done.output.contains("banned 198.51.100.7 for 10m")
                    && done.output.contains("undo: breakwater unban 198.51.100.7"))
            done = try expect(["set", "sshd", "banip", "198.51.100.8"], bans: [a, b])
            #expect(done.errors.components(separatedBy: "sshd").count == 2, "said once: \(done)")
            #expect(!["0", "1"].contains(done.output.trimmingCharacters(in: .whitespacesAndNewlines)))
            done = try expect(["banned"], bans: [a, b])
            #expect(done.output.contains("198.51.100.7") && done.output.contains("198.51.100.8"))
            done = try expect(["set", "any jail", "unbanip", "198.51.100.8"], bans: [a])
            #expect(done.output.contains("unbanned 198.51.100.8"))
            done = try expect(["unbanip", "198.51.100.7"], bans: [])
            #expect(done.output.contains("unbanned 198.51.100.7 (had"))
            done = try expect(["ignoreip"], bans: [])
            #expect(done.output == (try daemon.cli("allow", "--list").output))
            _ = try expect(["add", "198.51.100.7"], bans: [a])
            _ = try expect(["remove", "198.51.100.7"], bans: [])
        }

        @Test func `no verb means status, quiet means no words, and options may come first`() throws {
            let daemon = try daemon
            #expect(try daemon.cli().output.hasPrefix("enforcing"))
            let quiet = try daemon.cli("status", "-q")
            #expect(quiet.code == 0 && quiet.output == "" && quiet.errors == "")
            #expect(
                try Lab.run([programDirectory + "/breakwater", "--socket", daemon.socket, "ping"]).output == "pong\n")
            #expect(
                try Lab.run([programDirectory + "/breakwater", "--socket=\(daemon.socket)", "ping"]).output == "pong\n")
            #expect(try !daemon.cli("list").output.contains("\u{1b}"), "no colour where there is no terminal")
        }

        @Test func `ban, list, why, allow: a network with its hosts, spans, reasons and undo`() throws {
            let daemon = try daemon
            defer {
                for words in [["unban", "--all", "--yes"], ["allow", "--remove", "198.51.100.0/25"]] {
                    _ = try? daemon.cli(words)
                }
            }
            #expect(try daemon.cli("ban", "198.51.100.0/24", "--for", "1h", "--why", "spam run").code == 0)
            #expect(try daemon.cli("ban", "198.51.100.7", "--for", "forever").code == 0)
            #expect(
                try daemon.cli("why", "198.51.100.7").output.contains("ban 198.51.100.7 forever"),
                "what was done just now")
            let list = try daemon.cli("list").output
            #expect(list.contains("198.51.100.0/24") && list.contains("by hand: spam run"))
            // A host inside a banned network is banned by it, and unban says where.
            let inside = try daemon.cli("why", "198.51.100.9")
            #expect(inside.code == 0 && inside.output.contains("BANNED by 198.51.100.0/24"))
            let unban = try daemon.cli("unban", "198.51.100.9")
            #expect(unban.code == 1 && unban.output.contains("inside 198.51.100.0/24"))
            let some = try daemon.cli("unban", "198.51.100.7", "198.51.100.9")
            #expect(some.code == 1 && some.output.contains("unbanned 198.51.100.7 (had no end)"))
            #expect(try daemon.cli("ban", "198.51.100.99").code == 0)
            let allow = try daemon.cli("allow", "198.51.100.0/25")
            #expect(allow.code == 0 && allow.output.contains("lifted 1 ban"), "\(allow)")
            #expect(try Set(daemon.bans().keys) == ["198.51.100.0/24"])
            #expect(try daemon.cli("ban", "198.51.100.99").code == 1)
            #expect(try daemon.cli("allow", "--remove", "198.51.100.0/25").code == 0)
            #expect(try daemon.cli("ban", "198.51.100.99").code == 0)
        }

        @Test func `dry runs say what would be and change nothing`() throws {
            let daemon = try daemon
            let server = daemon.server
            defer {
                for words in [["unban", "--all", "--yes"], ["allow", "--remove", "203.0.113.192/26"]] {
                    _ = try? daemon.cli(words)
                }
            }
            try #require(daemon.cli("ban", "198.51.100.7", "--for", "forever").code == 0)
            try #require(daemon.cli("allow", "203.0.113.192/26").code == 0)
            let file = daemon.directory + "/list"
            try Data("198.51.100.9\t1h\tbecause\n".utf8).write(to: URL(fileURLWithPath: file))
            let message = daemon.directory + "/message"
            try Data("Received: from x (x [198.51.100.10])\n\tby mx; x\n\nx\n".utf8).write(
                to: URL(fileURLWithPath: message))
            func everything() throws -> [String] {
                [
                    try server.ruleset(), try daemon.cli("list").output, try daemon.cli("allow", "--list").output,
                    try daemon.json("status")["mode"].string ?? "",
                ]
            }
            let before = try everything()
            for (words, says) in [
                (["ban", "198.51.100.8"], "would ban 198.51.100.8"), (["ban", "10.0.0.0/8"], "would ban 10.0.0.0/8"),
                (["unban", "198.51.100.7"], "would unban 198.51.100.7"), (["unban", "--all"], "would lift 1"),
                (["allow", "198.51.100.0/24"], "would allow 198.51.100.0/24; would lift 1 ban"),
                (["allow", "--remove", "203.0.113.192/26"], "would no longer allow"),
                (["enforce", "off"], "would be observing"),
                (["import", file], "would import 1"), (["flag", message], "would count 198.51.100.10"),
            ] {
                for flag in ["-n", "--dry-run"] {
                    let done = try daemon.cli(words + [flag])
                    #expect(done.code == 0, "\(done)")
                    #expect(done.output.contains(says), "\(done)")
                }
            }
            #expect(try everything() == before)
        }

        @Test(arguments: ["tsv", "jsonl"])
        func `what export writes import reads`(_ form: String) throws {
            let daemon = try daemon
            defer { _ = try? daemon.cli("unban", "--all", "--yes") }
            let nets = ["198.51.100.7/32": "1h", "203.0.113.128/26": "7d", "2001:db8:77::/48": "forever"]
            for (net, span) in nets {
                try #require(daemon.cli("ban", net, "--for", span, "--why", "a \"reason\"").code == 0)
            }
            let before = try daemon.bans()
            let file = daemon.directory + "/bans"
            try Data(try daemon.cli("export", form).output.utf8).write(to: URL(fileURLWithPath: file))
            #expect(try daemon.cli("unban", "--all", "--yes").code == 0)
            let done = try daemon.cli("import", file)
            #expect(done.code == 0, "\(done)")
            #expect(done.output.contains("imported 3, skipped 0"), "\(done)")
            let after = try daemon.bans()
            #expect(Set(after.keys) == Set(nets.keys))
            for (net, ban) in after {
                #expect(ban["why"].string == before[net]?["why"].string)
                #expect(ban["by"].string == "imported")
                #expect(abs((ban["left_s"].int ?? 0) - (before[net]?["left_s"].int ?? 0)) <= 5)
            }
        }

        @Test func `the nft form of export is what nft takes`() throws {
            let daemon = try daemon
            defer { _ = try? daemon.cli("unban", "--all", "--yes") }
            for net in ["198.51.100.7", "203.0.113.128/26", "2001:db8:77::1", "2001:db8:78::/48"] {
                try #require(daemon.cli("ban", net, "--for", "1h").code == 0)
            }
            let script = try daemon.cli("export", "nft").output
            #expect(try daemon.cli("unban", "--all", "--yes").code == 0)
            #expect(try daemon.server.banned().isEmpty)
            let done = try daemon.server.nft("-f", "-", input: script)
            #expect(done.code == 0, "\(done)")
            #expect(
                try Set(daemon.server.banned().keys) == [
                    "198.51.100.7/32", "203.0.113.128/26", "2001:db8:77::1/128", "2001:db8:78::/48",
                ])
            try daemon.server.nft("flush", "table", "inet", "breakwater")
        }
    }
}
