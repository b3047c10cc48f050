import Addresses
import Events
import Glibc
import Netfilter
import Testing

extension NetfilterTests {
    @Suite(.serialized) struct Sets {
        @Test func `nft shows the table as the interface names it`() throws {
            _ = try freshTable(
                FirewallPlan(
                    ports: [25, 587], newPerSecond: 40, burst: 80, perSource: 5,
                    allowed: [prefix("127.0.0.0/8"), prefix("::1/128")]))
            let text = try nftList().split(separator: "\n").map { $0.drop { $0 == "\t" } }
            for line in expectedLines { #expect(text.contains { $0 == line }, "\(line)") }
            let rules = text.drop { $0 != "chain newcomers {" }.dropFirst().filter { $0 != "}" }
            #expect(rules.count == 11)
            let verdicts = rules.map { $0.contains(" drop ") ? "drop" : "accept" }
            #expect(
                verdicts == [
                    "accept", "accept", "drop", "drop", "drop", "drop", "accept", "accept", "drop", "drop", "drop",
                ])
        }

        @Test func `without limits there are no rules for them, and without ports none at all`() throws {
            let firewall = try freshTable(FirewallPlan(ports: [25]))
            let rules = try nftList("chain inet breakwater newcomers")
            #expect(!rules.contains("limit rate") && !rules.contains("ct count"))
            try firewall.change(to: FirewallPlan(ports: []))
            #expect(try !nftList("chain inet breakwater arrivals").contains("jump"))
        }

        @Test func `rules are taken out by their owner and by nobody else`() throws {
            let mine = "2049:77 /var/lib/breakwater"
            #expect(try NFTables().owner() == nil || NFTables().owner() != mine)
            let firewall = try freshTable(FirewallPlan(ports: [25], newPerSecond: 40, burst: 80, owner: mine))
            #expect(try firewall.owner() == mine)
            #expect(try nftList().contains("comment \"owner \(mine)\""))
            #expect(try firewall.repair() == Repairs())
            let rules = try nftList()
            for other in ["", "2049:78 /var/lib/breakwater", "2049:77"] {
                #expect(try NFTables().takeOutRules(of: other) == .left(owner: mine))
            }
            #expect(try nftList() == rules)
            let later = try NFTables()
            #expect(try later.takeOutRules(of: mine) == .done)
            #expect(try !nftList("chain inet breakwater arrivals").contains("jump"))
            #expect(try later.owner() == mine, "the sets are his still")
            #expect(try later.takeOutRules(of: mine) == .none)
            _ = try freshTable()
            #expect(try NFTables().takeOutRules(of: mine) == .left(owner: ""))
            try shell("nft flush ruleset")
            #expect(try NFTables().takeOutRules(of: mine) == .none)
            #expect(try NFTables().owner() == nil)
        }

        @Test(arguments: [
            "192.0.2.7", "2001:db8::7", "192.0.2.0/24", "2001:db8:1::/64", "255.0.0.0/8", "0.0.0.0/1", "ffff::/16",
        ])
        func `a ban's end is what was asked last, for new, present and just ended elements`(text: String) throws {
            let firewall = try freshTable()
            let prefix = prefix(text)
            func expires() throws -> Duration? {
                let elements = try firewall.elements(for: [prefix], in: .banned)
                #expect(elements.count == 1)
                return elements.first?.expires
            }
            func ban(_ timeout: Duration) {
                let results = firewall.apply([.ban(prefix, timeout: timeout)], at: start)
                #expect(results.map(\.outcome) == [.done], "\(results.map(\.brief))")
            }
            ban(.seconds(60))
            var left = try #require(try expires())
            #expect(left > .seconds(55) && left <= .seconds(60), "new")
            ban(.seconds(600))
            left = try #require(try expires())
            #expect(left > .seconds(590) && left <= .seconds(600), "longer")
            ban(.seconds(5))
            left = try #require(try expires())
            #expect(left > .seconds(1) && left <= .seconds(5), "shorter")
            ban(.forever)
            #expect(try expires() == nil, "without end")
            ban(.milliseconds(1))
            usleep(150_000)
            #expect(try firewall.elements(for: [prefix], in: .banned).isEmpty, "ended")
            ban(.seconds(60))
            left = try #require(try expires())
            #expect(left > .seconds(55) && left <= .seconds(60), "again after its end")
        }

        @Test(arguments: ["192.0.2.7", "2001:db8::7", "192.0.2.0/24", "2001:db8:1::/64"])
        func `a new ban goes in, and one that was there all the same stays in`(text: String) throws {
            let firewall = try freshTable()
            let prefix = prefix(text)
            for timeout in [Duration.seconds(60), .seconds(600)] {
                let results = firewall.apply([.newBan(prefix, timeout: timeout)], at: start)
                #expect(results.map(\.outcome) == [.done], "\(results.map(\.brief))")
                let element = try #require(try firewall.elements(for: [prefix], in: .banned).first)
                #expect((element.expires ?? .zero) > .seconds(50), "\(element)")
            }
            #expect(firewall.apply([.unban(prefix)], at: start).map(\.outcome) == [.done])
            #expect(try firewall.elements(for: [prefix], in: .banned).isEmpty)
        }
    }
}

/// The table in nft's words.
private let expectedLines = [
    "table inet breakwater {", "set banned4 {", "set banned6 {", "set banned_nets4 {", "set banned_nets6 {",
    "set allowed4 {", "set allowed6 {", "set known4 {", "set known6 {", "flags timeout", "flags interval,timeout",
    "flags interval", "elements = { 127.0.0.0/8 }", "elements = { ::1 }",
    "type filter hook prerouting priority mangle; policy accept;",
    "tcp dport { 25, 587 } tcp flags syn / fin,syn,rst,ack jump newcomers comment \"what would open a connection to a protected port\"",
    "ip saddr @allowed4 accept comment \"allowed: past everything\"",
    "ip6 saddr @banned_nets6 counter name \"dropped_banned\" drop comment \"banned\"",
    "ip saddr @known4 accept comment \"known sender: past the limits\"",
    "add @open6 { ip6 saddr & ffff:ffff:ffff:ffff:: ct count over 5 } counter name \"dropped_per_source\" drop comment \"limit.per_source\"",
    "limit rate over 40/second burst 80 packets counter name \"dropped_new_per_second\" drop comment \"limit.new_per_second\"",
]
