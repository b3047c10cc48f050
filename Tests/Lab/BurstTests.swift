import Testing

extension LabTests {
    @Suite struct Bursts {
        @Test func `10,000 rejections of 10,000 sources in one write are 10,000 bans`() throws {
            let server = try mailServer
            try Daemon.with { daemon in
                let peers = (0..<10_000).map { "10.\($0 / 2500).\($0 / 250 % 10).\($0 % 250)" }
                try #require(Set(peers).count == 10_000)
                try daemon.append(peers.map { rejection(of: $0) })
                try eventually("the daemon has 10,000 bans", within: 60) {
                    try daemon.json("status")["bans"].int == 10_000
                }
                let wanted = Set(peers.map { $0 + "/32" })
                #expect(try Set(server.elements(of: "banned4").map(\.net)) == wanted)
                #expect(try Set(daemon.bans().keys) == wanted)
                #expect(try daemon.counter("bans") == 10_000)
                #expect(try daemon.counter("failed") == 0)
            }
        }
    }
}
