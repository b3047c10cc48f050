import Addresses
import Configuration
import Events
import Policy
import Testing

/// A policy with its clock and a few words for what happens to it.
final class Bench {
    var policy: Policy
    var now = Instant(seconds: 1_800_000_000)

    init(_ change: (inout Settings.Ban) -> Void = { _ in }, allowed: [String] = [], own: [String] = []) {
        var settings = Settings().ban
        change(&settings)
        policy = Policy(
            settings,
            allowlist: Allowlist(
                configured: allowed.compactMap { try? Prefix(parsing: $0) }, own: own.compactMap { IPAddress($0) }))
    }

    func wait(_ span: Duration) { now = now + span }

    @discardableResult
    func reject(
        _ peer: String, port: UInt16? = 4711, class rejectionClass: RejectionClass = .rbl, code: UInt16? = 511,
        zone: String? = "zen.example", _ change: (inout Event) -> Void = { _ in }
    ) -> [Order] {
        var event = Event(.rejection, class: rejectionClass, code: code, peer: IPAddress(peer), port: port, zone: zone)
        change(&event)
        policy.judge(event, at: now)
        return policy.takeOrders()
    }

    @discardableResult
    func accept(_ peer: String, authenticated: Bool = false) -> [Order] {
        var event = Event(.acceptance, peer: IPAddress(peer))
        event.isAuthenticated = authenticated
        policy.judge(event, at: now)
        return policy.takeOrders()
    }
}

extension Order {
    /// In short: `ban 192.0.2.7/32 10m`, `shed 192.0.2.7:4711`.
    var short: String {
        switch self {
        case .ban(let ban): "ban \(ban.prefix) \(ban.timeout.span)"
        case .unban(let prefix, _): "unban \(prefix)"
        case .cover(let host, let network): "cover \(host) by \(network)"
        case .shed(let shed):
            switch shed.extent {
            case .connection(let port): "shed \(shed.peer):\(port)"
            case .served(let pid): "shed \(shed.peer) pid \(pid)"
            case .only: "shed \(shed.peer)"
            case .all(let prefix): "shed all \(prefix)"
            }
        case .remember(let prefix, _): "remember \(prefix)"
        case .alarm(let alarm): "alarm \(alarm.kind.rawValue) \(alarm.zone)"
        }
    }
}

@Suite struct Judging {
    @Test func `one listing bans and sheds the connection that was rejected`() {
        let bench = Bench()
        #expect(bench.reject("192.0.2.7").map(\.short) == ["ban 192.0.2.7/32 10m", "shed 192.0.2.7:4711"])
        #expect(bench.policy.ledger.count == 1)
    }

    @Test func `a banned source's other connection goes by its own rejection only`() {
        let bench = Bench()
        bench.reject("192.0.2.7", port: 1)
        #expect(bench.reject("192.0.2.7", port: 2).map(\.short) == ["shed 192.0.2.7:2"])
    }

    @Test func `without a port only a sole connection is meant`() {
        let bench = Bench()
        #expect(bench.reject("192.0.2.7", port: nil).map(\.short) == ["ban 192.0.2.7/32 10m", "shed 192.0.2.7"])
    }

    @Test func `a peer dropped without a reply holds no slot`() {
        let bench = Bench()
        #expect(bench.reject("192.0.2.7", port: nil, code: nil).map(\.short) == ["ban 192.0.2.7/32 10m"])
    }

    @Test func `each return doubles the span up to the longest`() {
        let bench = Bench { $0.max = .minutes(60) }
        var spans: [String] = []
        for _ in 0..<5 {
            for order in bench.reject("192.0.2.7") { if case .ban(let ban) = order { spans.append(ban.timeout.span) } }
            bench.wait(.minutes(61))
            _ = bench.policy.advance(to: bench.now)
        }
        #expect(spans == ["10m", "20m", "40m", "1h", "1h"])
    }

    @Test func `a source that is back before its ban has left the ledger is banned again`() {
        let bench = Bench()
        bench.reject("192.0.2.7")
        bench.wait(.minutes(10))
        #expect(bench.reject("192.0.2.7").first?.short == "ban 192.0.2.7/32 20m")
    }

