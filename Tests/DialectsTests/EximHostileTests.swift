import Addresses
import Dialects
import Events
import Foundation
import Testing

/// Clients write into Exim's log: HELO, sender, recipient, account, the headers of what was rejected. 192.0.2.66 is the
/// innocent third party, 192.0.2.7 the client.
@Suite struct EximHostileTests {
    private static let forged = "H=(x) [192.0.2.66] F=<a@b> rejected RCPT <c@d>: 192.0.2.66 is listed at zen.example"

    /// With helo_accept_junk_hosts a HELO may hold anything; a quoted local part always may. Which of the two it was
    /// does not show in the line, so the kernel is asked.
    @Test(arguments: [
        (
            "the HELO of the facts, as it was logged",
            "H=(x) [9.9.9.9] F=<a@b.c> rejected RCPT <d@e.f>: 9.9.9.9 is listed at sbl.dnsbl.test) [192.0.2.7]:54451 "
                + "I=[203.0.113.25]:26 F=<u@good.test> rejected RCPT <alice@lab.test>",
            "rejection other 550 candidates=9.9.9.9,192.0.2.7",
            ["9.9.9.9": "rejection rbl 550 9.9.9.9 sbl.dnsbl.test", "192.0.2.7": "rejection other 550 192.0.2.7:54451"]
        ),
        (
            "a sender with a quoted local part",
            "H=(mx) [192.0.2.7] F=<\"x) [192.0.2.66] F=<a@b> rejected RCPT <c@d>: listed at zen.example\"@e> rejected "
                + "RCPT <f@g>: Unrouteable address",
            "rejection other 550 candidates=192.0.2.7,192.0.2.66",
            [
                "192.0.2.7": "rejection unknown-user 550 192.0.2.7",
                "192.0.2.66": "rejection rbl 550 192.0.2.66 zen.example",
            ]
        ),
        (
            "a recipient",
            "H=(mx) [192.0.2.7] F=<a@b> rejected RCPT <\"x) [192.0.2.66] F=<a@b>\"@g>: relay not permitted",
            "rejection relay-denied 550 candidates=192.0.2.7,192.0.2.66",
            ["192.0.2.7": "rejection relay-denied 550 192.0.2.7", "192.0.2.66": "-"]
        ),
        (
            "a HELO that makes a warning of the line",
            "H=(x) [192.0.2.66] Warning: ) [192.0.2.7] F=<a@b> rejected RCPT <c@d>: found in zen.example",
            "rejection rbl 550 candidates=192.0.2.66,192.0.2.7 zen.example",
            ["192.0.2.66": "-", "192.0.2.7": "rejection rbl 550 192.0.2.7 zen.example"]
        ),
        (
            "a true warning that quotes a rejection",
            "H=(mx) [192.0.2.7] Warning: said x) [192.0.2.66] F=<a@b> rejected RCPT <c@d>: found in zen.example",
            "rejection rbl 550 candidates=192.0.2.7,192.0.2.66 zen.example",
            ["192.0.2.7": "-"]
        ),
        (
            "the client's own address once more, with another reason",
            "H=(x) [192.0.2.7] F=<a@b> rejected RCPT <c@d>: relay not permitted) [192.0.2.7] F=<a@b> rejected "
                + "RCPT <c@d>: found in zen.example",
            "rejection other 550 192.0.2.7", [:]
        ),
        (
            "the client's own address once more, with the same reason",
            "H=(x) [192.0.2.7]:1 F=<a@b> rejected RCPT <c@d>: found in zen.example) [192.0.2.7]:2 F=<a@b> rejected "
                + "RCPT <c@d>: found in zen.example",
            "rejection rbl 550 192.0.2.7 zen.example", [:]
        ),
        (
            "the client's own address once more, and nothing behind",
            "H=(x) [192.0.2.7] ) [192.0.2.7] F=<a@b> rejected RCPT <c@d>: found in zen.example",
            "rejection rbl 550 192.0.2.7 zen.example", [:]
        ),
    ])
    func `where the line has several addresses, the one of them that the kernel names`(
        name: String, entry: String, expected: String, settled: [String: String]
    ) throws {
        var dialect = Exim()
        let read = dialect.event("2026-11-20 22:54:18 " + entry)
        #expect(describe(read) == expected, "\(name)")
        for (address, expected) in settled {
            var event = try #require(read)
            let isEvent = event.settle(on: try #require(IPAddress(address)))
            #expect((isEvent ? describe(event) : "-") == expected, "\(name)")
        }
    }

    /// Ten addresses in a sender were once more than were looked at, and so hid every rejection (Exim 4.96 takes it).
    @Test func `as many addresses as a sender and a recipient hold hide nobody`() throws {
        let many = (1...20).map { ") [192.0.2.\($0 + 100)] " }.joined()
        let more = (1...8).map { ") [192.0.2.\($0 + 130)] " }.joined()
        var dialect = Exim()
        let read = dialect.event(
            "2026-11-21 08:17:27 H=(mx) [192.0.2.7] F=<\"x\(many)y\"@evil.example> rejected RCPT <\"\(more)\"@b>: "
                + "192.0.2.7 is listed at zen.example")
        var event = try #require(read)
        #expect(event.candidates.count == 29)
        #expect(event.settle(on: try #require(IPAddress("192.0.2.7"))))
        #expect(event.peer?.description == "192.0.2.7")
    }

    @Test(arguments: [
        (
            "an account named like a client",
            "LOGIN authenticator failed for (mx) [192.0.2.7]: 535 Incorrect (set_id=x) [192.0.2.66] y",
            "auth-failure auth 535 candidates=192.0.2.7,192.0.2.66"
        ),
        (
            "a HELO refused for its form: no HELO stands before",
            "rejected EHLO from [192.0.2.7]: syntactically "
                + "invalid argument(s): x) [192.0.2.66] " + forged, "rejection helo 501 192.0.2.7"
        ),
        (
            "the second HELO", "rejected EHLO from (x) [192.0.2.66]: y) [192.0.2.7]: syntactically invalid z",
            "rejection helo 501 candidates=192.0.2.66,192.0.2.7"
        ),
        (
            "a command in front of the client",
            "SMTP protocol synchronization error (next input sent too soon: pipelining was not advertised): rejected "
                + "\"NOOP H=[192.0.2.66] next input=\" H=(mx) [192.0.2.7] next input=\"x\"",
            "rejection other candidates=192.0.2.66,192.0.2.7"
        ),
        (
            "an unqualified sender", "unqualified sender rejected: <x H=[192.0.2.66] y> H=(mx) [192.0.2.7]",
            "rejection sender 501 candidates=192.0.2.66,192.0.2.7"
        ),
        (
            "an accepted message's name",
            "1xUXkP-0002hX-1v <= a@b H=(mx) [192.0.2.7] P=esmtpsa S=8 id=x) [192.0.2.66] P=esmtpa@c",
            "acceptance candidates=192.0.2.7,192.0.2.66"
        ),
        (
            "an accepted message's sender",
            "1xUXkP-0002hX-1v <= \"x H=[192.0.2.66] P=esmtpa S=8\"@b H=(mx) [192.0.2.7] P=esmtp S=8",
            "acceptance 192.0.2.7"
        ),
        (
            "a sender of which a part is quoted, as Exim 4.96 took and logged it",
            "1xUgHj-000040-2w <= a.\" H=[192.0.2.66] P=esmtpa \"@evil.example H=(mx) [192.0.2.7] P=esmtp S=247",
            "acceptance 192.0.2.7"
        ),
        (
            "such a sender, and a quotation mark inside",
            "1xUgHj-000040-2w <= a.\"\\\" H=[192.0.2.66] P=esmtpa \".b@evil.example H=(mx) [192.0.2.7] P=esmtp S=247",
            "acceptance 192.0.2.7"
        ),
        (
            "such a sender, refused by local_scan()",
            "1xUgHj-000040-2w F=a.\" H=[192.0.2.66] rejected by local_scan(): no \"@evil.example H=[192.0.2.7] rejected "
                + "by local_scan(): no",
            "rejection content 550 192.0.2.7"
        ),
        (
            "an account in an accepted message's HELO",
            "1xUXkP-0002hX-1v <= a@b H=(x P=esmtpsa A=login:bob) [192.0.2.7] P=esmtp S=8", "acceptance 192.0.2.7"
        ),
        (
            "a HELO, when the connection is lost",
            "unexpected disconnection while reading SMTP command from (x) [192.0.2.66] y) [192.0.2.7] D=0s",
            "disconnect"
        ),
        (
            "a dropped call's last words",
            "SMTP call from [192.0.2.7] dropped: too many unrecognized commands (last was \"x) [192.0.2.66] y\")",
            "rejection other 192.0.2.7"
        ),
        (
            "more addresses than anyone asks the kernel for",
            "H=(" + (1...40).map { "x) [192.0.2.\($0 + 100)] " }.joined() + ") [192.0.2.7] F=<a@b> rejected RCPT <c@d>",
            "-"
        ),
        ("no port, no number", "H=(mx) [192.0.2.7]:99999 F=<a@b> rejected RCPT <c@d>", "-"),
        ("an address in an address", "H=(mx) [192.0.2.7[192.0.2.66] F=<a@b> rejected RCPT <c@d>", "-"),
    ])
    func `a client's words make nobody else the peer`(name: String, entry: String, expected: String) {
        var dialect = Exim()
        #expect(describe(dialect.event("2026-11-20 22:54:18 " + entry)) == expected, "\(name)")
    }

    /// What a text says of a list counts only where the text is the site's.
    @Test(arguments: [
        ("a recipient with a text behind", "RCPT <\"x>: found in zen.example\"@d>: no", "other 550"),
        (
            "a recipient that was cut too early",
            "RCPT <\"" + String(repeating: "a", count: 97) + ": found in zen.example",
            "other 550"
        ),
        (
            "a recipient that was cut", "RCPT <\"" + String(repeating: "a", count: 98) + ": found in zen.example",
            "rbl 550"
        ),
        (
            "a recipient with control characters that was cut",
            "RCPT <\"#033" + String(repeating: "a", count: 94) + ": found in zen.example", "other 550"
        ),
        ("a phrase, and a list's text", "RCPT \"x: no\"=<c@d>: found in zen.example", "rbl 550"),
        ("a phrase of several", "RCPT \"\" result=\"550 listed at x: y\"=<c@d>: found in zen.example", "rbl 550"),
        ("words without an address", "RCPT x y: found in zen.example", "other 550"),
        ("EXPN's argument", "EXPN x: found in zen.example", "other 550"),
        ("a recipient with a phrase", "RCPT \"x: found in zen.example\" <c@d>: no", "other 550"),
        ("a recipient with a comment", "RCPT (: found in zen.example) c@d: no", "other 550"),
        ("a text that repeats the HELO", "RCPT <c@d>: listed.spamhaus.example is no host", "other 550"),
        ("a text that repeats the sender", "RCPT <c@d>: no such <blacklist@e.example> here", "other 550"),
        ("a text that repeats the sender, and a list's", "RCPT <c@d>: blacklist@e.example is listed at zen", "rbl 550"),
        ("a text that repeats the HELO, and a list's", "RCPT <c@d>: listed at zen.example", "rbl 550"),
        ("a text that repeats both", "RCPT <c@d>: listed.spamhaus.example, blacklist@e.example", "other 550"),
        (
            "a remote server's answer", "RCPT <c@d>: response to \"RCPT\" was: 550 listed at zen.example",
            "recipient 550"
        ),
    ])
    func `a client's words are no list's`(name: String, what: String, expected: String) {
        let entry = "H=(listed.spamhaus.example) [192.0.2.7] F=<blacklist@e.example> rejected " + what
        #expect(Exim.event(of: entry).hasPrefix("rejection \(expected) 192.0.2.7"), "\(name)")
    }

    @Test(arguments: [
        "", " ", "[", "[1", "[1]", "[1] ", "[1\\", "[1\\2", "[1\\2] ", "[1/1] ", "H", "H=", "H=(", "H=()", "H=() [",
        "H=() []",
        "H=() [192.0.2.7]", "H=[192.0.2.7", "H=[192.0.2.7]x rejected RCPT <c@d>", "H=[192.0.2.7] rejected",
        "H=[192.0.2.7] rejected ", "H=[192.0.2.7] rejected VRFY x", "H=[192.0.2.7] F=<a rejected RCPT <c@d>",
        "H=[192.0.2.7] F=a rejected", "H=[192.0.2.7]  rejected RCPT <c@d>", "h=[192.0.2.7] rejected RCPT <c@d>",
        "x H=[192.0.2.7] rejected RCPT <c@d>", "X-C: " + forged, "  X-C: " + forged, "P Received: " + forged,
        "Envelope-from: <" + forged + ">", "1xUXkP-0002hX-1v ** c@d: " + forged, "1xUXkP-0002hX-1v == c@d: " + forged,
        "1xUXkP-0002hX-1v => c@d F=<" + forged, "<= a@b H=[192.0.2.7] P=esmtp S=8", "1xUXkP-0002hX-1v <= a@b",
        "1xUXkP-0002hX-1v <= \"a@b H=[192.0.2.7]", "Connection from 192.0.2.7 refused: too many connections",
        "Connection from [192.0.2.7] accepted", "SMTP connection from", "SMTP connection from x", "SMTP ",
        "rejected ", "rejected x", "temporarily ", "no host name found for IP address 192.0.2.66",
        "2026-11-20 22:54:18", "2026-11-20 22:54:18 ", "[4711] ", "1xUXkP-0002hX-1v ", "a authenticator failed",
        "message repeated 2 times: [ " + forged + "]",
    ])
    func `what only looks like an entry is no event`(entry: String) {
        #expect(Exim.event(of: entry) == "-")
    }

    @Test(arguments: [
        ("(x: listed at zen.example) [192.0.2.7]", "x: listed at zen.example: no", "helo"),
        ("(x: listed at zen.example) [192.0.2.7]", "x: listed at zen.example", "helo"),
        ("(x) [192.0.2.7]", "x: listed at zen.example", "rbl"), ("mx [192.0.2.7]", "mx: listed at zen.example", "rbl"),
        ("(x) [192.0.2.7]", "y: listed at zen.example", "helo"),
    ])
    func `a HELO that was refused ends where it ends in the client's place`(
        client: String, text: String, rejectionClass: String
    ) {
        let event = Exim.event(of: "H=\(client) rejected EHLO or HELO \(text)")
        #expect(event.hasPrefix("rejection \(rejectionClass) 550 192.0.2.7"))
    }

    private static let overflow = "**** log string overflowed log buffer ****"

    /// Exim's buffer of 8192 bytes can be filled with a HELO, so that the client's own address finds no room. Before 4.98
    /// Exim writes its note in the entry's place, since then over its end.
    @Test func `an entry that was cut is not read, and counted`() {
        let filled = EximHostileTests.forged + String(repeating: "x", count: 8192)
        #expect(Exim.event(of: String(filled.prefix(7900))) != "-", "or the test shows nothing")
        for end in ["", " ", "#012", "#012 "] {
            for entry in [EximHostileTests.overflow, String(filled.prefix(8110)) + EximHostileTests.overflow] {
                var dialect = Exim()
                #expect(dialect.event("Nov 20 22:54:18 mx exim[4711]: " + entry + end) == nil)
                #expect(dialect.overflowed == 1)
                #expect(dialect.unread == 1)
            }
        }
    }

    @Test(arguments: [7_900, 8_000, 8_060])
    func `an entry that just had room is read, whoever it names`(count: Int) {
        let helo = String(repeating: "x", count: count)
        let tail = " [192.0.2.7] F=<a@b> rejected RCPT <c@d>: 192.0.2.7 is listed at zen.example"
        #expect(Exim.event(of: "H=(\(helo))" + tail) == "rejection rbl 550 192.0.2.7 zen.example pid=4711")
        let forged = EximHostileTests.forged.dropFirst("H=(x".count)
        #expect(
            Exim.event(of: "H=(\(helo)\(forged))" + tail).contains("candidates=192.0.2.66,192.0.2.7"),
            "the kernel is asked")
    }

