import Foundation
import Testing

extension LabTests {
    /// What the command line does not do, with the code and the words it says so by.
    @Suite(.besideDaemon(["allow.nets": "[\"127.0.0.0/8\", \"::1/128\", \"192.0.2.64/26\"]"]))
    struct Refusals {
        struct Row: CustomTestStringConvertible, Sendable {
            let name: String
            let words: [String]
            let code: Int32
            let text: String
            var testDescription: String { name }

            init(_ name: String, _ words: [String], _ code: Int32, _ text: String) {
                self.name = name
                self.words = words
                self.code = code
                self.text = text
            }
        }

        static let never = [
            Row("loopback", ["ban", "127.0.0.1"], 1, "loopback"),
            Row("loopback, though --yes", ["ban", "127.0.0.0/8", "--yes"], 1, "loopback"),
            Row("loopback of IPv6", ["ban", "::1"], 1, "loopback"),
            Row("loopback, written as mapped", ["ban", "::ffff:127.0.0.1"], 1, "loopback"),
            Row("own address", ["ban", "203.0.113.25"], 1, "own address"),
            Row("own address of IPv6", ["ban", "2001:db8:25::25"], 1, "own address"),
            Row("allowed address", ["ban", "192.0.2.65"], 1, "192.0.2.64/26 is allowed"),
            Row("allowed network", ["ban", "192.0.2.64/26"], 1, "192.0.2.64/26 is allowed"),
            Row("part of an allowed network", ["ban", "192.0.2.96/27"], 1, "192.0.2.64/26 is allowed"),
            Row("allowed, by the habit", ["banip", "192.0.2.65"], 1, "192.0.2.64/26 is allowed"),
            Row("allowed, by the other habit", ["set", "sshd", "banip", "192.0.2.65"], 1, "192.0.2.64/26 is allowed"),
        ]
        static let noAddress = [
            Row("a word", ["ban", "foo"], 64, "\"foo\" is not an address"),
            Row("a host name", ["ban", "mx.mail.example"], 64, "is not an address"),
            Row("nothing at all", ["ban", ""], 64, "is not an address"),
            Row("no argument", ["ban"], 64, "net"),
            Row("an octet too large", ["ban", "192.0.2.256"], 64, "is not an address"),
            Row("three octets", ["ban", "192.0.2"], 64, "is not an address"),
            Row("octal", ["ban", "192.0.2.07"], 64, "is not an address"),
            Row("with a port", ["ban", "192.0.2.7:25"], 64, "is not an address"),
            Row("two addresses in one", ["ban", "192.0.2.7 192.0.2.8"], 64, "is not an address"),
            Row("IPv6 cut short", ["ban", "2001:db8:"], 64, "is not an address"),
            Row("control characters", ["ban", "192.0.2.7\u{1b}[31m"], 64, "is not an address"),
            Row("a length too long", ["ban", "192.0.2.0/33"], 64, "0 to 32"),
            Row("a length too long for IPv6", ["ban", "2001:db8::/129"], 64, "0 to 128"),
            Row("no length", ["ban", "192.0.2.0/"], 64, "0 to 32"),
            Row("unban of none", ["unban", "foo"], 64, "is not an address"),
            Row("unban by the habit", ["set", "sshd", "unbanip", "foo"], 64, "is not an address"),
            Row("why of none", ["why", "foo"], 64, "is not an address"),
            Row("allow of none", ["allow", "foo"], 64, "is not an address"),
            Row("host bits", ["ban", "192.0.2.7/24"], 64, "192.0.2.7/24: did you mean 192.0.2.0/24?"),
            Row("host bits of IPv6", ["ban", "2001:db8::7/48"], 64, "did you mean 2001:db8::/48?"),
            Row("host bits to allow", ["allow", "192.0.2.7/24"], 64, "did you mean 192.0.2.0/24?"),
            Row("host bits to unban", ["unban", "192.0.2.7/24"], 64, "did you mean 192.0.2.0/24?"),
        ]
        static let unasked = [
            Row("wider than /16", ["ban", "10.0.0.0/15"], 64, "--yes"),
            Row("wider than /32 of IPv6", ["ban", "2001:db8::/31"], 64, "--yes"),
            Row("everything", ["ban", "0.0.0.0/0"], 64, "--yes"),
            Row("wide by the habit", ["banip", "10.0.0.0/8"], 64, "--yes"),
            Row("unban --all", ["unban", "--all"], 64, "--yes"),
        ]
        static let usage = [
            Row("bann", ["bann", "192.0.2.7"], 64, "did you mean \"ban\"?"),
            Row("lst", ["lst"], 64, "did you mean \"list\"?"),
            Row("stauts", ["stauts"], 64, "did you mean \"status\"?"),
            Row("ubnan", ["ubnan", "192.0.2.7"], 64, "did you mean \"unban\"?"),
            Row("enforc", ["enforc", "on"], 64, "did you mean \"enforce\"?"),
            Row("no verb near it", ["frobnicate"], 64, "unknown verb \"frobnicate\""),
            Row("an unknown option", ["list", "--frob"], 64, "--frob"),
            Row("two networks to ban", ["ban", "192.0.2.7", "192.0.2.8"], 64, "192.0.2.8"),
            Row("a span without a right unit", ["ban", "192.0.2.7", "--for", "1hr"], 64, "\"1hr\" is no duration"),
            Row("a span of nothing", ["ban", "192.0.2.7", "--for", "0s"], 64, "\"0s\" is no duration"),
            Row("a span before now", ["ban", "192.0.2.7", "--for=-1h"], 64, "\"-1h\" is no duration"),
            Row("a bare number", ["ban", "192.0.2.7", "--for", "10"], 64, "\"10\" is no duration"),
            Row("neither on nor off", ["enforce", "maybe"], 64, "on or off"),
            Row("unban of nothing", ["unban"], 64, "--all"),
            Row("unban of both", ["unban", "--all", "192.0.2.7"], 64, "--all"),
            Row("allow of nothing", ["allow"], 64, "--list"),
            Row("an endless document", ["events", "--follow", "--json"], 64, "--jsonl"),
        ]
        static let no = [
            Row("not banned", ["unban", "192.0.2.7"], 1, "192.0.2.7 was not banned"),
            Row("not banned, by the habit", ["unbanip", "192.0.2.7"], 1, "192.0.2.7 was not banned"),
            Row("why of who is not banned", ["why", "192.0.2.7"], 1, "not banned"),
            Row("not allowed by hand", ["allow", "--remove", "192.0.2.64/26"], 1, "192.0.2.64/26 is not among"),
        ]
        static let unreadable = [
            Row("parse", ["parse", "/nonexistent"], 66, "/nonexistent: "),
            Row("parse of a directory", ["parse", "/etc"], 66, "/etc: "),
            Row("replay", ["replay", "/nonexistent"], 66, "/nonexistent: "),
            Row("check", ["check", "/nonexistent"], 66, "/nonexistent: "),
            Row("import", ["import", "/nonexistent"], 66, "/nonexistent: "),
            Row("flag", ["flag", "/nonexistent"], 66, "/nonexistent: "),
            Row("another configuration", ["--config", "/nonexistent", "check"], 66, "/nonexistent: "),
        ]
        static let noDaemon =
            ["status", "list", "top", "ping", "reload", "events"].map {
                Row($0, ["--socket", "/nonexistent", $0], 69, "no daemon at /nonexistent")
            } + [
                Row(
                    "a verb that changes", ["--socket", "/nonexistent", "ban", "192.0.2.7"], 69,
                    "no daemon at /nonexistent")
            ]

