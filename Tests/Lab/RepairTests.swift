import Testing

extension LabTests {
    /// Others change the firewall behind the daemon's back.
    @Suite struct Repairs {
        /// A table as an administrator may have it, with rules on the same hook.
        private static let ownTable = """
            table inet mine {
                set friends {
                    type ipv4_addr
                    elements = { 192.0.2.50, 192.0.2.51 }
                }
                chain input {
                    type filter hook prerouting priority raw; policy accept;
                    tcp dport 2222 ip saddr != @friends drop
                }
            }
            """

        @Test
        func
            `what others take out of the firewall is back within a few seconds and counted, other tables stay as they are`()
            throws
        {
            let server = try mailServer
            try Daemon.with { daemon in
                try daemon.ban(byLogLine: "198.51.100.7")
                for net in ["198.51.100.8", "198.51.100.9", "198.51.100.64/26", "2001:db8:77::1", "2001:db8:78::/48"] {
                    #expect(try daemon.cli("ban", net, "--for", "1h").code == 0)
                }
                try daemon.cli("allow", "192.0.2.200")
                let wanted = try server.banned()
                let rules = try server.rules()
                #expect(wanted.count == 6)
                #expect(rules.contains("drop"))

                func isWhole() throws -> Bool {
                    try Set(server.banned().keys) == Set(wanted.keys) && server.rules() == rules
                        && server.elements(of: "allowed4").contains { $0.net == "192.0.2.200/32" }
                }
                /// Does damage, waits until it is mended; how many repairs were counted.
                func repairs(after words: String...) throws -> Int {
                    let before = try daemon.counter("repaired")
                    let done = try Lab.run(["nsenter", "--target", "\(server.pid)", "--net", "--", "nft"] + words)
                    try #require(done.code == 0, "\(done.testDescription)")
                    try eventually("nft \(words.joined(separator: " ")) is mended", within: 10) {
                        try isWhole() && daemon.counter("repaired") > before
                    }
                    return try daemon.counter("repaired") - before
                }

                #expect(try repairs(after: "flush", "ruleset") >= wanted.count)
                try server.nft("-f", "-", input: Repairs.ownTable)
                let own = try server.nft("list", "table", "inet", "mine").output
                #expect(own.contains("192.0.2.51"))
                #expect(try repairs(after: "delete", "table", "inet", "breakwater") >= wanted.count)
                #expect(
                    try repairs(after: "delete", "element", "inet", "breakwater", "banned4", "{ 198.51.100.8 }") == 1)
                #expect(
                    try repairs(
                        after: "delete", "element", "inet", "breakwater", "banned_nets4", "{ 198.51.100.64/26 }") == 1)
                #expect(try repairs(after: "flush", "set", "inet", "breakwater", "banned4") == 3)
                #expect(try repairs(after: "flush", "table", "inet", "breakwater") > 0, "all rules")
                #expect(
                    try repairs(after: "delete", "element", "inet", "breakwater", "allowed4", "{ 192.0.2.200 }") > 0)
                #expect(try server.nft("list", "table", "inet", "mine").output == own)
                #expect(try daemon.counter("failed") == 0)

                // Back with the time they had left, not with a new span.
                for (net, element) in try server.banned() {
                    let before = try #require(wanted[net]?.expiresSeconds)
                    #expect((element.expiresSeconds ?? .max) <= before, "\(net)")
                }
            }
        }
    }
}