    @Test func `a client's own words are no note of Exim's`() {
        let entry =
            "H=(x) [192.0.2.7] F=<a@b> rejected RCPT <\"\(String(repeating: "y", count: 57))\(EximHostileTests.overflow)"
        #expect(entry.hasSuffix("<" + entry.suffix(100)), "cut by Exim to a hundred bytes")
        #expect(Exim.event(of: entry).hasPrefix("rejection other 550 192.0.2.7"))
    }

    @Test(arguments: ["exi", "exim5", "Exim", "eximx", "exim-in", "postfix/smtpd", "sshd", "xexim"])
    func `another program's lines are not Exim's`(tag: String) {
        var dialect = Exim()
        #expect(dialect.event("Nov 20 22:54:18 mx \(tag)[12]: " + EximHostileTests.forged) == nil)
        #expect(dialect.event("Fri Nov 20 22:44:56 2026 mx[369]: " + EximHostileTests.forged) == nil)
        #expect(dialect.event("@400000006740e5a80c5be0d4 " + EximHostileTests.forged) == nil)
    }

    /// In the reject log's file the headers of a rejected message follow its line, each as the client wrote it.
    @Test func `the reject log's continuation lines are none of its own`() throws {
        var dialect = Exim()
        let lines = try Fixtures.text("exim/rejectlog.log")
        let events = lines.map { describe(dialect.event($0)) }
        #expect(events == (try Fixtures.text("exim/rejectlog.events")))
    }
}

