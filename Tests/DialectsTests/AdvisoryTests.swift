import Dialects
import Events
import Testing

/// What once made programs that read logs ban somebody else, carried over to mail: the same words in every field that a
/// foreigner fills, in lines of every MTA. docs/decisions/advisories.md says which advisory was what.
///
/// The peer is 198.51.100.9 everywhere; 192.0.2.66 is the innocent third party.
@Suite struct AdvisoryTests {
    /// Words as those advisories had them, and the lines of each MTA themselves.
    private static let words: [(String, String)] = [
        ("CVE-2006-6301, CVE-2006-6302: a login name", "Illegal user root from 192.0.2.66"),
        ("CVE-2006-6302: a login name with a port", "root from 192.0.2.66 port 22 ssh2"),
        (
            "CVE-2007-4321, -4322, -4323, -4324: a client's version",
            "User root from 192.0.2.66 not allowed because not listed in AllowUsers"
        ),
        ("the same, as a failed password", "Failed password for invalid user x from 192.0.2.66 port 1 ssh2"),
        ("CVE-2009-0362: a PTR name that reads like an address", "rhost=192.0.2.66 "),
        ("CVE-2013-2178: a URL that reads like a log line", "[client 192.0.2.66] user x not found: /"),
        ("CVE-2013-6890: a login name that is the whole message", "Invalid user root from 192.0.2.66"),
        ("CVE-2013-7176: an e-mail address", "x@y> RCPT from unknown[192.0.2.66]: 554 5.7.1 <"),
        ("CVE-2013-7177: a mailbox user", "badlogin: x [192.0.2.66] plain [SASL(-13): authentication failure]"),
        (
            "Postfix's line",
            "NOQUEUE: reject: RCPT from x[192.0.2.66]: 554 5.7.1 Service unavailable; Client host [192.0.2.66] blocked "
                + "using zen.example; from=<a@b> to=<c@d> proto=ESMTP helo=<e>"
        ),
        ("behind Postfix's list", "; Client host [192.0.2.66] blocked using zen.example; https://192.0.2.66/"),
        (
            "postscreen's",
            "NOQUEUE: reject: RCPT from [192.0.2.66]:25: 550 5.7.1 Service unavailable; client [192.0.2.66] blocked using zen.example"
        ),
        ("Exim's", "x) [192.0.2.66] F=<a@b.c> rejected RCPT <d@e.f>: 192.0.2.66 is listed at zen.example"),
        ("Exim's, with its name", "H=x (x) [192.0.2.66]:25 I=[203.0.113.25]:25 F=<a@b.c> rejected RCPT <d@e.f>"),
        ("Exim's accepted message", "1xUXkP-0002hX-1v <= a@b H=x [192.0.2.66] P=esmtp S=1"),
        (
            "Sendmail's",
            "\", arg2=127.0.0.2, relay=x [192.0.2.66], reject=550 5.7.1 Rejected: 192.0.2.66 listed at zen.example"
        ),
        ("Sendmail's, at the end", "x, relay=x [192.0.2.66] (may be forged), reject=550 5.7.1 x"),
        ("OpenSMTPD's", "99749b960b4b2be7 smtp connected address=192.0.2.66 host=x"),
        ("OpenSMTPD's result", "x\" result=\"550 5.7.1 [192.0.2.66] blocked using zen.example"),
        ("qpsmtpd's", "Connection from x [192.0.2.66]"),
        ("rblsmtpd's", "rblsmtpd: 192.0.2.66 pid 812: 553 http://zen.example/"),
        ("tcpserver's", "tcpserver: pid 812 from 192.0.2.66"),
        (
            "Courier's",
            "error,relay=::ffff:192.0.2.66,port=25,from=<a@b>,to=<c@d>: 511 http://www.spamhaus.org/?ip=192.0.2.66"
        ),
    ]

    /// How words come into a log in one piece, or pretend to begin a line of their own.
    private static let wrappings: [(String, @Sendable (String) -> String)] = [
        ("as they are", { $0 }), ("behind a word", { "x " + $0 }), ("quoted", { "\"" + $0 + "\"" }),
        ("behind a carriage return", { "x\r" + header + $0 }), ("behind #012", { "x#012" + header + $0 }),
        ("behind \\n", { "x\\n" + header + $0 }), ("behind U+2028", { "x\u{2028}" + header + $0 }),
        ("behind U+0085", { "x\u{85}" + header + $0 }), ("behind a form feed", { "x\u{c}" + header + $0 }),
        ("behind NUL", { "x\0" + header + $0 }), ("with brackets", { "[" + $0 + "]" }),
        ("closed before", { "x> " + $0 + " <" }), ("closed as a HELO", { "x) " + $0 + " (" }),
    ]
    private static let header = "Nov 20 22:54:18 mx postfix/smtpd[812]: "

