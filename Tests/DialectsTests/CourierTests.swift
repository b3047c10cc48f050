import Dialects
import Events
import Testing

@Suite struct CourierFixtureTests {
    @Test(arguments: ["courier", "courier.iso", "shapes"])
    func `every line is the event beside it`(name: String) throws {
        var dialect = Courier(rblTexts: ["Listed by"])
        let lines = try Fixtures.lines("courier/\(name).log")
        let events = try Fixtures.text("courier/\(name).events")
        #expect(lines.count == events.count)
        for (number, (line, expected)) in zip(lines, events).enumerated() {
            #expect(
                describe(dialect.event(line)) == expected,
                "\(name).log:\(number + 1): \(String(decoding: line, as: UTF8.self))")
        }
    }

    /// The truth was made of what the clients did, not of the log. A zone stands in a line by a URL at best, and
    /// the warning at 90 % of the slots is an event for us.
    @Test func `class, peer and code are what really happened`() throws {
        var dialect = Courier(rblTexts: ["Listed by"])
        let lines = try Fixtures.lines("courier/courier.iso.log")
        for row in try Fixtures.text("courier/courier.iso.truth.tsv").dropFirst() {
            let truth = row.split(separator: "\t").map(String.init)
            let number = try #require(Int(truth[0]))
            let event = dialect.event(lines[number - 1])
            let kind = event.map { $0.rejectionClass?.rawValue ?? $0.kind.rawValue } ?? "none"
            #expect(
                kind == (number == 25 ? "saturation" : truth[2] == "accepted" ? "acceptance" : truth[2]),
                "line \(number)")
            #expect((event?.peer?.description ?? "-") == truth[1], "line \(number)")
            #expect((event?.code?.description ?? "-") == truth[3], "line \(number)")
        }
    }

    @Test(arguments: [
        ("courierd: started,id=1.2.3,from=<a@b.example>,module=local,host=,addr=<bob>", 0),
        ("courierd: Waiting.  shutdown time=none, wakeup time=none, queuedelivering=0, inprogress=0", 0),
        ("courieresmtpd: error,relay=192.0.2.7: in words of another version", 1),
        ("courierd: newmsg,id=1.2.3 in words of another version", 1),
    ])
    func `a line counts as unread when it should have been an event`(line: String, unread: Int) {
        var dialect = Courier()
        #expect(dialect.event(Array("2026-11-20T22:44:56.033783+00:00 mx \(line)".utf8)) == nil)
        #expect(dialect.unread == unread)
    }

    @Test func `without the site's words its list is an access rule`() throws {
        var dialect = Courier()
        let line = try Fixtures.lines("courier/courier.iso.log")[6]
        #expect(describe(dialect.event(line)) == "rejection client-host 550 198.18.100.9:51315")
    }
}

@Suite struct ReasonTests {
    private static let head = "error,relay=::ffff:192.0.2.7,port=4711,from=<a@b.example>,to=<c@d.example>: "

    @Test(arguments: [
        // What DNSBLs write; class rbl by their own words or by the peer's address.
        ("511 http://www.spamhaus.org/query/bl?ip=192.0.2.7", "rbl 511", "spamhaus.org", ""),
        ("511 https://check.spamhaus.org/query/ip/192.0.2.7", "rbl 511", "spamhaus.org", ""),
        ("511 Blocked - see https://www.spamcop.net/bl.shtml?192.0.2.7", "rbl 511", "spamcop.net", ""),
        (
            "511 IP 192.0.2.7 is UCEPROTECT-Level 1 listed. See http://www.uceprotect.net/rblcheck.php?ipr=192.0.2.7",
            "rbl 511", "uceprotect.net", ""
        ),
        (
            "511 Client host blocked using Barracuda Reputation, see http://www.barracudanetworks.com/reputation/?r=1&ip=192.0.2.7",
            "rbl 511", "barracudanetworks.com", ""
        ),
        ("511 Dynamic IP Addresses See: http://www.sorbs.net/lookup.shtml?192.0.2.7", "rbl 511", "sorbs.net", ""),
        ("511 Listed in PSBL, see http://psbl.surriel.com/listing?ip=192.0.2.7", "rbl 511", "psbl.surriel.com", ""),
        ("511 Your address is listed", "rbl 511", "", ""),
        ("511 YOUR ADDRESS IS LISTED", "rbl 511", "", ""),
        ("511 See http://lists.example/?192.0.2.7", "rbl 511", "lists.example", ""),
        ("511 Blacklisted by zen.bl.example", "rbl 511", "zen.bl.example", ""),
        ("511 in RBL at HTTP://Zen.BL.Example:8080/x", "rbl 511", "zen.bl.example", ""),
        ("550 Blacklisted by zen.bl.example", "rbl 550", "zen.bl.example", ""),
        // Not a list's words.
        ("511 Go away", "client-host 511", "", ""),
        ("511 You are not whitelisted here", "client-host 511", "", ""),
        ("511 See http://mail.example/policy", "client-host 511", "", ""),
        ("511 peer 192.0.2.70 is bad", "client-host 511", "", ""),
        ("511 peer 1192.0.2.7 is bad", "client-host 511", "", ""),
        ("550 blocked using zen.bl.example", "client-host 550", "", ""),
        ("511", "client-host 511", "", ""),
        ("511 ", "client-host 511", "", ""),
        // Zones that are none.
        ("511 listed http://nodots/x", "rbl 511", "", ""),
        ("511 listed http://a..example/x", "rbl 511", "", ""),
        ("511 listed http://user@zen.example/x", "rbl 511", "", ""),
        ("511 listed http://zen.exam...", "rbl 511", "", ""),
        ("511 listed http://.example/x", "rbl 511", "", ""),
        ("511 listed http://www.example/x", "rbl 511", "www.example", ""),
        ("511 listed at http://zen.example.", "rbl 511", "zen.example", ""),
        ("511 listed http://", "rbl 511", "", ""),
        ("511 listed http://zen.ex\u{e4}mple/", "rbl 511", "", ""),
        // A list that fails.
        (
            "511 Error: open resolver; https://check.spamhaus.org/returnc/pub/203.0.113.53/", "rbl 511", "spamhaus.org",
            "failure"
        ),
        ("511 https://www.spamhaus.org/returnc/vol/", "rbl 511", "spamhaus.org", "failure"),
        ("511 listed with 127.255.255.254", "rbl 511", "", "failure"),
        (
            "511 127.0.0.1 -> Query Refused. See http://uribl.com/refused.shtml for more information",
            "client-host 511", "", "failure"
        ),
        ("511 dnsbl: Excessive number of queries", "rbl 511", "", "failure"),
        (
            "511 ordb.org was shut down on December 18, 2006. Please remove from your mailserver.", "client-host 511",
            "", "failure"
        ),
        ("511 listed with 127.255.2.2", "rbl 511", "", ""),
    ])
    func `a reply's class and zone`(text: String, reason: String, zone: String, failure: String) {
        let words = reason.split(separator: " ")
        let expected =
            "rejection \(words[0]) \(words[1]) 192.0.2.7:4711" + (zone.isEmpty ? "" : " " + zone)
            + (failure.isEmpty ? "" : " +list-failure")
        #expect(Courier.event(of: ReasonTests.head + text) == expected)
    }