@Suite struct EximPieceTests {
    private static let head = "Nov 20 22:54:18 mx exim[4711]: "
    /// 870 bytes and the rest.
    private static func pieces(_ entry: String, pid: Int = 4711) -> [String] {
        var rest = Substring(entry)
        var parts: [Substring] = []
        while !rest.isEmpty {
            parts.append(rest.prefix(870))
            rest = rest.dropFirst(870)
        }
        return parts.enumerated().map { "Nov 20 22:54:18 mx exim[\(pid)]: [\($0 + 1)/\(parts.count)] \($1)" }
    }
    private static let long =
        "H=(mx) [192.0.2.7] F=<" + String(repeating: "a", count: 1800) + "@b> rejected RCPT <c@d>: found in zen.example"

    @Test func `an entry in pieces is read as one`() {
        var dialect = Exim()
        let pieces = EximPieceTests.pieces(EximPieceTests.long)
        #expect(pieces.count == 3)
        #expect(
            pieces.map { describe(dialect.event($0)) } == [
                "-", "-", "rejection rbl 550 192.0.2.7 zen.example pid=4711",
            ])
        #expect(dialect.lostEntries == 0)
    }

    @Test func `the first line of an entry ends at its backslash, and the headers behind are the client's`() {
        var dialect = Exim()
        let forged = "H=(x) [192.0.2.66] F=<a@b> rejected RCPT <c@d>: found in zen.example"
        let line = "1xUXkP-0002hX-1v H=(mx) [192.0.2.7] F=<a@b> rejected after DATA: no"
        #expect(describe(dialect.event(Self.head + "[1\\4] " + line)) == "rejection content 550 192.0.2.7 pid=4711")
        for piece in ["[2\\4] ", "[3\\4] ", "[4/4] ", "[5/4] ", "[0/4] ", "[2/4] "] {
            #expect(dialect.event(Self.head + piece + forged) == nil)
        }
        // Long, and with headers.
        #expect(dialect.event(Self.head + "[1/4] H=(mx) [192.0.2.7] F=<a@b> rejec") == nil)
        #expect(
            describe(dialect.event(Self.head + "[2\\4] ted after DATA: no"))
                == "rejection content 550 192.0.2.7 pid=4711")
        #expect(dialect.event(Self.head + "[3\\4] " + forged) == nil)
        #expect(dialect.event(Self.head + "[4/4] " + forged) == nil)
    }

    @Test(arguments: [[1], [2], [0], [0, 1]])
    func `without one of its pieces an entry is none`(missing: [Int]) {
        var dialect = Exim()
        let pieces = EximPieceTests.pieces(EximPieceTests.long)
        for (index, piece) in pieces.enumerated() where !missing.contains(index) {
            #expect(dialect.event(piece) == nil)
        }
        // The next one of the same process is whole.
        #expect(EximPieceTests.pieces(EximPieceTests.long).map { dialect.event($0) != nil } == [false, false, true])
        #expect(dialect.lostEntries == (missing.contains(0) ? 0 : 1))
    }

    @Test func `pieces of several processes do not mix`() {
        var dialect = Exim()
        let one = EximPieceTests.pieces(EximPieceTests.long, pid: 1)
        let two = EximPieceTests.pieces(EximPieceTests.long.replacing("192.0.2.7", with: "192.0.2.8"), pid: 2)
        var found: [String] = []
        for (one, two) in zip(one, two) {
            found += [one, two].compactMap { dialect.event($0).map { describe($0) } }
        }
        #expect(
            found == [
                "rejection rbl 550 192.0.2.7 zen.example pid=1", "rejection rbl 550 192.0.2.8 zen.example pid=2",
            ])
    }

    @Test func `a pieced client is the whole one's`() {
        var dialect = Exim()
        // The address is cut in the middle: a half is no address.
        let lines = ["[1/2] H=(mx) [192.0.2", "[2/2] .7] F=<a@b> rejected RCPT <c@d>"].map { Self.head + $0 }
        #expect(lines.map { describe(dialect.event($0)) } == ["-", "rejection other 550 192.0.2.7 pid=4711"])
        #expect(describe(dialect.event(Self.head + "[1\\2] H=(mx) [192.0.2")) == "-")
    }

    /// Every tenth entry loses its last piece. What is remembered does not grow: the long run of ten million lines is
    /// for `BREAKWATER_LONG=1`, its memory is measured from outside.
    @Test func `entries that never end are forgotten and counted`() {
        let rounds = longRun ? 3_450 : 20
        let entries = (1...1000).map { pid in
            EximPieceTests.pieces(EximPieceTests.long, pid: pid).map { Array($0.utf8) }
        }
        var dialect = Exim()
        var (lines, found, lost, number) = (0, 0, 0, 0)
        for _ in 0..<rounds {
            for pieces in entries {
                number += 1
                let isCut = number % 10 == 9
                for piece in isCut ? pieces.dropLast() : pieces[...] {
                    lines += 1
                    if dialect.event(piece) != nil { found += 1 }
                }
                lost += isCut ? 1 : 0
            }
        }
        if longRun { print("\(lines) lines, \(found) rejections, \(lost) of them lost a piece") }
        #expect(found == number - lost)
        #expect(dialect.openEntries <= 64)
        #expect(dialect.lostEntries == lost - dialect.openEntries)
    }

    private var longRun: Bool { ProcessInfo.processInfo.environment["BREAKWATER_LONG"] == "1" }
}

