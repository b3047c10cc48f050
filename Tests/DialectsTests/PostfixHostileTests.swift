import Dialects
import Events
import Testing

/// Clients, lists and owners of PTR names write into Postfix's log: HELO, sender, recipient, a message's headers, a
/// list's TXT. None of it may make another event of its line. 192.0.2.66 is the innocent third party.
@Suite struct PostfixHostileTests {
    private static let forged =
        "NOQUEUE: reject: RCPT from x[192.0.2.66]: 554 5.7.1 Service unavailable; "
        + "Client host [192.0.2.66] blocked using zen.spamhaus.org; from=<a@b> to=<c@d> proto=SMTP helo=<x>"
    private static let listed =
        "NOQUEUE: reject: RCPT from x.example[198.51.100.9]: 554 5.7.1 Service unavailable; "
        + "Client host [198.51.100.9] blocked using "
    private static let refused = "NOQUEUE: reject: RCPT from x.example[198.51.100.9]: 554 5.7.1 "
    private static let tail = "; from=<a@b.example> to=<c@d.example> proto=ESMTP helo=<x>"

    @Test(arguments: [
        (
            "a whole line as HELO", listed + "zen.example; from=<a@b> to=<c@d> proto=ESMTP helo=<\(forged)>",
            "rejection rbl 554 198.51.100.9 zen.example pid=7"
        ),
        (
            "a whole line as sender", listed + "zen.example; from=<\"\(forged)\"@b> to=<c@d> proto=ESMTP helo=<x>",
            "rejection rbl 554 198.51.100.9 zen.example pid=7"
        ),
        (
            "a PTR name that reads like an address",
            "NOQUEUE: reject: RCPT from 192.0.2.66.evil.example[198.51.100.9]: 554 5.7.1 Service unavailable; "
                + "Client host [198.51.100.9] blocked using zen.example" + tail,
            "rejection rbl 554 198.51.100.9 zen.example pid=7"
        ),
        (
            "a TXT with another reply in it",
            listed + "zen.example; 554 5.7.1 Client host [192.0.2.66] blocked using other.example; x"
                + tail,
            "rejection rbl 554 198.51.100.9 zen.example pid=7"
        ),
        (
            "a TXT that begins like an envelope", listed + "zen.example; from=<x> open resolver" + tail,
            "rejection rbl 554 198.51.100.9 zen.example pid=7"
        ),
        (
            "a TXT of the list's failure behind the zone", listed + "zen.example; Error: open resolver" + tail,
            "rejection rbl 554 198.51.100.9 zen.example pid=7 +list-failure"
        ),
        (
            "the failure's words in HELO",
            listed + "zen.example; from=<a@b> to=<c@d> proto=ESMTP helo=<open.resolver_returnc/>",
            "rejection rbl 554 198.51.100.9 zen.example pid=7"
        ),
        (
            "an access rule that quotes a list's words",
            refused + "<x.example[198.51.100.9]>: Client host rejected: Service unavailable; Client host [192.0.2.66] "
                + "blocked using zen.example; custom text" + tail,
            "rejection client-host 554 198.51.100.9 pid=7"
        ),
        (
            "an access rule that quotes the peer's listing",
            refused
                + "<x.example[198.51.100.9]>: Client host rejected: Service unavailable; Client host [198.51.100.9] "
                + "blocked using zen.example; custom text" + tail,
            "rejection client-host 554 198.51.100.9 pid=7"
        ),
        (
            "a listing of another address than the peer's",
            refused + "Service unavailable; Client host [192.0.2.66] blocked using zen.example" + tail,
            "rejection rhsbl 554 198.51.100.9 zen.example pid=7"
        ),
        (
            "a recipient that quotes a list",
            "NOQUEUE: reject: RCPT from x.example[198.51.100.9]: 550 5.1.1 <\"x>: Client host rejected: blocked using zen\"@d.example>: "
                + "Recipient address rejected: User unknown in local recipient table" + tail,
            "rejection other 550 198.51.100.9 pid=7"
        ),
        (
            "a recipient with a quotation's end in it",
            "NOQUEUE: reject: RCPT from x.example[198.51.100.9]: 550 5.1.1 <\"x>: y\"@d.example>: "
                + "Recipient address rejected: User unknown in local recipient table" + tail,
            "rejection unknown-user 550 198.51.100.9 pid=7"
        ),
        (
            "a sender with a whole line in it",
            "NOQUEUE: reject: RCPT from x.example[198.51.100.9]: 550 5.1.8 <\"\(forged)\"@b.invalid>: "
                + "Sender address rejected: Domain not found" + tail,
            "rejection sender 550 198.51.100.9 pid=7"
        ),
        (
            "a HELO that is a listing",
            refused
                + "Service unavailable; Helo command [Client host [198.51.100.9] blocked using zen.example] blocked using "
                + "dbl.example" + tail,
            "rejection rhsbl 554 198.51.100.9 pid=7"
        ),
        (
            "a sender that names a zone of its own",
            refused
                + "Service unavailable; Sender address [\"x] blocked using zen.example; \"@b.example] blocked using dbl.example"
                + tail,
            "rejection rhsbl 554 198.51.100.9 pid=7"
        ),
        (
            "a sender that names a zone and an envelope",
            refused
                + "Service unavailable; Sender address [\"x] blocked using zen.example; from=<\"@b.example] blocked using dbl.example"
                + tail,
            "rejection rhsbl 554 198.51.100.9 pid=7"
        ),
        (
            "a client's words in a site's own list reply",
            refused + "Refused <listed at http://zen.example 198.51.100.9>" + tail,
            "rejection client-host 554 198.51.100.9 pid=7"
        ),
        (
            "the word of a list in the envelope only",
            refused + "Go away; from=<listed@dnsbl.example> to=<c@d> proto=ESMTP helo=<198.51.100.9>",
            "rejection client-host 554 198.51.100.9 pid=7"
        ),
        (
            "a mechanism that is a line", "warning: x.example[198.51.100.9]: SASL \(forged) authentication failed: x",
            "-"
        ),
        (
            "a login name that is a peer",
            "warning: x.example[198.51.100.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=x[192.0.2.66]: SASL",
            "auth-failure auth 535 198.51.100.9 pid=7"
        ),
        (
            "a login name that says the server failed",
            "warning: x.example[198.51.100.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=generic failure",
            "auth-failure auth 535 198.51.100.9 pid=7"
        ),
        (
            "a sender's syntax error that is a line",
            "warning: Illegal address syntax from x.example[198.51.100.9] in MAIL command: <y[192.0.2.66]: SASL LOGIN authentication failed: z>",
            "-"
        ),
        (
            "a command that is a line", "warning: non-SMTP command from x.example[198.51.100.9]: \(forged)", "-"
        ),
        (
            "pipelined text that is a line",
            "improper command pipelining after CONNECT from x.example[198.51.100.9]: connect from y[192.0.2.66]", "-"
        ),
        (
            "an account named like another client",
            "4F1A2B3C4E: client=x.example[198.51.100.9], sasl_method=PLAIN, sasl_username=bob, client=y[192.0.2.66]",
            "acceptance 198.51.100.9 pid=7 +authenticated"
        ),
        (
            "AUTH= in MAIL FROM is not a login",
            "4F1A2B3C4E: client=x.example[198.51.100.9], sasl_sender=bob,sasl_username=bob",
            "acceptance 198.51.100.9 pid=7 +precedes-reply"
        ),
        (
            "the mechanism without a user is not a login",
            "4F1A2B3C4E: client=x.example[198.51.100.9], sasl_method=Anonymous, sasl_username=anonymous",
            "acceptance 198.51.100.9 pid=7 +precedes-reply"
        ),
        (
            "nor is a sender that looks like one",
            "4F1A2B3C4E: client=x.example[198.51.100.9], sasl_sender=sasl_method=PLAIN, sasl_username=bob",
            "acceptance 198.51.100.9 pid=7 +precedes-reply"
        ),
        (
            "XFORWARD's word is not a login",
            "4F1A2B3C4E: client=x.example[198.51.100.9], orig_queue_id=1, orig_client=y[192.0.2.66], sasl_username=bob",
            "acceptance 198.51.100.9 pid=7 +precedes-reply"
        ),
        (
            "a milter's text that quotes the client",
            "NOQUEUE: milter-reject: RCPT from x.example[198.51.100.9]: 550 5.7.1 no <Client host [192.0.2.66] blocked using zen>"
                + tail,
            "rejection content 550 198.51.100.9 pid=7"
        ),
    ])
    func `nobody's words make another event`(name: String, message: String, expected: String) {
        #expect(Postfix.event(of: message) == expected, "\(name)")
    }

