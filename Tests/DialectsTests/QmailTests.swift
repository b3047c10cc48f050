import Dialects
import Events
import Testing

extension Qmail {
    /// The events of a log's lines, `-` for none.
    static func events(_ lines: [String], rblTexts: [String] = []) -> [String] {
        var dialect = Qmail(SiteWords(rblTexts: rblTexts))
        return lines.map { line in
            let bytes = Array(line.utf8)
            return describe(dialect.read(bytes.span))
        }
    }

    /// The events of messages in multilog's file.
    static func events(of messages: String..., rblTexts: [String] = []) -> [String] {
        events(messages.map { "@400000006740e5a80c5be0d4 " + $0 }, rblTexts: rblTexts)
    }
}

@Suite struct QmailTests {
    /// multilog's file of tcpserver and rblsmtpd; and the IPv6 form's own standard error.
    @Test(arguments: ["qmail", "ipv6"])
    func `every line is the event beside it`(name: String) throws {
        let events = Qmail.events(try Fixtures.text("qmail/\(name).log"))
        let expected = try Fixtures.text("qmail/\(name).events")
        #expect(events.count == expected.count)
        for (number, (event, words)) in zip(events, expected).enumerated() {
            #expect(event == words, "\(name).log:\(number + 1)")
        }
    }

