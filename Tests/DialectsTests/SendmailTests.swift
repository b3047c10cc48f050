import Dialects
import Events
import Testing

extension Sendmail {
    /// The events of a log's lines, `-` for none.
    static func events(_ lines: [String], rblTexts: [String] = []) -> [String] {
        var dialect = Sendmail(SiteWords(rblTexts: rblTexts))
        return lines.map { line in
            let bytes = Array(line.utf8)
            return describe(dialect.read(bytes.span))
        }
    }

    /// The events of the messages of one process.
    static func events(of messages: String..., rblTexts: [String] = []) -> [String] {
        events(messages.map { "Nov 20 23:09:40 mx1 sendmail[7]: " + $0 }, rblTexts: rblTexts)
    }

    static func event(of message: String, rblTexts: [String] = []) -> String {
        events(["Nov 20 23:09:40 mx1 sendmail[7]: " + message], rblTexts: rblTexts)[0]
    }
}

@Suite struct SendmailFixtureTests {
    @Test(arguments: [
        ("sendmail", "sendmail"), ("sendmail.iso", "sendmail"), ("sendmail.rfc5424", "sendmail"), ("shapes", "shapes"),
    ])
    func `every line is the event beside it`(name: String, beside: String) throws {
        let events = Sendmail.events(try Fixtures.text("sendmail/\(name).log"))
        let expected = try Fixtures.text("sendmail/\(beside).events")
        #expect(events.count == expected.count)
        for (number, (event, words)) in zip(events, expected).enumerated() {
            #expect(event == words, "\(name).log:\(number + 1)")
        }
    }

    /// The truth was made of what the clients did. Line 6 tells that mail was received, not yet that it was taken, and
    /// line 7 names nobody; the lines of these messages that would are not among the samples.
    @Test func `class, peer, code and zone are what really happened`() throws {
        var dialect = Sendmail()
        let lines = try Fixtures.lines("sendmail/sendmail.log")
        for row in try Fixtures.text("sendmail/sendmail.truth.tsv").dropFirst() {
            let truth = row.split(separator: "\t").map(String.init)
            let number = try #require(Int(truth[0]))
            let line = lines[number - 1]
            let event = dialect.read(line.span)
            if [6, 7, 11].contains(number) {
                #expect(event == nil, "line \(number)")
                continue
            }
            #expect(event?.rejectionClass?.rawValue == truth[2], "line \(number)")
            #expect(event?.peer?.description == truth[1], "line \(number)")
            #expect(event?.code?.description == truth[3], "line \(number)")
            #expect((event?.zone ?? "-") == truth[4], "line \(number)")
            #expect(event?.mta == .sendmail)
        }
    }
}

@Suite struct SendmailTests {
    private static let relay = "relay=spammer.test [198.51.100.9]"