    @Test func `a source that stayed away for the longest span starts anew`() {
        let bench = Bench { $0.max = .hours(1) }
        bench.reject("192.0.2.7")
        bench.wait(.hours(3))
        _ = bench.policy.advance(to: bench.now)
        #expect(bench.reject("192.0.2.7").first?.short == "ban 192.0.2.7/32 10m")
    }

    @Test func `weights add up within the window and leave it`() {
        let bench = Bench {
            $0.classes = [.unknownUser: 0.4]
            $0.window = .minutes(10)
        }
        #expect(bench.reject("192.0.2.7", class: .unknownUser).isEmpty)
        bench.wait(.minutes(6))
        #expect(bench.reject("192.0.2.7", class: .unknownUser).isEmpty)
        bench.wait(.minutes(6))
        #expect(bench.reject("192.0.2.7", class: .unknownUser).isEmpty, "the first has left the window")
        bench.wait(.minutes(1))
        #expect(!bench.reject("192.0.2.7", class: .unknownUser).isEmpty)
    }

    @Test func `ten tenths are one`() {
        let bench = Bench { $0.classes = [.helo: 0.1] }
        for _ in 0..<9 { #expect(bench.reject("192.0.2.7", class: .helo).isEmpty) }
        #expect(!bench.reject("192.0.2.7", class: .helo).isEmpty)
    }

    @Test(arguments: RejectionClass.allCases.filter { $0 != .rbl })
    func `by default only a listing weighs`(rejectionClass: RejectionClass) {
        let bench = Bench()
        #expect(bench.reject("192.0.2.7", class: rejectionClass).isEmpty)
    }

    @Test func `IPv6 counts by its block`() {
        let bench = Bench { $0.score = 2 }
        #expect(bench.reject("2001:db8:66:1::9").isEmpty)
        #expect(
            bench.reject("2001:db8:66:1:ffff::1").map(\.short) == [
                "ban 2001:db8:66:1::/64 10m", "shed 2001:db8:66:1:ffff::1:4711",
            ])
        #expect(bench.reject("2001:db8:66:2::1").isEmpty)
    }

    @Test func `an inner line of a reply does not count twice`() {
        let bench = Bench { $0.score = 2 }
        #expect(bench.reject("192.0.2.7") { $0.isContinuation = true }.isEmpty)
        #expect(bench.reject("192.0.2.7").isEmpty)
        #expect(!bench.reject("192.0.2.7").isEmpty)
    }

    @Test func `a list's own failure never bans`() {
        let bench = Bench()
        #expect(bench.reject("192.0.2.7") { $0.isListFailure = true }.isEmpty)
        #expect(bench.policy.counters.listFailures == 1)
    }

    @Test func `a burst is one batch`() {
        let bench = Bench()
        for index in 0..<1000 {
            bench.policy.judge(
                Event(.rejection, class: .rbl, code: 511, peer: IPAddress(v4: 0xc612_0000 + UInt32(index)), port: 1),
                at: bench.now)
        }
        #expect(bench.policy.takeOrders().count == 2000)
        #expect(bench.policy.takeOrders().isEmpty)
    }

    @Test func `the same events give the same orders`() {
        func run() -> [String] {
            let bench = Bench()
            var orders: [String] = []
            for index in 0..<3000 {
                bench.wait(.seconds(1))
                let peer = "198.18.\(index % 7).\(index % 251)"
                orders += (index % 5 == 0 ? bench.accept(peer) : bench.reject(peer, zone: "z\(index % 3)")).map(\.short)
                _ = bench.policy.advance(to: bench.now)
            }
            return orders
        }
        #expect(run() == run())
    }

    @Test func `tracked sources are bounded and the stalest leaves`() {
        let bench = Bench {
            $0.maxSources = 100
            $0.score = 2
        }
        for index in 0..<100 { bench.reject("198.18.0.\(index)") }
        bench.reject("198.18.0.0")
        #expect(bench.policy.ledger.count == 1)
        bench.reject("198.18.1.1")
        #expect(bench.policy.trackedSources == 100)
        #expect(bench.policy.evictedSources == 1)
        #expect(bench.reject("198.18.0.1").isEmpty, "the stalest was forgotten")
        #expect(!bench.reject("198.18.0.50").isEmpty, "a fresher one was not")
    }

