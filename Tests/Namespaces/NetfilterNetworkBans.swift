import Addresses
import Configuration
import Events
import Netfilter
import Policy
import Testing

extension NetfilterTests {
    /// A network banned by evidence, from the lines of its sources to what the kernel refuses.
    @Suite(.serialized) struct NetworkBans {
        private let listener: Listener

        init() throws {
            try bringUpLoopback()
            try shell("ip addr replace 192.0.2.5/32 dev lo")
            listener = try Listener(port: 2525)
        }

        @Test func `it refuses its hosts, lifting it leaves their own bans, and a longer one within is not lost`()
            throws
        {
            let firewall = try freshTable()
            var settings = Settings().ban
            settings.networks = true
            var policy = Policy(settings, allowlist: Allowlist())
            var now = start
            reject("192.0.2.1", &policy, at: now)
            try carryOut(&policy, firewall, at: now)
            // Back after its first ban: the second lasts longer than the network's first.
            now = now + .minutes(11)
            for ban in policy.advance(to: now) { _ = firewall.apply([.unban(ban.prefix)], at: now) }
            for host in 1...4 {
                #expect(isServed(from: "192.0.2.5"), "no network yet, before host \(host)")
                reject("192.0.2.\(host)", &policy, at: now)
                try carryOut(&policy, firewall, at: now)
            }
            #expect(
                try standing(firewall, "192.0.2.0/24", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4") == [
                    "192.0.2.0/24", "192.0.2.1",
                ])
            for host in 1...5 { #expect(!isServed(from: "192.0.2.\(host)"), "host \(host) of the network") }
            #expect(isServed(from: "198.51.100.7"), "another network")

            policy.judge(Event(.acceptance, peer: IPAddress("192.0.2.200")), at: now)
            try carryOut(&policy, firewall, at: now)
            #expect(
                try standing(firewall, "192.0.2.0/24", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4") == [
                    "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4",
                ])
            for host in 1...4 { #expect(!isServed(from: "192.0.2.\(host)"), "host \(host) by itself") }
            #expect(isServed(from: "192.0.2.5"), "the neighbour")
            let element = try #require(try firewall.elements(for: [prefix("192.0.2.1")], in: .banned).first)
            #expect(try #require(element.expires) > .minutes(19), "with its own time")
        }

        @Test(arguments: ["192.0.2.0/25", "192.0.2.128/25"])
        func `a network that a wider one covers is not there`(inner: String) throws {
            let firewall = try freshTable()
            let (inner, wide) = (prefix(inner), prefix("192.0.2.0/24"))
            _ = firewall.apply([.ban(inner, timeout: .hours(2))], at: start)
            _ = firewall.apply([.ban(wide, timeout: .hours(1))], at: start)
            // The kernel would answer with the wider one, whose first address may be the same.
            #expect(try firewall.elements(for: [inner, wide], in: .banned).map(\.prefix) == [wide])
            let lifted = firewall.apply([.unban(inner)], at: start)
            #expect(lifted.map(\.outcome) == [.done], "\(lifted.map(\.brief))")
            #expect(lifted.first?.removed == nil)
            #expect(try firewall.elements(for: [inner, wide], in: .banned).map(\.prefix) == [wide])
            _ = firewall.apply([.unban(wide)], at: start)
            #expect(try firewall.elements(for: [inner, wide], in: .banned) == [])
        }

        private func isServed(from source: String) -> Bool {
            TestConnection(from: source, to: "198.51.100.7", port: 2525) != nil
        }

        private func reject(_ peer: String, _ policy: inout Policy, at now: Instant) {
            policy.judge(
                Event(.rejection, class: .rbl, code: 550, peer: IPAddress(peer), zone: "zen.example"), at: now)
        }

        /// As the daemon does: bans first, then what they cover.
        private func carryOut(_ policy: inout Policy, _ firewall: NFTables, at now: Instant) throws {
            var changes: [FirewallChange] = []
            var covered: [FirewallChange] = []
            for order in policy.takeOrders() {
                switch order {
                case .ban(let ban): changes.append(.ban(ban.prefix, timeout: ban.until - now))
                case .unban(let prefix, _): changes.append(.unban(prefix))
                case .cover(let host, _): covered.append(.unban(host))
                case .shed, .remember, .alarm: break
                }
            }
            for result in firewall.apply(changes, at: now) + firewall.apply(covered, at: now) {
                #expect(result.error == nil, "\(result.brief)")
            }
        }

        private func standing(_ firewall: NFTables, _ prefixes: String...) throws -> [String] {
            try firewall.elements(for: prefixes.map { prefix($0) }, in: .banned).map(\.prefix.shortDescription).sorted()
        }
    }
}