    @Test(arguments: [
        ("relay=spammer.test [198.51.100.9]", "198.51.100.9"),
        ("relay=[198.51.100.9]", "198.51.100.9"),
        ("relay=spammer.test [198.51.100.9] (may be forged)", "198.51.100.9"),
        ("relay=[IPv6:2001:db8:66:0:0:0:0:9]", "2001:db8:66::9"),
        ("relay=spammer.test [IPv6:2001:db8:66:0:0:0:0:9] (may be forged)", "2001:db8:66::9"),
        ("relay=spammer.test [IPv6:::ffff:198.51.100.9]", "198.51.100.9"),
        ("relay=root@spammer.test [198.51.100.9]", "198.51.100.9"),
        ("relay=IDENT:x@[198.51.100.9]", "198.51.100.9"),
        ("relay=192.0.2.66.spammer.test [198.51.100.9]", "198.51.100.9"),
        ("relay=bob@localhost", nil),
        ("relay=spammer.test [198.51.100.9", nil),
        ("relay=spammer.test [198.51.100.256]", nil),
        ("relay=spammer.test[198.51.100.9]", nil),
        ("relay= [198.51.100.9]", nil),
        ("relay=a b [198.51.100.9]", nil),
        ("relay=spammer.test [@10.0.0.1:192.0.2.66]", nil),
    ])
    func `the peer in every form that Sendmail writes`(relay: String, peer: String?) {
        let message = "ruleset=check_relay, arg1=x, arg2=127.0.0.2, \(relay), reject=550 5.7.1 Go away"
        #expect(
            Sendmail.event(of: message)
                == (peer.map { "rejection client-host 550 \($0) pid=7 +precedes-reply" } ?? "-"))
    }

    @Test(arguments: [
        // FEATURE(`dnsbl'), FEATURE(`enhdnsbl'), the older one, and a site's own wordings.
        ("550 5.7.1 Rejected: 198.51.100.9 listed at zen.bl.example", "rejection rbl 550", "zen.bl.example", ""),
        ("550 5.7.1 Mail from 198.51.100.9 refused by blackhole site rbl.example", "rejection rbl 550", "", ""),
        (
            "554 5.7.1 Mail from 198.51.100.9 refused; see https://xbl.example/lookup?ip=198.51.100.9",
            "rejection rbl 554", "xbl.example", ""
        ),
        ("553 5.3.0 Spam blocked see: http://www.spamcop.net/bl.shtml", "rejection rbl 553", "spamcop.net", ""),
        ("550 5.7.1 Your address is on a blocklist", "rejection rbl 550", "", ""),
        ("550 Rejected: 198.51.100.9 listed at zen.bl.example", "rejection rbl 550", "zen.bl.example", ""),
        (
            "451 4.7.1 Temporary lookup failure of 198.51.100.9 at zen.bl.example", "deferral rbl 451", "",
            " +list-failure"
        ),
        (
            "550 5.7.1 Error: open resolver; https://check.spamhaus.org/returnc/pub/198.51.100.9", "rejection rbl 550",
            "spamhaus.org", " +list-failure"
        ),
        // Not a list's.
        ("550 5.7.1 Access denied", "rejection client-host 550", "", ""),
        ("550 5.7.1 Go away", "rejection client-host 550", "", ""),
        ("550 5.7.1 Fix reverse DNS for 198.51.100.9", "rejection client-host 550", "", ""),
        ("451 4.1.8 Client IP address 198.51.100.9 does not resolve", "deferral client-host 451", "", ""),
        ("421 4.3.2 Connection rate limit exceeded.", "deferral conn-limit 421", "", ""),
        ("421 4.3.2 Too many open connections.", "deferral conn-limit 421", "", ""),
        ("550", "rejection client-host 550", "", ""),
    ])
    func `what check_relay refuses`(reply: String, what: String, zone: String, note: String) {
        let message = "ruleset=check_relay, arg1=spammer.test, arg2=127.0.0.2, \(Self.relay), reject=\(reply)"
        #expect(
            Sendmail.event(of: message) == "\(what) 198.51.100.9" + (zone.isEmpty ? "" : " " + zone) + " pid=7"
                + (what.hasSuffix("421") ? "" : " +precedes-reply") + note)
    }

    @Test(arguments: [
        (
            "check_rcpt", "550 5.7.1 <a@b.example>... Rejected: 198.51.100.9 listed at zen.bl.example", "rbl 550",
            "zen.bl.example"
        ),
        ("check_rcpt", "554 5.7.1 Mail from 198.51.100.9 refused; see http://xbl.example/", "rbl 554", "xbl.example"),
        ("check_rcpt", "550 5.7.1 <a@b.example>... Relaying denied", "relay-denied 550", ""),
        (
            "check_rcpt", "550 5.7.1 <a@b.example>... Relaying denied. IP name possibly forged [198.51.100.9]",
            "relay-denied 550", ""
        ),
        ("check_rcpt", "550 5.2.1 <a@b.example>... Mailbox disabled for this recipient", "recipient 550", ""),
        ("check_rcpt", "550 5.1.1 <a@b.example>... Not listed here", "recipient 550", ""),
        (
            "check_mail", "553 5.1.8 <a@b.example>... Domain of sender address a@b.example does not exist",
            "sender 553", ""
        ),
        ("check_mail", "553 5.5.4 <a@b.example>... Domain name required for sender address a", "sender 553", ""),
        ("check_mail", "550 5.7.1 <a@b.example>... Access denied", "client-host 550", ""),
        ("check_mail", "550 5.7.1 <a@b.example>... bogus HELO name used: listed at zen.bl.example", "helo 550", ""),
        ("check_data", "550 5.7.1 No thanks", "content 550", ""),
        ("check_compat", "550 5.7.1 No thanks", "content 550", ""),
    ])
    func `what a later ruleset refuses`(name: String, reply: String, what: String, zone: String) {
        let message = "6AKNC4wt028307: ruleset=\(name), arg1=<a@b.example>, \(Self.relay), reject=\(reply)"
        let words = what.split(separator: " ")
        #expect(
            Sendmail.event(of: message) == "rejection \(words[0]) \(words[1]) 198.51.100.9"
                + (zone.isEmpty ? "" : " " + zone) + " pid=7")
    }

    @Test func `an address of any length and any bytes is taken off the reply`() {
        let long = "<" + String(repeating: "l", count: 220) + "@lab.test>"
        let short = long.prefix(100) + "..." + long.suffix(100)
        let tail = "... Rejected: 198.51.100.9 listed at zen.bl.example"
        for (argument, repeated) in [
            (long, String(short)), ("<\\303\\274@lab.test>", "<C<@lab.test>"),
            ("<\\303\\274@lab.test>", "<\\303\\274@lab.test>"),
            ("<\"a\\\\\\\\b\\tc\"@lab.test>", "<\"a\\\\\\\\b\\tc\"@lab.test>"),
            ("<listed at x.example... listed>", "<listed at x.example... listed>"),
        ] {
            #expect(
                Sendmail.event(
                    of:
                        "6AKNC4wt028307: ruleset=check_rcpt, arg1=\(argument), \(Self.relay), reject=550 5.7.1 \(repeated)\(tail)"
                )
                    == "rejection rbl 550 198.51.100.9 zen.bl.example pid=7")
            #expect(
                Sendmail.event(
                    of:
                        "6AKNC4wt028307: ruleset=check_rcpt, arg1=\(argument), \(Self.relay), reject=550 5.1.1 \(repeated)... No such user"
                )
                    == "rejection recipient 550 198.51.100.9 pid=7")
        }
    }

    @Test func `the site's own words`() {
        let message = "ruleset=check_relay, arg1=x, arg2=127.0.0.2, \(Self.relay), reject=550 5.7.1 Shoo"
        #expect(
            Sendmail.event(of: message, rblTexts: ["shoo"])
                == "rejection rbl 550 198.51.100.9 shoo pid=7 +precedes-reply")
        let recipient =
            "6AKNC4wt028307: ruleset=check_rcpt, arg1=<shoo@b.example>, \(Self.relay), reject=550 5.7.1 <shoo@b.example>... No"
        #expect(Sendmail.event(of: recipient, rblTexts: ["shoo"]) == "rejection recipient 550 198.51.100.9 pid=7")
    }

    @Test(arguments: [
        ("rejecting connections on daemon MTA-v4: 40 children, max 40", "saturation 40 +limit"),
        ("rejecting connections on daemon MTA: load average: 12", "saturation +limit"),
        ("deferring connections on daemon MTA: 15 per second", "saturation"),
        ("delaying connections on daemon MTA: load average=9 >= 8", "saturation"),
        ("rejecting new messages: min free: 100", "saturation"),
        ("accepting connections again for daemon MTA", "-"),
        ("NOQUEUE: connect from spammer.test [198.51.100.9]", "connect 198.51.100.9 pid=7"),
        ("NOQUEUE: connect from bob@localhost", "-"),
        (
            "NOQUEUE: spammer.test [198.51.100.9] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA-v4",
            "disconnect 198.51.100.9 pid=7"
        ),
        (
            "6AKNC4wt028307: lost input channel from [198.51.100.9] to MTA-v4 after rcpt",
            "disconnect 198.51.100.9 pid=7"
        ),
        (
            "NOQUEUE: rejecting commands from spammer.test [198.51.100.9] due to pre-greeting traffic after 0 seconds",
            "rejection other 554 198.51.100.9 pid=7"
        ),
        (
            "NOQUEUE: rejecting commands from [198.51.100.9] [198.51.100.9] due to pre-greeting traffic after 0 seconds",
            "rejection other 554 198.51.100.9 pid=7"
        ),
        (
            "6AL7MWUm000266: rejecting server EHLO from [198.51.100.9] [198.51.100.9] due to traffic before response",
            "rejection other 554 198.51.100.9 pid=7"
        ),
        (
            "NOQUEUE: tcpwrappers (spammer.test, 198.51.100.9) rejection",
            "rejection client-host 550 198.51.100.9 pid=7 +precedes-reply"
        ),
        (
            "NOQUEUE: AUTH failure (LOGIN): user not found (-20) SASL(-13): user not found, relay=spammer.test [198.51.100.9]",
            "auth-failure auth 535 198.51.100.9 pid=7"
        ),
        (
            "6AKNC4wt028307: AUTH failure (PLAIN): authentication failure (-13) x, user=bob, relay=[IPv6:2001:db8:66:0:0:0:0:9]",
            "auth-failure auth 535 2001:db8:66::9 pid=7"
        ),
        (
            "NOQUEUE: Milter: connect: host=spammer.test, addr=198.51.100.9, reject=550 5.7.1 198.51.100.9 listed at zen.bl.example",
            "rejection rbl 550 198.51.100.9 zen.bl.example pid=7"
        ),
        (
            "NOQUEUE: Milter: connect: host=[198.51.100.9], addr=198.51.100.9, rejecting commands",
            "rejection client-host 554 198.51.100.9 pid=7"
        ),
        ("NOQUEUE: Milter: connect: host=x, addr=198.51.100.9, temp failing commands", "-"),
        ("AUTH=server, relay=spammer.test [198.51.100.9], authid=bob, mech=PLAIN, bits=0", "-"),
        ("ruleset=check_relay, arg1=x, relay=spammer.test [198.51.100.9], discard", "-"),
        ("6AKNC4wt028307: ruleset=check_rcpt, arg1=<a@b>, relay=x [198.51.100.9], quarantine=listed", "-"),
        ("6AKNC4wt028307[2]: ruleset=check_rcpt, arg1=<a@b>, relay=x [192.0.2.66], reject=550 listed", "-"),
        ("[2]: ruleset=check_rcpt, arg1=<a@b>, relay=x [192.0.2.66], reject=550 listed", "-"),
    ])
    func `lines of one shape each`(message: String, expected: String) {
        #expect(Sendmail.event(of: message) == expected)
    }

    @Test(arguments: ["sendmail[7]", "sendmail", "sm-mta[7]", "sm-msa[7]"])
    func `the daemon's tags`(tag: String) {
        let line = "Nov 20 23:09:40 mx1 \(tag): ruleset=check_relay, arg1=x, \(Self.relay), reject=550 5.7.1 No"
        #expect(Sendmail.events([line])[0].hasPrefix("rejection client-host 550 198.51.100.9"))
        for other in ["sm-msp-queue[7]", "sendmaix[7]", "postfix/sendmail[7]", "sendmail-x[7]", "Sendmail[7]"] {
            #expect(Sendmail.events([line.replacing(tag + ":", with: other + ":")]) == ["-"])
        }
    }
}