        @Test(arguments: never + noAddress + unasked + usage + no + unreadable + noDaemon)
        func `refused, with the right code and words, and nothing done`(_ row: Row) throws {
            let daemon = try daemon
            let done = try daemon.cli(row.words)
            #expect(done.code == row.code)
            // An answer that is a no stands on stdout; what could not be done, on stderr.
            #expect((row.code == 1 ? done.output + done.errors : done.errors).contains(row.text), "\(done)")
            // Nobody's terminal is repainted by what was typed.
            #expect(!done.errors.contains("\u{1b}"))
            #expect(try daemon.server.banned().isEmpty)
            #expect(try daemon.bans().isEmpty)
            // A row that fails says so by itself.
            if done.code == 0 { try daemon.cli("unban", "--all", "--yes") }
        }

        @Test(
            .enabled(
                if: !FileManager.default.fileExists(atPath: "/etc/breakwater/breakwater.toml"),
                "breakwater is installed"))
        func `a configuration that is missing is not said to be right`() throws {
            let done = try Lab.run([programDirectory + "/breakwater", "check"])
            #expect(done.code == 0 && done.output.contains("is missing: the defaults hold"), "\(done)")
        }

        @Test func `a wrong configuration is named with file, line and the nearest right word`() throws {
            let daemon = try daemon
            let wrong = daemon.directory + "/wrong.toml"
            try Data("mode = \"observe\"\n\n[ban]\nfirst = \"1hr\"\nwindw = \"10m\"\n".utf8).write(
                to: URL(fileURLWithPath: wrong))
            for words in [
                ["check", wrong], ["--config", wrong, "check"], ["--config", wrong, "parse", daemon.log],
                ["--config", wrong, "replay", daemon.log],
            ] {
                let done = try daemon.cli(words)
                #expect(done.code == 78)
                #expect(
                    done.errors.contains(
                        "wrong.toml:4: ban.first = \"1hr\": unknown unit \"hr\"; did you mean \"1h\"?"), "\(done)")
                #expect(done.errors.contains("wrong.toml:5: ") && done.errors.contains("window"), "\(done)")
            }
        }

