import Foundation
import Testing

extension LabTests {
    /// What the kernel dropped of banned peers that knock, as the daemon counts it and the report tells it.
    @Suite struct Drops {
        private let nets = ["198.18.9.2", "198.18.10.0/24", "2001:db8:66:9::/64", "2001:db8:66:a::5"]
        private let peers = ["198.18.9.2", "198.18.10.3", "2001:db8:66:9::5", "2001:db8:66:a::5"]

        /// Each tries to connect for three seconds, and sends its SYN more than once as a rule; nobody is let in.
        private func knock(_ peers: [String], _ server: MailServer) throws {
            let done = try Lab.run(server.inside(.client, ["/usr/bin/python3", "-B", fixture("greeted.py")] + peers))
            let answers = try JSON(parsing: done.output)
            #expect(peers.filter { answers[$0].bool != false } == [])
        }

        private func report(_ daemon: Daemon) throws -> [String: [Int]] {
            let done = try daemon.cli("report", "--json", "--only", "drops")
            try #require(done.code == 0, "\(done.testDescription)")
            let rows = try JSON(parsing: done.output)["drops"]["rows"].array
            return Dictionary(
                uniqueKeysWithValues: rows.map { row in
                    (row["net"].string ?? "", [row["packets"].int ?? -1, row["bytes"].int ?? -1])
                })
        }

        /// As the report names them: hosts without their length.
        private func kernel(_ server: MailServer) throws -> [String: [Int]] {
            Dictionary(
                uniqueKeysWithValues: try server.banned().values.map { element in
                    let isHost = element.net.hasSuffix(element.net.contains(":") ? "/128" : "/32")
                    let name = isHost ? String(element.net.prefix { $0 != "/" }) : element.net
                    return (name, [element.packets ?? -1, element.bytes ?? -1])
                })
        }

        private func total(_ server: MailServer) throws -> [Int] {
            let dropped = try server.dropped()
            return [dropped.packets, dropped.bytes]
        }

        @Test func `packets and bytes are nft's own, once each, through kill -9, a stop, and the bans' ends`() throws {
            let server = try mailServer
            try Daemon.with(["ban.refresh": "false"]) { daemon in
                for net in nets { #expect(try daemon.cli("ban", net, "--for", "1h").code == 0) }
                func isEqual(_ what: Comment) throws {
                    var expected = try kernel(server)
                    expected["total"] = try total(server)
                    #expect(try report(daemon) == expected, what)
                }
                try knock(peers, server)
                #expect(try kernel(server).values.allSatisfy { $0[0] >= 1 && $0[1] >= 40 })
                try isEqual("as they knock")
                try isEqual("nothing twice")
                try daemon.kill9()
                try knock(peers, server)
                try daemon.start()
                try isEqual("what the kernel counted after a kill -9")
                #expect(try daemon.stop() == 0)
                try knock(Array(peers.prefix(2)), server)
                try daemon.start()
                try isEqual("what the kernel counted after a stop")
                let status = try daemon.json("status")["counters"]
                #expect([status["dropped"].int, status["dropped_bytes"].int] == (try total(server)))
                let said = try daemon.cli("status").output.replacingOccurrences(of: ",", with: "")
                let all = try total(server)
                #expect(said.contains("dropped \(all[0]) packets \(all[1]) bytes;"), "\(said)")
                let figures = try daemon.cli("export", "prometheus").output
                for (name, figure) in zip(["packets", "bytes"], try total(server)) {
                    #expect(figures.contains("\nbreakwater_dropped_\(name)_total{rule=\"banned\"} \(figure)\n"))
                }

                // Made anew by hand, lifted, ended by itself: what they had dropped stays in the day.
                try knock(peers, server)
                let last = try kernel(server)
                #expect(try daemon.cli("ban", nets[0], "--for", "12s").code == 0)
                #expect(try kernel(server)[nets[0]] == [0, 0], "its counter begins anew")
                #expect(try daemon.cli("unban", nets[1], nets[3]).code == 0)
                try knock([peers[0]], server)
                let more = try #require(try kernel(server)[nets[0]])
                try eventually("the short ban ends") { try !server.holds(nets[0]) }
                let told = try report(daemon)
                for net in nets {
                    let extra = net == nets[0] ? more : [0, 0]
                    #expect(told[net] == last[net].map { [$0[0] + extra[0], $0[1] + extra[1]] }, "\(net)")
                }
                #expect(told["total"] == (try total(server)))
                #expect(try daemon.stop() == 0)
                #expect(try report(daemon) == told, "the history needs no daemon")

                // Out and in again elsewhere: the days, and nothing of where the counters of this kernel stood.
                for form in ["tsv", "jsonl"] {
                    let file = daemon.directory + "/history." + form
                    try Data(daemon.cli("export", form, "--history").output.utf8).write(to: URL(fileURLWithPath: file))
                    try FileManager.default.removeItem(atPath: daemon.state + "/history.db")
                    let done = try daemon.cli("import", "--history", file)
                    #expect(done.code == 0 && done.output.hasPrefix("imported 1 day"), "\(done)")
                    #expect(try report(daemon) == told, "\(form)")
                    let kept = try Lab.run(
                        [
                            "/usr/bin/python3", "-c",
                            "import sqlite3,sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT DISTINCT span FROM counts'))",
                            daemon.state + "/history.db",
                        ])
                    #expect(kept.output == "(2,)\n", "\(kept.testDescription)")
                }
            }
        }

        @Test func `a network counts until a wider one takes it in, and again when that one is lifted`() throws {
            let server = try mailServer
            try Daemon.with(["ban.refresh": "false"]) { daemon in
                let (narrow, wide) = ("198.18.10.0/25", "198.18.10.0/24")
                #expect(try daemon.cli("ban", narrow, "--for", "1h").code == 0)
                try knock(["198.18.10.3"], server)
                let first = try #require(try kernel(server)[narrow])
                #expect(try daemon.cli("ban", wide, "--for", "1h").code == 0)
                #expect(try kernel(server).keys.sorted() == [wide])
                try knock(["198.18.10.3", "198.18.10.200"], server)
                let second = try #require(try kernel(server)[wide])
                for _ in 0..<2 {
                    #expect(try report(daemon) == [narrow: first, wide: second, "total": total(server)])
                }
                #expect(try daemon.cli("unban", wide).code == 0)
                try knock(["198.18.10.3"], server)
                let third = try #require(try kernel(server)[narrow])
                let sum = [first[0] + third[0], first[1] + third[1]]
                #expect(try report(daemon) == [narrow: sum, wide: second, "total": total(server)])
            }
        }

        @Test func `bans that each packet refreshes count as well`() throws {
            let server = try mailServer
            try Daemon.with { daemon in
                for net in nets { #expect(try daemon.cli("ban", net, "--for", "1h").code == 0) }
                for turn in 1...3 {
                    try knock(peers, server)
                    let told = try report(daemon)
                    #expect(told["total"] == (try total(server)), "turn \(turn)")
                    #expect(Set(told.keys) == Set(nets + ["total"]))
                }
                try daemon.kill9()
                try knock(peers, server)
                try daemon.start()
                #expect(try report(daemon)["total"] == (try total(server)))
            }
        }
    }
}