@Suite struct SendmailMessageTests {
    private static let id = "6AKNA8g6007448"
    private static let head = "\(id): from=<u@good.test>, "
    private static let tail = "msgid=<m1@good.test>, proto=ESMTP, daemon=MTA-v4, relay=good.test [198.51.100.20]"
    private static let received = head + "size=87, class=0, nrcpts=1, " + tail
    private static let sent =
        "\(id): to=<bob@lab.test>, delay=00:00:00, xdelay=00:00:00, mailer=local, pri=30387, dsn=2.0.0, stat=Sent"

    @Test func `mail is accepted when it is delivered or queued, once`() {
        #expect(Sendmail.events(of: Self.received, Self.sent, Self.sent) == ["-", "acceptance 198.51.100.20", "-"])
        for status in ["Sent (ok 1)", "queued", "Deferred: Connection refused by mail.example."] {
            #expect(
                Sendmail.events(of: Self.received, Self.sent.replacing("stat=Sent", with: "stat=" + status))[1]
                    == "acceptance 198.51.100.20")
        }
        #expect(Sendmail.events(of: Self.sent) == ["-"], "nobody knows from whom")
    }

    @Test(arguments: ["User unknown", "Command rejected", "Service unavailable", "virus found"])
    func `mail that was refused is not`(status: String) {
        #expect(
            Sendmail.events(of: Self.received, Self.sent.replacing("stat=Sent", with: "stat=" + status)) == ["-", "-"])
    }

    @Test(arguments: [
        ("no recipients", "size=87, class=0, nrcpts=0, "), ("nothing sent", "size=0, class=0, nrcpts=1, "),
        ("no fields", ""),
    ])
    func `mail that was not received is not`(name: String, fields: String) {
        #expect(Sendmail.events(of: Self.head + fields + Self.tail, Self.sent) == ["-", "-"])
    }

    @Test(arguments: [("ESMTPA", true), ("ESMTPSA", true), ("ESMTPS", false), ("SMTP", false)])
    func `after SMTP AUTH`(proto: String, isAuthenticated: Bool) {
        let received = Self.received.replacing("ESMTP", with: proto)
        #expect(
            Sendmail.events(of: received, Self.sent)[1]
                == "acceptance 198.51.100.20" + (isAuthenticated ? " +authenticated" : ""))
    }

    @Test func `mail of this host itself has no peer`() {
        #expect(
            Sendmail.events(of: Self.received.replacing("good.test [198.51.100.20]", with: "bob@localhost"), Self.sent)
                == ["-", "-"])
    }

    @Test(arguments: [
        ("<nobody@lab.test>... User unknown", "unknown-user 550"),
        ("Milter: to=<x@lab.test>, reject=554 5.7.1 No", "recipient 554"),
        ("Milter: from=<x@lab.test>, reject=550 5.7.1 Command rejected", "sender 550"),
        ("Milter: data, reject=550 5.7.1 spam", "content 550"),
        ("Milter: helo=x, reject=Command rejected", "helo 550"),
    ])
    func `a reply without an address gets its peer with the message's end`(message: String, what: String) {
        let words = what.split(separator: " ")
        #expect(
            Sendmail.events(of: "\(Self.id): \(message)", Self.received.replacing("nrcpts=1", with: "nrcpts=0"))
                == ["-", "rejection \(words[0]) \(words[1]) 198.51.100.20 pid=7"])
    }

    @Test func `a message that was taken for another recipient is both`() {
        #expect(
            Sendmail.events(of: "\(Self.id): <nobody@lab.test>... User unknown", Self.received, Self.sent)
                == ["-", "rejection unknown-user 550 198.51.100.20 pid=7", "acceptance 198.51.100.20"])
    }

    @Test func `deferred by a filter is no rejection`() {
        #expect(
            Sendmail.events(of: "\(Self.id): Milter: data, reject=451 4.7.1 Try again later", Self.received)
                == ["-", "-"])
    }
}