    @Test(arguments: [
        ("550 Listed by cbl", ["listed BY"], "rejection rbl 550 192.0.2.7:4711 listed BY"),
        ("550 We use CBL here", ["other", "cbl"], "rejection rbl 550 192.0.2.7:4711 cbl"),
        ("550 Listed by cbl, http://www.cbl.example/", ["cbl"], "rejection rbl 550 192.0.2.7:4711 cbl.example"),
        ("450 Listed by cbl", ["cbl"], "deferral rbl 450 192.0.2.7:4711 cbl"),
        ("511 Nothing known", ["nothing"], "rejection rbl 511 192.0.2.7:4711 nothing"),
        ("550 Listed by cbl", [""], "rejection client-host 550 192.0.2.7:4711"),
        ("550 Listed by cbl", [], "rejection client-host 550 192.0.2.7:4711"),
        // Behind `<` and in what the client itself wrote in this line, a text is not the site's.
        ("550 Refused: <cbl>", ["cbl"], "rejection client-host 550 192.0.2.7:4711"),
        ("550 Refused: sender a@b.example", ["a@b"], "rejection client-host 550 192.0.2.7:4711"),
        ("550 User <listed by cbl> unknown", ["cbl", "listed by"], "rejection unknown-user 550 192.0.2.7:4711"),
        ("513 Relaying denied by cbl", ["cbl"], "rejection relay-denied 513 192.0.2.7:4711"),
    ])
    func `the site's own words`(text: String, words: [String], expected: String) {
        #expect(Courier.event(of: ReasonTests.head + text, rblTexts: words) == expected)
    }

    @Test func `the last line of a reply knows what its inner lines said`() {
        var dialect = Courier()
        func event(_ port: Int, _ text: String) -> String {
            describe(
                dialect.event(
                    "Nov 20 22:54:18 vm courieresmtpd: error,relay=192.0.2.7,port=\(port),from=<a>,to=<b>: " + text))
        }
        #expect(
            event(1, "511-Listed, see http://zen.example/x")
                == "rejection rbl 511 192.0.2.7:1 zen.example +continuation")
        #expect(event(1, "511 Call us if you like") == "rejection rbl 511 192.0.2.7:1 zen.example")
        #expect(event(1, "511 Call us if you like") == "rejection client-host 511 192.0.2.7:1")
        #expect(
            event(1, "511-Listed: error, open resolver") == "rejection rbl 511 192.0.2.7:1 +continuation +list-failure")
        #expect(event(1, "511-and more") == "rejection client-host 511 192.0.2.7:1 +continuation")
        #expect(event(1, "511 and the end") == "rejection rbl 511 192.0.2.7:1 +list-failure")
        // Neither another connection's nor another code's.
        #expect(event(1, "511-Listed") == "rejection rbl 511 192.0.2.7:1 +continuation")
        #expect(event(2, "511 the end") == "rejection client-host 511 192.0.2.7:2")
        #expect(event(1, "550 the end") == "rejection client-host 550 192.0.2.7:1")
    }
}
