import Foundation
import Testing

extension LabTests {
    /// What scripts read: one document with its schema from every verb, and the fixed keys.
    @Suite struct JSONAnswers {
        @Test func `every verb answers with one document that carries its schema and its fixed keys`() throws {
            let server = try mailServer
            try Daemon.with(["sample.every": "\"1s\""]) { daemon in
                #expect(try daemon.json("list")["bans"].isArray)
                #expect(try daemon.json("list")["bans"].array.isEmpty, "nothing is [], not an error")
                try daemon.ban(byLogLine: "198.51.100.7")
                try eventually("the first sample is taken") { try !daemon.json("sample")["samples"].array.isEmpty }
                let file = daemon.directory + "/list"
                try Data("198.51.100.9\n".utf8).write(to: URL(fileURLWithPath: file))
                let message = daemon.directory + "/message"
                try Data("Received: from x (x [198.51.100.10])\n\tby mx; x\n\nx\n".utf8).write(
                    to: URL(fileURLWithPath: message))
                let expected: [([String], Int32, Set<String>)] = [
                    (["status"], 0, ["mode", "backend", "slots", "bans", "counters", "latency_us", "rss_bytes"]),
                    (["top"], 0, ["slots", "bans"]), (["list"], 0, ["bans"]),
                    (["why", "198.51.100.7"], 0, ["net", "banned"]),
                    (["why", "198.51.100.200"], 1, ["net", "banned"]), (["events"], 0, ["events"]),
                    (["sample"], 0, ["samples"]),
                    (["ban", "198.51.100.8"], 0, ["net"]), (["unban", "198.51.100.8"], 0, ["nets"]),
                    (["unban", "198.51.100.8"], 1, ["nets"]), (["allow", "203.0.113.192/26"], 0, []),
                    (["allow", "--list"], 0, ["allowed"]), (["allow", "--remove", "203.0.113.192/26"], 0, []),
                    (["import", file], 0, ["imported", "skipped", "bad"]), (["flag", message], 0, ["peer"]),
                    (["export", "nft"], 0, []), (["check", daemon.configPath], 0, ["complaints"]), (["ping"], 0, []),
                    (["reload"], 0, []),
                    (["parse", daemon.log], 0, ["events"]),
                    (
                        ["replay", daemon.log], 0,
                        [
                            "lines", "unread", "seconds", "bans", "sheds", "slot_seconds_before", "slot_seconds_after",
                            "peak_before",
                            "peak_after", "also_accepted",
                        ]
                    ),
                    (["list", "--by", "net"], 0, []), (["enforce", "on", "--for", "1h"], 0, []),
                ]
                for (words, code, keys) in expected {
                    let done = try daemon.cli(words + ["--json"])
                    #expect(done.code == code, "\(done)")
                    let answer = try JSON(parsing: done.output)
                    #expect(answer["schema"].string == "breakwater.\(words[0])/1", "\(done)")
                    #expect(keys.subtracting(answer.keys).isEmpty, "\(words): \(keys.subtracting(answer.keys))")
                }
                // In the server's network, where doctor finds Courier.
                let doctor = try Lab.run(
                    server.inside(
                        .server,
                        [
                            programDirectory + "/breakwater", "doctor", "--json", "--config", daemon.configPath,
                            "--socket", daemon.socket,
                        ]))
                let findings = try JSON(parsing: doctor.output)
                #expect(findings["schema"].string == "breakwater.doctor/1")
                #expect(
                    findings["findings"].array.contains { $0["subject"].string == "mta" && $0["level"].string == "ok" },
                    "\(doctor)")

                let status = try daemon.json("status")
                #expect(Set(["used", "limit"]).isSubset(of: status["slots"].keys))
                #expect(status["slots"]["limit"].int == 300)
                #expect(
                    Set(["lines", "unread", "rejections", "bans", "sheds", "told"]).isSubset(
                        of: status["counters"].keys))
                for key in ["line_to_ban", "line_to_free"] {
                    #expect(Set(["p50", "p99"]).isSubset(of: status["latency_us"][key].keys))
                }
                #expect(status["rss_bytes"].int ?? 0 > 1_000_000)
                #expect(status["bans"].int == 3)

                let ban = try #require(try daemon.bans()["198.51.100.7/32"])
                #expect(Set(["net", "until", "left_s", "why", "hits", "shed", "by"]).isSubset(of: ban.keys))
                #expect((1...600).contains(ban["left_s"].int ?? 0))
                #expect(
                    ban["until"].string?.range(of: #"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"#, options: .regularExpression)
                        != nil)
                #expect(ban["by"].string == "local")
            }
        }

        @Test func `what streams comes as one object a line with the fixed keys`() throws {
            try Daemon.with(["sample.every": "\"1s\""]) { daemon in
                for verb in ["events", "list"] {
                    #expect(try daemon.cli(verb, "--jsonl").output == "", "\(verb): nothing is no line")
                }
                try daemon.ban(byLogLine: "198.51.100.7")
                try daemon.append([rejection(of: "2001:db8:77::5")])
                _ = try daemon.decisions { $0.filter { $0.kind == "ban" }.count == 2 }
                let events = try JSON.lines(daemon.cli("events", "--jsonl").output)
                for event in events {
                    #expect(Set(["t", "kind", "net", "why", "latency_us", "outcome", "told"]).isSubset(of: event.keys))
                    #expect(
                        ["ban", "unban", "shed", "saturation", "wave-begin", "wave-end", "note"].contains(
                            event["kind"].string))
                    #expect(["done", "already", "gone", "refused", "failed"].contains(event["outcome"].string))
                    #expect(event["t"].string?.hasSuffix("Z") == true)
                }
                #expect(events.contains { $0["kind"].string == "ban" && $0["net"].string == "2001:db8:77::/64" })
                try eventually("the first sample is taken") { try !daemon.cli("sample", "--jsonl").output.isEmpty }
                for sample in try JSON.lines(daemon.cli("sample", "--jsonl").output) {
                    #expect(Set(["t", "connections", "slots", "new"]).isSubset(of: sample.keys))
                }
                let parsed = try JSON.lines(daemon.cli("parse", daemon.log, "--jsonl").output)
                #expect(parsed.count == 2)
                let first = try #require(parsed.first)
                #expect(
                    Set(["line", "time", "host", "mta", "event", "class", "code", "peer", "port", "zone", "pid"])
                        .isSubset(of: first.keys))
                #expect(
                    first["line"].int == 1 && first["mta"].string == "courier" && first["event"].string == "rejection")
                #expect(
                    first["class"].string == "rbl" && first["code"].int == 511 && first["peer"].string == "198.51.100.7"
                )
                #expect(first["port"].int == 40000 && first["host"].string == "mx" && first["pid"].isNull)
                #expect(first["time"].string == "2026-11-20T22:44:56.033783Z")
            }
        }
    }
}
