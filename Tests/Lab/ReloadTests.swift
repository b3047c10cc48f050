import Foundation
import Testing

extension LabTests {
    /// The configuration changes while the daemon runs.
    @Suite struct Reloads {
        @Test
        func `SIGHUP puts a changed limit, allowlist and span in force; a broken file changes nothing and is said`()
            throws
        {
            let server = try mailServer
            try Daemon.with { daemon in
                #expect(try server.rules().contains("limit rate over 40/second burst 80 packets"))
                try daemon.ban(byLogLine: "198.51.100.7")
                #expect(try server.banned()["198.51.100.7/32"]?.timeoutSeconds == 600)

                let changed = [
                    "limit.new_per_second": "7", "limit.burst": "9", "ban.first": "\"1h\"",
                    "allow.nets": "[\"127.0.0.0/8\", \"198.51.100.0/28\"]",
                ]
                try daemon.configure(changed)
                try daemon.kill(SIGHUP)
                try eventually("the new limit is in force") {
                    try server.rules().contains("limit rate over 7/second burst 9 packets")
                }
                let rules = try server.rules()
                #expect(try server.banned().isEmpty, "allowing lifts the ban")
                #expect(try server.elements(of: "allowed4").contains { $0.net == "198.51.100.0/28" })
                try daemon.append([rejection(of: "198.51.100.7")])
                try daemon.ban(byLogLine: "198.51.100.17")
                #expect(try Set(server.banned().keys) == ["198.51.100.17/32"])
                #expect(try server.banned()["198.51.100.17/32"]?.timeoutSeconds == 3600)

                // A broken file: by the CLI with its words and code, by SIGHUP in the log.
                let right = try String(contentsOfFile: daemon.configPath, encoding: .utf8)
                try daemon.write(
                    configuration: right.replacingOccurrences(of: "\"1h\"", with: "\"1hr\"") + "\n[limit]\nburst = 1\n")
                let line =
                    try #require(
                        right.split(separator: "\n", omittingEmptySubsequences: false).firstIndex {
                            $0.hasPrefix("first")
                        }) + 1
                let refused = try daemon.cli("reload")
                #expect(refused.code == 78)
                #expect(refused.errors.contains("breakwater.toml:\(line): ban.first"), "\(refused)")
                #expect(refused.errors.contains("nothing changed"))
                try daemon.kill(SIGHUP)
                try daemon.ban(byLogLine: "198.51.100.18")
                #expect(try server.banned()["198.51.100.18/32"]?.timeoutSeconds == 3600)
                #expect(try server.rules() == rules)
                #expect(daemon.stderr.contains("1hr"))

                // No limit, no rule.
                try daemon.configure(["limit.new_per_second": "0"])
                #expect(try daemon.cli("reload").code == 0)
                #expect(try !server.rules().contains("limit rate"))
                #expect(try server.rules().contains("drop"))
            }
        }

        @Test func `a wrong or missing configuration stops the start with its place and code`() throws {
            try Daemon.with(starts: false) { daemon in
                try daemon.write(configuration: "mode = \"enforce\"\n[ban]\nfrist = \"1h\"\n")
                let wrong = try daemon.launch().wait()
                #expect(wrong.code == 78)
                #expect(wrong.output.contains("breakwater.toml:3: "))
                #expect(wrong.output.contains("did you mean") && wrong.output.contains("first"))
                unlink(daemon.configPath)
                #expect(try daemon.launch().wait().code == 66)
                #expect(try !mailServer.hasTable())
            }
        }
    }
}
