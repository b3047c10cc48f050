import Addresses
import Dialects
import Events
import Testing

/// Lines that are damaged, cut, spliced and made of noise, by a fixed sequence: nothing traps, and nobody is named by
/// anything but Courier's own fields.
@Suite struct MutationTests {
    private static func seeds() throws -> [[UInt8]] {
        try Fixtures.lines("courier/courier.log") + Fixtures.lines("courier/courier.iso.log")
            + Fixtures.lines("courier/shapes.log")
    }

    /// The peer by a reading of its own: the first field of its name in the line, up to where it ends.
    private static func namedPeer(_ line: [UInt8], _ event: Event) -> IPAddress? {
        let text = String(decoding: line, as: UTF8.self)
        for (start, end) in [
            ("error,relay=", ","), ("started,ip=[", "]"), ("connection from ", "\r"), ("reached for ", "\r"),
        ] {
            if event.kind != .acceptance, let found = text.firstRange(of: start) {
                return IPAddress(text[found.upperBound...].prefix { String($0) != end })
            }
        }
        guard let open = text.lastIndex(of: "[") else { return nil }
        return IPAddress(text[open...].dropFirst().prefix { $0 != "]" })
    }

    @Test func `damaged and spliced lines name nobody else`() throws {
        let seeds = try MutationTests.seeds()
        var lottery = Lottery(3)
        var events = 0
        for _ in 0..<20_000 {
            var line = seeds[lottery.next(seeds.count)]
            switch lottery.next(4) {
            case 0: line.removeLast(lottery.next(line.count))
            case 1:
                line =
                    Array(line.prefix(lottery.next(line.count)))
                    + seeds[lottery.next(seeds.count)].suffix(lottery.next(80))
            case 2: line.insert(contentsOf: lottery.bytes(lottery.next(5)), at: lottery.next(line.count))
            default: for _ in 0...lottery.next(4) { line[lottery.next(line.count)] = UInt8(lottery.next(256)) }
            }
            var dialect = Courier(rblTexts: ["Listed by", "x"])
            guard let event = dialect.event(line) else { continue }
            events += 1
            guard let peer = event.peer else { continue }
            let expected = MutationTests.namedPeer(line, event)
            if peer != expected {
                Issue.record(
                    "\(String(decoding: line, as: UTF8.self)): \(peer), not \(expected?.description ?? "nobody")")
            }
        }
        #expect(events > 5_000, "too few of the lines were still events to show anything")
    }

    @Test func `noise is no event`() {
        var lottery = Lottery(4)
        var dialect = Courier(rblTexts: ["a"])
        for _ in 0..<10_000 {
            let head = lottery.next(2) == 0 ? Array("Nov 20 22:44:29 vm courieresmtpd: ".utf8) : []
            let line = head + lottery.bytes(lottery.next(120))
            #expect(dialect.event(line) == nil)
        }
    }

    /// What a client can put behind `cmd:` is any text without line ends; inside an address also without `<>:`.
    @Test func `whatever the client writes, the event is the same`() throws {
        let seeds = try MutationTests.seeds()
        let head = Array("Nov 20 22:44:29 vm courieresmtpd: error,relay=::ffff:198.51.100.9,port=4711,".utf8)
        var lottery = Lottery(5)
        var dialect = Courier(rblTexts: ["Go"])
        for _ in 0..<5_000 {
            var text = lottery.next(2) == 0 ? seeds[lottery.next(seeds.count)] : lottery.bytes(lottery.next(200))
            text = text.filter { $0 != 0x0a && $0 != 0x0d && $0 != 0 }
            let command = head + Array("msg=\"502 ESMTP command error\",cmd: ".utf8) + logged(text)
            #expect(describe(dialect.event(command)) == "rejection other 502 198.51.100.9:4711")

            let address = logged([0x3c] + text.map { [0x3c, 0x3e, 0x3a].contains($0) ? 0x20 : $0 } + [0x3e])
            let reply =
                head + Array("from=".utf8) + address + Array(",to=".utf8) + address + Array(": 511 Nothing".utf8)
            #expect(describe(dialect.event(reply)) == "rejection client-host 511 198.51.100.9:4711")

            let user =
                head + Array("from=".utf8) + address + Array(": 550 User <".utf8) + text + Array("> unknown".utf8)
            #expect(describe(dialect.event(user)) == "rejection unknown-user 550 198.51.100.9:4711")
        }
    }

    /// As Courier logs a piece of text: 128 bytes, then three dots.
    private func logged(_ text: [UInt8]) -> [UInt8] {
        text.count > 128 ? Array(text.prefix(128)) + Array("...".utf8) : text
    }
}
