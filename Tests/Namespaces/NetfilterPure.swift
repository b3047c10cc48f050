import Addresses
import Events
import Testing

@testable import Netfilter

/// What needs neither rights nor a namespace.
@Suite struct NetfilterPureTests {
    /// Plays wants and ends against a model that asks every network in turn.
    @Test(arguments: 0..<20)
    func `the outermost networks stand, whatever the order of wants and ends`(seed: UInt64) {
        var random = seed &* 0x9e37_79b9_7f4a_7c15 | 1
        func next(_ bound: UInt64) -> UInt64 {
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            return random % bound
        }
        var networks = Networks()
        var wanted: [Prefix: Instant] = [:]
        var held: Set<Prefix> = []
        var now = Instant(seconds: 0)
        func carryOut(_ steps: Networks.Steps) {
            for prefix in steps.remove {
                #expect(held.remove(prefix) != nil, "\(prefix) was not held")
                networks.settle(prefix, isHeld: false)
            }
            for addition in steps.add {
                #expect(
                    !held.contains { $0 != addition.prefix && $0.overlaps(addition.prefix) },
                    "\(addition.prefix) overlaps")
                #expect(wanted[addition.prefix] == addition.until)
                held.insert(addition.prefix)
                networks.settle(addition.prefix, isHeld: true)
            }
        }
        for _ in 0..<400 {
            // Both families, few addresses, many lengths: much nesting.
            let bits = next(2) == 0 ? 120 + Int(next(8)) : 40 + Int(next(24))
            let address =
                bits > 96
                ? IPAddress(v4: 0xc000_0200 | UInt32(next(256)))
                : IPAddress(high: 0x2001_0db8_0000_0000 | next(1 << 24), low: 0)
            let prefix = Prefix(address, bits: bits)
            switch next(4) {
            case 0:
                wanted[prefix] = nil
                carryOut(networks.unwant(prefix))
            case 1:
                now = now + .seconds(Int64(next(20)))
                for (prefix, until) in wanted where until <= now {
                    wanted[prefix] = nil
                    held.remove(prefix)
                }
                carryOut(networks.advance(to: now))
            default:
                wanted[prefix] = now + .seconds(1 + Int64(next(100)))
                carryOut(networks.want(prefix, until: wanted[prefix] ?? now))
            }
            let outermost = Set(
                wanted.keys.filter { one in
                    !wanted.keys.contains { $0 != one && $0.isIPv4 == one.isIPv4 && $0.contains(one) }
                })
            #expect(held == outermost)
            #expect(networks.count == wanted.count)
            let covers = wanted.filter { outer in
                outermost.contains(outer.key)
                    && wanted.keys.contains {
                        $0 != outer.key && outer.key.isIPv4 == $0.isIPv4 && outer.key.contains($0)
                    }
            }
            #expect(networks.nextDue == covers.values.min())
        }
    }

    @Test(
        arguments: [
            ([], []),
            (["192.0.2.0/24"], ["192.0.2.0/24"]),
            (["192.0.2.0/25", "192.0.2.128/25"], ["192.0.2.0/24"]),
            (["192.0.2.0/24", "192.0.2.7"], ["192.0.2.0/24"]),
            (["192.0.2.7", "192.0.2.9", "192.0.2.8"], ["192.0.2.7-192.0.2.9"]),
            (["192.0.2.7", "192.0.2.9"], ["192.0.2.7/32", "192.0.2.9/32"]),
            (["0.0.0.0/0", "10.0.0.0/8"], ["0.0.0.0/0"]),
            (["255.255.255.255", "255.255.255.254"], ["255.255.255.254/31"]),
            (["::/0", "2001:db8::/32"], ["::/0"]),
            (["2001:db8::/33", "2001:db8:8000::/33", "ffff::/16"], ["2001:db8::/32", "ffff::/16"]),
        ] as [([String], [String])])
    func `allowed prefixes become ranges that neither overlap nor touch`(prefixes: [String], ranges: [String]) {
        #expect(AddressRange.merged(prefixes.map(prefix)).map(\.description) == ranges)
    }

    @Test(arguments: [
        ("192.0.2.0/24", "192.0.3.0"), ("255.0.0.0/8", nil), ("0.0.0.0/0", nil), ("192.0.2.255", "192.0.3.0"),
        ("2001:db8::/64", "2001:db8:0:1::"), ("ffff::/16", nil), ("::/0", nil),
        ("2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:1::"),
    ])
    func `the address behind a prefix, or none where the address space ends`(text: String, end: String?) {
        #expect(ElementWire.end(of: prefix(text))?.description == end)
    }

    @Test(
        arguments: [
            (Duration.milliseconds(1), 100), (.milliseconds(100), 100), (.milliseconds(101), 200),
            (.seconds(600), 600_000),
            (.zero, 100), (.seconds(-5), 100), (.days(30), 2_592_000_000),
            (.nanoseconds(Int64.max - 1), 9_223_372_036_900),
            (.forever, nil),
        ] as [(Duration, UInt64?)])
    func `a timeout is never less than asked, and never 0, which would have no end`(
        span: Duration, milliseconds: UInt64?
    ) {
        #expect(ElementWire.timeoutMilliseconds(span) == milliseconds)
    }

    @Test(arguments: [
        ("src=192.0.2.7 ttl: 0 last_seen: 4297041640 oldest_pkt: 1 4297041640", "192.0.2.7 4297041640 1"),
        ("src=2001:0db8:0000:0000:0000:0000:0000:0007 ttl: 64 last_seen: 5 oldest_pkt: 2 4, 5", "2001:db8::7 5 2"),
        ("", nil), ("src=", nil), ("src=192.0.2.7", nil), ("src=192.0.2.7 ttl: 0 last_seen:", nil),
        ("src=192.0.2.7 ttl: 0 last_seen: x", nil), ("src=192.0.2.7 ttl: 0 last_seen: 5", nil),
        ("src=nonsense ttl: 0 last_seen: 5 oldest_pkt: 1 5", nil),
        ("last_seen: 5", nil),
    ])
    func `a line of the xt_recent list`(line: String, meaning: String?) {
        let entry = XTRecent.entry(Array(line.utf8)[...])
        #expect(entry.map { "\($0.address) \($0.trace.ticks) \($0.trace.index)" } == meaning)
    }
}