    @Test func `many small weights stay bounded and never ban early`() {
        let bench = Bench {
            $0.classes = [.other: 0.001]
            $0.window = .hours(1)
        }
        for _ in 0..<990 {
            bench.wait(.milliseconds(1))
            #expect(bench.reject("192.0.2.7", class: .other).isEmpty)
        }
        for _ in 0..<20 { bench.reject("192.0.2.7", class: .other) }
        #expect(bench.policy.ledger.count == 1)
    }

    @Test func `a packet starts a ban's time anew`() throws {
        let bench = Bench()
        bench.reject("192.0.2.7")
        bench.wait(.minutes(9))
        let prefix = try Prefix(parsing: "192.0.2.7")
        bench.policy.refresh(prefix, at: bench.now)
        #expect(bench.policy.ledger[prefix]?.until == bench.now + .minutes(10))
        #expect(bench.policy.takeOrders().map(\.short) == ["ban 192.0.2.7/32 10m"])
        bench.wait(.minutes(9))
        #expect(bench.policy.advance(to: bench.now).isEmpty)
    }

    @Test func `refreshing can be off`() throws {
        let bench = Bench { $0.refresh = false }
        bench.reject("192.0.2.7")
        bench.wait(.minutes(9))
        bench.policy.refresh(try Prefix(parsing: "192.0.2.7"), at: bench.now)
        #expect(bench.policy.takeOrders().isEmpty)
    }
}