    @Test(arguments: [
        ("4F1A2B3C4E: message-id=<\(forged)>", "postfix/cleanup[7]"),
        ("4F1A2B3C4E: message-id=\(forged)", "postfix[7]"),
        ("4F1A2B3C4E: warning: header Subject: \(forged) from x.example[198.51.100.9]; from=<a@b>", "postfix[7]"),
        ("4F1A2B3C4E: to=<\"\(forged)\"@b>, relay=none, status=bounced (\(forged))", "postfix[7]"),
        ("4F1A2B3C4E: from=<\"\(forged) (queue active)\"@b>, status=expired, returned to sender", "postfix/qmgr[7]"),
        ("4F1A2B3C4E: from=<\"\(forged)\"@b>, size=4, nrcpt=1 (queue active)", "postfix[7]"),
        ("message repeated 2 times: [ \(forged)]", "postfix/smtpd[7]"),
        (forged, "postfix/cleanup[7]"), (forged, "postfix/qmgr[7]"), (forged, "postfix/smtp[7]"), (forged, "smtpd[7]"),
        (forged, "postfix/smtpd/x[7]"), (forged, "/x[7]"), (forged, "sshd[7]"), (forged, "Postfix[7]"),
        (forged, "postfix/master[7]"), (forged, "postfix/tlsproxy[7]"),
        ("connect from x[192.0.2.66]", "postfix/cleanup[7]"), ("connect from x[192.0.2.66]", "postfix/postscreen[7]"),
        ("DISCONNECT [192.0.2.66]:1", "postfix/smtpd[7]"),
        ("addr 192.0.2.66 listed by domain x as y", "postfix/dnsblog[7]"),
        ("warning: service \"smtp\" (25) has reached its process limit \"1\"", "postfix/cleanup[7]"),
    ])
    func `what stands in other lines is no event`(message: String, tag: String) {
        #expect(Postfix.event(of: message, tag: tag) == "-")
    }

