import Dialects
import Events
import Testing

/// A reply's text that came before is not read again, for whichever peer. What it is judged as must be what reading it
/// would say: of every line two dialects are asked, one that remembers, and one that does not, as words of the site's
/// own (here one that stands in no line) are looked for in each text anew.
@Suite struct ReplyMemoryTests {
    private static let peers = [
        "198.51.100.9", "192.0.2.7", "127.255.255.254", "255.255.1.1", "127.0.0.1", "203.0.113.255", "1.1.1.1",
        "2001:db8::9", "::ffff:c000:207", "0:0:0:0:0:ffff:192.0.2.7",
    ]
    /// `%` is the peer's address as lists spell it.
    private static let texts = [
        "511 http://www.spamhaus.org/query/bl?ip=%", "511 https://check.spamhaus.org/query/ip/%",
        "550 http://www.spamhaus.org/query/bl?ip=%", "411 http://www.spamhaus.org/query/bl?ip=%",
        "511 Blocked - see https://www.spamcop.net/bl.shtml?%", "511 Go away, %", "511 Go away,%", "511 %", "511 x%",
        "511 http://%", "511 http://zen.example.%", "511 http://zen.example-%", "511 http://zen.example %",
        "511 listed http://zen.example/x http://%", "511 Blacklisted by %", "511 Blacklisted by zen.example %",
        "511 Blacklisted by http://%", "511 127.%", "511 127.255.%", "511 listed with 127.255.255.254, %",
        "511 open resolver %", "511 listed %.", "511 listed % and more", "550 User <%", "550 Message %", "513 %",
        "517 %", "511-listed %", "511 call us, %", "511 <%", "511\t%",
    ]

    private static func line(_ text: String, _ peer: String, recipient: Bool) -> [UInt8] {
        // As they are spelled in the line, an address of IPv4 in its mapped form.
        let relay = peer.contains(":") ? peer : "::ffff:" + peer
        let name = peer.hasPrefix("::ffff:") ? String(peer.dropFirst(7)) : peer
        return Array(
            ("Nov 20 22:54:18 vm courieresmtpd: error,relay=\(relay),port=4711,from=<a@b>"
                + (recipient ? ",to=<c@d>: " : ": ") + text.replacing("%", with: name)).utf8)
    }

    @Test func `what is remembered is what would be read`() {
        var remembering = Courier()
        var reading = Courier(rblTexts: ["\u{1}"])
        var lottery = Lottery(11)
        var events = 0
        for _ in 0..<30_000 {
            var line = ReplyMemoryTests.line(
                ReplyMemoryTests.texts[lottery.next(ReplyMemoryTests.texts.count)],
                ReplyMemoryTests.peers[lottery.next(ReplyMemoryTests.peers.count)], recipient: lottery.next(4) > 0)
            // Some are damaged behind the header, and stay what they became in memory.
            if lottery.next(8) == 0 { line[60 + lottery.next(line.count - 60)] = UInt8(0x20 + lottery.next(0x5f)) }
            let expected = describe(reading.event(line))
            let found = describe(remembering.event(line))
            #expect(found == expected, "\(String(decoding: line, as: UTF8.self))")
            if found != "-" { events += 1 }
        }
        #expect(events > 20_000)
    }

    @Test(arguments: ["courier", "courier.iso", "shapes"])
    func `the logs of real servers, twice`(name: String) throws {
        var remembering = Courier()
        var reading = Courier(rblTexts: ["\u{1}"])
        let lines = try Fixtures.lines("courier/\(name).log")
        for line in lines + lines { #expect(describe(remembering.event(line)) == describe(reading.event(line))) }
    }
}

/// Words of lists are looked for eight bytes at a time.
@Suite struct SignTests {
    @Test(arguments: [
        "listed", "blacklist", "black list", "dnsbl", "RBL", "Blocked - see", "blocked using", "SpamHaus", "cbl",
        "uceprotect",
    ])
    func `a list's word counts at every place, whole`(word: String) {
        let head = "error,relay=192.0.2.7,port=1,from=<a>,to=<b>: 511 "
        for count in 0...20 {
            let gap = String(repeating: ". ", count: count)
            #expect(Courier.event(of: head + gap + word) == "rejection rbl 511 192.0.2.7:1", "\(count)")
            #expect(Courier.event(of: head + gap + word.uppercased() + " x") == "rejection rbl 511 192.0.2.7:1")
            #expect(Courier.event(of: head + gap + word.dropLast()) == "rejection client-host 511 192.0.2.7:1")
            // Within a word it does not count.
            #expect(Courier.event(of: head + gap + "x" + word) == "rejection client-host 511 192.0.2.7:1")
        }
    }
}
