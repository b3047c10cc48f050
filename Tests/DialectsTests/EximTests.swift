import Addresses
import Dialects
import Events
import Testing

extension Exim {
    mutating func event(_ line: String) -> Event? { event(Array(line.utf8)) }
    mutating func event(_ line: [UInt8]) -> Event? { read(line.span) }

    /// What a dialect without a memory of earlier lines makes of an entry in syslog.
    static func event(of entry: String, _ site: SiteWords = SiteWords()) -> String {
        var dialect = Exim(site)
        return describe(dialect.event("Nov 20 22:54:18 mx exim[4711]: " + entry))
    }
}

@Suite struct EximFixtureTests {
    /// The samples' server gave no text where these lists spoke: `rejected RCPT <...>` and no more.
    private static let site = SiteWords(unexplained: .rbl)

    @Test(arguments: ["exim", "exim.iso", "exim.rfc5424"])
    func `every line is the event beside it`(name: String) throws {
        var dialect = Exim(EximFixtureTests.site)
        let lines = try Fixtures.lines("exim/\(name).log")
        let events = try Fixtures.text("exim/exim.events")
        #expect(lines.count == events.count)
        for (number, (line, expected)) in zip(lines, events).enumerated() {
            #expect(
                describe(dialect.event(line)) == expected,
                "\(name).log:\(number + 1): \(String(decoding: line, as: UTF8.self))")
        }
    }

    /// The truth was made of what the clients did. Of a rejection that stands twice the second is no event; a
    /// disconnection is one of no class; and where Exim ends the connection itself the event has no code.
    @Test func `class, peer and code are what really happened`() throws {
        var dialect = Exim(EximFixtureTests.site)
        let lines = try Fixtures.lines("exim/exim.iso.log")
        for row in try Fixtures.text("exim/exim.truth.tsv").dropFirst() {
            let truth = row.split(separator: "\t").map(String.init)
            let number = try #require(Int(truth[0]))
            let event = dialect.event(lines[number - 1])
            if [2, 7, 16, 21].contains(number) {
                #expect(event == nil, "line \(number) is the reject log's copy")
                continue
            }
            #expect((event?.rejectionClass?.rawValue ?? "none") == truth[2], "line \(number)")
            if truth[2] == "none" { continue }
            #expect(event?.peer?.description == truth[1], "line \(number)")
            let isClosed = [15, 18].contains(number)
            #expect((event?.code?.description ?? "-") == (isClosed ? "-" : truth[3]), "line \(number)")
        }
    }

    @Test(arguments: [
        ("1xUXkP-0002hX-1v => bob <bob@mail.example> R=local T=mail", 0), ("no host name found for IP address ::1", 0),
        ("H=(mx) [192.0.2.7] Warning: 192.0.2.7 is listed at zen.example", 0),
        ("H=(mx) [192.0.2.7] rejected VRFY bob", 0),
        ("1xUXkP-0002hX-1v H=mx.example [192.0.2.9] SMTP error from remote mail server after RCPT TO:<a@b>: 550 no", 0),
        ("H=(mx) [192.0.2.7] F=<a@b> in words of another version", 1),
        ("H=(mx) [192.0.2.7 F=<a@b> rejected RCPT <c@d>", 1), ("H=mx F=<a@b> rejected RCPT <c@d>", 1),
        ("rejected EHLO from nobody: syntactically invalid argument(s): x", 1),
        ("SMTP call from mx.example dropped: too many", 1),
    ])
    func `a line counts as unread when it should have been an event`(entry: String, unread: Int) {
        var dialect = Exim()
        #expect(dialect.event("2026-11-20 22:44:56 " + entry) == nil)
        #expect(dialect.unread == unread)
    }
}

@Suite struct EximEntryTests {
    private static let rejected = "F=<a@b.example> rejected RCPT <c@d.example>: relay not permitted"