@Suite struct NeverTheGoodOnes {
    @Test(arguments: ["192.0.2.7", "::ffff:192.0.2.7", "127.0.0.1", "::1", "203.0.113.25", "2001:db8:25::25"])
    func `allowed, own and loopback are never banned nor shed`(peer: String) {
        let bench = Bench(allowed: ["192.0.2.0/24"], own: ["203.0.113.25", "2001:db8:25::25"])
        for _ in 0..<10 { #expect(bench.reject(peer).isEmpty) }
        #expect(bench.policy.counters.allowed == 10)
    }

    @Test func `allowing lifts the ban and its ending makes the source count again`() throws {
        let bench = Bench()
        bench.reject("192.0.2.7")
        let lifted = bench.policy.allow(try Prefix(parsing: "192.0.2.0/24"), until: bench.now + .hours(1))
        #expect(lifted.map(\.prefix.description) == ["192.0.2.7/32"])
        #expect(bench.policy.takeOrders().map(\.short) == ["unban 192.0.2.7/32"])
        #expect(bench.reject("192.0.2.7").isEmpty)
        bench.wait(.hours(2))
        _ = bench.policy.advance(to: bench.now)
        #expect(!bench.reject("192.0.2.7").isEmpty)
    }

    @Test func `what was allowed over a configured network takes nothing away when it goes`() throws {
        let prefix = try Prefix(parsing: "192.0.2.0/24")
        let bench = Bench(allowed: ["192.0.2.0/24"])
        _ = bench.policy.allow(prefix, until: bench.now + .minutes(1))
        bench.wait(.minutes(2))
        _ = bench.policy.advance(to: bench.now)
        #expect(bench.reject("192.0.2.7").isEmpty, "its time is over")
        _ = bench.policy.allow(prefix, until: .distantFuture)
        let isOut = bench.policy.disallow(prefix)
        #expect(isOut)
        #expect(bench.reject("192.0.2.7").isEmpty, "it was taken out")
        let isOutAgain = bench.policy.disallow(prefix)
        #expect(!isOutAgain, "the configured one is not for taking out")
    }

    @Test func `an ended entry hides none inside it`() throws {
        let bench = Bench()
        for (net, minutes) in [("192.0.2.0/24", Int64(1)), ("192.0.2.0/25", 9), ("192.0.2.0/32", 1)] {
            _ = bench.policy.allow(try Prefix(parsing: net), until: bench.now + .minutes(minutes))
        }
        bench.wait(.minutes(2))
        #expect(bench.reject("192.0.2.0").isEmpty)
        #expect(!bench.reject("192.0.2.200").isEmpty)
    }

    @Test func `after authentication a listing means nothing`() {
        let bench = Bench { $0.classes = [.rbl: 1, .auth: 1] }
        #expect(bench.accept("192.0.2.7", authenticated: true).map(\.short) == ["remember 192.0.2.7/32"])
        #expect(bench.reject("192.0.2.7").isEmpty)
        #expect(bench.policy.counters.authenticated == 1)
        #expect(!bench.reject("192.0.2.7", class: .auth).isEmpty, "other reasons still count")
    }

    @Test func `authentication protects the IPv6 block that would be banned`() {
        let bench = Bench()
        bench.accept("2001:db8:1:2::3", authenticated: true)
        #expect(bench.reject("2001:db8:1:2::4").isEmpty)
    }

    /// smtpd names the client before the message has come, and a milter may refuse it.
    @Test func `a message that is still to be judged makes nobody known`() {
        let bench = Bench()
        for isEarly in [true, false] {
            var event = Event(.acceptance, peer: IPAddress("192.0.2.7"))
            event.precedesReply = isEarly
            bench.policy.judge(event, at: bench.now)
            #expect(bench.policy.takeOrders().isEmpty == isEarly)
            #expect(bench.policy.knownSenders == (isEarly ? 0 : 1))
        }
    }

    @Test func `a known sender may be banned, and is remembered once a day`() {
        let bench = Bench()
        #expect(bench.accept("192.0.2.7").map(\.short) == ["remember 192.0.2.7/32"])
        #expect(bench.accept("192.0.2.7").isEmpty)
        bench.wait(.days(2))
        #expect(bench.accept("192.0.2.7").map(\.short) == ["remember 192.0.2.7/32"])
        #expect(!bench.reject("192.0.2.7").isEmpty)
    }

    @Test func `a sender that delivers every hour is remembered once a day too`() {
        let bench = Bench()
        var orders = 0
        for _ in 0..<72 {
            orders += bench.accept("192.0.2.7").count
            bench.wait(.hours(1))
        }
        #expect(orders == 3)
    }

    @Test func `who would be ended by one listing, and who not`() {
        func ends(_ bench: Bench) -> Bool {
            IPAddress("192.0.2.7").map { bench.policy.endsOnListing($0, at: bench.now) } == true
        }
        #expect(ends(Bench()))
        #expect(!ends(Bench(allowed: ["192.0.2.0/24"])))
        #expect(!ends(Bench { $0.score = 2 }), "one listing is not enough")
        #expect(!ends(Bench { $0.classes = [.auth: 1] }), "a listing weighs nothing")
        let bench = Bench { $0.score = 2 }
        bench.reject("192.0.2.7")
        #expect(!ends(bench))
        bench.reject("192.0.2.7")
        #expect(ends(bench), "banned already")
        bench.accept("192.0.2.7", authenticated: true)
        #expect(!ends(bench), "authenticated")
        let suspended = Bench()
        for host in 1...60 { suspended.accept("198.51.100.\(host)") }
        suspended.wait(.days(2))
        for host in 1...60 { suspended.reject("198.51.100.\(host)") }
        #expect(!suspended.policy.suspendedZones.isEmpty && !ends(suspended), "a list is not believed")
    }

    @Test func `a full table of senders known for ever makes room by an eighth`() {
        let bench = Bench { $0.knownFor = .forever }
        for index in 0...UInt32(Policy.maxKnown) {
            bench.policy.judge(Event(.acceptance, peer: IPAddress(v4: 0xc612_0000 + index)), at: bench.now)
        }
        #expect(bench.policy.knownSenders == Policy.maxKnown * 7 / 8 + 1)
    }

    @Test func `another share judges a suspended list anew, and says so`() {
        let bench = Bench()
        for index in 0..<20 { bench.accept("198.19.0.\(index)") }
        bench.wait(.days(2))
        for index in 0..<20 { bench.reject("198.19.0.\(index)") }
        #expect(bench.policy.suspendedZones == ["zen.example"])
        _ = bench.policy.takeOrders()
        var settings = bench.policy.settings
        settings.suspendZoneAt = 1
        bench.policy.reconfigure(settings, allowlist: Allowlist(), at: bench.now)
        #expect(bench.policy.suspendedZones.isEmpty)
        #expect(bench.policy.takeOrders().map(\.short) == ["alarm zone-resumed zen.example"])
    }

    @Test func `a list that lists everybody is not believed until it is sane`() {
        let bench = Bench()
        for index in 0..<20 { bench.accept("198.19.0.\(index)") }
        bench.wait(.days(2))
        for index in 0..<50 { bench.reject("198.18.0.\(index)") }
        var alarms: [String] = []
        for index in 0..<10 { alarms += bench.reject("198.19.0.\(index)").map(\.short) }
        #expect(alarms.filter { $0.hasPrefix("alarm") } == ["alarm zone-suspended zen.example"])
        #expect(bench.policy.suspendedZones == ["zen.example"])
        // Known senders that the broken list had banned before the guard saw it go free.
        #expect(bench.policy.ledger.bans.allSatisfy { $0.prefix.description.hasPrefix("198.18.") })
        #expect(bench.reject("198.18.9.9").isEmpty)
        #expect(bench.policy.counters.zoneSuspended > 0)
        #expect(!bench.reject("198.18.9.9", zone: "other.example").isEmpty, "another list still counts")
        bench.wait(.minutes(11))
        _ = bench.policy.advance(to: bench.now)
        #expect(bench.policy.takeOrders().map(\.short).contains("alarm zone-resumed zen.example"))
        #expect(!bench.reject("198.18.9.10").isEmpty)
    }

    /// Ban and lift in one batch: what is carried out by kind must not end with the ban.
    @Test func `a lift takes back orders that are not carried out yet`() {
        let bench = Bench()
        for index in 0..<3 { bench.accept("198.19.0.\(index)") }
        bench.wait(.days(2))
        for index in 0..<17 { bench.reject("198.18.0.\(index)") }
        for index in 0..<3 {
            let event = Event(
                .rejection, class: .rbl, code: 511, peer: IPAddress("198.19.0.\(index)"), port: 4711,
                zone: "zen.example")
            bench.policy.judge(event, at: bench.now)
        }
        #expect(
            bench.policy.takeOrders().map(\.short)
                == ["alarm zone-suspended zen.example", "unban 198.19.0.0/32", "unban 198.19.0.1/32"])
        #expect(bench.policy.ledger.count == 17)
    }

