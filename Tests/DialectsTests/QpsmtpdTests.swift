import Dialects
import Events
import Testing

@Suite struct QpsmtpdFixtureTests {
    @Test(arguments: ["qpsmtpd", "qpsmtpd.iso", "qpsmtpd.rfc5424"])
    func `every line is the event beside it`(name: String) throws {
        try expectEvents(Qpsmtpd(), "qpsmtpd", name, "qpsmtpd")
        try expectTruth(Qpsmtpd(), "qpsmtpd", name)
    }
}

/// 192.0.2.66 is the innocent third party.
@Suite struct QpsmtpdTests {
    private static let header = "Nov 20 23:00:02 mx qpsmtpd[369]: "
    private static let begin = [
        "Accepted connection 0/15 from 198.51.100.9 / spammer.test", "Connection from spammer.test [198.51.100.9]",
    ]
    private static let greeting = "220 mx ESMTP qpsmtpd 0.94 ready; send us your mail, but not your spam."

    /// What becomes of the last of some messages in a session of 198.51.100.9.
    private static func event(_ messages: String..., rblTexts: [String] = []) -> String {
        var dialect = Qpsmtpd(SiteWords(rblTexts: rblTexts))
        #expect(dialect.words(header, begin) == ["connect 198.51.100.9 pid=369", "-"])
        return dialect.words(header, messages).last ?? ""
    }