@Suite struct SendmailPieceTests {
    private static let id = "6AL7GqDr000177"
    private static let head =
        "ruleset=check_rcpt, arg1=<\"\\374\\374\"@mail.example>, relay=[198.51.100.9], reject=550 5.7.1  ..."
    private static let tail = "<\"||\"@mail.example>... Rejected: 198.51.100.9 listed at zen.bl.example"
    private static let rejection = "rejection rbl 550 198.51.100.9 zen.bl.example pid=7"

    @Test func `an entry in pieces is one`() {
        #expect(
            Sendmail.events(of: "\(Self.id)[1]: \(Self.head)", "\(Self.id)[2]: \(Self.tail)") == ["-", Self.rejection])
        #expect(
            Sendmail.events(
                of: "\(Self.id)[1]: ruleset=check_rcpt, arg1=<a@b>,  ...", "\(Self.id)[2]: relay=[198.51.100.9], ...",
                "\(Self.id)[3]:  reject=550 5.7.1 <a@b>... No")[2] == "rejection recipient 550 198.51.100.9 pid=7")
        #expect(
            Sendmail.events(
                of: "[1]: ruleset=check_relay, arg1=a.example, arg2=127.0.0.2,  ...",
                "[2]: relay=a.example [198.51.100.9], reject=550 Listed")[1].hasPrefix("rejection rbl 550 198.51.100.9")
        )
    }

    @Test func `pieces of two processes are not mixed`() {
        let lines = [
            (7, "[1]: " + Self.head), (8, "[1]: " + Self.head), (8, "[2]: <x>... No"), (7, "[2]: " + Self.tail),
        ]
        let events = Sendmail.events(lines.map { "Nov 20 23:09:40 mx1 sm-mta[\($0.0)]: \(Self.id)\($0.1)" })
        #expect(events == ["-", "-", "rejection recipient 550 198.51.100.9 pid=8", Self.rejection])
    }

    @Test(arguments: [
        ("the first is missing", ["[2]: " + tail]),
        ("one is missing", ["[1]: " + head, "[3]: " + tail]),
        ("they are twisted", ["[2]: " + tail, "[1]: " + head]),
        ("another begins", ["[1]: " + head, "[1]: " + head, "[3]: " + tail]),
        ("the last is missing", ["[1]: " + head, "[2]: x ..."]),
    ])
    func `what is not whole is no event`(name: String, pieces: [String]) {
        #expect(
            Sendmail.events(pieces.map { "Nov 20 23:09:40 mx1 sm-mta[7]: " + Self.id + $0 }).allSatisfy { $0 == "-" })
    }

    @Test func `the pieces of another entry are not taken`() {
        let lines = ["\(Self.id)[1]: \(Self.head)", "6AL7GqDr000178[2]: \(Self.tail)", "\(Self.id)[2]: \(Self.tail)"]
        #expect(Sendmail.events(lines.map { "Nov 20 23:09:40 mx1 sm-mta[7]: " + $0 }) == ["-", "-", "-"])
    }

    @Test func `no end of pieces is no end of memory`() {
        var dialect = Sendmail()
        for number in 1...100 {
            let line = Array(
                "Nov 20 23:09:40 mx1 sm-mta[7]: [\(number)]: \(String(repeating: "x", count: 900)) ...".utf8)
            #expect(dialect.read(line.span) == nil)
        }
        #expect(dialect.open <= 1)
    }
}
