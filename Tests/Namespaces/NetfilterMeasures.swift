import Addresses
import Events
import Glibc
import Netfilter
import Posix
import Testing

extension NetfilterTests {
    /// Sizes as they come in a wave. The figures are printed; only what must be true is expected.
    @Suite(.serialized) struct Measures {
        static func hosts(_ count: Int) -> [Prefix] {
            (0..<count).map { Prefix(IPAddress(v4: 0x0a00_0000 | UInt32($0))) }
        }
        static func blocks(_ count: Int) -> [Prefix] {
            (0..<count).map { Prefix(IPAddress(high: 0x2001_0db8_0000_0000 | UInt64($0) * 2, low: 0), bits: 64) }
        }

        @Test(arguments: ["hosts", "blocks"])
        func `ten thousand at once`(kind: String) throws {
            let firewall = try freshTable()
            let prefixes = kind == "hosts" ? Self.hosts(10_000) : Self.blocks(10_000)
            let bans = prefixes.map { FirewallChange.ban($0, timeout: .hours(1)) }
            for name in ["new", "again"] {
                let begun = processorTime()
                let results = firewall.apply(bans, at: start)
                print("10,000 \(kind) \(name): \((processorTime() - begun) / 1_000_000) ms")
                #expect(
                    results.allSatisfy { $0.outcome == .done }, "\(results.first { $0.outcome != .done }?.brief ?? "")")
            }
            #expect(try firewall.elements(for: prefixes, in: .banned).count == 10_000)
        }

        @Test(arguments: ["hosts", "blocks"])
        func `one at a time`(kind: String) throws {
            let firewall = try freshTable()
            let prefixes = kind == "hosts" ? Self.hosts(5_000) : Self.blocks(5_000)
            var spans: [Int64] = []
            for prefix in prefixes {
                let begun = processorTime()
                _ = firewall.apply([.ban(prefix, timeout: .hours(1))], at: start)
                spans.append(processorTime() - begun)
            }
            spans.sort()
            print(
                "one \(kind): p50 \(spans[2500] / 1000) us, p99 \(spans[4950] / 1000) us, max \(spans[4999] / 1000) us")
            #expect(try firewall.elements(for: prefixes, in: .banned).count == 5_000)
        }

        @Test(arguments: ["hosts", "blocks"])
        func `fifty thousand adopted`(kind: String) throws {
            let prefixes = kind == "hosts" ? Self.hosts(50_000) : Self.blocks(50_000)
            let before = residentKilobytes()
            do {
                let firewall = try freshTable()
                let begun = processorTime()
                _ = firewall.apply(prefixes.map { .ban($0, timeout: .hours(1)) }, at: start)
                print("50,000 \(kind) added: \((processorTime() - begun) / 1_000_000) ms")
            }
            let firewall = try NFTables()
            var begun = processorTime()
            let adoption = try firewall.start(FirewallPlan(ports: [2525]), at: start)
            print("50,000 \(kind) adopted: \((processorTime() - begun) / 1_000_000) ms")
            #expect(Set(adoption.elements.map(\.prefix)) == Set(prefixes))
            #expect(adoption.elements.allSatisfy { ($0.expires ?? .zero) > .seconds(3500) && $0.timeout == .hours(1) })

            let further = kind == "hosts" ? prefix("192.0.2.7") : prefix("2001:db9::/64")
            var single: [Int64] = []
            for _ in 0..<50 {
                begun = processorTime()
                _ = firewall.apply([.ban(further, timeout: .hours(1))], at: start)
                single.append(processorTime() - begun)
            }
            _ = firewall.apply([.unban(further)], at: start)
            single.sort()
            print("one more beside 50,000 \(kind): p50 \(single[25] / 1000) us, max \(single[49] / 1000) us")

            begun = processorTime()
            #expect(try firewall.elements(for: prefixes, in: .banned).count == 50_000)
            print("50,000 \(kind) looked up by key: \((processorTime() - begun) / 1_000_000) ms")
            var slices: [Int64] = []
            for index in stride(from: 0, to: 50_000, by: 100) {
                begun = processorTime()
                _ = try firewall.elements(for: Array(prefixes[index..<index + 100]), in: .banned)
                slices.append(processorTime() - begun)
            }
            slices.sort()
            print("100 \(kind) looked up: p50 \(slices[250] / 1000) us, max \(slices[499] / 1000) us")
            print("resident: \(before) KB before, \(residentKilobytes()) KB after")
        }
    }
}

/// This thread's, kernel included: on a shared machine it is the steadier clock.
private func processorTime() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

private func residentKilobytes() -> Int {
    let fields = (try? contents(of: "/proc/self/statm"))?.split(separator: 0x20) ?? []
    return fields.count > 1 ? (Int(String(decoding: fields[1], as: UTF8.self)) ?? 0) * 4 : 0
}
