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
        }

        @Test(arguments: ["192.0.2.7", "2001:db8::7", "192.0.2.0/24", "2001:db8:1::/64", "255.0.0.0/8", "0.0.0.0/1", "ffff::/16"])
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
    }
}