    @Test func `senders that delivered a moment before do not suspend a list`() {
        let bench = Bench()
        for index in 0..<20 { bench.accept("198.19.0.\(index)") }
        for index in 0..<20 { bench.reject("198.19.0.\(index)") }
        for index in 0..<50 { bench.reject("198.18.0.\(index)") }
        #expect(bench.policy.suspendedZones.isEmpty)
        #expect(bench.policy.ledger.count == 70)
    }

    @Test func `three sources are no sample of a list`() {
        let bench = Bench()
        for index in 0..<5 { bench.accept("198.19.0.\(index)") }
        bench.wait(.days(2))
        for index in 0..<5 { bench.reject("198.19.0.\(index)") }
        #expect(bench.policy.suspendedZones.isEmpty)
    }

    @Test func `a few listed customers do not suspend a list`() {
        let bench = Bench()
        for index in 0..<20 { bench.accept("198.19.0.\(index)") }
        bench.reject("198.19.0.1")
        bench.reject("198.19.0.2")
        for _ in 0..<50 { bench.reject("198.19.0.1") }
        #expect(bench.policy.suspendedZones.isEmpty)
    }

    /// The day of 2011-02-25 (221,282 DNSBL rejections, 8,000 of other classes, 9,130 acceptances): ten minutes of it
    /// at a time, with senders that are known from the day before.
    @Test func `a spam day with unchanged acceptances trips nothing`() {
        let bench = Bench()
        for index in 0..<2000 { bench.accept("198.19.\(index / 250).\(index % 250)") }
        var serial: UInt32 = 0
        for _ in 0..<144 {
            for index in 0..<1536 {
                serial += 1
                bench.reject(IPAddress(v4: 0x0a00_0000 + serial % 150_000).description, port: UInt16(index))
            }
            for index in 0..<63 { bench.accept("198.19.\(index % 8).\(index)") }
            // Even on such a day a handful of customers are listed themselves.
            for index in 0..<3 { bench.reject("198.19.0.\(index)") }
            bench.wait(.minutes(10))
            _ = bench.policy.advance(to: bench.now)
            #expect(bench.policy.suspendedZones.isEmpty)
        }
    }