    /// What stands in front of an entry, and the forms of the client.
    @Test(arguments: [
        ("no name", "H=[192.0.2.7] " + rejected, "192.0.2.7"),
        ("a HELO", "H=(mx) [192.0.2.7] " + rejected, "192.0.2.7"),
        ("a name", "H=mx.example [192.0.2.7] " + rejected, "192.0.2.7"),
        ("both", "H=mx.example (mx) [192.0.2.7] " + rejected, "192.0.2.7"),
        ("IPv6", "H=(mx) [2001:db8::7] " + rejected, "2001:db8::7"),
        ("mapped", "H=(mx) [::ffff:192.0.2.7] " + rejected, "192.0.2.7"),
        ("a port", "H=(mx) [192.0.2.7]:4711 " + rejected, "192.0.2.7:4711"),
        ("a port of IPv6", "H=[2001:db8::7]:4711 " + rejected, "2001:db8::7:4711"),
        ("our address", "H=(mx) [192.0.2.7]:4711 I=[203.0.113.25]:25 " + rejected, "192.0.2.7:4711"),
        ("our address, no port", "H=(mx) [192.0.2.7] I=[203.0.113.25] " + rejected, "192.0.2.7"),
        ("a literal as HELO", "H=([203.0.113.9]) [192.0.2.7] " + rejected, "192.0.2.7"),
        ("an IPv6 literal as HELO", "H=([IPv6:2001:db8::9]) [192.0.2.7] " + rejected, "192.0.2.7"),
        ("a name like a group", "H=[203.0.113.9].evil.example [192.0.2.7] " + rejected, "192.0.2.7"),
        ("a name like a group and port", "H=[203.0.113.9]:25.evil.example (mx) [192.0.2.7] " + rejected, "192.0.2.7"),
        ("an ident", "H=(mx) [192.0.2.7] U=root " + rejected, "192.0.2.7"),
        ("a connection's name", "H=(mx) [192.0.2.7] Ci=7b2-x " + rejected, "192.0.2.7"),
        (
            "TLS with a certificate",
            "H=(mx) [192.0.2.7] X=TLS1.3:AES_256_GCM:256 CV=no DN=\"CN=a, O=b c\" SNI=mx " + rejected, "192.0.2.7"
        ),
        ("an account", "H=(mx) [192.0.2.7] F=<a@b> A=login:bob rejected RCPT <c@d>: relay not permitted", "192.0.2.7"),
        ("dnssec", "DSH=mx.example [192.0.2.7] " + rejected, "192.0.2.7"),
        ("dnssec, as it is written", " DSH=mx.example [192.0.2.7] " + rejected, "192.0.2.7"),
        ("a pid", "[4711] H=(mx) [192.0.2.7] " + rejected, "192.0.2.7"),
        ("a message", "1xUXkP-0002hX-1v H=(mx) [192.0.2.7] " + rejected, "192.0.2.7"),
        ("a message of 4.97", "1rvKFs-00000006JlM-2Rls H=(mx) [192.0.2.7] " + rejected, "192.0.2.7"),
        ("a stamp", "2026-11-20 22:54:18 H=(mx) [192.0.2.7] " + rejected, "192.0.2.7"),
        ("all of it", "2026-11-20 22:54:18.123 +0100 [4711] 1xUXkP-0002hX-1v H=[192.0.2.7] " + rejected, "192.0.2.7"),
    ])
    func `the client`(name: String, entry: String, peer: String) {
        #expect(Exim.event(of: entry) == "rejection relay-denied 550 \(peer) pid=4711", "\(name)")
    }

    /// In the main log there is no pid, unless the line has it.
    @Test(arguments: [
        ("2026-11-20 22:54:18 H=[192.0.2.7] " + rejected, ""),
        ("2026-11-20 22:54:18.123 +0100 [812] H=[192.0.2.7] " + rejected, " pid=812"),
    ])
    func `the main log`(line: String, pid: String) {
        var dialect = Exim()
        let text = describe(dialect.event(line))
        #expect(text == "rejection relay-denied 550 192.0.2.7" + pid)
        // A file has every entry once.
        #expect(describe(dialect.event(line)) == text)
    }