@Suite struct EximRepeatTests {
    private static func line(_ pid: Int, _ rcpt: String, _ client: String = "192.0.2.7") -> String {
        "Nov 20 22:54:18 mx exim[\(pid)]: H=(mx) [\(client)] F=<a@b> rejected RCPT <\(rcpt)>: found in zen.example"
    }

    @Test(arguments: [
        ("main log and reject log", [line(1, "c@d"), line(1, "c@d")], [true, false]),
        ("another recipient", [line(1, "c@d"), line(1, "e@d")], [true, true]),
        (
            "another process", [line(1, "c@d"), line(2, "c@d"), line(1, "c@d"), line(2, "c@d")],
            [true, true, false, false]
        ),
        ("another client", [line(1, "c@d"), line(1, "c@d", "192.0.2.8")], [true, true]),
        ("a process whose pid ends in the same bits", [line(1, "c@d"), line(257, "c@d")], [true, true]),
    ])
    func `a rejection counts once`(name: String, lines: [String], expected: [Bool]) {
        var dialect = Exim()
        #expect(lines.map { dialect.event($0) != nil } == expected, "\(name)")
        #expect(dialect.unread == 0, "\(name)")
    }

    @Test func `a pid that comes back is another process`() throws {
        var dialect = Exim()
        let bytes = Array(EximRepeatTests.line(1, "c@d").utf8)
        func read(at seconds: Int) -> Bool {
            var line = LogLine()
            guard line.read(bytes.span) else { return false }
            line.heard = .distantPast + .seconds(seconds)
            var event = Event()
            return dialect.read(line, in: bytes.span, into: &event)
        }
        #expect([0, 1, 100, 101].map(read) == [true, false, true, false])
    }
}