    @Test(arguments: [
        (
            "the list's text", ["fail, sbl.dnsbl.test", "550 https://www.dnsbl.test/query/ip/x"], "rbl 550",
            "sbl.dnsbl.test"
        ),
        (
            "a reversed address that reads like one", ["fail, odd.dnsbl.test", "550 66.2.0.192.odd.dnsbl.test"],
            "rbl 550", "odd.dnsbl.test"
        ),
        ("karma between", ["fail, SBL.dnsbl.test", "karma -1 (-1)", "550 no"], "rbl 550", "sbl.dnsbl.test"),
        ("a plugin of the site's own", ["550 192.0.2.7 is listed at sbl.dnsbl.test"], "rbl 550", "sbl.dnsbl.test"),
        ("a list that is only tolerated", ["fail, tolerated, sbl.dnsbl.test", "550 no"], "client-host 550", ""),
        ("a sentence", ["fail, no rDNS: sbl.dnsbl.test", "550 no"], "client-host 550", ""),
        ("karma", ["fail, -3.5", "550 very bad karma"], "client-host 550", ""),
        ("an address in place of a zone", ["fail, 192.0.2.66", "550 no"], "client-host 550", ""),
        (
            "for later, and then at a recipient",
            ["fail, NAUGHTY, sbl.dnsbl.test", greeting, "dispatching RCPT TO:<a@b>", "disconnecting", "550 see x"],
            "rbl 550", "sbl.dnsbl.test"
        ),
        (
            "for later, but refused for something else",
            ["fail, NAUGHTY, sbl.dnsbl.test", greeting, "dispatching RCPT TO:<a@b>", "550 relaying denied"],
            "relay-denied 550", ""
        ),
        (
            "for later, and an unknown command after that",
            [
                "fail, NAUGHTY, sbl.dnsbl.test", greeting, "dispatching RCPT TO:<a@b>", "disconnecting", "550 see x",
                "dispatching FOO", "500 Unrecognized command",
            ], "other 500", ""
        ),
        (
            "naughty by others", ["fail, NAUGHTY", greeting, "dispatching MAIL FROM:<a@b>", "disconnecting", "550 x"],
            "sender 550", ""
        ),
        (
            "a list's name behind the greeting",
            [greeting, "dispatching RCPT TO:<listed@b>", "550 mail to listed@b not accepted here (#5.1.1)"],
            "unknown-user 550", ""
        ),
        (
            "a zone that the sender's check found",
            [
                greeting, "dispatching MAIL FROM:<a@b>", "fail, sbl.dnsbl.test",
                "550 Mail from b rejected because it listed",
            ],
            "rhsbl 550", ""
        ),
        ("an unknown command", [greeting, "dispatching LISTED", "500 Unrecognized command"], "other 500", ""),
        ("after DATA", [greeting, "dispatching DATA", "552 Virus found: listed"], "content 552", ""),
        ("in a HELO", [greeting, "dispatching EHLO x", "550 no"], "helo 550", ""),
    ])
    func `a reply's class and zone`(name: String, messages: [String], reason: String, zone: String) {
        var dialect = Qpsmtpd()
        _ = dialect.words(Self.header, Self.begin)
        let words = reason.split(separator: " ")
        #expect(
            dialect.words(Self.header, messages).last
                == "rejection \(words[0]) \(words[1]) 198.51.100.9\(zone.isEmpty ? "" : " " + zone) pid=369", "\(name)")
    }

    @Test func `the site's own words`() {
        #expect(
            Self.event("550 No entry", rblTexts: ["no entry"]) == "rejection rbl 550 198.51.100.9 no entry pid=369")
        #expect(Self.event("550 No entry") == "rejection client-host 550 198.51.100.9 pid=369")
    }

    @Test func `a session from its first line to its last`() {
        var dialect = Qpsmtpd()
        let events = dialect.words(
            Self.header,
            Self.begin + [
                Self.greeting, "dispatching EHLO x", "250-mx Hi spammer.test [198.51.100.9]",
                "dispatching AUTH PLAIN eA==", "535 PLAIN authentication failed for bob",
                "dispatching STARTTLS", "220 Go ahead with TLS",
                "dispatching AUTH PLAIN eA==", "235 PLAIN authentication successful for bob",
                "dispatching MAIL FROM:<u@good.test>",
                "250 <u@good.test>, sender OK - how exciting to get mail from you!",
                "dispatching RCPT TO:<queued@b>", "250 <queued@b>, recipient ok", "450-wait", "450 No plugin decided",
                "dispatching DATA", "354 go ahead", "250 Queued! 1763679676 qp 5 <listed@x>", "dispatching QUIT",
                "221 mx closing connection.", "click, disconnecting", "550 listed at zen.dnsbl.test",
            ])
        #expect(
            events.enumerated().filter { $0.element != "-" }.map(\.element) == [
                "connect 198.51.100.9 pid=369", "auth-failure auth 535 198.51.100.9 pid=369",
                "deferral recipient 450 198.51.100.9 pid=369 +continuation",
                "deferral recipient 450 198.51.100.9 pid=369", "acceptance 198.51.100.9 pid=369 +authenticated",
                "disconnect 198.51.100.9 pid=369",
            ])
        #expect(dialect.words("Nov 20 23:00:02 mx qpsmtpd[1]: cleaning up after 369") == "-", "it has been said")
    }

    @Test func `a process that ends takes its peer with it`() {
        var dialect = Qpsmtpd()
        _ = dialect.words(Self.header, Self.begin)
        #expect(
            dialect.words("Nov 20 23:00:02 mx qpsmtpd[1]: cleaning up after 369") == "disconnect 198.51.100.9 pid=369")
        #expect(dialect.words(Self.header + "550 listed at zen.dnsbl.test") == "-")
        #expect(dialect.remembered == 0)
    }

    @Test func `a process that serves again has a new peer`() {
        var dialect = Qpsmtpd()
        _ = dialect.words(Self.header, Self.begin)
        _ = dialect.words(Self.header, ["fail, NAUGHTY, sbl.dnsbl.test", Self.greeting])
        #expect(
            dialect.words(
                Self.header,
                ["Connection from x [2001:db8::7]", "550 no", Self.greeting, "disconnecting", "550 no"])
                == [
                    "connect 2001:db8::7 pid=369", "rejection client-host 550 2001:db8::7 pid=369", "-", "-",
                    "rejection client-host 550 2001:db8::7 pid=369",
                ])
        #expect(
            dialect.words(Self.header, [Self.greeting, "550 listed at zen.dnsbl.test"]) == ["-", "-"],
            "a second greeting is another peer's, whose first line was lost")
    }

    @Test(arguments: [
        ("Too many connections: 15 >= 15.  Waiting one second.", "saturation 15 pid=369 +limit"),
        ("fail: too many connections from 192.0.2.7 (6 > 5)", "deferral conn-limit 192.0.2.7 pid=369"),
        ("fail: no such user: too many connections from 192.0.2.66 (6 > 5)", "-"),
        ("Connection Timed Out", "-"), ("pass", "-"), ("", "-"), ("55", "-"), ("5500 listed", "-"),
        ("550 listed at zen.dnsbl.test", "-"),
    ])
    func `lines that belong to no session`(message: String, expected: String) {
        var dialect = Qpsmtpd()
        #expect(dialect.words(Self.header + message) == expected)
    }

    /// A name in the DNS may hold brackets, and a command anything at all.
    @Test(arguments: [
        ("brackets in the name", "Connection from x[192.0.2.66].evil.test [198.51.100.9]"),
        ("a group of its own in the name", "Connection from x [192.0.2.66] [198.51.100.9]"),
        ("a slash in the name", "Accepted connection 0/15 from 198.51.100.9 / x / 192.0.2.66"),
        ("a whole line in the name", "Accepted connection 0/15 from 198.51.100.9 / Connection from x [192.0.2.66]"),
    ])
    func `a peer is where qpsmtpd wrote it`(name: String, message: String) {
        var dialect = Qpsmtpd()
        #expect(dialect.words(Self.header + message) == "connect 198.51.100.9 pid=369", "\(name)")
    }

    @Test(arguments: [
        "dispatching Connection from x [192.0.2.66]", "dispatching 550 listed at zen.dnsbl.test",
        "dispatching cleaning up after 369", "dispatching fail, zen.dnsbl.test", "pass, Connection from x [192.0.2.66]",
        " Connection from x [192.0.2.66]x", "Connection from x [192.0.2.66] ", "Connection from x 192.0.2.66",
        "Accepted connection 0/15 from x / [192.0.2.66]", "Accepted connection from 192.0.2.66 / x",
        "'550', (1)", "cleaning up after x", "cleaning up after 369 x", "XX: 550 listed at zen.dnsbl.test",
    ])
    func `a client's words begin no session and end none`(message: String) {
        var dialect = Qpsmtpd()
        _ = dialect.words(Self.header, Self.begin)
        #expect(dialect.words(Self.header + message) == "-")
        let isAnswer = message.hasPrefix("dispatching ")
        #expect(
            dialect.words(Self.header + "550 listed at zen.dnsbl.test")
                == "rejection \(isAnswer ? "helo 550 198.51.100.9" : "rbl 550 198.51.100.9 zen.dnsbl.test") pid=369")
    }

    /// Any bytes that syslog can write, and pieces of qpsmtpd's own lines.
    @Test func `whatever the client writes, the peer is the same`() throws {
        let seeds = try Fixtures.lines("qpsmtpd/qpsmtpd.log")
        var lottery = Lottery(12)
        for _ in 0..<2_000 {
            var dialect = Qpsmtpd()
            _ = dialect.words(Self.header, Self.begin)
            for head in ["dispatching ", "220 ", "250 ", "pass, ", "fail, ", "502 command unrecognized: '"] {
                let text = (lottery.next(2) == 0 ? seeds[lottery.next(seeds.count)] : lottery.bytes(lottery.next(200)))
                    .filter { $0 >= 0x20 }
                let event = dialect.event(of: Array((Self.header + head).utf8) + text)
                #expect(event?.peer.map { $0.description == "198.51.100.9" } ?? true)
                #expect(event == nil || head.hasPrefix("5"))
            }
            #expect(
                dialect.words(Self.header, ["dispatching DATA", "550 no"]).last
                    == "rejection content 550 198.51.100.9 pid=369")
        }
    }

    @Test(arguments: ["qpsmtp", "qpsmtpd2", "smtpd", "Qpsmtpd", "qpsmtpd-forkservex"])
    func `another program's lines are not qpsmtpd's`(tag: String) {
        var dialect = Qpsmtpd()
        #expect(dialect.words("Nov 20 23:00:02 mx \(tag)[369]: \(Self.begin[0])") == "-")
        #expect(dialect.words("Nov 20 23:00:02 mx \(tag)[369]: 369 \(Self.begin[0])") == "-")
    }
}

