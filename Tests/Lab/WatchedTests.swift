import Foundation
import Testing

extension LabTests {
    /// What a report has of the daemon alone, and has still when the daemon is down.
    @Suite struct WatchedReports {
        private static let keys = "curve,shedding,ban_effect,slots"

        /// A rejection with the stamp of so many minutes ago.
        private func rejected(_ peer: String, minutesAgo: Int = 0) -> String {
            let stamp = ISO8601DateFormatter().string(from: Date() - Double(minutesAgo) * 60)
            return rejection(of: peer).replacingOccurrences(
                of: "2026-11-20T22:44:56.033783+00:00", with: stamp.dropLast() + ".000000+00:00")
        }

        private func report(_ daemon: Daemon, _ words: String...) throws -> JSON {
            let done = try daemon.cli(["report", "--json", "--only", Self.keys] + words)
            try #require(done.code == 0, "\(done.testDescription)")
            return try JSON(parsing: done.output)
        }

        /// Connections that say nothing, each with a process of Courier's.
        private func holding(_ count: Int, on server: MailServer) throws -> Program {
            let text = """
                import socket, time
                held = [socket.create_connection(("203.0.113.25", 25), 30, (f"198.18.7.{n + 9}", 0)) for n in range(\(count))]
                time.sleep(100)
                """
            return try Program(server.inside(.client, ["/usr/bin/python3", "-c", text]))
        }

        /// Of Courier's processes that serve somebody, what the kernel says.
        private func sharesOfMemory(_ server: MailServer) throws -> [Int] {
            try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid in
                let folder = "/proc/\(pid)"
                guard (try? String(contentsOfFile: folder + "/comm", encoding: .utf8)) == "courieresmtpd\n",
                    try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/ns/net")
                        == FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(server.pid)/ns/net"),
                    let text = try? String(contentsOfFile: folder + "/smaps_rollup", encoding: .utf8)
                else { return nil }
                let line = text.split(separator: "\n").first { $0.hasPrefix("Pss:") }
                return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
            }
        }

        @Test func `slots over time, what a slot costs, and attempts before and after bans`() throws {
            let server = try mailServer
            try Daemon.with(["sample.every": "\"1s\""]) { daemon in
                let holder = try holding(6, on: server)
                defer { holder.end() }
                try eventually("six are served") { try daemon.json("status")["slots"]["used"].int == 6 }
                // Two a minute for eleven minutes, by the log's stamps.
                try daemon.append(
                    (0..<11).flatMap { minute in
                        (0..<2).map { _ in rejected("198.18.90.1", minutesAgo: 10 - minute) }
                    })
                try daemon.append([rejected("198.18.90.2"), rejected("198.18.90.3")])
                try eventually("all are banned") { try daemon.bans().count == 3 }

                let up = try report(daemon)
                #expect(up["curve"]["points"].array.compactMap { $0["value"].int }.max() == 6, "\(up)")
                let bans = up["curve"]["marks"].array.filter { $0["kind"].string == "bans" }
                #expect(bans.reduce(0) { $0 + ($1["count"].int ?? 0) } == 3, "\(up)")
                #expect(up["curve"]["limit"].int != nil && up["curve"]["rows"].array.last?["most"].int == 6)

                let rows = up["ban_effect"]["rows"].array
                #expect(rows.map { $0["network"].string } == ["198.18.90.1", "198.18.90.2", "198.18.90.3", "total"])
                #expect(rows.first?["attempts_before"].int == 22 && rows.last?["attempts_before"].int == 24, "\(rows)")
                // The minute may have ended between the last line and the ban.
                #expect((1.8...2.0).contains(rows.first?["before"].double ?? 0), "\(rows)")
                #expect(rows.last?["attempts_after"].int == 0)

                let shares = try sharesOfMemory(server)
                try #require(shares.count >= 6, "\(shares)")
                let mean = Double(shares.reduce(0, +)) / Double(shares.count)
                let told = Double(up["shedding"]["rows"].array.first?["slot_bytes"].int ?? 0)
                #expect((0.8...1.2).contains(told / mean), "\(told) told, \(mean) seen")
                #expect(up["slots"]["notes"].array.first?.string?.hasPrefix("A slot takes ") == true)

                // A log alone has none of it.
                let logs = try report(daemon, "--log", daemon.log)
                #expect(logs["curve"].isNull && logs["ban_effect"].isNull && logs["shedding"].isNull)

                try daemon.stop()
                let down = try report(daemon)
                #expect(down["ban_effect"].text == up["ban_effect"].text)
                #expect(down["shedding"].text == up["shedding"].text)
                #expect(down["curve"]["marks"].text == up["curve"]["marks"].text)
            }
        }
    }
}
