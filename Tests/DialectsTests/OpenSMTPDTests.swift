import Dialects
import Events
import Testing

@Suite struct OpenSMTPDFixtureTests {
    @Test(arguments: ["opensmtpd", "opensmtpd.iso", "opensmtpd.rfc5424"])
    func `every line is the event beside it`(name: String) throws {
        try expectEvents(OpenSMTPD(), "opensmtpd", name, "opensmtpd")
        try expectTruth(OpenSMTPD(), "opensmtpd", name, unseen: [18, 19, 20])
    }
}

/// 192.0.2.66 is the innocent third party.
@Suite struct OpenSMTPDTests {
    private static let header = "Nov 20 22:58:04 mx smtpd[59]: "
    private static let id = "99749b960b4b2be7"
    private static let connected = "\(id) smtp connected address=198.51.100.9 host=spammer.test"

    /// What becomes of a message in a session of 198.51.100.9.
    private static func event(_ message: String, rblTexts: [String] = []) -> String {
        var dialect = OpenSMTPD(SiteWords(rblTexts: rblTexts))
        #expect(dialect.words(header + connected) == "connect 198.51.100.9 pid=59")
        return dialect.words(header + "\(id) smtp " + message)
    }

    private static func reply(_ text: String, to command: String = "RCPT TO:<alice@lab.test>") -> String {
        "failed-command command=\"\(command)\" result=\"\(text)\""
    }