        @Test func `on a terminal it asks first, and takes no for an answer`() throws {
            let daemon = try daemon
            defer { _ = try? daemon.cli("unban", "--all", "--yes") }
            func typed(_ answer: String, _ words: String...) throws -> Finished {
                try Lab.run(
                    ["/usr/bin/python3", "-B", fixture("on_terminal.py"), answer, programDirectory + "/breakwater"]
                        + words,
                    environment: ["BREAKWATER_SOCKET": daemon.socket])
            }
            let no = try typed("n", "ban", "10.0.0.0/8")
            #expect(no.code == 1)
            #expect(no.output.contains("10.0.0.0/8 is a wide network"))
            #expect(try daemon.server.banned().isEmpty)
            #expect(try typed("", "ban", "10.0.0.0/8").code == 1)
            #expect(try typed("y", "ban", "10.0.0.0/8").code == 0)
            #expect(try Set(daemon.server.banned().keys) == ["10.0.0.0/8"])
            #expect(try typed("n", "unban", "--all").code == 1)
            #expect(try Set(daemon.server.banned().keys) == ["10.0.0.0/8"])
            #expect(try typed("y", "unban", "--all").code == 0)
            #expect(try daemon.server.banned().isEmpty)
        }

        @Test func `only root changes anything; the group of the socket may look; others may not`() throws {
            let daemon = try daemon
            try #require(daemon.cli("ban", "198.51.100.7").code == 0)
            defer { _ = try? daemon.cli("unban", "198.51.100.7") }
            let file = daemon.directory + "/list"
            try Data("198.51.100.9\n".utf8).write(to: URL(fileURLWithPath: file))
            let message = daemon.directory + "/message"
            try Data(
                "Received: from x (x [198.51.100.9])\n  by mx.mail.example; Fri, 20 Nov 2026 21:04:00 +0000\n\nx\n".utf8
            )
            .write(to: URL(fileURLWithPath: message))
            let looking = [
                ["ping"], ["status"], ["list"], ["top"], ["events"], ["sample"], ["export", "nft"],
                ["allow", "--list"],
                ["why", "198.51.100.7"],
            ]
            let changing = [
                ["ban", "198.51.100.8"], ["ban", "-n", "198.51.100.8"], ["unban", "198.51.100.7"],
                ["unban", "--all", "--yes"],
                ["allow", "198.51.100.7"], ["allow", "--remove", "198.51.100.7"], ["enforce", "off"], ["reload"],
                ["import", file], ["flag", message],
            ]
            let member = group("daemon")
            for words in looking { #expect(try daemon.cli(words, under: unprivileged(member)).code == 0, "\(words)") }
            for words in changing {
                let done = try daemon.cli(words, under: unprivileged(member))
                #expect(done.code == 77, "\(done)")
                #expect(done.errors.contains("only root"), "\(done)")
            }
            for words in looking + changing {
                let done = try daemon.cli(words, under: unprivileged(65534))
                #expect(done.code == 77, "\(done)")
                #expect(done.errors.contains("not permitted") && done.errors.contains("sudo"), "\(done)")
            }
            #expect(try Set(daemon.bans().keys) == ["198.51.100.7/32"])
            #expect(try daemon.json("status")["mode"].string == "enforcing")
            for words in changing.prefix(1) + changing.suffix(2) {
                #expect(try daemon.cli(words).code == 0, "root: \(words)")
            }
            try daemon.cli("unban", "--all", "--yes")
        }

        /// Runs a command as nobody, with this group. It may read every file, as the programs and Swift's libraries may lie
        /// in a home directory; it may not write, which is what connecting to a socket needs.
        private func unprivileged(_ group: gid_t) -> [String] {
            [
                "setpriv", "--reuid=65534", "--regid=\(group)", "--clear-groups", "--inh-caps=-all,+dac_read_search",
                "--ambient-caps=+dac_read_search", "--",
            ]
        }

        private func group(_ name: String) -> gid_t { getgrnam(name).pointee.gr_gid }
    }
}
