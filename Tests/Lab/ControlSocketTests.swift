import Testing

extension LabTests {
    /// Clients of the control socket that mean no good. Whatever they do, the daemon reads its log and bans.
    @Suite(.besideDaemon()) struct ControlSockets {
        enum Kind: String, CaseIterable, CustomTestStringConvertible {
            case hostileBytes = "hostile_bytes"
            case endlessLine = "endless_line"
            case idleClients = "idle_clients"
            case listUnread = "list_unread"
            case followUnread = "follow_unread"
            var testDescription: String { rawValue }
        }

        @Test(arguments: Kind.allCases)
        func `the daemon goes on banning and answering`(_ kind: Kind) throws {
            let daemon = try daemon
            let server = daemon.server
            let number = 1 + (Kind.allCases.firstIndex(of: kind) ?? 0)
            // A long list and many decisions, so that answers do not fit into a socket's buffer.
            if try daemon.json("status")["bans"].int == 0 {
                try daemon.append((0..<5000).map { rejection(of: "10.0.\($0 / 250).\($0 % 250)") })
            }
            try eventually("the crowd is banned") { try daemon.json("status")["bans"].int ?? 0 >= 5000 }
            let memory = try #require(try daemon.json("status")["rss_bytes"].int)
            let pid = try daemon.pid()

            let clients = try Program([
                "/usr/bin/python3", "-B", fixture("hostile_clients.py"), daemon.socket, kind.rawValue,
            ])
            try eventually("the clients are there: \(clients.outputSoFar)") { clients.outputSoFar.contains("there") }
            // Some of these make it say much; some hold all places that there are.
            try daemon.append((0..<500).map { rejection(of: "10.200.\(number).\($0 % 250)", port: 1000 + $0) })
            try daemon.ban(byLogLine: "198.51.100.\(number)")
            let answer = try daemon.cli("status", "--json")
            #expect(answer.code == 0, "root gets an answer meanwhile")
            #expect(try daemon.cli("ban", "198.51.100.10\(number)").code == 0)
            #expect(!clients.hasEnded)
            try #require(
                JSON(parsing: answer.output)["rss_bytes"].int.map { $0 - memory < 32 << 20 } == true,
                "its memory is bounded")
            clients.end()

            #expect(try daemon.cli("ping").code == 0)
            #expect(try daemon.pid() == pid)
            #expect(try server.holds("198.51.100.10\(number)/32"))
            #expect(try !server.holds("192.0.2.1/32"), "no request of theirs was half understood")
        }
    }
}
