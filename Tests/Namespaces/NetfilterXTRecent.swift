import Addresses
import Events
import Glibc
import Netfilter
import Reports
import Testing

private let hasIPTables = access("/usr/sbin/iptables", X_OK) == 0

extension NetfilterTests {
    @Suite(.serialized, .enabled(if: hasIPTables, "needs iptables"))
    struct RecentList {
        private let list = "bw-test-\(getpid())"

        @Test func `the rules make the list; bans and unbans of both families meet real connections`() throws {
            try bringUpLoopback()
            try shell("nft flush ruleset")
            let listener = try Listener(port: 2525)
            let firewall = XTRecent(list: list)
            let plan = FirewallPlan(ports: [2525, 587], allowed: [prefix("192.0.2.4")])
            do {
                _ = try firewall.start(plan, at: start)
                Issue.record("there is no list yet")
            } catch {
                #expect(
                    error.description.contains(
                        "iptables -t mangle -I PREROUTING -p tcp -m multiport --dports 2525,587 --syn"))
            }
            try XTRecent.install(ports: [2525, 587], list: list)
            try XTRecent.install(ports: [2525, 587], list: list)
            #expect(try shell("iptables -t mangle -S PREROUTING").split(separator: "\n").count == 2, "installed once")
            let adoption = try firewall.start(plan, at: start)
            #expect(adoption.elements == [])
            #expect(adoption.warnings.contains { $0.contains("holds 100 sources") }, "\(adoption.warnings)")

            let four = prefix("192.0.2.1")
            let six = prefix("2001:db8:66::1")
            let results = firewall.apply(
                [
                    .ban(four, timeout: .hours(1)), .ban(six, timeout: .hours(1)),
                    .ban(prefix("192.0.2.0/24"), timeout: .hours(1)),
                    .ban(prefix("192.0.2.4"), timeout: .hours(1)), .unban(prefix("192.0.2.3")),
                ], at: start)
            #expect(results.map(\.outcome) == [.done, .done, .refused, .refused, .already], "\(results.map(\.brief))")
            #expect(Set(try firewall.elements(for: [four, six], in: .banned).map(\.packets)) == [0])
            #expect(TestConnection(from: "192.0.2.1", to: "198.51.100.7", port: 2525) == nil)
            #expect(TestConnection(from: "2001:db8:66::1", to: "2001:db8::25", port: 2525) == nil)
            #expect(TestConnection(from: "192.0.2.2", to: "198.51.100.7", port: 2525) != nil)
            #expect(
                Set(try firewall.elements(for: [four, six], in: .banned).map(\.packets)) == [1], "a packet was seen")
            // Made anew, a ban has seen none: else one packet would refresh it for ever.
            _ = firewall.apply([.ban(four, timeout: .hours(1))], at: start)
            for _ in 0..<2 { #expect(try firewall.elements(for: [four], in: .banned).map(\.packets) == [0]) }
            let next = XTRecent(list: list)
            #expect(Set(try next.start(plan, at: start).elements.map(\.prefix)) == [four, six])
            #expect(next.apply([.unban(four), .unban(four)], at: start).map(\.outcome) == [.done, .already])
            #expect(TestConnection(from: "192.0.2.1", to: "198.51.100.7", port: 2525) != nil)
            #expect(
                try next.reconcile([.ban(four, timeout: .hours(1)), .ban(six, timeout: .hours(1))], at: start).restored
                    .count == 1)
            try next.remove()
            #expect(try next.elements(for: [four, six], in: .banned).isEmpty)
            try shell("iptables -t mangle -F; ip6tables -t mangle -F")
            withExtendedLifetime(listener) {}
        }
    }

    @Suite(.serialized, .enabled(if: hasIPTables, "needs iptables"))
    struct NumberStyle {
        @Test func `counts are written as the real iptables writes them`() throws {
            try shell("nft flush ruleset")
            var values = [0, 1, 123_456_000_000_000_000]
            for power in [100_000, 10_000_000, 10_000_000_000, 10_000_000_000_000] {
                values += [power - 1, power - 500, power - 501, power, power + 499, power + 500, power / 100 * 391]
                values += [power - power / 20_000, power - power / 20_000 - 1]
            }
            for value in values { try shell("iptables -A INPUT -c \(value) \(value) -p tcp") }
            let lines = try shell("iptables -vnL INPUT").split(separator: "\n").dropFirst(2)
            let printed = lines.map { $0.split(separator: " ").prefix(2).map(String.init) }
            #expect(printed == values.map { [Figures.short($0), Figures.short($0)] })
            try shell("iptables -F INPUT")
        }
    }

    @Suite(.serialized) struct Probe {
        @Test func `everything is there for root, and nothing stays behind`() throws {
            try shell("nft flush ruleset")
            let probe = try FeatureProbe()
            #expect(probe.isSufficient, "\(probe.findings.compactMap(\.problem))")
            #expect(probe.findings.count == 7)
            #expect(try shell("nft list ruleset") == "")
        }
    }
}
