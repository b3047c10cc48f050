import Foundation
import Testing

extension LabTests {
    /// `parse` and `replay` over logs that are packed, damaged, cut into days or of several hosts.
    @Suite(.besideDaemon()) struct OldLogs {
        private func file(_ name: String, _ lines: [String]) throws -> String {
            let path = try daemon.directory + "/" + name
            try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: path))
            return path
        }

        /// Rejections of one source each, a second apart, from `start` seconds after midnight on.
        private func rejections(_ count: Int, host: String = "mx", from start: Int, peer: Int) -> [String] {
            (0..<count).map { number in
                let clock = start + number
                let stamp = String(
                    format: "2026-11-20T%02d:%02d:%02d", clock / 3600, clock / 60 % 60, clock % 60)
                return rejection(of: "198.18.\(peer).\(number % 250)").replacingOccurrences(
                    of: "2026-11-20T22:44:56.033783+00:00 mx", with: "\(stamp).000000+00:00 \(host)")
            }
        }

        @Test(arguments: [["gzip", "-k"], ["xz", "-k"], ["zstd", "-k"]])
        func `a packed log says what the plain one says, a cut one what there is of it`(program: [String]) throws {
            // Ports that differ: a log of equal lines packs into nothing.
            let lines = (0..<20_000).map {
                rejection(of: "198.18.50.\($0 % 250)", port: $0 &* 2_654_435_761 % 60_000 + 1024)
            }
            let plain = try file("packed-\(program[0])", lines)
            try #require(try Lab.run(program + [plain]).code == 0)
            let packed = plain + ["gzip": ".gz", "xz": ".xz", "zstd": ".zst"][program[0], default: ""]
            let whole = try daemon.cli("parse", "--count", packed)
            #expect(whole.code == 0)
            #expect(whole.output == (try daemon.cli("parse", "--count", plain)).output)
            #expect(whole.output.contains("20,000"))
            #expect(try daemon.cli("parse", "--count", "-", input: lines[0] + "\n").code == 0)

            let bytes = try Data(contentsOf: URL(fileURLWithPath: packed))
            try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: packed))
            let half = try daemon.cli("parse", "--jsonl", packed)
            #expect(half.code == 66)
            #expect(half.errors.contains("its \(program[0]) data ends too early"))
            let events = half.output.split(separator: "\n").count
            // xz packs all of it into one block, of which half is of use.
            #expect(events > 1000 && events < 20_000, "\(events) of 20,000")
            let replay = try daemon.cli("replay", packed)
            #expect(replay.code == 66)
            #expect(replay.output.contains("\(events.formatted(.number.locale(Locale(identifier: "en_US")))) lines"))
        }

        @Test func `logs of several hosts, in whatever order they are named, replay as one`() throws {
            let one = rejections(2000, from: 3600, peer: 51)
            let two = rejections(2000, host: "mx2", from: 3600, peer: 52)
            let days = [rejections(500, from: 100, peer: 53), rejections(500, from: 700, peer: 54)]
            let paths = try [
                file("one", one), file("two", two), file("day.1", days[0]), file("day", days[1]),
            ]
            let sorted = try file("all", (one + two + days.joined()).sorted { $0.prefix(26) < $1.prefix(26) })
            let expected = try JSON(parsing: daemon.cli("replay", "--json", sorted).output)
            #expect(expected["sources"].int == 1000)
            for order in [paths, paths.reversed()] {
                let found = try JSON(parsing: daemon.cli(["replay", "--json"] + order).output)
                for key in ["lines", "unread", "seconds", "bans", "sheds", "sources", "late"] {
                    #expect(found[key].int == expected[key].int, "\(key)")
                }
                #expect(found["late"].int == 0)
            }
        }

        @Test func `a rejected connection holds its slot as long as its mail server has it, or --hold says`() throws {
            let start = "2026-11-20T22:44:56.000000+00:00 mx "
            let path = try file(
                "holds",
                [
                    start + "postfix/smtpd[24278]: connect from unknown[198.18.60.2]",
                    start + "postfix/smtpd[24278]: NOQUEUE: reject: RCPT from unknown[198.18.60.2]: 554 5.7.1 Service "
                        + "unavailable; Client host [198.18.60.2] blocked using zen.example; from=<a@b.example> "
                        + "to=<c@d.example> proto=ESMTP helo=<x>",
                    start + "qmail-smtpd: tcpserver: pid 77 from 198.18.60.3",
                    start + "qmail-smtpd: rblsmtpd: 198.18.60.3 pid 77: 553 listed",
                ])
            let usual = try JSON(parsing: daemon.cli("replay", "--json", path).output)
            #expect(usual["holds"].array.map { $0["mta"].string } == ["postfix", "qmail"])
            #expect(usual["holds"].array.map { $0["hold_s"].int } == [300, 60])
            #expect(usual["hold_s"].int == 300)
            #expect(usual["slot_seconds_before"].int == 360)
            let given = try JSON(parsing: daemon.cli("replay", "--json", "--hold", "10s", path).output)
            #expect(given["hold_s"].int == 10)
            #expect(given["slot_seconds_before"].int == 20)
        }

        /// U+009B begins a terminal's command as `ESC [` does, U+202E turns the rest of the line around.
        @Test func `what a terminal would obey is escaped in JSON, too`() throws {
            let path = try file("hostile", [rejections(1, host: "m\u{9b}2J\u{202e}x", from: 3600, peer: 56)[0]])
            for form in ["--json", "--jsonl"] {
                let found = try daemon.cli("parse", form, path)
                #expect(found.output.contains(#""m\u009b2J\u202ex""#), "\(found)")
                #expect(found.output.utf8.allSatisfy { $0 == 0x0a || (0x20..<0x7f).contains($0) })
            }
        }

        @Test func `what is out of order by seconds is put in its place, by more than a minute counted`() throws {
            let lines = rejections(600, from: 3600, peer: 55)
            var mixed = lines
            for start in stride(from: 0, to: 600, by: 20) { mixed[start..<(start + 20)].reverse() }
            let near = try JSON(parsing: daemon.cli("replay", "--json", try file("near", mixed)).output)
            #expect(near["late"].int == 0)
            #expect(near["seconds"].int == 599)
            let far = try JSON(
                parsing: daemon.cli("replay", "--json", try file("far", Array(lines[300...]) + lines[..<10])).output)
            #expect(far["late"].int == 10)
        }
    }
}
