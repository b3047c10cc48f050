import Addresses
import Events
import Glibc
import Netfilter
import Testing

extension NetfilterTests {
    /// What others do to our table, and what becomes of it.
    @Suite(.serialized) struct Repair {
        let plan = FirewallPlan(
            ports: [2525], newPerSecond: 40, burst: 80, perSource: 5,
            allowed: [prefix("127.0.0.0/8"), prefix("198.51.100.0/25"), prefix("198.51.100.128/25"), prefix("::1/128")])
        let bans: [FirewallChange] = [
            .ban(prefix("192.0.2.7"), timeout: .hours(1)), .ban(prefix("192.0.2.128/25"), timeout: .hours(1)),
            .ban(prefix("2001:db8::7"), timeout: .hours(1)), .ban(prefix("2001:db8:1::/64"), timeout: .forever),
            .remember(prefix("192.0.2.9"), timeout: .days(30)),
        ]

        @Test func `nothing to do when nobody touched anything`() throws {
            let firewall = try freshTable(plan)
            let monitor = try TableMonitor(passingOver: firewall.portID)
            _ = firewall.apply(bans, at: start)
            monitor.receive()
            #expect(!monitor.isDisturbed, "our own changes are passed over")
            #expect(try firewall.repair() == Repairs())
            let checked = try firewall.reconcile(bans, at: start)
            #expect(checked.restored.isEmpty && checked.found.count == bans.count)
        }

        @Test(arguments: [
            ("flush ruleset", 1, 5), ("delete table inet breakwater", 1, 5),
            ("flush set inet breakwater banned4", 0, 1), ("flush set inet breakwater banned_nets6", 0, 1),
            ("delete element inet breakwater banned4 '{ 192.0.2.7 }'", 0, 1),
            ("delete element inet breakwater banned_nets4 '{ 192.0.2.128/25 }'", 0, 1),
            ("delete element inet breakwater allowed4 '{ 127.0.0.0/8 }'", 1, 0),
            ("flush set inet breakwater allowed6", 1, 0), ("flush chain inet breakwater newcomers", 1, 0),
            ("flush chain inet breakwater arrivals", 1, 0), ("flush table inet breakwater", 1, 0),
            ("insert rule inet breakwater newcomers accept", 1, 0),
            ("'add table inet breakwater { flags dormant; }'", 1, 0),
        ])
        func `is noticed and put back`(command: String, minimum: Int, elements: Int) throws {
            let firewall = try freshTable(plan)
            _ = firewall.apply(bans, at: start)
            let before = try nftList().filtered
            let monitor = try TableMonitor(passingOver: firewall.portID)
            try shell("nft \(command)")
            monitor.receive()
            #expect(monitor.isDisturbed)
            let repairs = try firewall.repair()
            #expect(repairs.total >= minimum && (minimum > 0 || repairs.total == 0), "\(repairs)")
            let checked = try firewall.reconcile(bans, at: start)
            #expect(checked.restored.count == elements)
            #expect(checked.restored.allSatisfy { $0.outcome == .done }, "\(checked.restored.map(\.brief))")
            #expect(try nftList().filtered == before)
            #expect(try firewall.repair() == Repairs(), "once is enough")
        }

        @Test func `a ban after somebody deleted the table makes it anew`() throws {
            let firewall = try freshTable(plan)
            try shell("nft flush ruleset")
            let results = firewall.apply(bans, at: start)
            #expect(results.allSatisfy { $0.outcome == .done }, "\(results.map(\.brief))")
            #expect(try firewall.repair() == Repairs())
        }

        @Test func `a chain at the wrong hook is put in its place`() throws {
            try shell("nft flush ruleset")
            try shell(
                "nft 'add table inet breakwater; add chain inet breakwater arrivals { type filter hook input priority 0; }'"
            )
            let firewall = try NFTables()
            let adoption = try firewall.start(plan, at: start)
            #expect(adoption.made.chains == 2)
            #expect(try nftList().contains("type filter hook prerouting priority mangle; policy accept;"))
        }

        @Test func `bans by hand are adopted, and what is no block is left alone and named`() throws {
            _ = try freshTable(plan)
            try shell(
                """
                nft add element inet breakwater banned4 '{ 192.0.2.44 timeout 1h }'
                nft add element inet breakwater banned_nets4 '{ 203.0.113.0/24 timeout 2h, 10.0.0.3-10.0.0.9, 240.0.0.0/4 }'
                """)
            let firewall = try NFTables()
            let adoption = try firewall.start(plan, at: start)
            #expect(
                Set(adoption.elements.map { "\($0.prefix) \($0.timeout?.span ?? "forever")" })
                    == ["192.0.2.44/32 1h", "203.0.113.0/24 2h", "240.0.0.0/4 forever"])
            #expect(adoption.foreignRanges == ["banned_nets4 10.0.0.3-10.0.0.9"])
            let results = firewall.apply(
                [.ban(prefix("10.0.0.0/24"), timeout: .hours(1)), .ban(prefix("10.0.1.0/24"), timeout: .hours(1))],
                at: start)
            #expect(results.map(\.outcome) == [.failed, .done])
            #expect(results[0].error?.kind == .overlap, "\(results.map(\.brief))")
            #expect(firewall.apply([.unban(prefix("240.0.0.0/4"))], at: start).map(\.outcome) == [.done])
        }

