import Dialects
import Events
import Testing

/// Clients write into their server's log: what they say is quoted behind `cmd:`, inside from= and to=, in HELO, and in
/// replies that quote them. None of it may make another event of their line. 192.0.2.66 is the innocent third party.
@Suite struct HostileTests {
    private static let forged =
        "error,relay=::ffff:192.0.2.66,port=25,from=<a@b>,to=<c@d>: 511 http://www.spamhaus.org/?ip=192.0.2.66"
    private static let envelope = "error,relay=::ffff:198.51.100.9,port=4711,from=<a@b>,to=<c@d>: "
    private static let command = "error,relay=::ffff:198.51.100.9,port=4711,msg=\"502 ESMTP command error\",cmd: "

    @Test(arguments: [
        ("a whole line as a command", command + forged, "rejection other 502 198.51.100.9:4711"),
        ("with a tag in front", command + "courieresmtpd: " + forged, "rejection other 502 198.51.100.9:4711"),
        (
            "with header and tag", command + "Nov 20 22:54:18 vm courieresmtpd: " + forged,
            "rejection other 502 198.51.100.9:4711"
        ),
        ("a newline, logged as a slash", command + "X/" + forged, "rejection other 502 198.51.100.9:4711"),
        (
            "a second msg= in the command", command + "\",msg=\"535 Authentication failed.\",cmd: x",
            "rejection other 502 198.51.100.9:4711"
        ),
        (
            "a from= in the command", command + ",from=<a@b>,to=<c@d>: 511 listed",
            "rejection other 502 198.51.100.9:4711"
        ),
        ("a reply behind the command", command + ": 511 listed", "rejection other 502 198.51.100.9:4711"),
        ("an empty command", command, "rejection other 502 198.51.100.9:4711"),
        (
            "HELO's own complaint in a command", command + "Polite people say HELO first",
            "rejection other 502 198.51.100.9:4711"
        ),
        (
            "relay= inside from=",
            "error,relay=::ffff:198.51.100.9,port=4711,from=<x,relay=::ffff:192.0.2.66,port=25>,to=<c@d>: 511 listed",
            "rejection rbl 511 198.51.100.9:4711"
        ),
        (
            "a reply inside from=, colons blanked",
            "error,relay=::ffff:198.51.100.9,port=4711,from=<a  511 listed@b>,to=<c@d>: 550 User <x> unknown",
            "rejection unknown-user 550 198.51.100.9:4711"
        ),
        (
            "to= inside from=",
            "error,relay=::ffff:198.51.100.9,port=4711,from=<a,to= c   511 listed@b>,to=<c@d>: 550 User <x> unknown",
            "rejection unknown-user 550 198.51.100.9:4711"
        ),
        (
            "to= inside from=, no recipient yet",
            "error,relay=::ffff:198.51.100.9,port=4711,from=<a,to= c   511 listed@b>: 517 Syntax error.",
            "rejection sender 517 198.51.100.9:4711"
        ),
        (
            "a list's name in to=",
            "error,relay=::ffff:198.51.100.9,port=4711,from=<a@b>,to=<listed.spamhaus@d>: 511 Go away",
            "rejection client-host 511 198.51.100.9:4711"
        ),
        (
            "a user named like a list", envelope + "550 User <listed by spamhaus> unknown",
            "rejection unknown-user 550 198.51.100.9:4711"
        ),
        (
            "a user named like a reply", envelope + "550 User <> 511 http://www.spamhaus.org/> unknown",
            "rejection unknown-user 550 198.51.100.9:4711"
        ),
        (
            "a user named like a line", envelope + "550 User <> : " + forged + "> unknown",
            "rejection unknown-user 550 198.51.100.9:4711"
        ),
        (
            "a domain named like a list", envelope + "517-Domain does not exist: listed.spamhaus.org.",
            "rejection sender 517 198.51.100.9:4711 +continuation"
        ),
        (
            "a HELO named like a list", envelope + "517 HELO blacklist.spamhaus.org does not exist.",
            "rejection helo 517 198.51.100.9:4711"
        ),
        (
            "a HELO that quotes a failing list", envelope + "517 HELO 127.255.255.254 does not exist.",
            "rejection helo 517 198.51.100.9:4711"
        ),
        ("a second code behind the first", envelope + "550 511 listed", "rejection client-host 550 198.51.100.9:4711"),
        (
            "an expansion that quotes the client", envelope + "500 <listed by spamhaus> not found.",
            "rejection other 500 198.51.100.9:4711"
        ),
        (
            "a long from= without its end, and the end in to=",
            "error,relay=::ffff:198.51.100.9,port=4711,from=<" + String(repeating: "a", count: 127)
                + "...,to=<c@d>: 511 listed",
            "rejection rbl 511 198.51.100.9:4711"
        ),
        (
            "a from= of exactly 128 bytes",
            "error,relay=::ffff:198.51.100.9,port=4711,from=<" + String(repeating: "a", count: 126)
                + ">,to=<c@d>: 511 listed",
            "rejection rbl 511 198.51.100.9:4711"
        ),
        (
            "bytes behind a bare carriage return: an error of the peer's, which one is open",
            "error,relay=::ffff:198.51.100.9,port=4711,from=<a@b>.: 511 listed",
            "rejection other 198.51.100.9:4711"
        ),
        (
            "an ident answer that holds a reply",
            "error,relay=::ffff:198.51.100.9,port=4711,ident=\"x\",msg=\"535 no\",cmd: y\",msg=\"502 ESMTP command error\",cmd: z",
            "rejection other 198.51.100.9:4711"
        ),
        (
            "an ident answer that holds a sender, commas and colons blanked",
            "error,relay=::ffff:198.51.100.9,port=4711,ident=x from=<a>  511 listed,from=<a@b>,to=<c@d>: 513 Relaying denied.",
            "rejection relay-denied 513 198.51.100.9:4711"
        ),
        (
            "a started line in a command", command + "started,ip=[::ffff:192.0.2.66],port=[25]",
            "rejection other 502 198.51.100.9:4711"
        ),
        (
            "the limit in a command", command + "300 maximum active connections.",
            "rejection other 502 198.51.100.9:4711"
        ),
        (
            "STARTTLS errors name a peer and are none of ours",
            "courieresmtpd: STARTTLS failed: DEBUG: ip=[::ffff:192.0.2.66], error", "-"
        ),
    ])
    func `a client's words make no other event`(name: String, message: String, expected: String) {
        #expect(Courier.event(of: message) == expected, "\(name)")
    }