    @Test(arguments: [
        ("550 5.7.1 Service unavailable; client blocked using sbl.dnsbl.test", "rbl 550", "sbl.dnsbl.test"),
        ("550 192.0.2.7 is listed at ZEN.dnsbl.test.", "rbl 550", "zen.dnsbl.test"),
        ("554 found in zen.lists.test", "recipient 554", ""),
        ("554 5.7.1 found in DNSBL zen.dnsbl.test", "rbl 554", ""),
        ("554 5.7.1 your address was found in zen.dnsbl.test (blocklist)", "rbl 554", "zen.dnsbl.test"),
        ("550 https://www.spamhaus.org/query/ip/198.51.100.9", "rbl 550", "spamhaus.org"),
        ("550 listed at 198.51.100.9", "rbl 550", ""),
        ("550 5.7.1 Go away", "recipient 550", ""),
        ("550 You are not whitelisted", "recipient 550", ""),
        ("550 Invalid recipient: <listed@zen.dnsbl.test>", "unknown-user 550", ""),
        ("524 5.2.4 Mailing list expansion problem: <a@b>", "recipient 524", ""),
        ("501 5.1.3 Recipient address syntax error", "recipient 501", ""),
        ("503 5.5.1 Invalid command: Command not allowed at this point.", "other 503", ""),
        ("550 no user <listed at zen.dnsbl.test>", "recipient 550", ""),
        ("550 no user \"listed at zen.dnsbl.test\"", "recipient 550", ""),
    ])
    func `a reply's class and zone`(text: String, reason: String, zone: String) {
        let words = reason.split(separator: " ")
        #expect(
            Self.event(Self.reply(text)) == "rejection \(words[0]) \(words[1]) 198.51.100.9"
                + (zone.isEmpty ? "" : " " + zone) + (words[0] == "rbl" ? " sessions=1" : "") + " pid=59")
    }

    @Test(arguments: [
        ("", "550 Client host rejected: Access denied", "rejection client-host 550"),
        ("MAIL FROM:<a@b>", "553 5.1.0 Sender address syntax error", "rejection sender 553"),
        ("mail from:<a@b>", "550 no", "rejection sender 550"),
        ("EHLO x", "550 no", "rejection helo 550"),
        ("EHLO x y", "501 5.5.4 Invalid command arguments: Invalid domain name", "rejection helo 501"),
        ("DATA", "550 message rejected", "rejection content 550"),
        ("AUTH PLAIN (...)", "535 Authentication failed", "auth-failure auth 535"),
        ("AUTH LOGIN (password)", "535 Authentication failed", "auth-failure auth 535"),
        ("RCPT TO:<a@b>", "421 try again later", "deferral recipient 421"),
        ("FOO", "500 5.5.1 Invalid command: Command unrecognized", "rejection other 500"),
    ])
    func `a refused command's class`(command: String, text: String, expected: String) {
        #expect(Self.event(Self.reply(text, to: command)) == expected + " 198.51.100.9 pid=59")
    }

    @Test func `the site's own words`() {
        #expect(
            Self.event(Self.reply("550 No entry here"), rblTexts: ["no ENTRY"])
                == "rejection rbl 550 198.51.100.9 no ENTRY sessions=1 pid=59")
        #expect(
            Self.event(Self.reply("550 unknown: <no entry@x>"), rblTexts: ["no entry"])
                == "rejection recipient 550 198.51.100.9 pid=59")
    }

    @Test func `a failing list bans nobody`() {
        #expect(
            Self.event(Self.reply("550 blocked using zen.dnsbl.test; Error: open resolver"))
                == "rejection rbl 550 198.51.100.9 zen.dnsbl.test sessions=1 pid=59 +list-failure")
    }

    @Test func `a session from its first line to its last`() {
        var dialect = OpenSMTPD()
        let user = dialect.words(
            Self.header,
            [
                Self.connected, "\(Self.id) smtp tls ciphers=TLSv1.3:TLS_AES_256_GCM_SHA384:256",
                "\(Self.id) smtp authentication user=bob result=permfail",
                "\(Self.id) smtp failed-command command=\"AUTH PLAIN (...)\" result=\"535 Authentication failed\"",
                "\(Self.id) smtp authentication user=x\\040result=ok result=tempfail",
                "\(Self.id) smtp message msgid=61e413d3 size=433 nrcpt=1 proto=ESMTP",
                "\(Self.id) smtp authentication user=bob result=ok",
                "\(Self.id) smtp message msgid=61e413d4 size=433 nrcpt=1 proto=ESMTP",
                "\(Self.id) smtp envelope evpid=61e413d3c98eeb3e from=<u@good.test> to=<alice@lab.test>",
                "\(Self.id) smtp bad-input result=\"500 5.0.0 Line too long\"",
                "\(Self.id) smtp disconnected reason=quit",
                "\(Self.id) smtp message msgid=61e413d5 size=433 nrcpt=1 proto=ESMTP",
            ])
        #expect(
            user == [
                "connect 198.51.100.9 pid=59", "-", "-", "auth-failure auth 535 198.51.100.9 pid=59", "-",
                "acceptance 198.51.100.9 pid=59", "-", "acceptance 198.51.100.9 pid=59 +authenticated", "-",
                "rejection other 500 198.51.100.9 pid=59", "disconnect 198.51.100.9 pid=59", "-",
            ])
        #expect(dialect.unread == 0)
        #expect(dialect.forgotten == 0)
    }

    /// In the corpus who has a login comes from 198.19.23 and 2001:db8:67::23, after two failed ones; all the others fail.
    @Test func `of real logins those are known that succeeded`() throws {
        var dialect = OpenSMTPD()
        var (authenticated, others, failed): ([String], [String], Int) = ([], [], 0)
        for line in try Fixtures.corpusLines("opensmtpd/accounts.log") {
            guard let event = dialect.event(of: Array(line)), let peer = event.peer else { continue }
            if event.kind == .authFailure { failed += 1 }
            guard event.kind == .acceptance else { continue }
            if event.isAuthenticated { authenticated.append("\(peer)") } else { others.append("\(peer)") }
        }
        #expect(authenticated == ["198.19.23.1", "198.19.23.2", "2001:db8:67::23:1", "2001:db8:67::23:2"])
        #expect(others.count == 44 && others.allSatisfy { !$0.contains(".23.") && !$0.contains(":23:") })
        #expect(failed == 204)
        #expect(dialect.unread == 0)
    }

    @Test(arguments: [
        ("warn: Disabling incoming SMTP connections: Client limit reached", "saturation pid=59 +limit", 0),
        ("warn: Disabling incoming SMTP connections: Too many open files", "saturation pid=59 +limit", 0),
        ("warn: smtp: fd exhaustion over, re-enabling incoming connections", "-", 0),
        ("99749b960b4b2be8 smtp connected address=local host=mx.test", "-", 0),
        ("99749b960b4b2be8 mta connected", "-", 0),
        ("99749bc3696e1679 mda delivery evpid=61e413d3c98eeb3e from=<u@good.test> result=Ok", "-", 0),
        ("99749b960b4b2be8 smtp connected address=192.0.2 host=x", "-", 1),
        ("\(id) smtp in words of another version", "-", 1),
        ("\(id) smtp failed-command in words of another version", "-", 1),
        ("99749b960b4b2be8 smtp failed-command in a session that began before the log", "-", 0),
    ])
    func `other lines of smtpd's`(message: String, expected: String, unread: Int) {
        var dialect = OpenSMTPD()
        _ = dialect.words(Self.header + Self.connected)
        #expect(dialect.words(Self.header + message) == expected)
        #expect(dialect.unread == unread)
    }

    /// Quotes in a command are not escaped, so the client can write what looks like the reply.
    @Test(arguments: [
        (
            "a reply in the recipient", "RCPT TO:<x\" result=\"554 listed at zen.dnsbl.test>",
            "550 Invalid recipient: <x>", "unknown-user 550"
        ),
        (
            "an innocent reply in the recipient", "RCPT TO:<x\" result=\"550 Invalid recipient: <y>",
            "550 blocked using zen.dnsbl.test", "rbl 550"
        ),
        (
            "a whole line in the sender",
            "MAIL FROM:<x\n99749b960b4b2be7 smtp connected address=192.0.2.66 host=x>".replacing("\n", with: " "),
            "553 5.1.0 Sender address syntax error", "sender 553"
        ),
        (
            "an address of another", "RCPT TO:<\"x[192.0.2.66]: 554 listed\"@lab.test>",
            "501 5.1.3 Recipient address syntax error", "recipient 501"
        ),
        (
            "the session of another", "99749b960b4b2be8 smtp failed-command command=\"\" result=\"550 listed\"",
            "500 5.5.1 Invalid command: Command unrecognized", "other 500"
        ),
        ("a quote that ends the line", "HELO \" result=\"", "501 5.5.4 Invalid command arguments: x", "helo 501"),
        ("a HELO that names a list", "EHLO listed.dnsbl.test", "550 no", "helo 550"),
        ("an empty argument", "RCPT TO:<>", "550 Invalid recipient: <>", "unknown-user 550"),
    ])
    func `a client's words make no other event`(name: String, command: String, text: String, expected: String) {
        let words = Self.event(Self.reply(text, to: command))
        #expect(words.hasPrefix("rejection \(expected) 198.51.100.9"), "\(name): \(words)")
    }

    @Test(arguments: [
        "99749b960b4b2be7 smtp connected address=192.0.2.66", "99749b960b4b2be7 smtp connected address= host=x",
        "99749b960b4b2be7 smtp connected address=[192.0.2.66 host=x",
        "99749B960B4B2BE7 smtp connected address=192.0.2.66 host=x",
        "9749b960b4b2be7 smtp connected address=192.0.2.66 host=x",
        "099749b960b4b2be7 smtp connected address=192.0.2.66 host=x",
        "99749b960b4b2be7  smtp connected address=192.0.2.66 host=x",
        "99749b960b4b2be7 mta connected address=192.0.2.66 host=x",
        "99749b960b4b2be7 smtp event=connected address=192.0.2.66 host=x",
        "x 99749b960b4b2be7 smtp connected address=192.0.2.66 host=x",
        "xwarn: Disabling incoming SMTP connections", "",
    ])
    func `what only looks like a first line is none`(message: String) {
        var dialect = OpenSMTPD()
        #expect(dialect.words(Self.header + message) == "-")
        #expect(
            dialect.words(
                Self.header
                    + "99749b960b4b2be7 smtp failed-command command=\"\" result=\"550 listed at zen.dnsbl.test\"")
                == "-")
    }

    /// Any bytes that syslog can write, and pieces of smtpd's own lines.
    @Test func `whatever the client writes, the event is the same`() throws {
        let seeds = try Fixtures.lines("opensmtpd/opensmtpd.log")
        var lottery = Lottery(11)
        for _ in 0..<3_000 {
            var dialect = OpenSMTPD()
            _ = dialect.words(Self.header + Self.connected)
            let text = (lottery.next(2) == 0 ? seeds[lottery.next(seeds.count)] : lottery.bytes(lottery.next(200)))
                .filter { $0 >= 0x20 }
            let command = Array((Self.header + "\(Self.id) smtp failed-command command=\"").utf8) + text
            let known = command + Array("\" result=\"500 5.5.1 Invalid command: Command unrecognized\"".utf8)
            #expect(describe(dialect.event(of: known)) == "rejection other 500 198.51.100.9 pid=59")
            let listed = command + Array("\" result=\"550 listed at zen.dnsbl.test\"".utf8)
            #expect(
                describe(dialect.event(of: listed)) == "rejection rbl 550 198.51.100.9 zen.dnsbl.test sessions=1 pid=59"
            )
            let noise = Array(Self.header.utf8) + lottery.bytes(lottery.next(120))
            #expect(dialect.event(of: noise) == nil)
        }
    }

    @Test(arguments: ["smtp", "smtpd2", "xsmtpd", "Smtpd", "postfix/smtpd", "qpsmtpd", "smtpctl"])
    func `another program's lines are not smtpd's`(tag: String) {
        var dialect = OpenSMTPD()
        #expect(dialect.words("Nov 20 22:58:04 mx \(tag)[59]: " + Self.connected) == "-")
    }
}

