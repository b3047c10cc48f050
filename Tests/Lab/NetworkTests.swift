import Testing

extension LabTests {
    /// The daemon bans a network by its sources' lines, and lets go of it.
    @Suite struct Networks {
        private let net = "198.51.100.0/24"
        private var hosts: [String] { (1...4).map { "198.51.100.\($0)" } }

        @Test func `four sources of a network become one element, through a restart, until a good sender shows up`()
            throws
        {
            let server = try mailServer
            try Daemon.with(["ban.networks": "true"]) { daemon in
                try daemon.append(hosts.map { rejection(of: $0) })
                try eventually("the network stands for its hosts") {
                    try server.elements(of: "banned_nets4").map(\.net) == [net]
                        && server.elements(of: "banned4").isEmpty
                }
                let bans = try daemon.bans()
                #expect(Set(bans.keys) == Set(hosts.map { $0 + "/32" } + [net]))
                #expect(bans[net]?["why"].string == "4 neighbours")
                let ban = try #require(
                    try daemon.decisions(when: { $0.contains { $0.net == net } }).first { $0.net == net })
                #expect(ban.kind == "ban" && ban.outcome == "done")

                let why = try daemon.cli("why", "198.51.100.77")
                #expect(why.code == 0)
                #expect(why.output.contains("BANNED by 198.51.100.0/24"), "\(why.output)")
                #expect(why.output.contains("4 neighbours"), "\(why.output)")
                #expect(why.output.contains("198.51.100.1 198.51.100.2 198.51.100.3 198.51.100.4"), "\(why.output)")
                let groups = try daemon.json("list", "--by", "net")["groups"].array
                #expect(groups.count == 1)
                #expect(groups.first?["net"].string == net && groups.first?["bans"].int == 5)
                #expect(groups.first?["why"].string == "4 neighbours")

                // Neither what the store knows nor what is looked through each minute puts the hosts back.
                try daemon.stop()
                try daemon.start()
                #expect(try server.elements(of: "banned4").isEmpty)
                #expect(try daemon.bans().count == 5)

                try daemon.append([acceptance(of: "198.51.100.77")])
                try eventually("the hosts are back, the network is gone") {
                    try server.elements(of: "banned_nets4").isEmpty
                        && Set(server.elements(of: "banned4").map(\.net)) == Set(hosts.map { $0 + "/32" })
                }
                try daemon.append([rejection(of: "198.51.100.5")])
                try eventually("a fifth is banned by itself") { try server.holds("198.51.100.5/32") }
                #expect(try server.elements(of: "banned_nets4").isEmpty)
            }
        }

        @Test func `observing, it is noted and nothing else`() throws {
            let server = try mailServer
            try Daemon.with(["mode": "\"observe\"", "ban.networks": "true"]) { daemon in
                try daemon.append(hosts.map { rejection(of: $0) })
                _ = try daemon.decisions { $0.contains { $0.net == net && $0.kind == "ban" && $0.isObserved } }
                #expect(try server.ruleset() == "")
                #expect(try daemon.cli("enforce", "on").code == 0)
                #expect(try server.elements(of: "banned_nets4").map(\.net) == [net])
                #expect(try server.elements(of: "banned4").isEmpty)
            }
        }
    }
}

/// Courier's line for a message that was accepted.
private func acceptance(of peer: String) -> String {
    "2026-11-20T22:45:56.033783+00:00 mx courierd: newmsg,id=000000000005A2B8.00000000691F9C25.00001AB7: "
        + "dns; client.example (client.example [::ffff:\(peer)])"
}