    @Test(arguments: [
        ("RCPT <c@d.example>: found in zen.example", "rejection rbl 550", "zen.example"),
        ("RCPT <c@d.example>: 192.0.2.7 is listed at zen.example (127.0.0.2: why)", "rejection rbl 550", "zen.example"),
        (
            "RCPT <c@d.example>: rejected because 192.0.2.7 is in a black list at zen.example", "rejection rbl 550",
            "zen.example"
        ),
        ("RCPT <c@d.example>: 554 5.7.1 Blocked using zen.example", "rejection rbl 554", "zen.example"),
        (
            "RCPT <c@d.example>: https://www.spamhaus.org/query/ip/192.0.2.7", "rejection rbl 550", "spamhaus.org"
        ),
        ("RCPT c@d.example: found in zen.example", "rejection rbl 550", "zen.example"),
        ("RCPT <\"a>: b\"@d.example>: found in zen.example", "rejection rbl 550", "zen.example"),
        ("MAIL <a@b.example>: found in zen.example", "rejection rbl 550", "zen.example"),
        ("MAIL <>: found in zen.example", "rejection rbl 550", "zen.example"),
        ("EHLO or HELO mx: 192.0.2.7 is listed in zen.example", "rejection rbl 550", "zen.example"),
        ("DATA: found in zen.example", "rejection rbl 550", "zen.example"),
        (
            "connection in \"connect\" ACL: 550 blocked at connect using zen.dnsbl.example", "rejection rbl",
            "zen.dnsbl.example"
        ),
        ("connection in \"connect\" ACL: found in zen.example", "rejection rbl", "zen.example"),
        ("RCPT <c@d.example>: list error 127.255.255.254", "rejection other 550", "failure"),
        ("RCPT <c@d.example>: listed with 127.255.255.254", "rejection rbl 550", "failure"),
        // Not about the peer.
        ("RCPT <c@d.example>: domain b.example is listed in dbl.example", "rejection rhsbl 550", "dbl.example"),
        ("RCPT <c@d.example>: Sender address listed at zen.example", "rejection rhsbl 550", "zen.example"),
        ("after DATA: a URL in it is listed in dbl.example", "rejection content 550", "-"),
        ("after DATA: 192.0.2.7 is listed in zen.example", "rejection rbl 550", "zen.example"),
        // Exim's and Debian's own words.
        ("RCPT <c@d.example>: Unrouteable address", "rejection unknown-user 550", "-"),
        ("RCPT <c@d.example>: Sender verify failed", "rejection sender 550", "-"),
        ("RCPT <c@d.example>: Restricted characters in address", "rejection recipient 550", "-"),
        (
            "RCPT <c@d.example>: response to \"RCPT TO:<c@d.example>\" from mx.example [192.0.2.9] was: 550 listed by zen.example",
            "rejection recipient 550", "-"
        ),
        (
            "RCPT <c@d.example>: sender IP address 192.0.2.7 is locally blacklisted here.",
            "rejection client-host 550", "-"
        ),
        (
            "RCPT <c@d.example>: sender envelope address a@b.example is locally blacklisted here.",
            "rejection sender 550", "-"
        ),
        ("after DATA: This message contains malware (listed)", "rejection content 550", "-"),
        ("after DATA PRDR: no", "rejection content 550", "-"),
        ("during MIME ACL checks: no", "rejection content 550", "-"),
        ("by local_scan(): no", "rejection content 550", "-"),
        ("EHLO or HELO mx: no", "rejection helo 550", "-"),
        ("AUTH LOGIN: no", "rejection auth 503", "-"),
        ("AUTH LOGIN", "rejection auth 503", "-"),
        ("STARTTLS : no", "rejection other 550", "-"),
        ("MAIL <a@b.example>: no", "rejection sender 550", "-"),
        ("RCPT <c@d.example>: no", "rejection other 550", "-"),
        ("RCPT <c@d.example>: 554 no", "rejection other 554", "-"),
        ("connection in \"connect\" ACL: no", "rejection client-host", "-"),
        // Without a text, what the site says.
        ("RCPT <c@d.example>", "rejection recipient 550", "-"),
        ("RCPT <c@d.example>: 554", "rejection recipient 554", "-"),
        ("MAIL <a@b.example>", "rejection recipient 550", "-"),
        ("DATA", "rejection recipient 550", "-"),
        ("connection in \"connect\" ACL", "rejection recipient", "-"),
        ("EHLO or HELO mx", "rejection helo 550", "-"),
        ("after DATA", "rejection content 550", "-"),
    ])
    func `class, code and zone`(what: String, reason: String, zone: String) {
        let suffix = zone == "-" ? "" : zone == "failure" ? "" : " " + zone
        let words = reason + " 192.0.2.7" + suffix + " pid=4711" + (zone == "failure" ? " +list-failure" : "")
        let site = SiteWords(unexplained: .recipient)
        #expect(Exim.event(of: "H=(mx) [192.0.2.7] F=<a@b.example> rejected " + what, site) == words)
    }