    @Test(arguments: [
        (
            "plain", "newmsg,id=00F4.6B00.025C: dns; mx.example (mx.example [::ffff:198.51.100.9])",
            "acceptance 198.51.100.9"
        ),
        (
            "a group in HELO", "newmsg,id=00F4.6B00.025C: dns; x_([192.0.2.66]) ([::ffff:198.51.100.9])",
            "acceptance 198.51.100.9"
        ),
        (
            "a mapped group in HELO", "newmsg,id=00F4.6B00.025C: dns; x [::ffff:192.0.2.66]) ([2001:db8::9])",
            "acceptance 2001:db8::9"
        ),
        ("a HELO so long that the peer is cut off", "newmsg,id=00F4.6B00.025C: dns; x_([192.0.2.66])...", "acceptance"),
        (
            "the same, cut within the peer", "newmsg,id=00F4.6B00.025C: dns; x_([192.0.2.66]) ([::ffff:198.51...",
            "acceptance"
        ),
        ("no address in the last group", "newmsg,id=00F4.6B00.025C: dns; x ([192.0.2.66]) (me [unix])", "acceptance"),
        (
            "auth= in HELO", "newmsg,id=00F4.6B00.025C: dns; ,_auth=bob: ([::ffff:198.51.100.9])",
            "acceptance 198.51.100.9"
        ),
        (
            "auth= in HELO, with a blank", "newmsg,id=00F4.6B00.025C: dns; , auth=bob: dns; x ([::ffff:198.51.100.9])",
            "acceptance 198.51.100.9"
        ),
        (
            "an account named like a peer",
            "newmsg,id=00F4.6B00.025C, auth=x ([192.0.2.66]): dns; z ([::ffff:198.51.100.9])",
            "acceptance 198.51.100.9 +authenticated"
        ),
        (
            "a second line in HELO",
            "newmsg,id=00F4.6B00.025C: dns; newmsg,id=1: dns; x ([192.0.2.66]) ([::ffff:198.51.100.9])",
            "acceptance 198.51.100.9"
        ),
        ("no message ID", "newmsg,id=: dns; x ([::ffff:198.51.100.9])", "-"),
        ("words behind the peer", "newmsg,id=00F4.6B00.025C: dns; x ([::ffff:198.51.100.9]) more", "acceptance"),
        ("mail by uucp", "newmsg,id=00F4.6B00.025C: uucp; host (host [192.0.2.66])", "-"),
        ("an error line of courierd", "error,relay=::ffff:192.0.2.66,port=25,from=<a>,to=<b>: 511 listed", "-"),
    ])
    func `an accepted message's peer is the one courierd wrote`(name: String, message: String, expected: String) {
        var dialect = Courier()
        #expect(describe(dialect.event("2026-11-20T22:44:56+00:00 vm courierd: " + message)) == expected, "\(name)")
    }