    @Test func `zones invented by reply texts are bounded`() {
        let bench = Bench()
        for index in 0..<5000 { bench.reject("10.0.\(index / 250).\(index % 250)", zone: "z\(index).example") }
        #expect(bench.policy.ledger.count == 5000)
    }
}

@Suite struct ByHand {
    @Test func `bans, sheds and lifts`() throws {
        let bench = Bench()
        let net = try Prefix(parsing: "192.0.2.0/24")
        _ = try bench.policy.ban(net, for: .hours(1), why: "by hand", shedding: true, at: bench.now)
        #expect(bench.policy.takeOrders().map(\.short) == ["ban 192.0.2.0/24 1h", "shed all 192.0.2.0/24"])
        #expect(bench.reject("192.0.2.9").map(\.short) == ["shed 192.0.2.9:4711"], "the network's ban covers it")
        #expect(bench.policy.unban(net, why: "by hand")?.prefix == net)
        #expect(bench.policy.unban(net, why: "by hand") == nil)
    }

    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1 is not banned: 127.0.0.0/8 is loopback, this host itself"),
        ("::1", "::1 is not banned: ::1/128 is loopback, this host itself"),
        ("127.1.0.0/16", "127.1.0.0/16 is not banned: 127.0.0.0/8 is loopback, this host itself"),
        ("203.0.113.25", "203.0.113.25 is not banned: it is this host's own address"),
        ("::ffff:203.0.113.25", "203.0.113.25 is not banned: it is this host's own address"),
        ("192.0.2.7", "192.0.2.7 is not banned: 192.0.2.0/24 is allowed in the configuration ([allow] nets)"),
        (
            "198.51.100.9",
            "198.51.100.9 is not banned: 198.51.100.0/24 is allowed; first: breakwater allow --remove 198.51.100.0/24"
        ),
    ])
    func `refuses and says why`(text: String, message: String) throws {
        let bench = Bench(allowed: ["192.0.2.0/24"], own: ["203.0.113.25"])
        _ = bench.policy.allow(try Prefix(parsing: "198.51.100.0/24"), until: .distantFuture)
        _ = bench.policy.takeOrders()
        let prefix = try Prefix(parsing: text)
        let refusal = #expect(throws: Policy.Refusal.self) {
            try bench.policy.ban(prefix, for: .hours(1), why: "", shedding: true, at: bench.now)
        }
        #expect(refusal?.description == message)
        #expect(bench.policy.takeOrders().isEmpty)
    }

    @Test func `an adopted ban gives no order and counts as the source's history`() throws {
        let bench = Bench()
        let prefix = try Prefix(parsing: "192.0.2.7")
        bench.policy.adopt(
            Ban(
                prefix: prefix, since: bench.now, until: bench.now + .minutes(5), timeout: .minutes(20), why: "rbl",
                count: 2),
            at: bench.now)
        #expect(bench.policy.takeOrders().isEmpty)
        bench.wait(.minutes(6))
        #expect(bench.policy.advance(to: bench.now).count == 1)
        #expect(bench.reject("192.0.2.7").first?.short == "ban 192.0.2.7/32 40m")
    }

    @Test func `a ban of which a crash left only the element gets its reason when the line is read again`() throws {
        let bench = Bench()
        let prefix = try Prefix(parsing: "192.0.2.7")
        let end = bench.now + .minutes(9)
        bench.policy.adopt(
            Ban(prefix: prefix, since: bench.now, until: end, timeout: .minutes(10), why: Ban.unexplained),
            at: bench.now)
        bench.wait(.seconds(1))
        #expect(bench.reject("192.0.2.7").map(\.short) == ["ban 192.0.2.7/32 10m", "shed 192.0.2.7:4711"])
        let ban = try #require(bench.policy.ledger[prefix])
        #expect(ban.why == "rbl:zen.example")
        #expect(ban.until == end, "no longer than it was")
        #expect(ban.count == 1)
        #expect(bench.reject("192.0.2.7").map(\.short) == ["shed 192.0.2.7:4711"])
    }

    @Test func `an adopted ban on what is allowed now is lifted`() throws {
        let bench = Bench(allowed: ["192.0.2.0/24"])
        bench.policy.adopt(
            Ban(
                prefix: try Prefix(parsing: "192.0.2.7"), since: bench.now, until: bench.now + .minutes(5),
                timeout: .minutes(20), why: "rbl"), at: bench.now)
        #expect(bench.policy.takeOrders().map(\.short) == ["unban 192.0.2.7/32"])
        #expect(bench.policy.ledger.count == 0)
    }

    @Test func `without a span a ban by hand is the source's next`() throws {
        let prefix = try Prefix(parsing: "192.0.2.7")
        let bench = Bench()
        for _ in 0..<2 {
            bench.reject("192.0.2.7")
            _ = bench.policy.unban(prefix, why: "")
        }
        #expect(bench.policy.nextBan(of: prefix, at: bench.now).timeout == .minutes(40))
        let ban = try bench.policy.ban(prefix, for: nil, why: "", shedding: false, at: bench.now)
        #expect(ban.timeout == .minutes(40))
        #expect(ban.count == 3)
    }

    @Test func `forever has no end`() throws {
        let bench = Bench()
        let ban = try bench.policy.ban(
            try Prefix(parsing: "192.0.2.7"), for: .forever, why: "", shedding: false, at: bench.now)
        #expect(ban.until == .distantFuture)
        bench.wait(.days(20_000))
        #expect(bench.policy.advance(to: bench.now).isEmpty)
    }
}