        @Test func `elements of a set in another shape move over with the time they have left`() throws {
            try shell("nft flush ruleset")
            try shell(
                """
                nft 'add table inet breakwater; add set inet breakwater banned4 { type ipv4_addr; flags timeout; size 1000; };
                 add set inet breakwater banned_nets4 { type ipv4_addr; flags interval; };
                 add element inet breakwater banned4 { 192.0.2.7 timeout 1h };
                 add element inet breakwater banned_nets4 { 203.0.113.0/24 };'
                """)
            let firewall = try NFTables()
            let adoption = try firewall.start(plan, at: start)
            #expect(adoption.warnings == [])
            #expect(Set(adoption.elements.map(\.prefix)) == [prefix("192.0.2.7"), prefix("203.0.113.0/24")])
            let left = try #require(adoption.elements.first { $0.prefix.isHost }?.expires)
            #expect(left > .seconds(3500) && left <= .seconds(3600))
            #expect(try nftList("set inet breakwater banned4").contains("size 262144"))
        }

        @Test func `a restart keeps elements, counters and other people's tables`() throws {
            let firewall = try freshTable(plan)
            try shell(
                "nft 'add table ip admin; add chain ip admin input { type filter hook input priority 0; }; add rule ip admin input counter'"
            )
            _ = firewall.apply(bans, at: start)
            let before = try nftList("ruleset").filtered
            let next = try NFTables()
            let adoption = try next.start(plan, at: start)
            #expect(adoption.made == Repairs())
            #expect(adoption.elements.count == bans.count)
            #expect(try nftList("ruleset").filtered == before)
            try next.remove()
            #expect(try nftList("ruleset").contains("table ip admin"))
            #expect(try !nftList("ruleset").contains("breakwater"))
            try next.remove()
        }

        @Test func `a full set says so, keeps what is in it, and takes the rest of the batch`() throws {
            var small = plan
            small.hostLimit = 10
            let firewall = try freshTable(small)
            let hosts = Measures.hosts(15)
            let results = firewall.apply(hosts.map { .ban($0, timeout: .hours(1)) } + [bans[1], bans[2]], at: start)
            #expect(results.count { $0.outcome == .done } == 12)
            #expect(results[10...14].allSatisfy { $0.outcome == .failed && $0.error?.kind == .setFull })
            #expect(results[14].error?.description.contains("the set is full") ?? false)
            let again = firewall.apply(hosts.reversed().map { .ban($0, timeout: .hours(2)) }, at: start)
            #expect(again.count { $0.outcome == .done } == 10, "what stands in it is given its new end")
            #expect(try firewall.elements(for: hosts, in: .banned).allSatisfy { $0.timeout == .hours(2) })
        }

        @Test func `unban tells what it took out, and what was not there`() throws {
            let firewall = try freshTable(plan)
            _ = firewall.apply(bans, at: start)
            let results = firewall.apply(
                [
                    .unban(prefix("192.0.2.7")), .unban(prefix("192.0.2.8")), .unban(prefix("192.0.2.128/25")),
                    .unban(prefix("2001:db8:5::/64")), .forget(prefix("192.0.2.9")), .forget(prefix("192.0.2.10")),
                ], at: start)
            #expect(results.map(\.outcome) == [.done, .already, .done, .already, .done, .already])
            #expect(results[0].removed?.timeout == .hours(1))
            #expect(try nftList("set inet breakwater banned4").contains("192.0.2.7") == false)
        }

        @Test func `networks inside one another: the outer stands, the inner follows when it ends`() throws {
            let firewall = try freshTable(plan)
            let outer = prefix("203.0.113.0/24")
            let inner = prefix("203.0.113.64/26")
            func stands(_ prefix: Prefix) throws -> Bool { try !firewall.elements(for: [prefix], in: .banned).isEmpty }
            func ban(_ prefix: Prefix, _ timeout: Duration, at now: Instant = start) {
                let results = firewall.apply([.ban(prefix, timeout: timeout)], at: now)
                #expect(results.allSatisfy { $0.outcome == .done }, "\(results.map(\.brief))")
            }
            ban(inner, .hours(2))
            ban(outer, .hours(1))
            #expect(try stands(outer) && !stands(inner))
            #expect(firewall.nextDue == start + .hours(1))
            #expect(try firewall.reconcile([.ban(inner, timeout: .hours(2))], at: start).restored.isEmpty)
            // As if an hour had passed: the kernel drops the outer one by itself.
            try shell("nft delete element inet breakwater banned_nets4 '{ 203.0.113.0/24 }'")
            #expect(firewall.advance(to: start + .hours(1)).map(\.change.prefix) == [inner])
            #expect(try stands(inner) && !stands(outer))
            ban(outer, .hours(1), at: start + .hours(1))
            let lifted = firewall.apply([.unban(outer)], at: start + .hours(1))
            #expect(lifted.map(\.outcome) == [.done])
            #expect(try stands(inner) && !stands(outer))
            #expect(firewall.nextDue == nil)
        }

        @Test func `changes of one prefix in one batch: the last counts`() throws {
            let firewall = try freshTable(plan)
            let host = prefix("192.0.2.7")
            let results = firewall.apply(
                [
                    .ban(host, timeout: .hours(1)), .unban(host), .ban(host, timeout: .hours(2)),
                    .remember(host, timeout: .hours(3)),
                ],
                at: start)
            #expect(results.map(\.outcome) == [.done, .done, .done, .done])
            #expect(try firewall.elements(for: [host], in: .banned).first?.timeout == .hours(2))
            #expect(try firewall.elements(for: [host], in: .known).first?.timeout == .hours(3))
        }
    }
}

extension String {
    /// Without what time and traffic change.
    fileprivate var filtered: String {
        replacing(#/ ?(timeout|expires) [0-9a-z]+/#, with: "").replacing(#/(packets|bytes) \d+/#, with: "")
    }
}