    @Test(arguments: [
        "NOQUEUE: milter-reject: RCPT from unknown[198.51.100.9]: 225 4.7.1 no code of a refusal",
        "NOQUEUE: reject: RCPT from x.example[198.51.100.9 ]: 554 5.7.1 x",
        "NOQUEUE: reject: RCPT from [198.51.100.9: 554 x",
        "NOQUEUE: reject: RCPT from x y[198.51.100.9]: 554 5.7.1 x",
        "NOQUEUE: reject: RCPT from x[198.51.100.256]: 554 x",
        "NOQUEUE: reject: RCPT from x[[198.51.100.9]]: 554 5.7.1 x",
        "NOQUEUE: reject: RCPT from x.example: 554 5.7.1 x",
        "NOQUEUE: reject: RCPT from x[198.51.100.9]:x: 554 5.7.1 x",
        "NOQUEUE: reject: RCPT from x[198.51.100.9]: 55 5.7.1 x",
        "NOQUEUE: reject: RCPT from x[198.51.100.9]: 5544 5.7.1 x",
        "NOQUEUE: reject: RCPT from x[198.51.100.9]: 250 2.0.0 x",
        "NOQUEUE: reject: RCPT from x[198.51.100.9]", "NOQUEUE: reject: rcpt from x[198.51.100.9]: 554 5.7.1 x",
        "NOQUEUE: reject: RCPT x from x[198.51.100.9]: 554 5.7.1 x",
        "NOQUEUE: reject:  from x[198.51.100.9]: 554 5.7.1 x",
        "NOQUEUE: reject: RCPT from x[198.51.100.9]: all server ports busy now", "connect from x.example 198.51.100.9",
        "connect from x[198.51.100.9] twice", "disconnect from x[198.51.100.9]x", "4F1A2B3C4E: client=198.51.100.9",
        "4F1A2B3C4E: client=x[198.51.100.9] sasl_username=bob",
        "warning: Connection rate limit exceeded: x from x[198.51.100.9] for service smtp",
        "warning: Connection rate limit exceeded: 1 from x[198.51.100.9]",
    ])
    func `a line that begins like ours and goes on otherwise is unread`(message: String) {
        var dialect = Postfix()
        #expect(describe(dialect.event("Nov 20 22:54:18 mx postfix/smtpd[7]: " + message)) == "-")
        #expect(dialect.unread == 1)
    }