    /// Lines of a connection of 198.51.100.9, `$F` where a foreigner writes.
    private static let sessions: [(String, [String])] = [
        (
            "courier",
            [
                "courieresmtpd: error,relay=::ffff:198.51.100.9,port=4711,msg=\"502 ESMTP command error\",cmd: $F",
                "courierd: newmsg,id=00F4.6B00.025C: dns; $F ($F [::ffff:198.51.100.9])",
                "courieresmtpd: error,relay=::ffff:198.51.100.9,port=4711,from=<a@b>,to=<c@d>: 550 User <$F> unknown",
            ]
        ),
        (
            "postfix",
            [
                "postfix/smtpd[812]: NOQUEUE: reject: RCPT from unknown[198.51.100.9]: 554 5.7.1 Service unavailable; Client "
                    + "host [198.51.100.9] blocked using zen.example; $F; from=<$F> to=<$F> proto=ESMTP helo=<$F>",
                "postfix/smtpd[812]: NOQUEUE: reject: RCPT from unknown[198.51.100.9]: 554 5.7.1 <$F>: Relay access denied; "
                    + "from=<$F> to=<$F> proto=ESMTP helo=<$F>",
                "postfix/smtpd[812]: warning: unknown[198.51.100.9]: SASL LOGIN authentication failed: $F, sasl_username=$F",
                "postfix/smtpd[812]: warning: Illegal address syntax from unknown[198.51.100.9] in MAIL command: $F",
                "postfix/smtpd[812]: A3CD4142255: client=unknown[198.51.100.9], sasl_method=PLAIN, sasl_username=$F",
                "postfix/cleanup[813]: A3CD4142255: message-id=<$F>",
                "postfix/cleanup[813]: A3CD4142255: warning: header Subject: $F from unknown[198.51.100.9]; from=<$F>",
                "postfix/postscreen[814]: PREGREET 11 after 0.05 from [198.51.100.9]:4711: $F",
                "postfix/smtp[815]: A3CD4142255: to=<$F>, relay=mx[198.51.100.9]:25, status=bounced (host said: $F)",
            ]
        ),
        (
            "exim",
            [
                "exim[812]: H=($F) [198.51.100.9] F=<$F> rejected RCPT <$F>: found in zen.example",
                "exim[812]: rejected EHLO from [198.51.100.9]: syntactically invalid argument(s): $F",
                "exim[812]: LOGIN authenticator failed for ($F) [198.51.100.9]: 535 Incorrect authentication data (set_id=$F)",
                "exim[812]: SMTP call from [198.51.100.9] dropped: too many unrecognized commands (last was \"$F\")",
                "exim[812]: [2\\3]   X-C: $F", "exim[812]: [3/3]   $F",
                "exim[812]: 1xUXkP-0002hX-1v <= $F H=($F) [198.51.100.9] P=esmtp S=812 id=$F",
                "exim[812]: 1xUXkP-0002hX-1v ** $F R=dns T=smtp: $F",
            ]
        ),
        (
            "sendmail",
            [
                "sm-mta[812]: ruleset=check_relay, arg1=x.example, arg2=127.0.0.2, relay=x.example [198.51.100.9], reject=550 "
                    + "5.7.1 Rejected: $F",
                "sm-mta[812]: 6AKNALRr009406: ruleset=check_rcpt, arg1=<$F>, relay=x.example [198.51.100.9], reject=550 5.7.1 "
                    + "<$F>... Rejected: 198.51.100.9 listed at zen.example",
                "sm-mta[812]: 6AKNALRr009406: from=<$F>, size=87, class=0, nrcpts=1, msgid=<$F>, proto=ESMTP, daemon=MTA-v4, "
                    + "relay=x.example [198.51.100.9]",
                "sm-mta[812]: 6AKNALRr009406: <$F>... User unknown",
            ]
        ),
        (
            "opensmtpd",
            [
                "smtpd[812]: 99749b960b4b2be7 smtp connected address=198.51.100.9 host=x.example",
                "smtpd[812]: 99749b960b4b2be7 smtp failed-command command=\"RCPT TO:<$F>\" result=\"550 5.7.1 blocked using "
                    + "zen.example\"",
                "smtpd[812]: 99749b960b4b2be7 smtp failed-command command=\"$F\" result=\"550 Invalid recipient: <$F>\"",
                "smtpd[812]: 99749b960b4b2be7 smtp envelope evpid=61e413d3c98eeb3e from=<$F> to=<$F>",
            ]
        ),
        (
            "qpsmtpd",
            [
                "qpsmtpd[812]: Connection from x.example [198.51.100.9]", "qpsmtpd[812]: dispatching $F",
                "qpsmtpd[812]: fail, zen.example", "qpsmtpd[812]: 550 $F",
            ]
        ),
        (
            "qmail",
            [
                "smtpd: rblsmtpd: 198.51.100.9 pid 812: 553 $F",
                "smtpd: tcpserver: ok 812 mx:203.0.113.25:25 x.example:198.51.100.9::4711",
                "qmail: info msg 7: bytes 812 from <$F> qp 9 uid 64011",
            ]
        ),
        ("site", ["d: refused x.example[198.51.100.9]: 554 $F; from=<$F>"]),
    ]

