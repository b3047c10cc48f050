import Addresses
import Configuration
import Events
import Policy
import Testing

/// Networks banned by evidence.
@Suite struct NetworkTests {
    private func bench(
        allowed: [String] = [], own: [String] = [], _ change: (inout Settings.Ban) -> Void = { _ in }
    ) -> Bench {
        Bench(
            { settings in
                settings.networks = true
                change(&settings)
            }, allowed: allowed, own: own)
    }

    private func networks(_ bench: Bench) -> [String] {
        bench.policy.ledger.bans.filter { bench.policy.isByEvidence($0) }.map(\.prefix.description).sorted()
    }

    @Test func `the fourth bad source of a network bans it, and it covers the hosts`() throws {
        let bench = bench()
        for host in 1...3 { bench.reject("198.51.100.\(host)") }
        #expect(networks(bench) == [])
        let orders = bench.reject("198.51.100.4")
        #expect(
            orders.map(\.short) == [
                "ban 198.51.100.4/32 10m", "ban 198.51.100.0/24 10m", "cover 198.51.100.1/32 by 198.51.100.0/24",
                "cover 198.51.100.2/32 by 198.51.100.0/24", "cover 198.51.100.3/32 by 198.51.100.0/24",
                "cover 198.51.100.4/32 by 198.51.100.0/24", "shed 198.51.100.4:4711",
            ])
        #expect(bench.policy.ledger.count == 5)
        let ban = try #require(bench.policy.ledger[Prefix(parsing: "198.51.100.0/24")])
        #expect(ban.why == "4 neighbours")
        // The fifth is banned already; its slot is freed all the same.
        #expect(bench.reject("198.51.100.5").map(\.short) == ["shed 198.51.100.5:4711"])
    }

    @Test func `the same source again is no other source`() {
        let bench = bench { $0.first = .seconds(1) }
        for _ in 0..<20 {
            bench.reject("198.51.100.1")
            bench.wait(.minutes(1))
            _ = bench.policy.advance(to: bench.now)
        }
        #expect(networks(bench) == [])
    }

    @Test(arguments: [(58, ["198.51.100.0/24"]), (70, [])] as [(Int64, [String])])
    func `sources count for an hour`(minutes: Int64, expected: [String]) {
        let bench = bench { $0.first = .days(1) }
        bench.reject("198.51.100.1")
        bench.wait(.minutes(minutes))
        for host in 2...4 { bench.reject("198.51.100.\(host)") }
        #expect(networks(bench) == expected)
    }

    @Test func `an IPv6 network is a /48 with four /64`() {
        let bench = bench()
        for host in 1...8 { bench.reject("2001:db8:1:1::\(host)") }
        #expect(networks(bench) == [])
        for block in 2...4 { bench.reject("2001:db8:1:\(block)::1") }
        #expect(networks(bench) == ["2001:db8:1::/48"])
        #expect(bench.policy.takeOrders().isEmpty)
    }

    // MARK: - Who is never in it

    @Test func `a network with a known sender is not banned, its hosts are`() {
        let bench = bench()
        bench.accept("198.51.100.200")
        for host in 1...50 { bench.reject("198.51.100.\(host)") }
        #expect(networks(bench) == [])
        #expect(bench.policy.ledger.count == 50)
    }

    @Test func `a good sender that shows up lifts the network, and the hosts go back`() throws {
        let bench = bench()
        for host in 1...4 { bench.reject("198.51.100.\(host)") }
        let orders = bench.accept("198.51.100.200")
        #expect(
            Set(orders.map(\.short)) == [
                "remember 198.51.100.200/32", "unban 198.51.100.0/24", "ban 198.51.100.1/32 10m",
                "ban 198.51.100.2/32 10m", "ban 198.51.100.3/32 10m", "ban 198.51.100.4/32 10m",
            ])
        #expect(bench.policy.ledger.count == 4)
        bench.reject("198.51.100.5")
        #expect(networks(bench) == [])
    }

    @Test func `lifted in the same round, nothing is ordered but what holds`() {
        let bench = bench()
        for host in 1...3 { bench.reject("198.51.100.\(host)") }
        var event = Event(.rejection, class: .rbl, code: 511, peer: IPAddress("198.51.100.4"), zone: "zen.example")
        bench.policy.judge(event, at: bench.now)
        event = Event(.acceptance, peer: IPAddress("198.51.100.200"))
        bench.policy.judge(event, at: bench.now)
        let orders = bench.policy.takeOrders().map(\.short)
        #expect(!orders.contains { $0.hasPrefix("cover") || $0 == "ban 198.51.100.0/24 10m" })
        #expect(orders.last?.hasPrefix("ban 198.51.100.") == true)
    }

    @Test(arguments: ["198.51.100.77/32", "198.51.100.64/28", "198.51.0.0/16"])
    func `one that holds or is in an allowed network is not banned`(allowed: String) {
        let bench = bench(allowed: [allowed])
        for host in 1...20 { bench.reject("198.51.100.\(host)") }
        #expect(networks(bench) == [])
    }

    @Test func `nor the host's own, nor one allowed by hand`() throws {
        let bench = bench(own: ["198.51.100.250"])
        _ = bench.policy.allow(try Prefix(parsing: "203.0.113.250"), until: .distantFuture)
        for host in 1...20 {
            bench.reject("198.51.100.\(host)")
            bench.reject("203.0.113.\(host)")
        }
        #expect(networks(bench) == [])
    }

    @Test func `an address allowed inside lifts it`() throws {
        let bench = bench()
        for host in 1...4 { bench.reject("198.51.100.\(host)") }
        let lifted = bench.policy.allow(try Prefix(parsing: "198.51.100.77"), until: .distantFuture)
        #expect(lifted.map(\.prefix.description) == ["198.51.100.0/24"])
        #expect(bench.policy.takeOrders().count { $0.short.hasPrefix("ban 198.51.100.") } == 4)
    }

    @Test func `a configuration that allows it, or bans no networks, lifts it`() throws {
        for isAllowed in [true, false] {
            let bench = bench()
            for host in 1...4 { bench.reject("198.51.100.\(host)") }
            var settings = bench.policy.settings
            if !isAllowed { settings.networks = false }
            let nets = isAllowed ? [try Prefix(parsing: "198.51.100.77")] : []
            bench.policy.reconfigure(settings, allowlist: Allowlist(configured: nets), at: bench.now)
            #expect(networks(bench) == [])
            #expect(bench.policy.takeOrders().first?.short == "unban 198.51.100.0/24")
        }
    }

    @Test func `a list that breaks takes the networks back that were banned on its word`() {
        let bench = bench()
        for host in 0..<20 { bench.accept("198.19.0.\(host)") }
        bench.wait(.days(2))
        for host in 1...20 { bench.reject("198.51.100.\(host)") }
        #expect(networks(bench) == ["198.51.100.0/24"])
        for host in 0..<10 { bench.reject("198.19.0.\(host)") }
        #expect(bench.policy.suspendedZones == ["zen.example"])
        #expect(networks(bench) == [])
    }

    @Test func `bans by hand make no network, and one by hand is not lifted by a good sender`() throws {
        let bench = bench()
        for host in 1...20 {
            _ = try bench.policy.ban(
                Prefix(parsing: "198.51.100.\(host)"), for: nil, why: "by hand", shedding: false, at: bench.now)
        }
        #expect(networks(bench) == [])
        let net = try Prefix(parsing: "203.0.113.0/24")
        _ = try bench.policy.ban(net, for: nil, why: "by hand", shedding: false, at: bench.now)
        bench.accept("203.0.113.9")
        #expect(bench.policy.ledger[net] != nil)
    }

    // MARK: - Time

    @Test func `packets do not prolong it, and the next one is twice as long`() throws {
        let bench = bench()
        let net = try Prefix(parsing: "198.51.100.0/24")
        for host in 1...4 { bench.reject("198.51.100.\(host)") }
        bench.wait(.minutes(9))
        bench.policy.refresh(net, at: bench.now)
        #expect(bench.policy.takeOrders().isEmpty)
        bench.wait(.minutes(2))
        #expect(bench.policy.advance(to: bench.now).count == 5)
        bench.reject("198.51.100.9")
        #expect(bench.policy.ledger[net]?.timeout == .minutes(20))
        #expect(bench.policy.ledger[net]?.count == 2)
    }

    @Test func `a host whose ban outlasts the network's stays in the set`() throws {
        let bench = bench()
        bench.reject("198.51.100.1")
        bench.wait(.minutes(11))
        _ = bench.policy.advance(to: bench.now)
        bench.reject("198.51.100.1")
        var orders: [String] = []
        for host in 2...4 { orders += bench.reject("198.51.100.\(host)").map(\.short) }
        #expect(orders.contains("ban 198.51.100.0/24 10m"))
        #expect(orders.contains("cover 198.51.100.2/32 by 198.51.100.0/24"))
        #expect(!orders.contains("cover 198.51.100.1/32 by 198.51.100.0/24"))
        #expect(!bench.policy.isCovered(try Prefix(parsing: "198.51.100.1")))
        #expect(bench.policy.isCovered(try Prefix(parsing: "198.51.100.2")))
    }

    @Test func `a network banned by hand for a moment gives the hosts back that outlast it`() throws {
        let bench = bench()
        for host in 1...4 { bench.reject("198.51.100.\(host)") }
        let net = try Prefix(parsing: "198.51.100.0/24")
        _ = try bench.policy.ban(net, for: .minutes(1), why: "by hand", shedding: false, at: bench.now)
        let orders = bench.policy.takeOrders().map(\.short)
        #expect(Set(orders) == Set(["ban 198.51.100.0/24 1m"] + (1...4).map { "ban 198.51.100.\($0)/32 10m" }))
    }

    // MARK: - Wider blocks

    @Test func `three in four bad networks make a block, up to the widest`() {
        var bench = bench { $0.widestIPv4 = 22 }
        for net in [0, 1, 2] { for host in 1...4 { bench.reject("198.51.\(100 + net).\(host)") } }
        #expect(networks(bench).contains("198.51.100.0/22"))
        bench = self.bench { $0.widestIPv4 = 23 }
        for net in [0, 1, 2, 3] { for host in 1...4 { bench.reject("198.51.\(100 + net).\(host)") } }
        #expect(!networks(bench).contains("198.51.100.0/22"))
        #expect(networks(bench).contains("198.51.100.0/23"))
    }

    @Test func `half of its networks are not enough for a block`() {
        let bench = bench()
        for net in [0, 1] { for host in 1...200 { bench.reject("198.51.\(96 + net * 2).\(host)") } }
        #expect(networks(bench) == ["198.51.96.0/24", "198.51.98.0/24"])
    }

    @Test func `a known sender in a block leaves the networks beside it`() {
        let bench = bench()
        bench.accept("198.51.99.9")
        for net in [0, 1, 2, 3] { for host in 1...4 { bench.reject("198.51.\(96 + net).\(host)") } }
        #expect(networks(bench) == ["198.51.96.0/23", "198.51.96.0/24", "198.51.98.0/24"])
    }

    // MARK: - After a restart

    @Test func `what the store tells of sources counts, and of networks, too`() throws {
        let bench = bench()
        for host in 1...4 { bench.reject("198.51.100.\(host)") }
        for host in 1...3 { bench.reject("203.0.113.\(host)") }
        let again = self.bench()
        again.now = bench.now
        for ban in bench.policy.ledger.bans { again.policy.adopt(ban, at: again.now) }
        #expect(again.policy.takeOrders().isEmpty)
        #expect(again.policy.isCovered(try Prefix(parsing: "198.51.100.4")))
        again.reject("203.0.113.4")
        #expect(networks(again) == ["198.51.100.0/24", "203.0.113.0/24"])
        #expect(again.accept("198.51.100.9").contains { $0.short == "ban 198.51.100.4/32 10m" })
    }

    @Test(arguments: [false, true])
    func `bans told in whatever order are the same evidence`(isReversed: Bool) throws {
        let bench = bench { $0.first = .days(1) }
        let begin = bench.now
        bench.now = begin + .minutes(50)
        let hosts: [Int64] = isReversed ? [3, 2, 1] : [1, 2, 3]
        for host in hosts {
            let since = begin + .minutes(12 * host)
            let prefix = try Prefix(parsing: "198.51.100.\(host)")
            bench.policy.adopt(
                Ban(prefix: prefix, since: since, until: since + .days(1), timeout: .days(1), why: "rbl"), at: bench.now
            )
        }
        bench.reject("198.51.100.4")
        #expect(networks(bench) == ["198.51.100.0/24"])
    }

    @Test func `IPv6 hosts banned by hand are covered by their network's ban and no other's`() throws {
        let bench = bench { $0.ipv6Prefix = 128 }
        for host in 1...4 { bench.reject("2001:db8:1:\(host)::1") }
        #expect(networks(bench) == ["2001:db8:1::/48"])
        #expect(bench.policy.isCovered(try Prefix(parsing: "2001:db8:1:2::1")))
        bench.reject("198.51.100.1")
        _ = try bench.policy.ban(Prefix(parsing: "::/0"), for: .forever, why: "by hand", shedding: false, at: bench.now)
        #expect(!bench.policy.isCovered(try Prefix(parsing: "198.51.100.1")))
        let orders = bench.accept("2001:db8:1:9::1").map(\.short)
        #expect(orders.contains("unban 2001:db8:1::/48"))
    }
}
