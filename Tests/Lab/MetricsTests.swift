import Foundation
import Testing

extension LabTests {
    /// The figures for Prometheus, by promtool's own judgement.
    @Suite(.besideDaemon()) struct Metrics {
        /// scripts/test has put it there.
        private let promtool = packageDirectory + "/.build/tools/promtool"

        @Test func `promtool takes the figures, they are right, and no address is among them`() throws {
            let daemon = try daemon
            defer { _ = try? daemon.cli("unban", "--all", "--yes") }
            try #require(daemon.cli("ban", "203.0.113.128/26", "--for", "1h").code == 0)
            let lines = (1...30).map { rejection(of: "198.18.60.\($0)") }
            try daemon.append(lines)
            try eventually("all are banned") { try daemon.bans().count == 31 }

            let figures = try daemon.cli("export", "prometheus")
            #expect(figures.code == 0, "\(figures)")
            let judged = try Lab.run([promtool, "check", "metrics"], input: figures.output)
            #expect(judged.code == 0 && judged.errors.isEmpty, "\(judged)")
            let rows = figures.output.split(separator: "\n")
            for row in [
                "breakwater_rejections_total{class=\"rbl\",dnsbl=\"spamhaus.org\"} 30",
                "breakwater_bans_active{family=\"ipv4\",kind=\"host\"} 30",
                "breakwater_bans_active{family=\"ipv4\",kind=\"net\"} 1", "breakwater_enforcing 1",
            ] { #expect(rows.contains(row[...]), "\(row) in \(figures.output)") }
            #expect(!figures.output.contains("198.18."))
            #expect(!figures.output.contains("203.0.113."))
        }

        @Test func `promtool takes the alerts, and they fire when they should`() throws {
            let folder = packageDirectory + "/etc/prometheus/"
            for words in [
                ["check", "rules", folder + "breakwater-rules.yml"],
                ["test", "rules", folder + "breakwater-rules-test.yml"],
            ] {
                let done = try Lab.run([promtool] + words)
                #expect(done.code == 0, "\(done)")
            }
        }

        @Test func `the dashboard and the alerts ask for figures that there are`() throws {
            let daemon = try daemon
            try daemon.append([rejection(of: "198.18.61.1")])
            try eventually("it is banned") { try !daemon.bans().isEmpty }
            var figures = ""
            try eventually("connections were counted") {
                figures = try daemon.cli("export", "prometheus").output
                return figures.contains("breakwater_slots_used ")
            }
            let dashboard = try JSON(
                parsing: String(contentsOfFile: packageDirectory + "/etc/grafana/breakwater.json", encoding: .utf8))
            let asked = dashboard["panels"].array.flatMap { $0["targets"].array }.compactMap { $0["expr"].string }
            #expect(asked.count > 10)
            let rules = asked.enumerated().map { number, expression in
                let quoted = expression.replacingOccurrences(of: "$instance", with: ".*").replacingOccurrences(
                    of: "\"", with: "\\\"")
                return "  - record: panel:n\(number)\n    expr: \"\(quoted)\"\n"
            }
            let file = daemon.directory + "/panels.yml"
            try Data(("groups:\n- name: panels\n  rules:\n" + rules.joined()).utf8).write(
                to: URL(fileURLWithPath: file))
            let judged = try Lab.run([promtool, "check", "rules", file])
            #expect(judged.output.contains("\(asked.count) rules found"), "\(judged)")

            let alerts = try String(
                contentsOfFile: packageDirectory + "/etc/prometheus/breakwater-rules.yml", encoding: .utf8)
            for name in (asked.joined(separator: " ") + alerts).matches(of: /breakwater_[a-z_]+/).map({
                String($0.output)
            }) {
                // A DNSBL that is not suspended has no sample.
                #expect(figures.contains("\n\(name)") || name == "breakwater_dnsbl_suspended", "\(name)")
            }
        }
    }
}
