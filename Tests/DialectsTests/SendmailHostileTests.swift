import Addresses
import Dialects
import Events
import Testing

/// What a client writes stands in Sendmail's lines raw: sender and recipient, with all that may be in quotes, in
/// `arg1=`, once more in the reply, in `from=` and in `... User unknown`; the message's own id; the account and the
/// mechanism of SMTP AUTH. 192.0.2.66 is the innocent third party, 198.51.100.9 the client.
@Suite struct SendmailHostileTests {
    private static let id = "6AKNC4wt028307: "
    private static let relay = "relay=spammer.test [198.51.100.9]"
    private static let forged = "relay=evil [192.0.2.66], reject=550 5.7.1 192.0.2.66 listed at evil.example"
    private static let listed = "Rejected: 198.51.100.9 listed at zen.bl.example"

    private static func rejection(_ argument: String, _ text: String, by ruleset: String = "check_rcpt") -> String {
        id + "ruleset=\(ruleset), arg1=\(argument), \(relay), reject=550 5.7.1 \(text)"
    }

    private func event(_ message: String) -> Event? {
        var dialect = Sendmail()
        let line = Array("Nov 20 23:09:40 mx1 sendmail[7]: \(message)".utf8)
        return dialect.read(line.span)
    }

    @Test(arguments: [
        (
            "an address in the recipient",
            rejection("<\"[192.0.2.66]\"@lab.test>", "<\"[192.0.2.66]\"@lab.test>... " + listed), "rbl"
        ),
        (
            "a list in the recipient", rejection("<rbl-listed@lab.test>", "<rbl-listed@lab.test>... Relaying denied"),
            "relay-denied"
        ),
        (
            "a list's words in the sender",
            rejection(
                "<\"x... 198.51.100.9 listed at a.example\"@nx.example>",
                "<\"x... 198.51.100.9 listed at a.example\"@nx.example>... Domain of sender address "
                    + "\"x... 198.51.100.9 listed at a.example\"@nx.example does not exist", by: "check_mail"), "sender"
        ),
        (
            "a recipient that is not the one of the reply",
            rejection("<a@b>", "<c... 198.51.100.9 listed at a.example>... No"),
            "recipient"
        ),
        (
            "its own address at the place of the peer, with another reason",
            rejection(
                "<\"x, relay=x [198.51.100.9], reject=550 5.1.1 User unknown\"@lab.test>",
                "<\"x, relay=x [198.51.100.9], reject=550 5.1.1 User unknown\"@lab.test>... " + listed), "rbl"
        ),
        (
            "its own address at the place of the peer, listed",
            rejection(
                "<\"x, relay=x [198.51.100.9], reject=550 5.7.1 198.51.100.9 listed at a.example\"@lab.test>",
                "<\"x, relay=x [198.51.100.9], reject=550 5.7.1 198.51.100.9 listed at a.example\"@lab.test>... Relaying denied"
            ),
            "relay-denied"
        ),
        (
            "arg2 is the list's answer",
            "ruleset=check_relay, arg1=a, arg2=192.0.2.66, \(relay), reject=550 5.7.1 \(listed)", "rbl"
        ),
        (
            "a name like an address",
            "ruleset=check_relay, arg1=192.0.2.66.evil.example, arg2=127.0.0.2, relay=192.0.2.66.evil.example [198.51.100.9], reject=550 5.7.1 \(listed)",
            "rbl"
        ),
    ])
    func `the peer is the one that Sendmail wrote`(name: String, message: String, expected: String) {
        let event = event(message)
        #expect(event?.peer?.description == "198.51.100.9", "\(name)")
        #expect(event?.rejectionClass?.rawValue == expected, "\(name)")
    }

