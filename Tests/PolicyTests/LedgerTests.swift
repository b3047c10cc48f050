import Addresses
import Events
import Policy
import Testing

@Suite struct LedgerTests {
    private static let start = Instant(seconds: 1_800_000_000)

    private static func ban(_ prefix: Prefix, ends second: Int64, why: String = "rbl:zen.bl.example") -> Ban {
        Ban(
            prefix: prefix, since: start, until: start + .seconds(second), timeout: .seconds(second), why: why,
            origin: second % 2 == 0 ? .local : .manual, count: Int(second % 7))
    }

    /// Few enough addresses that every one comes and goes many times, and that neighbours in the index are moved.
    @Test func `bans come and go as in a dictionary`() {
        var ledger = Ledger()
        var costs = BanCosts()
        var model: [Prefix: Ban] = [:]
        var seed: UInt64 = 42
        func next(_ bound: UInt64) -> Int64 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int64(seed >> 33 % bound)
        }
        for step in 0..<60_000 {
            let number = UInt32(next(3_000))
            let prefix =
                number % 10 == 0
                ? Prefix(IPAddress(v4: 0xc612_0000 + number << 8), bits: 120)
                : Prefix(IPAddress(v4: 0xc633_6400 + number))
            if next(5) < 2 {
                ledger[prefix] = nil
                costs[prefix] = nil
                model[prefix] = nil
            } else {
                let ban = Self.ban(
                    prefix, ends: next(86_400), why: number % 3 == 0 ? "rbl" : "rbl:list\(number % 5).bl.example")
                ledger[prefix] = ban
                costs[prefix] = BanCosts.Cost(since: ban.since, hits: Int(ban.timeout.components.seconds))
                model[prefix] = ban
            }
            #expect(ledger[prefix] == model[prefix])
            #expect(ledger.count == model.count)
            guard step % 5_000 == 0 else { continue }
            let bans = Array(ledger.bans)
            #expect(bans.count == model.count)
            #expect(bans.allSatisfy { model[$0.prefix] == $0 })
            #expect(model.values.allSatisfy { ledger[$0.prefix] == $0 })
            #expect(model.values.allSatisfy { costs[$0.prefix]?.hits == UInt32($0.timeout.components.seconds) })
            let noon = Self.start + .seconds(43_200)
            let due = model.values.filter { $0.until <= noon }.sorted { $0.prefix < $1.prefix }
            #expect(ledger.due(by: noon) == due)
        }
        #expect(model.count > 500)
    }

    @Test func `networks inside a network, hosts and itself left out`() throws {
        var ledger = Ledger()
        for net in ["192.0.2.0/25", "192.0.2.128/26", "192.0.2.0/24", "192.0.2.7", "198.51.100.0/25", "2001:db8::/64"] {
            let prefix = try Prefix(parsing: net)
            ledger[prefix] = Self.ban(prefix, ends: 60)
        }
        func inside(_ net: String) throws -> [String] {
            ledger.networks(inside: try Prefix(parsing: net)).map(\.shortDescription).sorted()
        }
        #expect(try inside("192.0.2.0/24") == ["192.0.2.0/25", "192.0.2.128/26"])
        #expect(try inside("2001:db8::/48") == ["2001:db8::/64"])
        #expect(try inside("2001:db8::/64") == [])
        #expect(try inside("::/0") == ["2001:db8::/64"])
    }

    @Test func `a ban without end keeps none`() {
        var ledger = Ledger()
        let prefix = Prefix(IPAddress(v4: 0xc633_6407))
        let ban = Ban(
            prefix: prefix, since: Self.start, until: .distantFuture, timeout: .forever, why: "by hand: spam run",
            origin: .manual)
        ledger[prefix] = ban
        #expect(ledger[prefix] == ban)
        #expect(ledger.due(by: Self.start + .days(10_000)).isEmpty)
    }

    @Test func `bans read one by one are those of the moment they were asked for`() {
        var ledger = Ledger()
        for number in 0..<100 as Range<UInt32> {
            let prefix = Prefix(IPAddress(v4: 0xc633_6400 + number))
            ledger[prefix] = Self.ban(prefix, ends: 60)
        }
        var seen = 0
        for ban in ledger.bans {
            ledger[ban.prefix] = nil
            seen += 1
        }
        #expect(seen == 100)
        #expect(ledger.count == 0)
    }
}