/// The port is not logged: what frees the right slot is the knowledge that all of a peer's sessions were rejected.
@Suite struct OpenSMTPDSessionTests {
    private var dialect = OpenSMTPD()
    private let header = "Nov 20 22:58:04 mx smtpd[59]: "

    private mutating func connect(_ number: Int, _ peer: String = "198.51.100.9") {
        let event = dialect.words(header + "99749b960b4b2b0\(number) smtp connected address=\(peer) host=x")
        #expect(event == "connect \(peer.trimming("[]")) pid=59")
    }

    private mutating func reject(_ number: Int, _ text: String = "550 listed at zen.dnsbl.test") -> Int? {
        let line =
            header + "99749b960b4b2b0\(number) smtp failed-command command=\"RCPT TO:<a@b>\" result=\"\(text)\""
        return dialect.event(of: Array(line.utf8))?.rejectedSessions
    }

    private mutating func leave(_ number: Int) {
        _ = dialect.words(header + "99749b960b4b2b0\(number) smtp disconnected reason=timeout")
    }

    @Test mutating func `it is said when every session of the peer was rejected`() {
        connect(1)
        connect(2)
        connect(3, "[2001:db8::7]")
        #expect(reject(1) == nil)
        #expect(reject(1) == nil)
        #expect(reject(3) == 1)
        #expect(reject(2) == 2)
        connect(4)
        #expect(reject(2) == nil)
        leave(4)
        #expect(reject(2) == 2)
        leave(1)
        #expect(reject(2) == 1)
        leave(2)
        connect(5)
        #expect(reject(5, "550 no such user") == nil, "no list's rejection")
        #expect(reject(5) == 1)
    }

    @Test mutating func `a first line that comes twice is one session`() {
        connect(1)
        connect(1)
        #expect(reject(1) == 1)
        leave(1)
        connect(1)
        #expect(reject(1) == 1)
    }

    @Test(arguments: ["[2001:db8::9] >host=x", "198.51.100.x host=x", "local host=x"])
    mutating func `a first line that cannot be read ends the session that had its id`(rest: String) {
        connect(1)
        #expect(dialect.words(header + "99749b960b4b2b01 smtp connected address=\(rest)") == "-")
        #expect(reject(1) == nil)
        #expect(dialect.remembered == 0)
    }
}

extension String {
    fileprivate func trimming(_ characters: String) -> String { filter { !characters.contains($0) } }
}