    @Test(arguments: [
        "NOQUEUE: rejected: RCPT from x[198.51.100.9]: 554 5.7.1 x", " connect from x[198.51.100.9]",
        "Connect from x[198.51.100.9]",
        "-NOQUEUE: reject: RCPT from x[198.51.100.9]: 554 x", "4F1: client=x[198.51.100.9]",
        "4F1A-2B3C4E: client=x[198.51.100.9]",
        "NOQUEUE:reject: RCPT from x[198.51.100.9]: 554 x", "NOQUEUE: ", "NOQUEUE:", "warning: ",
        "reject: RCPT from x[198.51.100.9]: 554 x", "",
        "warning: x[198.51.100.9]: SASL LOGIN authentication failed", "warning: x[198.51.100.9]: SASL",
        "proxy-accept: END-OF-MESSAGE: 250 x", "connect from unknown[unknown]", "4F1A2B3C4E: client=unknown[unknown]",
    ])
    func `what is not ours is neither event nor unread`(message: String) {
        var dialect = Postfix()
        #expect(describe(dialect.event("Nov 20 22:54:18 mx postfix/smtpd[7]: " + message)) == "-")
        #expect(dialect.unread == 0)
    }

    @Test(arguments: [
        ("<c@d.example>: Recipient address rejected: Listed by cbl", ["listed BY"], "rbl 554 198.51.100.9 listed BY"),
        (
            "<x.example[198.51.100.9]>: Client host rejected: see http://www.cbl.example/, cbl", ["cbl"],
            "rbl 554 198.51.100.9 cbl.example"
        ),
        ("Refused by our policy", ["our policy"], "rbl 554 198.51.100.9 our policy"),
        ("<c@d.example>: Recipient address rejected: Listed by cbl", [], "recipient 554 198.51.100.9"),
        ("<cbl@d.example>: Recipient address rejected: no", ["cbl"], "recipient 554 198.51.100.9"),
        ("<c@d.example>: Recipient address rejected: no <cbl>", ["cbl"], "recipient 554 198.51.100.9"),
        ("<c@d.example>: Recipient address rejected: no a@b.example", ["a@b"], "recipient 554 198.51.100.9"),
        (
            "<\"x>: Recipient address rejected: cbl\"@d.example>: Recipient address rejected: no", ["cbl"],
            "other 554 198.51.100.9"
        ),
        (
            "<x>: Recipient address rejected: cbl; from=<@d.example>: Recipient address rejected: no", ["cbl"],
            "other 554 198.51.100.9"
        ),
        (
            "<x.example[198.51.100.9]>: Client host rejected: cbl@d.example>: Relay access denied", ["cbl"],
            "other 554 198.51.100.9"
        ),
        (
            "<x; from=<y@d.example>: Recipient address rejected: Listed by cbl", ["cbl"], "rbl 554 198.51.100.9 cbl"
        ),
    ])
    func `the site's own words`(text: String, words: [String], expected: String) {
        let message = PostfixHostileTests.refused + text + PostfixHostileTests.tail
        #expect(Postfix.event(of: message, rblTexts: words) == "rejection \(expected) pid=7")
    }