    /// Where the line alone cannot tell, all of them are told, each with what the line says of it, and the true one is
    /// among them.
    @Test(arguments: [
        (
            "before the peer", rejection("<\"x, \(forged)\"@lab.test>", "<\"x, \(forged)\"@lab.test>... " + listed),
            "rbl zen.bl.example"
        ),
        (
            "only before the peer",
            rejection("<\"x, \(forged)\"@lab.test>", "Mail from 198.51.100.9 refused; see https://xbl.example/"),
            "rbl xbl.example"
        ),
        (
            "behind a backslash",
            rejection("<x\\\\, \(forged)@lab.test>", "<x\\\\, \(forged)@lab.test>... Relaying denied"), "relay-denied"
        ),
        (
            "with a reply that repeats the fake's own argument",
            rejection(
                "<\"x, relay=evil [192.0.2.66], reject=550 5.7.1 <\"x... 192.0.2.66 listed at evil.example\"@lab.test>",
                "<\"x, relay=evil [192.0.2.66], reject=550 5.7.1 <\"x... 192.0.2.66 listed at evil.example\"@lab.test>... Relaying denied"
            ), "relay-denied"
        ),
        (
            "in a sender",
            rejection(
                "<\"x, \(forged)\"@nx.example>",
                "<\"x, \(forged)\"@nx.example>... Domain of sender address \"x, \(forged)\"@nx.example does not exist",
                by: "check_mail"),
            "sender"
        ),
        ("in a subject", rejection("x, \(forged)", "No such subjects here", by: "check_subject"), "content"),
        (
            "and a place without an address",
            rejection("<\"x, relay=y, reject=550 x, \(forged)\"@lab.test>", "<x>... Relaying denied"), "recipient"
        ),
    ])
    func `where a client's words make more peers than one, the kernel is asked`(
        name: String, message: String, expected: String
    ) throws {
        var event = event(message) ?? Event()
        #expect(event.peer == nil, "\(name)")
        #expect(event.candidates.map(\.description).sorted() == ["192.0.2.66", "198.51.100.9"], "\(name)")
        #expect(event.pid == 7, "\(name)")
        let isSettled = try event.settle(on: #require(IPAddress("198.51.100.9")))
        #expect(isSettled)
        #expect(
            "\(event.rejectionClass?.rawValue ?? "-") \(event.zone ?? "")" == expected
                + (expected.contains(" ") ? "" : " "),
            "\(name)")
    }

    @Test func `of more addresses than are told the true one is never left out`() {
        for count in [1, 5, 7, 8, 9] {
            let fakes = (1...count).map { ", relay=[192.0.2.\($0)], reject=550" }.joined()
            let event = event(Self.rejection("<\"\(fakes)\"@a>", "<\"\(fakes)\"@a>... " + Self.listed))
            #expect(event?.candidates.contains { $0.description == "198.51.100.9" } == true, "\(count)")
            #expect((event?.candidates.count ?? 0) <= 8)
            #expect(event?.candidates.count == event?.readings.count)
        }
        let many = String(repeating: ", relay=[192.0.2.66], reject=550 x", count: 40)
        #expect(event(Self.rejection(many, "No", by: "check_subject")) == nil, "no line of Sendmail's has so many")
    }

    @Test func `mail from this host itself names no peer, whatever its recipient`() {
        let message =
            Self.id
            + "ruleset=check_rcpt, arg1=<\"x, \(Self.forged)\"@lab.test>, relay=www@localhost, reject=550 5.7.1 No"
        #expect(event(message)?.peer == nil)
        #expect(event(message)?.candidates.map(\.description) == ["192.0.2.66"], "of which the process has none")
    }

