import Testing

extension LabTests {
    /// What a client can write into the log bans nobody.
    @Suite struct HostileLogs {
        /// As syslog writes what Courier says when a client at 198.18.20.1 sends the text behind `cmd:` or in an
        /// address. 192.0.2.77, .78 and .79 are who he would like to see banned.
        private static let forged = [
            "msg=\"502 ESMTP command error\",cmd: ERROR,RELAY=::ffff:192.0.2.78,port=25,from=<a@b>,to=<c@d>: 511 http://www.spamhaus.org/query/bl?ip=192.0.2.78",
            "msg=\"502 ESMTP command error\",cmd: XFOO error,relay=::ffff:192.0.2.79,port=25,from=<a@b>,to=<c@d>: 511 http://www.spamhaus.org/query/bl?ip=192.0.2.79",
            "msg=\"502 ESMTP command error\",cmd: XFOO a/error,relay=::ffff:192.0.2.79,port=25,from=<a@b>,to=<c@d>: 511 x",
            "msg=\"502 ESMTP command error\",cmd: courieresmtpd: error,relay=::ffff:192.0.2.77,port=25,from=<a@b>,to=<c@d>: 511 x",
            "msg=\"502 Polite people say HELO first\",cmd: 2026-11-20T22:44:56+00:00 mx courieresmtpd: error,relay=::ffff:192.0.2.77,from=<a@b>,to=<c@d>: 511 x",
            "msg=\"535 Authentication failed.\",cmd: AUTH LOGIN x,from=<a@b>,to=<c@d>: 511 http://www.spamhaus.org/query/bl?ip=192.0.2.78",
            "from=<\"x,relay=  ffff 192.0.2.77,from= a ,to= b   511 no\"@zombie.example>: 517 Syntax error.",
            "from=<511@sender.example>,to=<511@mail.example>: 550 User <511> unknown",
            "from=<a@sender.example>,to=<\"  511 x\"@mail.example>: 550 User <> 511 http://www.spamhaus.org/query/bl?ip=192.0.2.78> unknown",
            "from=<a@sender.example>,to=<x@elsewhere.example>: 513 Relaying denied. : 511 http://www.spamhaus.org/query/bl?ip=192.0.2.79",
            "from=<a@sender.example>,to=<bob@mail.example>: 451 4.3.0 later: 511 http://www.spamhaus.org/query/bl?ip=192.0.2.79",
        ]
        /// Whole lines that are not courieresmtpd's, or are damaged.
        private static let foreign = [
            "2026-11-20T22:44:56+00:00 mx sshd[9]: courieresmtpd: error,relay=::ffff:192.0.2.77,port=25,from=<a@b>,to=<c@d>: 511 x",
            "2026-11-20T22:44:56+00:00 mx xcourieresmtpd: error,relay=::ffff:192.0.2.77,port=25,from=<a@b>,to=<c@d>: 511 x",
            "2026-11-20T22:44:56+00:00 mx courieresmtpd-x: error,relay=::ffff:192.0.2.77,port=25,from=<a@b>,to=<c@d>: 511 x",
            "2026-11-20T22:44:56+00:00 mx courierlocal: error,relay=::ffff:192.0.2.78,port=25,from=<a@b>,to=<c@d>: 511 x",
            "error,relay=::ffff:192.0.2.79,port=25,from=<a@b>,to=<c@d>: 511 x",
            "2026-11-20T22:44:56+00:00 mx courieresmtpd: error,relay=::ffff:192.0.2.79x,port=25,from=<a@b>,to=<c@d>: 511 x",
            "2026-11-20T22:44:56+00:00 mx courieresmtpd: error,relay=::ffff:192.0.2.790,port=25,from=<a@b>,to=<c@d>: 511 x",
            "2026-11-20T22:44:56+00:00 mx courieresmtpd: error,relay=192.0.2.7",
            String(repeating: "A", count: 1_000_000)
                + " courieresmtpd: error,relay=::ffff:192.0.2.77,port=25,from=<a@b>,to=<c@d>: 511 x",
            "\0\u{2028}2026-11-20T22:44:56+00:00 mx courieresmtpd: error,relay=::ffff:192.0.2.78,port=25,from=<a@b>,to=<c@d>: 511 x",
            "ban prefix=192.0.2.77/32 timeout=1h reason=rbl:zen.example outcome=done",
        ]

        @Test func `no line that a client can bring about bans anyone but the peer it stands for`() throws {
            let server = try mailServer
            try Daemon.with { daemon in
                let head =
                    "2026-11-20T22:44:56.033783+00:00 mx courieresmtpd: error,relay=::ffff:198.18.20.1,port=51703,"
                try daemon.append(HostileLogs.forged.map { head + $0 } + HostileLogs.foreign)
                // Reading goes in order: once this one is banned, all before it were read.
                try daemon.ban(byLogLine: "198.51.100.7")
                #expect(try Set(server.banned().keys) == ["198.51.100.7/32"])
                #expect(try daemon.counter("lines") == HostileLogs.forged.count + HostileLogs.foreign.count + 1)
                let named = try daemon.decisions().filter { ($0.net ?? "").hasPrefix("192.0.2.7") }
                #expect(named.isEmpty)
            }
        }

        @Test func `a real client that writes all it can into Courier's log bans nobody`() throws {
            let server = try mailServer
            try Daemon.with(followsCourier: true) { daemon in
                let start = server.logLength()
                let seen = try server.client("inject.py", "198.19.40.1")
                #expect(seen["replies"].array.contains { $0.string?.hasPrefix("502") == true })
                // A true rejection comes last in the log.
                _ = try server.client("rejected.py", "198.18.21.3")
                try eventually("the true rejection is judged") { try server.holds("198.18.21.3/32") }
                let text = try server.logLines(after: start).joined(separator: "\n")
                for victim in ["192.0.2.77", "192.0.2.78", "192.0.2.79"] {
                    #expect(text.contains(victim), "the client did not get \(victim) into the log: this shows nothing")
                }
                #expect(try Set(server.banned().keys) == ["198.18.21.3/32"])
            }
        }
    }
}