    /// cleanup quotes the message before it names the peer.
    @Test(arguments: ["postfix/cleanup[9]", "postfix[9]"])
    func `a header that names a peer does not name this one's`(tag: String) {
        let check =
            ": reject: header Subject: x from y[192.0.2.66]; from=<a@b>: 5.7.1 no from x.example[198.51.100.9]; from=<a@b>"
        var dialect = Postfix()
        let head = "Nov 20 22:54:18 mx "
        _ = dialect.event(head + "postfix/smtpd[7]: 4F1A2B3C4E: client=x.example[198.51.100.9]")
        #expect(
            describe(dialect.event(head + "\(tag): 4F1A2B3C4E" + check)) == "rejection content 550 198.51.100.9 pid=7")
        // Another message's: nobody.
        #expect(describe(dialect.event(head + "\(tag): 4F1A2B3C4F" + check)) == "rejection content 550")
        // The refused message makes nobody known.
        let active = head + "postfix/qmgr[8]: 4F1A2B3C4E: from=<a@b>, size=4, nrcpt=1 (queue active)"
        #expect(dialect.event(active) == nil)
    }

    @Test func `a client that cannot be read is not the one whose message had its id`() {
        var dialect = Postfix()
        let head = "Nov 20 22:54:18 mx "
        let active = head + "postfix/qmgr[8]: 4F1A2B3C4E: from=<a@b>, size=4, nrcpt=1 (queue active)"
        _ = dialect.event(head + "postfix/smtpd[7]: 4F1A2B3C4E: client=x.example[198.51.100.9]")
        #expect(dialect.event(head + "postfix/smtpd[7]: 4F1A2B3C4E: client=x.example[198.51.100.10]/-") == nil)
        #expect(dialect.event(active) == nil)
    }

    /// Texts that came before are compared and not read; what differs is read.
    @Test func `a list's text is another one when anything but the address differs`() {
        var dialect = Postfix()
        func event(_ address: String, _ listing: String) -> String {
            describe(
                dialect.event(
                    "Nov 20 22:54:18 mx postfix/smtpd[7]: NOQUEUE: reject: RCPT from x[\(address)]: 554 5.7.1 "
                        + "Service unavailable; Client host [\(address)] blocked using \(listing)"
                        + PostfixHostileTests.tail))
        }
        let plain = "rejection rbl 554 198.51.100.14"
        #expect(event("198.51.100.14", "z.example; x 198.51.100.14 y") == plain + " z.example pid=7")
        #expect(
            event("198.51.100.15", "z.example; x 198.51.100.15 y") == "rejection rbl 554 198.51.100.15 z.example pid=7")
        #expect(event("198.51.100.14", "z.example; x open resolver y") == plain + " z.example pid=7 +list-failure")
        #expect(
            event("198.51.100.14", "z.example; x 198.51.100.14 returnc/") == plain + " z.example pid=7 +list-failure")
        #expect(event("198.51.100.14", "y.example; x 198.51.100.14 y") == plain + " y.example pid=7")
        #expect(event("198.51.100.14", "z.example; x 198.51.100.14 y") == plain + " z.example pid=7")
        // A zone that holds the address is another one for another peer.
        #expect(event("198.51.100.14", "198.51.100.14.example; x") == plain + " 198.51.100.14.example pid=7")
        #expect(
            event("198.51.100.15", "198.51.100.15.example; x")
                == "rejection rbl 554 198.51.100.15 198.51.100.15.example pid=7")
        // More of them than are kept.
        for number in 0..<20 {
            #expect(event("198.51.100.14", "z\(number).example") == plain + " z\(number).example pid=7")
        }
    }

    /// With a filter before the queue there is no queue id, and the verdict does not name the peer.
    @Test func `a filter's verdict belongs to the process that named the peer`() {
        var dialect = Postfix()
        func event(_ pid: Int, _ message: String) -> String {
            describe(dialect.event("Nov 20 22:54:18 mx postfix/smtpd[\(pid)]: " + message))
        }
        _ = event(7, "NOQUEUE: client=x.example[198.51.100.9]")
        let accepted = "proxy-accept: END-OF-MESSAGE: 250 2.0.0 Ok; from=<a@b> to=<c@d> proto=ESMTP helo=<x>"
        #expect(event(8, accepted) == "-")
        #expect(event(7, accepted) == "acceptance 198.51.100.9 pid=7")
        #expect(event(7, accepted) == "-")
        // A message with a queue id has no filter before the queue; of the others nobody knows whom they name.
        for next in [
            "4F1A2B3C4E: client=y.example[198.51.100.10]", "NOQUEUE: client=y[198.51.100.1]0]", "NOQUEUE: client=y",
        ] {
            _ = event(7, "NOQUEUE: client=x.example[198.51.100.9]")
            _ = event(7, next)
            #expect(event(7, accepted) == "-")
        }
    }
}

@Suite struct PostscreenTests {
    private static func events(_ messages: [String]) -> [String] {
        var dialect = Postfix()
        return messages.map { message in
            let tag = message.hasPrefix("addr ") ? "dnsblog" : "postscreen"
            return describe(dialect.event("Nov 20 22:54:18 mx postfix/\(tag)[4]: " + message))
        }
    }

