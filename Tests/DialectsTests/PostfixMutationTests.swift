import Addresses
import Events
import Foundation
import Testing

@testable import Dialects

/// Lines that are damaged, cut and spliced by a fixed sequence: nothing traps, and nobody is named by anything but
/// Postfix's own fields. And memory that stays flat while lines get lost.
@Suite struct PostfixMutationTests {
    private static func seeds() throws -> [[UInt8]] {
        try ["postfix", "postfix.iso", "postfix.rfc5424", "shapes"].flatMap { try Fixtures.lines("postfix/\($0).log") }
    }

    /// The peer by a reading of its own: in the group in brackets behind the first of Postfix's words for it.
    private static func namedPeer(_ line: [UInt8]) -> IPAddress? {
        let words = [" from ", "client=", "DISCONNECT ", "warning: "].map { Array($0.utf8) }
        let place = line.indices.first { index in words.contains { line[index...].starts(with: $0) } }
        guard let place, let open = line[place...].firstIndex(of: UInt8(ascii: "[")) else { return nil }
        let address = line[(open + 1)...].prefix { $0 != UInt8(ascii: "]") }
        return IPAddress(String(decoding: address, as: UTF8.self))
    }

    @Test func `damaged and spliced lines name nobody else`() throws {
        let seeds = try PostfixMutationTests.seeds()
        var lottery = Lottery(6)
        var events = 0
        for _ in 0..<10_000 {
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
            var dialect = Postfix(SiteWords(rblTexts: ["x"]))
            guard let event = dialect.event(line) else { continue }
            events += 1
            guard let peer = event.peer else { continue }
            let expected = PostfixMutationTests.namedPeer(line)
            if peer != expected {
                Issue.record(
                    "\(String(decoding: line, as: UTF8.self)): \(peer), not \(expected?.description ?? "nobody")")
            }
        }
        #expect(events > 2_500, "too few of the lines were still events to show anything")
    }

    /// Every text a client, a list or the owner of a PTR name can choose, as Postfix lets it through.
    @Test func `whatever others write, the event is the same`() throws {
        let seeds = try PostfixMutationTests.seeds().map { $0.dropFirst(40) }
        let head = Array(
            "Nov 20 22:44:29 mx postfix/smtpd[7]: NOQUEUE: reject: RCPT from x.example[198.51.100.9]: ".utf8)
        var lottery = Lottery(7)
        var dialect = Postfix(SiteWords(rblTexts: ["Go"]))
        func line(_ parts: [UInt8]...) -> [UInt8] { head + parts.joined() }
        func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
        for _ in 0..<2_000 {
            var text = lottery.next(2) == 0 ? Array(seeds[lottery.next(seeds.count)]) : lottery.bytes(lottery.next(200))
            text = text.map { $0 < 0x20 || $0 == 0x7f ? 0x3f : $0 }
            let tail =
                bytes("; from=<") + text + bytes("> to=<") + text + bytes("> proto=ESMTP helo=<") + text + bytes(">")
            let listing = line(
                bytes("554 5.7.1 Service unavailable; Client host [198.51.100.9] blocked using z.example"), tail)
            #expect(describe(dialect.event(listing)) == "rejection rbl 554 198.51.100.9 z.example pid=7")

            let named = line(
                bytes("554 5.7.1 Service unavailable; Sender address ["), text, bytes("] blocked using z.example"), tail
            )
            #expect(describe(dialect.event(named)).hasPrefix("rejection rhsbl 554 198.51.100.9"))

            let helo = line(bytes("504 5.5.2 <"), text, bytes(">: Helo command rejected: Host not found"), tail)
            let event = dialect.event(helo)
            #expect(event?.peer == IPAddress("198.51.100.9") && event?.kind == .rejection)
            #expect(event?.rejectionClass == .helo || event?.rejectionClass == .other)

            let header = Array("Nov 20 22:44:29 mx postfix/cleanup[7]: 4F1A2B3C4E: reject: header ".utf8) + text
            #expect(describe(dialect.event(header + tail)) == "rejection content 550")
        }
    }

    /// Every tenth message and connection loses its last line.
    private static func stream(_ count: Int, _ take: ([UInt8]) -> Void) {
        for number in 0..<count / 3 {
            let head = "Nov 20 22:44:29 mx postfix/"
            let id = String(0x10_0000_0000 + number, radix: 16, uppercase: true)
            let address = "198.18.\(number >> 8 & 255).\(number & 255)"
            let isLost = number % 10 == 0
            if number % 2 == 0 {
                take(Array("\(head)smtpd[\(number % 30_000 + 1)]: \(id): client=x.example[\(address)]".utf8))
                take(Array("\(head)cleanup[5]: \(id): message-id=<\(number)@x.example>".utf8))
                if !isLost {
                    take(Array("\(head)qmgr[6]: \(id): from=<a@x.example>, size=9, nrcpt=1 (queue active)".utf8))
                }
            } else {
                let port = number % 60_000 + 1
                take(
                    Array(
                        "\(head)dnsblog[5]: addr \(address) listed by domain some.long.zone.example as 127.0.0.2".utf8))
                take(Array("\(head)postscreen[6]: DNSBL rank 3 for [\(address)]:\(port)".utf8))
                if number % 20 != 1 { take(Array("\(head)postscreen[6]: DISCONNECT [\(address)]:\(port)".utf8)) }
            }
        }
    }

    @Test func `what is lost is forgotten`() {
        var dialect = Postfix()
        var events = 0
        PostfixMutationTests.stream(60_000) { if dialect.event($0) != nil { events += 1 } }
        #expect(dialect.messages.count <= 8192)
        #expect(dialect.screen.ranked.count <= 1024)
        #expect(dialect.screen.listings.count <= 2048)
        // 2,000 messages and 1,000 connections lost their last line.
        #expect(dialect.evicted > 0)
        #expect(dialect.evicted + dialect.messages.count + dialect.screen.ranked.count == 3_000)
        #expect(events == 10_000 + 8_000 + 9_000)
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["BREAKWATER_LONG"] != nil, "ten million lines take minutes"))
    func `ten million lines in flat memory`() throws {
        var dialect = Postfix()
        var lines = 0
        var early = 0
        PostfixMutationTests.stream(10_000_000) { line in
            _ = dialect.event(line)
            lines += 1
            if lines == 1_000_000 { early = PostfixMutationTests.residentKilobytes }
        }
        let late = PostfixMutationTests.residentKilobytes
        print(
            "postfix: \(lines) lines, \(early) kB after a million, \(late) kB at the end, \(dialect.evicted) forgotten")
        #expect(early > 0 && late < early + 4096)
    }

    private static var residentKilobytes: Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return line.split(separator: " ").compactMap { Int($0) }.first ?? 0
    }
}