/// The 300-slot case: a server that serves each connection from a slot, zombies that keep theirs for a minute after
/// their rejection, which a tarpit holds back for 8 s.
@Suite struct WaveReplay {
    /// Peak of used slots when nothing, banning, or banning and shedding is done.
    static func peak(banning: Bool, shedding: Bool) -> Int {
        let bench = Bench()
        /// Connections by peer and port: when each is rejected and when it ends by itself.
        struct Connection {
            let peer: UInt32
            let port: UInt16
            let rejectedAt: Int
            let endsAt: Int
        }
        var open: [Connection] = []
        var peak = 0
        var serial: UInt32 = 0
        for second in 0..<200 {
            bench.wait(.seconds(1))
            open.removeAll { $0.endsAt <= second }
            let rate = second < 60 ? 5 + second / 3 : second < 120 ? 25 : max(5, 25 - (second - 120) / 3)
            for _ in 0..<rate {
                serial += 1
                let peer = 0xc612_0000 + serial % 3000
                let isBanned = banning && bench.policy.ledger.ban(covering: IPAddress(v4: peer)) != nil
                if !isBanned, open.count < 300 {
                    open.append(
                        Connection(
                            peer: peer, port: UInt16(serial & 0xffff), rejectedAt: second + 8, endsAt: second + 68))
                }
            }
            defer { peak = max(peak, open.count) }
            guard banning else { continue }
            for connection in open where connection.rejectedAt == second {
                bench.policy.judge(
                    Event(
                        .rejection, class: .rbl, code: 511, peer: IPAddress(v4: connection.peer), port: connection.port),
                    at: bench.now)
            }
            for case .shed(let shed) in bench.policy.takeOrders() where shedding {
                open.removeAll { IPAddress(v4: $0.peer) == shed.peer && .connection(port: $0.port) == shed.extent }
            }
        }
        return peak
    }

    @Test func `banning alone leaves the peak, shedding lowers it`() {
        #expect(WaveReplay.peak(banning: false, shedding: false) == 300)
        #expect(WaveReplay.peak(banning: true, shedding: false) == 300)
        // 25 a second for the 8 s that the tarpit holds each.
        #expect(WaveReplay.peak(banning: true, shedding: true) == 200)
    }
}
