import Foundation
import Testing

extension LabTests {
    /// `replay` of what the corpus of a host says, without the daemon.
    @Suite(.besideDaemon()) struct Replays {
        private func file(_ name: String, _ lines: [String]) throws -> String {
            let path = try daemon.directory + "/" + name
            try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: path))
            return path
        }

        private func stamped(_ second: Int, _ host: String, _ text: String) -> String {
            String(format: "2026-11-20T%02d:%02d:%02d.000000+00:00 ", second / 3600, second / 60 % 60, second % 60)
                + "\(host) \(text)"
        }

        /// Connections of some hundred sources, some of them known senders, that come again and again for five hours.
        private func day(_ host: String, seed: Int, count: Int = 3000) -> [String] {
            var state = UInt64(seed)
            func next(_ bound: UInt64) -> Int {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Int(state >> 33 % bound)
            }
            return (0..<count).flatMap { number -> [String] in
                let second = number * 18_000 / count
                let (peer, port) = ("::ffff:198.51.100.\(1 + next(200))", 1024 + next(60_000))
                let text =
                    "courieresmtpd: error,relay=\(peer),port=\(port),from=<a@b.example>,to=<c@mail.example>: 511 "
                let message = "courierd: newmsg,id=\(number): dns; x (x [\(peer)])"
                return [
                    stamped(second, host, "courieresmtpd: started,ip=[\(peer)],port=[\(port)]"),
                    stamped(second, host, next(40) == 0 ? message : text + "http://www.spamhaus.org/query/bl?ip=x"),
                ]
            }
        }

        @Test func `the same logs give the same output, byte for byte, in whatever order they are named`() throws {
            let one = day("mx1", seed: 1)
            let names = try [
                file("replay-mx1.2", Array(one[..<2500])), file("replay-mx1.1", Array(one[2500..<4001])),
                file("replay-mx1", Array(one[4001...])), file("replay-mx2", day("mx2", seed: 2)),
            ]
            for form in [["--json"], ["--set", "ban.first=1h"], ["--json", "--set", "ban.first=1h"]] {
                let first = try daemon.cli(["replay"] + form + names)
                #expect(first.code == 0 && first.errors == "", "\(first)")
                for order in [names, names.reversed(), [names[2], names[0], names[3], names[1]]] {
                    #expect(try daemon.cli(["replay"] + form + order).output == first.output)
                }
            }
        }

        @Test func `policies stand side by side, each as if it were alone`() throws {
            let log = try file("replay-side", day("mx1", seed: 3))
            let other = try file("replay-other.toml", ["[ban]", "classes = { rbl = 0.4 }"])
            let sets = ["ban.first=1h", "ban.max=2h", "ban.first=1d", "ban.max=7d"].flatMap { ["--set", $0] }
            let together = try JSON(
                parsing: daemon.cli(["replay", "--json"] + sets + ["--against", other, log]).output)
            let policies = together["policies"].array
            #expect(
                policies.map(\.["name"].string) == [
                    "as configured", "ban.first=1h ban.max=2h", "ban.first=1d ban.max=7d", "replay-other.toml",
                ])
            let alone = try [
                daemon.cli("replay", "--json", log),
                daemon.cli(["replay", "--json"] + sets.prefix(4) + [log]),
                daemon.cli(["replay", "--json"] + sets.suffix(4) + [log]),
                daemon.cli("--config", other, "replay", "--json", log),
            ].map { try JSON(parsing: $0.output) }
            let keys = [
                "bans", "sheds", "sources", "refused", "slot_seconds_before", "slot_seconds_after", "peak_after",
            ]
            for key in keys {
                #expect(policies.map(\.[key].int) == alone.map(\.[key].int), "\(key)")
                #expect(together[key].int == policies[1][key].int, "the first group's, as without more of them")
            }
            #expect(Set(policies.map(\.["bans"].int)).count == 4, "the policies differ")
            #expect(policies.allSatisfy { $0["slot_seconds_before"].int == policies[0]["slot_seconds_before"].int })
            let before = try #require(policies[1]["slot_seconds_before"].int)
            let after = try #require(policies[1]["slot_seconds_after"].int)
            #expect(after < before / 4)

            let text = try daemon.cli(["replay"] + sets.prefix(2) + [log])
            #expect(text.output.contains("as configured  ban.first=1h"))
            #expect(text.output.contains("known senders touched:"))
            #expect(text.output.contains("by all"))
            #expect(text.output.contains("A model:"))
            // A reading that differs is no policy that differs.
            #expect(try !daemon.cli("replay", "--set", "mta.kind=courier", log).output.contains("as configured"))
        }

        @Test(
            arguments: [
                (["--set", "ban.first"], 64, "expected key=value"), (["--set", "ban.first=1hr"], 64, "unknown unit"),
                (["--against", "/nonexistent.toml"], 66, "/nonexistent.toml"), (["--hold", "2d"], 64, "at most 1d"),
                ((1...9).flatMap { ["--set", "ban.first=\($0)h"] }, 64, "at most 8 policies"),
            ] as [([String], Int32, String)])
        func `what cannot be compared is refused`(words: [String], code: Int32, text: String) throws {
            let log = try file("replay-refused", day("mx1", seed: 4, count: 10))
            let done = try daemon.cli(["replay"] + words + [log])
            #expect(done.code == code && done.errors.contains(text), "\(done)")
        }

        @Test func `a terminal sees how far it is, and nothing of it in the end; a pipe never`() throws {
            let log = try file("replay-long", day("mx1", seed: 5, count: 60_000))
            let words = "\(programDirectory)/breakwater --config /dev/null replay \(log)"
            let piped = try Lab.run(["/bin/sh", "-c", words])
            #expect(piped.code == 0 && piped.errors == "", "\(piped)")
            // script(1) gives it a terminal; standard output stays apart.
            let answer = try daemon.directory + "/replay-answer"
            let shown = try Lab.run(["/usr/bin/script", "-qec", "\(words) >\(answer)", "/dev/null"])
            #expect(shown.output.contains("] ") && shown.output.contains(" %, "), "\(shown)")
            #expect(shown.output.hasSuffix("\r\u{1b}[K"))
            #expect(try String(contentsOfFile: answer, encoding: .utf8) == piped.output)
        }
    }
}
