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

        /// Of the invented data of LocationDataTests; the last address is in neither file.
        private static let peers = ["202.196.224.9", "89.160.20.112", "89.160.20.113", "198.18.91.1"]

        @Test func `where a wave came from, by whoever was banned in it`() throws {
            let folder = packageDirectory + "/Tests/LocationDataTests/Fixtures/"
            let paths = ["GeoLite2-Country-Test.mmdb", "GeoLite2-ASN-Test.mmdb"].map { "\"\(folder)\($0)\"" }
            let changes = ["sample.every": "\"1s\"", "origins.databases": "[\(paths.joined(separator: ", "))]"]
            try Daemon.with(changes) { daemon in
                let holder = try holding(40, on: mailServer)
                defer { holder.end() }
                try eventually("a wave is on") { try daemon.json("status")["wave"]["on"].bool == true }
                try daemon.append(Self.peers.map { rejected($0) })
                try eventually("all are banned") { try daemon.bans().count == Self.peers.count }
                try expectOrigins(daemon)
                let up = try daemon.cli("report", "--wave", "last").output
                #expect(up.contains("\n  countries     Sweden 2, Philippines 1, unlocated 1\n"), "\(up)")
                #expect(up.contains("\n  owners        AS29518 Bredband2 AB 2, unlocated 2\n"), "\(up)")
                #expect(up.contains("GeoLite2"), "\(up)")
                #expect(up.split(separator: "\n").contains { $0.hasPrefix("  bans") && $0.hasSuffix("  4") }, "\(up)")

                let page = daemon.directory + "/wave.html"
                #expect(try daemon.cli("report", "--wave", "1", "--html", page).output == page + "\n")
                let html = try String(contentsOfFile: page, encoding: .utf8)
                #expect(html.contains("Sweden <small>SE</small>") && html.contains("AS29518 Bredband2 AB"))
                #expect(try daemon.cli("report", "--wave", "list", "--html", page).code == 64)

                try daemon.stop()
                try expectOrigins(daemon)
                #expect(try daemon.cli("report", "--wave", "list").output.contains("\n   1  "))
                #expect(try daemon.cli("report", "--wave", "2").code == 1)
            }
        }

        private func expectOrigins(_ daemon: Daemon) throws {
            let wave = try JSON(parsing: daemon.cli("report", "--wave", "last", "--json").output)["wave"]
            #expect(
                wave["countries"].array.map { "\($0["country"].string ?? "-") \($0["sources"].int ?? 0)" } == [
                    "SE 2", "PH 1", "- 1",
                ])
            #expect(wave["systems"].array.map { $0["asn"].int } == [29518, nil], "\(wave["systems"].text)")
            #expect(wave["credits"].array.count == 2 && wave["bans"].int == Self.peers.count)
        }
    }
}
