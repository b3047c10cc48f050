import Testing

extension LabTests {
    /// When a real tarpit is cut short and when it is left alone, by the client's own clock.
    @Suite struct Early {
        /// Courier's first wait is 8 s.
        private static let tarpit = 7.0
        /// A reply that came early, on a busy machine.
        private static let soon = 4.0

        private func withTarpit(_ body: (MailServer) throws -> Void) throws {
            let server = try MailServer(on: try #require(LabGround.current), "tarpit", tarpit: true)
            defer { try? server.down() }
            try body(server)
        }

        /// How long this listed client waits for its 511.
        private func wait(_ server: MailServer, _ source: String, beside silent: [String] = []) throws -> Double {
            let seen = try server.client("rejected.py", [source] + silent)
            #expect(seen["reply"].string?.hasPrefix("511 ") == true, "\(source)")
            return try #require(seen["seconds"].double)
        }

        @Test func `early = "off" leaves the tarpit alone, and the slot is freed on its late line`() throws {
            try withTarpit { server in
                try Daemon.with(["shed.early": "\"off\""], followsCourier: true, on: server) { daemon in
                    #expect(try wait(server, "198.18.30.2") > Early.tarpit)
                    try eventually("it is banned on its line") { try server.holds("198.18.30.2/32") }
                    #expect(try daemon.counter("early") == 0)
                }
            }
        }

        @Test func `early = "pressure" cuts it short once half of the slots are taken, and not before`() throws {
            try withTarpit { server in
                try Daemon.with(["shed.early": "\"pressure\"", "mta.slots": "6"], followsCourier: true, on: server) {
                    daemon in
                    let alone = try wait(server, "198.18.30.3")
                    #expect(alone > Early.tarpit)
                    #expect(try daemon.counter("early") == 0)
                    let pressed = try wait(server, "198.18.30.4", beside: ["198.19.30.2", "198.19.30.3"])
                    #expect(pressed < Early.soon)
                    #expect(try daemon.counter("early") == 1)
                }
            }
        }

        @Test func `observing leaves the tarpit alone, before enforcing and after it`() throws {
            try withTarpit { server in
                try Daemon.with(["mode": "\"observe\""], followsCourier: true, on: server) { daemon in
                    let before = try wait(server, "198.18.30.5")
                    #expect(before > Early.tarpit)
                    #expect(try daemon.counter("early") == 0)
                    #expect(try daemon.cli("enforce", "on").code == 0)
                    let meanwhile = try wait(server, "198.18.30.6")
                    #expect(meanwhile < Early.soon)
                    #expect(try daemon.cli("enforce", "off").code == 0)
                    let afterwards = try wait(server, "198.18.30.7")
                    #expect(afterwards > Early.tarpit)
                    #expect(try daemon.counter("early") == 1)
                }
            }
        }

        @Test func `doctor says whether the tarpit is cut short, and what is in the way`() throws {
            try withTarpit { server in
                /// What `doctor` has to say of it on the server.
                func finding(_ daemon: Daemon) throws -> JSON {
                    let doctor = try Lab.run(
                        server.inside(
                            .server,
                            [
                                programDirectory + "/breakwater", "doctor", "--json", "--config", daemon.configPath,
                                "--socket", daemon.socket,
                            ]))
                    let findings = try JSON(parsing: doctor.output)["findings"].array
                    return try #require(findings.first { $0["subject"].string == "tarpit" }, "\(doctor)")
                }
                try Daemon.with(["mode": "\"observe\""], followsCourier: true, on: server) { daemon in
                    #expect(try finding(daemon)["text"].string?.contains("short, once breakwater enforces;") == true)
                    #expect(try daemon.cli("enforce", "on").code == 0)
                    let enforcing = try finding(daemon)
                    #expect(enforcing["level"].string == "ok")
                    #expect(enforcing["text"].string?.contains("early cuts it short;") == true)
                }
                for (settings, words) in [
                    (["shed.early": "\"pressure\""], "short while half of the slots are taken;"),
                    (["shed.method": "\"off\""], "method = \"off\" frees none"),
                ] {
                    try Daemon.with(settings, followsCourier: true, on: server) { daemon in
                        let text = try finding(daemon)["text"].string
                        #expect(text?.contains(words) == true, "\(settings)")
                    }
                }
                try Daemon.with(followsCourier: true, starts: false, on: server) { daemon in
                    try daemon.start(through: ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"])
                    #expect(try daemon.json("status")["problems"].string?.contains("CAP_SYS_PTRACE") == true)
                    let hindered = try finding(daemon)
                    #expect(hindered["level"].string == "warn")
                    #expect(hindered["text"].string?.contains("cannot cut it short: CAP_SYS_PTRACE") == true)
                }
            }
        }

        @Test(arguments: [false, true])
        func `a site's own words are known as the listing they are, enforcing and observing`(hasTarpit: Bool) throws {
            let server = try MailServer(
                on: try #require(LabGround.current), "site", tarpit: hasTarpit,
                blocks: ["zen.bl.example,BLOCK,550 Listed by us"])
            defer { try? server.down() }
            try Daemon.with(followsCourier: true, on: server) { daemon in
                // Its slot is new when its line is read.
                let sources = (2...7).map { "198.18.31.\($0)" }
                for source in sources {
                    let seen = try server.client("returning.py", [source, "stays"])
                    #expect(seen["reply"].string == "550 Listed by us")
                    #expect(seen["end"].string == "fin", "its slot is freed")
                }
                let decisions = try daemon.decisions { found in found.count { $0.kind == "shed" } >= sources.count }
                for source in sources {
                    let own = decisions.filter { $0.host == source }
                    #expect(own.first { $0.kind == "ban" }?.why == "rbl:zen.bl.example", "\(source)")
                    #expect(own.first { $0.kind == "shed" }?.outcome == "done", "\(source)")
                }
                #expect(try daemon.counter("early") == (hasTarpit ? sources.count : 0))

                #expect(try daemon.cli("enforce", "off").code == 0)
                _ = try server.client("rejected.py", ["198.18.31.9"])
                let noted = try daemon.decisions { $0.contains { $0.host == "198.18.31.9" } }
                #expect(noted.last { $0.kind == "ban" }?.isObserved == true)
            }
        }

        /// Courier logs what stood in its memory behind such an address, so that the line does not say what was answered.
        @Test func `a carriage return in the recipient hides no listed peer`() throws {
            let server = try mailServer
            try Daemon.with(followsCourier: true) { daemon in
                let start = server.logLength()
                let seen = try server.client("rejected.py", "198.18.32.9", "--recipient", "\"a\rb\"@mail.example")
                #expect(seen["reply"].string?.hasPrefix("511 ") == true)
                let decisions = try daemon.decisions { $0.contains { $0.host == "198.18.32.9" } }
                #expect(decisions.first { $0.kind == "ban" }?.why == "rbl:zen.bl.example")
                #expect(try server.logLines(after: start).contains { $0.contains("mail.example>.: 511 ") })
            }
        }

        @Test func `a client that reconnects at once after its end shows in why`() throws {
            let server = try mailServer
            try Daemon.with(followsCourier: true) { daemon in
                let seen = try server.client("returning.py", ["198.18.30.8"])
                #expect(seen["reply"].string?.hasPrefix("511 ") == true)
                #expect(seen["end"].string == "fin")
                #expect(seen["greeted_again"].bool == false)
                // Who stays away is not said to have come back.
                let once = try server.client("returning.py", ["198.18.30.9", "stays"])
                #expect(once["end"].string == "fin")
                let note = "came back within "
                try eventually("its return is noted") {
                    try daemon.cli("why", "198.18.30.8").output.contains(note)
                }
                // Both have been looked at in the same ticks.
                #expect(try !daemon.cli("why", "198.18.30.9").output.contains(note))
                let notes = try daemon.decisions().filter { $0.kind == "note" && $0.why.contains(note) }
                #expect(notes.map(\.host) == ["198.18.30.8"], "once")
            }
        }
    }
}
