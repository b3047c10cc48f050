import Addresses
import ControlProtocol
import Events
import Testing

@Suite struct RequestTests {
    @Test func `every request comes back as it went`() throws {
        let net = try Prefix(parsing: "192.0.2.0/24")
        let peer = try #require(IPAddress("192.0.2.7"))
        let requests: [Request] = [
            .ping, .status, .list, .why(net),
            .ban(
                net, for: .hours(1), why: "spam \"run\"\n", origin: .manual, shed: false, dryRun: true, confirmed: true),
            .ban(net, for: nil, why: "x", origin: .imported, shed: true, dryRun: false, confirmed: false),
            .ban(net, for: .forever, why: "x", origin: .manual, shed: true, dryRun: false, confirmed: false),
            .unban([net, Prefix(peer)], dryRun: false), .unbanAll(dryRun: true, confirmed: false),
            .allow(net, for: .days(7), dryRun: false), .allowList, .disallow(net, dryRun: true),
            .events(follow: true, limit: 20), .samples(since: .hours(1)),
            .waves(limit: 7), .wave(nil), .wave(3), .worst(limit: 20),
            .enforce(true, for: .minutes(61), dryRun: false),
            .enforce(false, for: nil, dryRun: true), .flag(peer, dryRun: false), .reload, .settle,
        ]
        for request in requests {
            let line = request.record.description
            let record = try #require(Record(line: Array(line.utf8)), "\(line)")
            #expect(try Request(record) == request, "\(line)")
        }
    }

    @Test(arguments: [
        ("ban", "ban: which address?"),
        ("ban net=notanip", "\"notanip\" is not an address: expected 192.0.2.7, 192.0.2.0/24 or 2001:db8::/48"),
        ("ban net=192.0.2.7/24", "192.0.2.7/24: did you mean 192.0.2.0/24?"),
        ("ban net=192.0.2.7 for=1hr", "\"1hr\" is no duration: expected 90s, 10m, 1h, 7d or forever"),
        ("unban", "unban: which address?"), ("enforce mode=maybe", "enforce: on or off?"),
        ("bann net=192.0.2.7", "unknown request \"bann\""),
    ])
    func `says what is wrong`(line: String, message: String) throws {
        let record = try #require(Record(line: Array(line.utf8)))
        let error = #expect(throws: RequestError.self) { try Request(record) }
        #expect(error?.description == message)
        #expect(error?.code == 64)
    }

    /// In seconds, 228 years have ten digits, and a span has nine at most.
    @Test(arguments: ["2000000h", "999999999s", "999999999ms", "106751d", "700111101h", "1500ms", "90m", "forever"])
    func `a span comes back as it was`(text: String) throws {
        let span = try #require(Duration(span: text))
        let request = Request.allow(try Prefix(parsing: "192.0.2.7"), for: span, dryRun: false)
        let record = try #require(Record(line: request.record.description.utf8))
        #expect(try Request(record) == request, "\(request.record)")
    }

    @Test(arguments: [("-1", 0), ("99999999999999999999", 100), ("20000", 10_000), ("7", 7)])
    func `events are bounded`(limit: String, taken: Int) throws {
        let record = try #require(Record(line: Array("events limit=\(limit)".utf8)))
        #expect(try Request(record) == .events(follow: false, limit: taken))
    }

    @Test func `a decision comes back as it went`() throws {
        var decision = Decision(
            .shed, at: Instant(nanoseconds: 1_800_000_000_123_456_789), why: "rbl:zen.example", outcome: .done)
        decision.prefix = try Prefix(parsing: "192.0.2.7")
        decision.port = 4711
        decision.pid = 4121
        decision.latency = .microseconds(300)
        decision.told = true
        decision.detail = "a \"b\" \u{1b}"
        let line = decision.timedRecord.description
        #expect(Decision(try #require(Record(line: Array(line.utf8)))) == decision)
    }
}