    @Test func `temporarily rejected is a deferral`() {
        #expect(
            Exim.event(of: "H=(mx) [192.0.2.7] F=<a@b.example> temporarily rejected RCPT <c@d.example>: greylisted")
                == "deferral other 451 192.0.2.7 pid=4711")
        #expect(
            Exim.event(of: "H=(mx) [192.0.2.7] temporarily rejected connection in \"connect\" ACL: 421 busy")
                == "deferral client-host 192.0.2.7 pid=4711")
    }

    @Test(arguments: [
        ("550 We use XYZ here", "rejection rbl 550 192.0.2.7 xyz pid=4711"),
        ("550 We use XYZ by zen.example", "rejection rbl 550 192.0.2.7 zen.example pid=4711"),
        ("Go away, C@D.example", "rejection other 550 192.0.2.7 pid=4711"),
    ])
    func `the site's own words`(text: String, expected: String) {
        let entry = "H=(mx) [192.0.2.7] F=<a@b.example> rejected RCPT <c@d.example>: " + text
        #expect(Exim.event(of: entry, SiteWords(rblTexts: ["xyz", "c@d"])) == expected)
    }

    @Test(arguments: [
        (
            "1xUXkP-0002hX-1v <= a@b.example H=mx.example [192.0.2.7] P=esmtps X=TLS1.3 S=812 id=x@y",
            "acceptance 192.0.2.7"
        ),
        (
            "1xUXkP-0002hX-1v <= a@b.example H=(mx) [192.0.2.7]:4711 I=[203.0.113.25]:587 P=esmtpsa A=login:bob S=812",
            "acceptance 192.0.2.7:4711 +authenticated"
        ),
        (
            "1xUXkP-0002hX-1v <= a@b.example H=(mx) [192.0.2.7] Ci=7b2 P=esmtpa S=8",
            "acceptance 192.0.2.7 +authenticated"
        ),
        ("1rvKFs-00000006JlM-2Rls <= <> H=mx.example [192.0.2.7] P=esmtp S=812", "acceptance 192.0.2.7"),
        ("1xUXkP-0002hX-1v <= \"a b\"@c.example DS H=mx.example [192.0.2.7] P=esmtp S=8", "acceptance 192.0.2.7"),
        // An ident server's answer could say that it was authenticated.
        ("1xUXkP-0002hX-1v <= a@b.example H=mx [192.0.2.7] U=x P=esmtpsa S=8", "acceptance 192.0.2.7"),
        ("1xUXkP-0002hX-1v <= a@b.example U=bob P=local S=812", "-"),
        ("1xUXkP-0002hX-1v <= <> R=1xUXkP-0002hX-1v U=Debian-exim P=local S=812", "-"),
        ("1xUXkP-0002hX-1v => bob <c@d.example> R=x T=y H=mx.example [192.0.2.9] C=\"250 OK\"", "-"),
        ("1xUXkP-0002hX-1v Completed", "-"),
        ("<= a@b.example H=mx.example [192.0.2.7] P=esmtp S=812", "-"),
        (
            "LOGIN authenticator failed for (mx) [192.0.2.7]: 535 Incorrect authentication data (set_id=bob)",
            "auth-failure auth 535 192.0.2.7"
        ),
        (
            "login_server authenticator failed for H=mx.example (mx) [192.0.2.7]:4711: 535 Incorrect authentication data",
            "auth-failure auth 535 192.0.2.7:4711"
        ),
        (
            "PLAIN authenticator failed for (mx) [192.0.2.7] I=[203.0.113.25]:25: 435 Unable to authenticate at present",
            "deferral auth 435 192.0.2.7"
        ),
        ("rejected EHLO from [192.0.2.7]: syntactically invalid argument(s): x y", "rejection helo 501 192.0.2.7"),
        (
            "rejected HELO from mx.example [192.0.2.7]: syntactically invalid argument(s): (no argument given)",
            "rejection helo 501 192.0.2.7"
        ),
        ("rejected MAIL from (mx) [192.0.2.7]: no HELO/EHLO given", "rejection helo 503 192.0.2.7"),
        (
            "rejected MAIL command H=(mx) [192.0.2.7]: too many messages in one connection",
            "deferral conn-limit 421 192.0.2.7"
        ),
        (
            "rejected MAIL FROM:<a@b> H=(mx) [192.0.2.7]: message too big: size=1 max=0",
            "rejection content 552 192.0.2.7"
        ),
        (
            "1xUXkP-0002hX-1v rejected from <a@b> H=(mx) [192.0.2.7]: message too big: read=9 max=8",
            "rejection content 552 192.0.2.7"
        ),
        (
            "1xUXkP-0002hX-1v F=a@b H=(mx) [192.0.2.7] P=esmtp rejected by local_scan(): no",
            "rejection content 550 192.0.2.7"
        ),
        ("rejected \"EHLO mx\" from (mx) [192.0.2.7]", "rejection helo 550 192.0.2.7"),
        ("temporarily rejected \"EHLO mx\" from (mx) [192.0.2.7]", "deferral helo 451 192.0.2.7"),
        ("unqualified sender rejected: <a> H=(mx) [192.0.2.7]", "rejection sender 501 192.0.2.7"),
        ("unqualified recipient rejected: <a> H=(mx) [192.0.2.7]", "rejection recipient 501 192.0.2.7"),
        ("too many recipients: message rejected: sender=<a@b> H=(mx) [192.0.2.7]", "rejection recipient 552 192.0.2.7"),
        (
            "too many recipients: excess temporarily rejected: sender=<a@b> H=(mx) [192.0.2.7]",
            "deferral recipient 452 192.0.2.7"
        ),
        (
            "SMTP protocol synchronization error (input sent without waiting for greeting): rejected connection from "
                + "H=[192.0.2.7] input=\"EHLO x\"", "rejection other 192.0.2.7"
        ),
        (
            "SMTP protocol synchronization error (next input sent too soon: pipelining was not advertised): rejected "
                + "\"HELO x\" H=[192.0.2.7] next input=\"MAIL\"", "rejection other 192.0.2.7"
        ),
        (
            "SMTP call from (mx) [192.0.2.7] dropped: too many nonmail commands (last was \"RSET\")",
            "rejection other 192.0.2.7"
        ),
        ("refused connection from mx.example [192.0.2.7] (host_reject_connection)", "rejection client-host 192.0.2.7"),
        ("connection from [192.0.2.7] refused (IP options)", "rejection client-host 192.0.2.7"),
        ("connection from [192.0.2.7] with IP options", "-"),
        ("SMTP connection from (mx) [192.0.2.7] closed by QUIT", "disconnect 192.0.2.7"),
        (
            "SMTP connection from mx.example (mx) [192.0.2.7]:4711 I=[203.0.113.25]:25 D=1s closed after SIGTERM",
            "disconnect 192.0.2.7:4711"
        ),
        ("SMTP connection Ci=7b2 from [192.0.2.7] lost D=2s", "disconnect 192.0.2.7"),
        ("SMTP connection from [192.0.2.7] (via inetd)", "connect 192.0.2.7"),
        ("SMTP command timeout on connection from (mx) [192.0.2.7]:4711 D=5m", "disconnect 192.0.2.7:4711"),
        ("SMTP command timeout on TLS connection from (mx) [192.0.2.7] D=5m", "disconnect 192.0.2.7"),
        (
            "SMTP data timeout (message abandoned) on connection from (mx) [192.0.2.7] F=<a@b> D=5m",
            "disconnect 192.0.2.7"
        ),
        (
            "unexpected disconnection while reading SMTP command from (mx) [192.0.2.7] (error: Connection reset by peer) D=0s",
            "disconnect 192.0.2.7"
        ),
        ("SMTP syntax error in \"HELP x\" H=(mx) [192.0.2.7] unrecognized command", "-"),
        (
            "H=(mx) [192.0.2.7] sender verify fail for <a@b>: response to \"RCPT\" was 550 rejected RCPT <c@d>: listed",
            "-"
        ),
        ("H=(mx) [192.0.2.7] Warning: F=<a@b> rejected RCPT <c@d>: listed", "-"),
        ("PRDR c@d.example found in zen.example", "-"),
    ])
    func `what else is said of a connection`(entry: String, expected: String) {
        #expect(Exim.event(of: entry) == (expected == "-" ? "-" : expected.with(pid: 4711)))
    }

    /// The daemon writes these in its own name: its pid serves nobody.
    @Test(arguments: [
        (
            "SMTP connection from [192.0.2.7]:4711 I=[203.0.113.25]:25 (TCP/IP connection count = 3)",
            "connect 192.0.2.7:4711"
        ),
        ("SMTP connection from [192.0.2.7] Ci=7b2 (TCP/IP connection count = 3)", "connect 192.0.2.7"),
        ("Connection from [192.0.2.7] refused: too many connections", "saturation 192.0.2.7 +limit"),
        (
            "Connection from [192.0.2.7]:4711 I=[203.0.113.25]:25 refused: too many connections",
            "saturation 192.0.2.7:4711 +limit"
        ),
        (
            "Connection from [192.0.2.7] refused: too many connections from that IP address",
            "rejection conn-limit 192.0.2.7"
        ),
        ("Connection from [192.0.2.7] refused: load average = 9.31", "deferral conn-limit 421 192.0.2.7"),
        (
            "temporarily refused connection from (mx) [192.0.2.7]: not in reserve list: connected=18 max=20 reserve=2",
            "saturation 192.0.2.7 18 +limit"
        ),
    ])
    func `no process is named for what the daemon says`(entry: String, expected: String) {
        #expect(Exim.event(of: "[812] " + entry) == expected)
    }
}

extension String {
    /// As `describe` puts it: before what begins with a plus.
    fileprivate func with(pid: Int) -> String {
        let words = split(separator: " ")
        let flags = words.filter { $0.hasPrefix("+") }
        return (words.filter { !$0.hasPrefix("+") } + ["pid=\(pid)"] + flags).joined(separator: " ")
    }
}
