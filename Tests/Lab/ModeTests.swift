import Testing

extension LabTests {
    /// Observing and enforcing, and the way from one to the other.
    @Suite struct Modes {
        @Test func `observing leaves the kernel alone; enforce --for acts and falls back to rules that drop nothing`()
            throws
        {
            let server = try mailServer
            try Daemon.with(["mode": "\"observe\""]) { daemon in
                try daemon.append([rejection(of: "198.51.100.7")])
                try eventually("the decision is noted") {
                    try daemon.decisions().contains { $0.kind == "ban" && $0.net == "198.51.100.7/32" && $0.isObserved }
                }
                #expect(try daemon.decisions().filter { !$0.isObserved }.isEmpty)
                #expect(try daemon.counter("observed") >= 1)
                #expect(try daemon.json("status")["mode"].string == "observing")
                #expect(try server.ruleset() == "", "no table, nothing")
                let refused = try daemon.cli("ban", "198.51.100.9")
                #expect(refused.code == 1)
                #expect(refused.errors.contains("enforce on"))
                #expect(try server.ruleset() == "")

                let on = try daemon.cli("enforce", "on", "--for", "8s")
                #expect(on.code == 0)
                #expect(on.output.contains("8s") && on.output.contains("then back to observe"))
                try daemon.ban(byLogLine: "198.51.100.8")
                #expect(try server.rules().contains("drop"))
                try eventually("it falls back") { try daemon.json("status")["mode"].string == "observing" }
                #expect(try server.rules() == "")
                #expect(try server.banned()["198.51.100.8/32"] != nil, "the sets stay")
                try daemon.append([rejection(of: "198.51.100.10")])
                try eventually("it only notes again") {
                    try daemon.decisions().contains {
                        $0.net == "198.51.100.10/32" && $0.kind == "ban" && $0.isObserved
                    }
                }
                #expect(try server.banned()["198.51.100.10/32"] == nil)
            }
        }

        @Test func `enforce on keeps banned peers out and nobody else, enforce off lets all in`() throws {
            let server = try mailServer
            try Daemon.with(["mode": "\"observe\""]) { daemon in
                let on = try daemon.cli("enforce", "on")
                #expect(on.code == 0 && on.output.contains("undo: breakwater enforce off"))
                for net in ["198.18.9.2", "198.18.10.0/24", "2001:db8:66:9::/64"] {
                    #expect(try daemon.cli("ban", net).code == 0)
                }
                #expect(try daemon.cli("allow", "198.18.10.2").code == 0)
                let sources = [
                    "198.18.9.2", "198.18.9.3", "198.18.10.2", "198.18.10.3", "2001:db8:66:9::5", "2001:db8:66:a::5",
                ]
                func greeted() throws -> [String] {
                    let answers = try JSON(
                        parsing: Lab.run(
                            server.inside(.client, ["/usr/bin/python3", "-B", fixture("greeted.py")] + sources)
                        ).output)
                    return sources.filter { answers[$0].bool == true }
                }
                // An allowed host inside a banned network comes in.
                #expect(try greeted() == ["198.18.9.3", "198.18.10.2", "2001:db8:66:a::5"])
                // Counted where the packet was dropped, until the daemon takes the count over.
                let hits = try daemon.bans()["198.18.9.2/32"]?["hits"].int ?? 0
                #expect(try hits + (server.banned()["198.18.9.2/32"]?.packets ?? 0) > 0)
                let off = try daemon.cli("enforce", "off")
                #expect(off.code == 0 && off.output.contains("undo: breakwater enforce on"))
                #expect(try greeted() == sources)
                // And again: what has not run out is found in the sets.
                #expect(try daemon.cli("enforce", "on").code == 0)
                #expect(try greeted() == ["198.18.9.3", "198.18.10.2", "2001:db8:66:a::5"])
            }
        }