/// What the logging plugins make of the same lines.
@Suite struct QpsmtpdWriterTests {
    private static let begin = "Accepted connection 0/15 from 198.51.100.9 / x"
    private static let rejection = "rejection rbl 550 198.51.100.9 sbl.dnsbl.test pid=369"

    @Test(arguments: [
        ("a file of its own", "Fri Nov 20 23:00:02 2026 mx[369]: ", ""),
        ("warn, through multilog", "@400000006acf3a5c12345678 369 ", "(connect) dnsbl: "),
        ("adaptive, through multilog", "@400000006acf3a5c12345678 369 ", "dnsbl plugin: "),
        ("warn, through the journal", "Nov 20 23:00:02 mx qpsmtpd-forkserver[12]: 369 ", "(connect) dnsbl: "),
        ("prefork", "Nov 20 23:00:02 mx qpsmtpd-prefork[12]: 369 ", "(connect) virus::x_y-1: "),
        ("syslog", "Nov 20 23:00:02 mx qpsmtpd[369]: ", ""),
        ("RFC 5424", "<22>1 2026-11-20T23:00:02Z mx qpsmtpd 369 - -  ", ""),
    ])
    func `every form is read`(name: String, header: String, plugin: String) {
        var dialect = Qpsmtpd()
        #expect(
            dialect.words(header, [Self.begin, plugin + "fail, sbl.dnsbl.test", "550 no", "click, disconnecting"])
                == ["connect 198.51.100.9 pid=369", "-", Self.rejection, "disconnect 198.51.100.9 pid=369"], "\(name)")
    }

    /// The account's name is decoded from base64 and logged as it is, line ends and all.
    @Test(arguments: [
        ("Fri Nov 20 23:00:02 2026 mx[369]: ", "535 PLAIN authentication failed for x"),
        ("Fri Nov 20 23:00:02 2026 mx[369]: ", "235 LOGIN authentication successful for x"),
        ("@400000006acf3a5c12345678 369 ", "535 Authentication invalid (x)"),
    ])
    func `after an AUTH a client can have written every line of qpsmtpd's own log`(header: String, reply: String) {
        var dialect = Qpsmtpd()
        _ = dialect.words(header, [Self.begin, "220 mx ESMTP"])
        #expect(!dialect.hasClientLines)
        _ = dialect.words(header + reply)
        #expect(dialect.hasClientLines)
        let forged = header.replacing("369", with: "370")
        #expect(
            dialect.words(forged, ["Accepted connection 0/15 from 192.0.2.66 / x", "fail, sbl.dnsbl.test", "550 no"])
                == ["-", "-", "-"])
        #expect(
            dialect.words("Nov 20 23:00:02 mx qpsmtpd[371]: ", [Self.begin, "fail, sbl.dnsbl.test", "550 no"]).last
                == "rejection rbl 550 198.51.100.9 sbl.dnsbl.test pid=371", "syslog escapes line ends")
    }

    /// A real server's own log of clients whose accounts were whole lines (scripts/lab/corpus_qpsmtpd.py).
    @Test func `lines that clients wrote name nobody`() throws {
        var dialect = Qpsmtpd()
        let lines = try Fixtures.lines("qpsmtpd/accounts.log")
        let named = lines.compactMap { dialect.event(of: $0)?.peer?.description }
        #expect(!named.isEmpty)
        #expect(!named.contains("192.0.2.66"))
        #expect(
            lines.contains {
                String(decoding: $0, as: UTF8.self).contains(
                    "2026 mx[99]: Accepted connection 0/15 from 192.0.2.66 / x")
            })
    }

    @Test func `in syslog's an AUTH changes nothing`() {
        var dialect = Qpsmtpd()
        let header = "Nov 20 23:00:02 mx qpsmtpd[369]: "
        _ = dialect.words(
            header, [Self.begin, "220 mx", "535 PLAIN authentication failed for x#012Connection from x [192.0.2.66]"])
        #expect(!dialect.hasClientLines)
        #expect(dialect.words(header + "550 no") == "rejection client-host 550 198.51.100.9 pid=369")
    }
}