    @Test(arguments: [
        ("553 http://www.spamhaus.org/query/bl?ip=198.51.100.9", "rejection rbl 553", "spamhaus.org", ""),
        ("451 http://www.spamhaus.org/query/bl?ip=198.51.100.9", "deferral rbl 451", "spamhaus.org", ""),
        ("553 198.51.100.9 is listed at zen.bl.example", "rejection rbl 553", "zen.bl.example", ""),
        ("553 go away", "rejection rbl 553", "", ""),
        ("451 temporary RBL lookup error", "deferral rbl 451", "", " +list-failure"),
        (
            "553 Error: open resolver; https://check.spamhaus.org/returnc/pub/", "rejection rbl 553", "spamhaus.org",
            " +list-failure"
        ),
        ("553 ", "rejection rbl 553", "", ""),
    ])
    func `what rblsmtpd turns away`(text: String, what: String, zone: String, note: String) {
        #expect(
            Qmail.events(of: "rblsmtpd: 198.51.100.9 pid 4121: \(text)")
                == ["\(what) 198.51.100.9" + (zone.isEmpty ? "" : " " + zone) + " pid=4121 +precedes-reply" + note])
    }

    @Test func `a connection from its beginning to its end`() {
        #expect(
            Qmail.events(
                of: "tcpserver: status: 1/40", "tcpserver: pid 4121 from 198.51.100.9",
                "tcpserver: ok 4121 mx.example:203.0.113.25:25 spammer.test:198.51.100.9::37809",
                "rblsmtpd: 198.51.100.9 pid 4121: 553 listed at zen.bl.example", "tcpserver: end 4121 status 0",
                "tcpserver: end 4121 status 0", "tcpserver: status: 40/40", "tcpserver: status: 0/40")
                == [
                    "-", "connect 198.51.100.9 pid=4121", "-",
                    "rejection rbl 553 198.51.100.9:37809 zen.bl.example pid=4121 +precedes-reply",
                    "disconnect 198.51.100.9:37809 pid=4121", "-", "saturation 40 +limit", "-",
                ])
    }

    @Test func `the IPv6 form`() {
        #expect(
            Qmail.events(
                of: "tcpserver: pid 4121 from 2001:db8:66::9",
                "tcpserver: ok 4121 mx.example:2001:db8:25::25:25 :2001:db8:66::9::45583",
                "rblsmtpd: 2001:db8:66::9 pid 4121: 553 no", "tcpserver: pid 4122 from ::ffff:198.51.100.9")
                == [
                    "connect 2001:db8:66::9 pid=4121", "-",
                    "rejection rbl 553 2001:db8:66::9:45583 pid=4121 +precedes-reply",
                    "connect 198.51.100.9 pid=4122",
                ])
    }

    /// It closes without a word, so there is no reply and nothing to free.
    @Test func `denied by tcpserver's rules`() {
        #expect(
            Qmail.events(
                of: "tcpserver: pid 4121 from 198.51.100.9",
                "tcpserver: deny 4121 mx.example:203.0.113.25:25 :198.51.100.9::37809")
                == ["connect 198.51.100.9 pid=4121", "rejection client-host 198.51.100.9:37809 pid=4121"])
    }

    @Test(arguments: [
        "@400000006740e5a80c5be0d4 ", "2026-11-20 22:44:56.123456500 ", "Nov 20 22:44:56 mx qmail: ",
        "Nov 20 22:44:56 mx qmail: 1732137134.123456 ", "Nov 20 22:44:56 mx smtpd: 1732137134.123456 ",
        "2026-11-20T22:44:56.033783+00:00 mx splogger[12]: 1732137134.123456 ", "Nov 20 22:44:56 mx tcpserver[771]: ",
        "Nov 20 22:44:56 mx rblsmtpd: ", "Nov 20 22:44:56 mx qmail-smtpd[9]: ", "",
    ])
    func `however the line comes`(header: String) {
        #expect(
            Qmail.events([header + "rblsmtpd: 198.51.100.9 pid 4121: 553 no"])
                == ["rejection rbl 553 198.51.100.9 pid=4121 +precedes-reply"])
        #expect(Qmail.events([header + "tcpserver: pid 4121 from 198.51.100.9"]) == ["connect 198.51.100.9 pid=4121"])
    }

    @Test(arguments: [
        "Nov 20 22:44:56 mx sshd[9]: rblsmtpd: 192.0.2.66 pid 4121: 553 no",
        "Nov 20 22:44:56 mx postfix/smtpd[9]: rblsmtpd: 192.0.2.66 pid 4121: 553 no",
        "@400000006740e5a80c5be0d4 smtpfront: rblsmtpd: 192.0.2.66 pid 4121: 553 no",
        "@400000006740e5a80c5be0d4  rblsmtpd: 192.0.2.66 pid 4121: 553 no",
        "@400000006740e5a80c5be0d4 1732137134.x rblsmtpd: 192.0.2.66 pid 4121: 553 no",
        "@400000006740e5a80c5be0d4 rblsmtpd: 192.0.2.66",
        "@400000006740e5a80c5be0d4 rblsmtpd: 192.0.2.66 pid x: 553 no",
        "@400000006740e5a80c5be0d4 rblsmtpd: 192.0.2.66 pid 4121: 5531 no",
        "@400000006740e5a80c5be0d4 rblsmtpd: 192.0.2.66 pid 4121: 220 no",
        "@400000006740e5a80c5be0d4 rblsmtpd: 192.0.2.666 pid 4121: 553 no",
        "@400000006740e5a80c5be0d4 rblsmtpd: 192.0.2.66 pid 99999999999: 553 no",
        "@400000006740e5a80c5be0d4 rblsmtpd: fatal: unable to run qmail-smtpd: file does not exist",
        "@400000006740e5a80c5be0d4 tcpserver: pid 4121 from 192.0.2.66 x",
        "@400000006740e5a80c5be0d4 tcpserver: deny 4121 mx:203.0.113.25:25 :192.0.2.66::37809",
        "@400000006740e5a80c5be0d4 tcpserver: warning: dropping connection, unable to run x",
        "@400000006740e5a80c5be0d4 tcpserver: status: 40/40 ", "@400000006740e5a80c5be0d4 tcpserver: status: 39/40",
        "@400000006740e5a80c5be0d4 tcpserver: end 4121 status 0", "rblsmtpd:192.0.2.66 pid 4121: 553 no",
        "xrblsmtpd: 192.0.2.66 pid 4121: 553 no",
    ])
    func `what only looks like a line of theirs is no event`(line: String) { #expect(Qmail.events([line]) == ["-"]) }

    /// The name is the peer's DNS owner's, the ident answer the peer's; tcpserver blanks most of it.
    @Test(arguments: [
        "tcpserver: ok 4121 mx:203.0.113.25:25 x:192.0.2.66::25:198.51.100.9::37809",
        "tcpserver: ok 4121 mx:203.0.113.25:25 spammer.test:198.51.100.9:192.0.2.66::37809",
    ])
    func `a name and an ident answer change nothing`(ok: String) {
        #expect(
            Qmail.events(
                of: "tcpserver: pid 4121 from 198.51.100.9", ok, "rblsmtpd: 198.51.100.9 pid 4121: 553 192.0.2.66 no")[
                    2]
                == "rejection rbl 553 198.51.100.9:37809 pid=4121 +precedes-reply")
    }

    @Test func `a pid that came again is another connection`() {
        #expect(
            Qmail.events(
                of: "tcpserver: pid 4121 from 198.51.100.9", "tcpserver: ok 4121 a:1.2.3.4:25 :198.51.100.9::37809",
                "rblsmtpd: 198.51.100.10 pid 4121: 553 no")[2]
                == "rejection rbl 553 198.51.100.10 pid=4121 +precedes-reply",
            "the end was not logged, and a port of another peer is not its own")
    }

    private static let denied =
        "DENIED_RBL_MATCH from: a@b.example to: bob@mail.example origin_ip: 198.51.100.9 origin_rdns: spammer.test "
        + "auth: (unknown) encryption: (none) reason: 127.0.0.2"

    @Test func `a first line that cannot be read ends what was known of its pid`() {
        #expect(
            Qmail.events(
                of: "tcpserver: pid 4121 from 198.51.100.9", "tcpserver: pid 4121 from 2001:db8:66:: status 1",
                "tcpserver: end 4121 status 0") == ["connect 198.51.100.9 pid=4121", "-", "-"])
    }

    @Test func `spamdyke's words`() {
        #expect(
            Qmail.events(["Nov 20 22:44:56 mx spamdyke[4121]: " + Self.denied]) == [
                "rejection rbl 554 198.51.100.9 pid=4121"
            ])
        #expect(Qmail.events(of: "spamdyke[4121]: " + Self.denied) == ["rejection rbl 554 198.51.100.9 pid=4121"])
        for (word, what) in [
            ("DENIED_GRAYLISTED", "deferral other 421"), ("DENIED_RELAYING", "rejection relay-denied 554"),
            ("DENIED_RDNS_MISSING", "deferral client-host 421"), ("FAILED_AUTH", "auth-failure auth 535"),
        ] {
            #expect(
                Qmail.events(of: "spamdyke[4121]: " + Self.denied.replacing("DENIED_RBL_MATCH", with: word))
                    == [what + " 198.51.100.9 pid=4121"])
        }
        for word in ["ALLOWED", "TLS_ENCRYPTED", "DENIED_RBL_MATCHES", "TIMEOUT"] {
            #expect(
                Qmail.events(of: "spamdyke[4121]: " + Self.denied.replacing("DENIED_RBL_MATCH", with: word)) == ["-"])
        }
    }

    @Test(arguments: [
        ("in the sender", "a@b.example", "\"x origin_ip: 192.0.2.66 origin_rdns: y\"@b.example"),
        ("in the account", "(unknown)", "x origin_ip: 192.0.2.66 origin_rdns: y"),
    ])
    func `where spamdyke's client names a peer, the kernel is asked`(name: String, field: String, text: String) {
        let event = Qmail.events(of: "spamdyke[4121]: " + Self.denied.replacing(field, with: text))[0]
        #expect(
            event.contains("198.51.100.9") && event.contains("candidates=") && event.contains("192.0.2.66"), "\(name)")
        let unknown = Self.denied.replacing(field, with: text).replacing("198.51.100.9", with: "(unknown)")
        #expect(
            Qmail.events(of: "spamdyke[4121]: " + unknown) == ["rejection rbl 554 candidates=192.0.2.66 pid=4121"],
            "without an address of its own there is no peer")
    }
}