        @Test func `a second daemon with a state of its own leaves the first one's rules and bans alone`() throws {
            let server = try mailServer
            try Daemon.with { daemon in
                try daemon.ban(byLogLine: "198.51.100.7")
                let rules = try server.rules()
                #expect(rules.contains("drop"))
                let second = try Daemon(server, [:], followsCourier: false)
                defer { second.clear() }
                // Again, as its state then knows of an earlier run.
                for _ in 0..<2 {
                    try second.start(arguments: ["--observe"])
                    try second.append([rejection(of: "198.51.100.7")])
                    try eventually("the ban is noted") { try second.bans()["198.51.100.7/32"] != nil }
                    #expect(try second.cli("unban", "198.51.100.7").code == 0)
                    #expect(try server.rules() == rules)
                    #expect(try server.banned()["198.51.100.7/32"] != nil, "lifted in its own books only")
                    #expect(try second.stop() == 0)
                }
                #expect(second.stderr.contains("left alone") && second.stderr.contains(daemon.state))

                // To enforce beside it is refused: each would take the other's table for its own.
                #expect(try second.launch().wait().code == 75)
                #expect(second.stderr.contains("another breakwaterd enforces with it"))
                #expect(try server.rules() == rules)
                #expect(try daemon.counter("repaired") == 0)

                // Nor are they the second one's when the first has died; it may take the table over to enforce.
                try daemon.kill9()
                try second.start(arguments: ["--observe"])
                #expect(try server.rules() == rules)
                try second.stop()
                try second.start()
                #expect(try server.rules().contains("owner "))
                #expect(try server.rules() != rules)
                try second.stop()
            }
        }

        @Test
        func
            `--observe overrides the configuration, takes rules out that an earlier run left, and enforce on is refused`()
            throws
        {
            let server = try mailServer
            try Daemon.with { daemon in
                try daemon.ban(byLogLine: "198.51.100.7")
                try daemon.stop()
                #expect(try server.rules().contains("drop"))
                try daemon.start(arguments: ["--observe"])
                #expect(try server.rules() == "")
                #expect(try server.banned()["198.51.100.7/32"] != nil, "the sets stay")
                let refused = try daemon.cli("enforce", "on")
                #expect(refused.code == 1)
                #expect(refused.errors.contains("--observe"))
                #expect(try server.rules() == "")
                try daemon.stop()
                try daemon.start()
                #expect(try server.rules().contains("drop"), "the configuration enforces again")
            }
        }

        @Test func `a daemon that observes says what enforcing would have come to today`() throws {
            try Daemon.with(["mode": "\"observe\""]) { daemon in
                try daemon.append([
                    "2026-11-20T22:44:50.000000+00:00 mx courierd: newmsg,id=1: dns; x (x [::ffff:198.51.100.8])"
                ])
                try daemon.append((1...3).map { rejection(of: "198.51.100.\($0)", port: 1000 + $0) })
                try daemon.append([rejection(of: "198.51.100.8", port: 1008)])
                try eventually("the day's figures") { try daemon.json("status")["today"]["sheds"].int == 4 }
                // Banned by now: it would not have come in again.
                try daemon.append([
                    "2026-11-20T22:44:57.000000+00:00 mx courieresmtpd: started,ip=[::ffff:198.51.100.1],port=[2001]",
                    rejection(of: "198.51.100.1", port: 2001),
                ])
                try eventually("one turned away") { try daemon.json("status")["today"]["refused"].int == 1 }
                let today = try daemon.json("status")["today"]
                #expect(today["sources"].int == 4 && today["bans"].int == 4 && today["sheds"].int == 4)
                #expect(today["peak_before"].int == 5 && today["known_touched"].int == 1)
                #expect(today["known_touched_first"].array.map(\.string) == ["198.51.100.8"])
                let text = try daemon.cli("status").output
                #expect(text.contains("would have banned 4 sources, turned away 1 connections, ended 4"))
                #expect(text.contains("1 known sender touched: 198.51.100.8"))

                let enforced = try daemon.cli("enforce", "on")
                #expect(enforced.code == 0, "\(enforced)")
                #expect(try daemon.json("status")["today"].isNull)
                #expect(try daemon.cli("enforce", "off").code == 0)
                #expect(try daemon.json("status")["today"]["sources"].int == 0)
            }
        }
    }
}