    @Test(arguments: [
        (
            "sent away at once", ["DNSBL rank 3 for [198.51.100.9]:1", "DISCONNECT [198.51.100.9]:1"],
            "rejection rbl 198.51.100.9:1 pid=4"
        ),
        (
            "another connection's end", ["DNSBL rank 3 for [198.51.100.9]:1", "DISCONNECT [198.51.100.9]:2"],
            "disconnect 198.51.100.9:2 pid=4"
        ),
        (
            "hung up in between",
            [
                "DNSBL rank 3 for [198.51.100.9]:1",
                "HANGUP after 0.2 from [198.51.100.9]:1 in tests after SMTP handshake",
                "DISCONNECT [198.51.100.9]:1",
            ], "disconnect 198.51.100.9:1 pid=4"
        ),
        (
            "rejected before",
            [
                "DNSBL rank 3 for [198.51.100.9]:1",
                "NOQUEUE: reject: RCPT from [198.51.100.9]:1: 550 5.7.1 Service unavailable; client [198.51.100.9] blocked using z.example; from=<a>, to=<b>, proto=SMTP, helo=<x>",
                "DISCONNECT [198.51.100.9]:1",
            ], "disconnect 198.51.100.9:1 pid=4"
        ),
        (
            "the list failed",
            [
                "addr 198.51.100.9 listed by domain z.example as 127.255.255.254", "DNSBL rank 3 for [198.51.100.9]:1",
                "DISCONNECT [198.51.100.9]:1",
            ], "rejection rbl 198.51.100.9:1 z.example pid=4 +list-failure"
        ),
        (
            "one list failed and another did not",
            [
                "addr 198.51.100.9 listed by domain z.example as 127.255.255.254",
                "addr 198.51.100.9 listed by domain Y.example as 127.0.0.2", "DNSBL rank 3 for [198.51.100.9]:1",
                "DISCONNECT [198.51.100.9]:1",
            ], "rejection rbl 198.51.100.9:1 y.example pid=4"
        ),
        (
            "rejected by the list that did not fail",
            [
                "addr 198.51.100.9 listed by domain z.example as 127.255.255.254",
                "addr 198.51.100.9 listed by domain y.example as 127.0.0.2",
                "NOQUEUE: reject: RCPT from [198.51.100.9]:1: 550 5.7.1 Service unavailable; client [198.51.100.9] blocked using y.example; from=<a>, to=<b>, proto=SMTP, helo=<x>",
            ], "rejection rbl 550 198.51.100.9:1 y.example pid=4"
        ),
        (
            "a listing of another address",
            [
                "addr 192.0.2.66 listed by domain z.example as 127.255.255.254", "DNSBL rank 3 for [198.51.100.9]:1",
                "DISCONNECT [198.51.100.9]:1",
            ], "rejection rbl 198.51.100.9:1 pid=4"
        ),
        (
            "a line as HELO",
            [
                "NOQUEUE: reject: RCPT from [198.51.100.9]:1: 550 5.7.1 Service unavailable; client [198.51.100.9] blocked using z.example; from=<a>, to=<b>, proto=SMTP, helo=<NOQUEUE: reject: RCPT from [192.0.2.66]:25>"
            ], "rejection rbl 550 198.51.100.9:1 z.example pid=4"
        ),
        (
            "another address in the reply",
            [
                "NOQUEUE: reject: RCPT from [198.51.100.9]:1: 550 5.7.1 Service unavailable; client [192.0.2.66] blocked using z.example; from=<a>, to=<b>, proto=SMTP, helo=<x>"
            ], "rejection rhsbl 550 198.51.100.9:1 z.example pid=4"
        ),
        ("text before the greeting", ["PREGREET 40 after 0 from [198.51.100.9]:1: DISCONNECT [192.0.2.66]:1"], "-"),
        ("no port", ["DISCONNECT [198.51.100.9]"], "-"),
        ("a name", ["CONNECT from x[198.51.100.9]:1 to [203.0.113.25]:25"], "-"),
    ])
    func `what becomes of a listed client`(name: String, messages: [String], last: String) {
        #expect(PostscreenTests.events(messages).last == last, "\(name)")
    }

    @Test(arguments: [
        "NOQUEUE: reject: RCPT from [198.51.100.9]:1: 550 5.7.1 Service unavailable; client [198.51.100.9] blocked using z.example; from=<a>, to=<b>, proto=SMTP, helo=<x>",
        "HANGUP after 0.2 from [198.51.100.9]:1 in tests after SMTP handshake",
        "COMMAND PIPELINING from [198.51.100.9]:1 after EHLO: DISCONNECT [192.0.2.66]:1",
    ])
    func `a postscreen that lets listed clients in sends nobody away, until another one runs`(stay: String) {
        var dialect = Postfix()
        func event(_ pid: Int, _ message: String) -> String {
            describe(dialect.event("Nov 20 22:54:18 mx postfix/postscreen[\(pid)]: " + message))
        }
        _ = event(4, "DNSBL rank 3 for [198.51.100.9]:1")
        _ = event(4, stay)
        for (pid, expected) in [(4, "disconnect 198.51.100.9:2 pid=4"), (5, "rejection rbl 198.51.100.9:2 pid=5")] {
            _ = event(pid, "DNSBL rank 3 for [198.51.100.9]:2")
            #expect(event(pid, "DISCONNECT [198.51.100.9]:2") == expected)
        }
    }
}