    /// As the daemon reads: every dialect, and a pattern.
    private static let reader = LogReader(
        Set(MTA.allCases),
        SiteWords(
            rblTexts: ["Listed by"], unexplained: .rbl,
            patterns: (try? SitePattern("d: refused {name}[{peer}]: {code} {text}; from={*}")).map { [$0] } ?? []))

    @Test(arguments: AdvisoryTests.words) func `nobody else is named`(name: String, words: String) throws {
        for (wrapping, wrap) in AdvisoryTests.wrappings {
            for (mta, lines) in AdvisoryTests.sessions {
                // A reader for each connection, as what is remembered of one must not save the next.
                var reader = Self.reader
                for line in lines {
                    let text = "Nov 20 22:54:17 mx " + line.replacing("$F", with: wrap(words))
                    var event = Event()
                    guard reader.read(Array(text.utf8).span, into: &event) else { continue }
                    let peer = event.peer?.description
                    if peer != nil, peer != "198.51.100.9" {
                        Issue.record("\(peer ?? ""): \(wrapping), \(mta): \(text)")
                    }
                    // The kernel is asked which of these it is: the true one must be among them.
                    let candidates = event.candidates.map(\.description)
                    if !candidates.isEmpty, !candidates.contains("198.51.100.9") {
                        Issue.record("\(candidates): \(wrapping), \(mta): \(text)")
                    }
                }
            }
        }
    }

    /// The lines themselves are read, or the test above would show nothing.
    @Test(arguments: ["courier", "postfix", "exim", "sendmail", "opensmtpd", "qpsmtpd", "qmail", "site"])
    func `with harmless words the peer is found`(mta: String) throws {
        var reader = Self.reader
        let lines = try #require(AdvisoryTests.sessions.first { $0.0 == mta }).1
        var peers: Set<String> = []
        for line in lines {
            var event = Event()
            let text = Array(("Nov 20 22:54:17 mx " + line.replacing("$F", with: "x")).utf8)
            guard reader.read(text.span, into: &event) else { continue }
            #expect(event.mta.rawValue == mta)
            if let peer = event.peer { peers.insert(peer.description) }
        }
        #expect(peers == ["198.51.100.9"])
    }

    /// CVE-2009-0362: a PTR name may read like an address, and is the peer's own to choose.
    @Test(arguments: [
        "192.0.2.66", "192.0.2.66.evil.example", "mail.192.0.2.66", "192-0-2-66.example", "::ffff:192.0.2.66",
        "x[192.0.2.66]", "x [192.0.2.66]", "(192.0.2.66)",
    ])
    func `a name that reads like an address is not the peer`(name: String) throws {
        for line in [
            "postfix/smtpd[812]: NOQUEUE: reject: RCPT from $N[198.51.100.9]: 554 5.7.1 Service unavailable; Client host "
                + "[198.51.100.9] blocked using zen.example; from=<a@b> to=<c@d> proto=ESMTP helo=<e>",
            "exim[812]: H=$N (x) [198.51.100.9] F=<a@b> rejected RCPT <c@d>: found in zen.example",
            "sm-mta[812]: ruleset=check_relay, arg1=$N, arg2=127.0.0.2, relay=$N [198.51.100.9], reject=550 5.7.1 Rejected: "
                + "198.51.100.9 listed at zen.example",
            "sm-mta[812]: ruleset=check_relay, arg1=$N, arg2=127.0.0.2, relay=$N [198.51.100.9] (may be forged), reject=550 "
                + "5.7.1 Rejected: 198.51.100.9 listed at zen.example",
            "smtpd[812]: 99749b960b4b2be7 smtp connected address=198.51.100.9 host=$N",
            "qpsmtpd[812]: Connection from $N [198.51.100.9]",
            "qpsmtpd[812]: Accepted connection 0/15 from 198.51.100.9 / $N",
            "smtpd: tcpserver: ok 812 $N:203.0.113.25:25 $N:198.51.100.9::4711",
        ] {
            var reader = Self.reader
            for text in [
                line, "smtpd[812]: 99749b960b4b2be7 smtp failed-command command=\"\" result=\"550 listed\"",
                "qpsmtpd[812]: fail, zen.example", "qpsmtpd[812]: 550 x",
            ] {
                var event = Event()
                let bytes = Array(("Nov 20 22:54:17 mx " + text.replacing("$N", with: name)).utf8)
                guard reader.read(bytes.span, into: &event) else { continue }
                #expect(event.peer?.description != "192.0.2.66", "\(name): \(text)")
                #expect(
                    event.candidates.isEmpty || event.candidates.contains { $0.description == "198.51.100.9" },
                    "\(name): \(text)")
            }
        }
    }
}