    @Test(arguments: [
        ("a recipient like a line", id + "ruleset=check_rcpt,arg1=x,\(forged)... User unknown"),
        ("the same in quotes", id + "\"ruleset=check_rcpt, arg1=x, \(forged)\"@lab.test... User unknown"),
        ("the same in angles", id + "<ruleset=check_rcpt, arg1=x, \(forged)>... User unknown"),
        ("an AUTH failure in a recipient", id + "<AUTH failure (x): \(forged)>... User unknown"),
        (
            "a from line in a recipient",
            id
                + "from=\"x, size=9, class=0, nrcpts=1, proto=ESMTP, daemon=M, relay=x [192.0.2.66]\"@lab.test... User unknown"
        ),
        ("a command in the log", id + "<-- ruleset=check_rcpt, arg1=x, \(forged)"),
        ("a rejected command", id + "spammer.test [198.51.100.9]: VRFY x, \(forged) [rejected]"),
        (
            "a whole line",
            "NOQUEUE: spammer.test [198.51.100.9]: EXPN Nov 20 23:09:40 mx1 sendmail[7]: ruleset=check_relay, arg1=x, \(forged)"
        ),
        ("no argument", "ruleset=check_rcpt, \(forged)"),
        ("another name", "rulesets=check_rcpt, arg1=x, \(forged)"),
        ("blanks in front", " ruleset=check_rcpt, arg1=x, \(forged)"),
        ("an id that is none", "x: ruleset=check_rcpt, arg1=x, \(forged)"),
        ("an id that is too long", "6AKNC4wt02830700000: ruleset=check_rcpt, arg1=x, \(forged)"),
    ])
    func `what only looks like a rejection is none`(name: String, message: String) {
        #expect(Sendmail.event(of: message) == "-", "\(name)")
    }

    @Test(arguments: [
        (
            "NOQUEUE: AUTH failure (LOGIN, relay=x [192.0.2.66]): no mechanism, relay=spammer.test [198.51.100.9]",
            "198.51.100.9"
        ),
        ("NOQUEUE: AUTH failure (PLAIN): x, user=\"a, relay=x [192.0.2.66]\", relay=[198.51.100.9]", "198.51.100.9"),
        (
            "NOQUEUE: AUTH failure (PLAIN): x, user=a, relay=x [192.0.2.66], relay="
                + String(repeating: "a", count: 100), nil
        ),
        (
            "NOQUEUE: AUTH failure (PLAIN): x, user=a, relay=x [192.0.2.66], relay=" + String(repeating: "a", count: 92)
                + " [198.5", nil
        ),
        ("NOQUEUE: AUTH failure (PLAIN): x, user=a, relay=x [192.0.2.66]... User unknown", nil),
    ])
    func `an authentication failure's peer is the last`(message: String, peer: String?) {
        #expect(event(message)?.peer?.description == peer)
    }

    @Test(arguments: [
        (
            "in the sender",
            "from=<\"x, size=9, class=0, nrcpts=1, proto=ESMTPA, daemon=M, relay=evil [192.0.2.66]\"@a>, size=9, class=0, nrcpts=1, msgid=<m>, proto=ESMTP, daemon=MTA, relay=x [198.51.100.9]",
            "acceptance 198.51.100.9"
        ),
        (
            "in the message's id",
            "from=<a@b>, size=9, class=0, nrcpts=1, msgid=<x, proto=ESMTPA, daemon=M, relay=evil [192.0.2.66]>, proto=ESMTP, daemon=MTA, relay=x [198.51.100.9]",
            "acceptance 198.51.100.9"
        ),
        (
            "recipients in the sender",
            "from=<\"x, size=9, class=0, nrcpts=1\"@a>, size=0, class=0, nrcpts=0, proto=ESMTP, daemon=MTA, relay=x [198.51.100.9]",
            "-"
        ),
    ])
    func `a from line's peer is the last`(name: String, fields: String, expected: String) {
        let delivery = "6AKNC4wt028307: to=<bob@lab.test>, delay=00:00:00, mailer=local, pri=3, dsn=2.0.0, stat=Sent"
        #expect(Sendmail.events(of: Self.id + fields, delivery) == ["-", expected], "\(name)")
    }

    @Test(arguments: ["to=<\"x, stat=Sent\"@b>, pri=3, stat=User unknown", "to=<a@b>, pri=3, stat=No, stat=Sent"])
    func `a delivery that a client made up is none`(fields: String) {
        let from = "from=<a@b>, size=9, class=0, nrcpts=1, proto=ESMTP, daemon=MTA, relay=x [198.51.100.9]"
        #expect(Sendmail.events(of: Self.id + from, Self.id + fields) == ["-", "-"])
    }
}