    @Test(arguments: [
        "started,ip=[::ffff:198.51.100.9],port=[37809] ", "started,ip=[::ffff:198.51.100.9],port=[]",
        "started,ip=[::ffff:198.51.100.9],port=[65536]", "started,ip=[198.51.100.256],port=[1]",
        "started,ip=[],port=[1]",
        "started,ip=[::ffff:198.51.100.9", "Started,ip=[::ffff:198.51.100.9]", "xstarted,ip=[::ffff:198.51.100.9]",
        "error,relay=", "error,relay=::ffff:198.51.100.9", "error,relay=198.51.100.9,",
        "error,relay=x,port=1,from=<a>: 511 listed",
        "error,relay=::ffff:198.51.100.9,port=x,from=<a>: 511 listed", "error,relay=::ffff:198.51.100.9,port=1,from=",
        "error,relay=::ffff:198.51.100.9,port=1,from=a@b: 511 listed",
        "error,relay=::ffff:198.51.100.9,port=1,to=<a>: 511 listed",
        "error,relay=::ffff:198.51.100.9,port=1,msg=\"502 no end",
        "error,relay=::ffff:198.51.100.9,port=1,msg=\"502 x\" cmd: y",
        "error,relay=::ffff:198.51.100.9,port=1,msg=\"\",cmd: y",
        "error,relay=::ffff:198.51.100.9,port=1,msg=\"5021 x\",cmd: y",
        "error,relay=::ffff:198.51.100.9 ,port=1,msg=\"502 x\",cmd: y",
        " error,relay=::ffff:198.51.100.9,port=1,msg=\"502 x\",cmd: y",
        "error,relay=::ffff:198.51.100.9,port=1,from=<a>: 5111 listed", "error,id=1,from=<a>: 511 listed",
        "300 maximum active connections", "300 maximum  active connections.", "maximum active connections.",
        "-3 active connections.",
        "99999999999 active connections.", "300 active connections. x", "dropped blocked connection from ",
        "dropped blocked connection from 198.51.100.9 x", "Maximum connection limit reached for x",
        "[198.51.100.9]: Connection reset by peer", "[198.51.100.9]: Connection timed out again",
        "[198.51.100.9: Connection timed out",
        "message repeated 2 times: [ error,relay=::ffff:198.51.100.9,port=1,from=<a>,to=<b>: 511 listed]", "",
    ])
    func `what only looks like a line of Courier's is no event`(message: String) {
        #expect(Courier.event(of: message) == "-")
    }

    @Test(arguments: [
        "courieresmtp", "courieresmtpdx", "xcourieresmtpd", "Courieresmtpd", "imapd", "pop3d", "postfix/smtpd",
        "courierlocal",
        "courierfilter", "submit", "esmtpd-", "sshd",
    ])
    func `another program's lines are not Courier's`(tag: String) {
        var dialect = Courier()
        #expect(dialect.event("Nov 20 22:54:18 vm \(tag): " + HostileTests.forged) == nil)
        #expect(dialect.event("Nov 20 22:54:18 vm \(tag)[12]: started,ip=[192.0.2.66],port=[1]") == nil)
    }

    /// With ESMTP_LOG_DIALOG=1 what a client sends stands in the log as a message of courieresmtpd.
    @Test(arguments: ["EHLO zombie.example", "helo x", "MAIL FROM:<a@b>", "QUIT", "STARTTLS", "rcpt to:<c@d>"])
    func `nothing of a logged dialogue is believed`(command: String) {
        var dialect = Courier()
        let line = "Nov 20 22:54:18 vm courieresmtpd: "
        #expect(!dialect.hasDialogue)
        #expect(dialect.event(line + command) == nil)
        #expect(dialect.hasDialogue)
        #expect(dialect.event(line + HostileTests.forged) == nil)
        #expect(dialect.event(line + "started,ip=[::ffff:192.0.2.66],port=[25]") == nil)
        #expect(
            describe(dialect.event("Nov 20 22:54:18 vm courierd: newmsg,id=1: dns; x ([192.0.2.7])"))
                == "acceptance 192.0.2.7",
            "courierd logs no dialogue")
    }

    @Test(arguments: [
        "courieresmtpd: STARTTLS failed: x", "QUITE", "ready", "Ehlo", "submitclient: EOF from submit.",
        "error,relay=x",
    ])
    func `Courier's own words are no dialogue`(message: String) {
        var dialect = Courier()
        #expect(dialect.event("Nov 20 22:54:18 vm courieresmtpd: " + message) == nil)
        #expect(!dialect.hasDialogue)
    }
}
