import Addresses
import Events
import Glibc
import Store
import Testing

@Suite struct StoreTests {
    @Test func `everything written is read back by the next process`() throws {
        let directory = try TestDirectory()
        let network = try Prefix(parsing: "2001:db8:66::/48")
        var full = Decision(.ban, at: tonight, prefix: host(1), why: "rbl:zen.example", outcome: .done)
        full.latency = .microseconds(212)
        full.told = true
        full.timeout = .hours(1)
        full.count = 3
        full.port = 65535
        full.pid = 4121
        full.isObserved = true
        full.detail = "a \"quoted\" detail\u{0}with a zero"
        let bare = Decision(.note, at: tonight + .seconds(1), why: "", outcome: .gone)
        let forever = StoredBan(
            Ban(
                prefix: network, since: tonight, until: .distantFuture, timeout: .forever, why: "by hand: ä",
                origin: .manual, count: 7),
            hits: 41, sheds: 12)

        let writer = try directory.writer()
        for record: StoreRecord in [
            .ban(ban(1)), .ban(forever), .decision(full, evidence: []), .decision(bare, evidence: []),
            .sample(StoredSample(time: tonight, connections: 52, slots: 50, new: 13)),
            .known(KnownSender(host(9), until: tonight + .days(30), isAuthenticated: true)),
            .counter("lines", 18_220), .counter("lines", 18_221),
            .logPosition(path: "/var/log/mail.log", text: "inode=3 offset=9"),
            .allow(AllowEntry(network, until: .distantFuture, by: "root")),
            .mode(ModeOverride(enforces: true, until: tonight + .hours(1))),
        ] { writer.post(record) }
        #expect(writer.close(timeout: .minutes(1)))

        let next = try directory.writer()
        let reader = next.reader
        #expect(
            try reader.bans(at: tonight).sorted { $0.ban.prefix < $1.ban.prefix }
                == [ban(1), forever].sorted { $0.ban.prefix < $1.ban.prefix })
        #expect(try reader.decisions(atMost: 10).map(\.decision) == [bare, full])
        #expect(
            try reader.samples(since: tonight - .seconds(1), atMost: 10) == [
                StoredSample(time: tonight, connections: 52, slots: 50, new: 13)
            ])
        #expect(try reader.samples(since: tonight, atMost: 10) == [])
        #expect(
            try reader.knownSenders(at: tonight) == [
                KnownSender(host(9), until: tonight + .days(30), isAuthenticated: true)
            ])
        #expect(try reader.counters() == ["lines": 18_221])
        #expect(try reader.logPositions() == ["/var/log/mail.log": "inode=3 offset=9"])
        #expect(try reader.allowEntries(at: tonight) == [AllowEntry(network, until: .distantFuture, by: "root")])
        #expect(try reader.modeOverride(at: tonight) == ModeOverride(enforces: true, until: tonight + .hours(1)))
        #expect(try reader.modeOverride(at: tonight + .hours(1)) == nil)
        #expect(next.takeNotices() == [])
        #expect(directory.mode(directory.state.path) == 0o700)
        #expect(directory.mode(directory.state.databasePath) == 0o600)
        next.close(timeout: .minutes(1))
    }

    @Test func `a ban is one row for its source; lifted or run out it is the source's history`() throws {
        let directory = try TestDirectory()
        let writer = try directory.writer()
        for number in 1...4 { writer.post(.ban(ban(number))) }
        writer.flush(timeout: .minutes(1))
        writer.post(.ban(ban(1, for: .hours(2), count: 2)))
        // Lifted after it was written, before, and never there.
        writer.post(.unban(host(2), at: tonight + .minutes(5)))
        writer.post(.ban(ban(5, count: 4)))
        writer.post(.unban(host(5), at: tonight + .minutes(6)))
        writer.post(.unban(host(77), at: tonight))
        writer.post(.unban(host(3), at: tonight + .minutes(5)))
        writer.post(.ban(ban(3, since: tonight + .minutes(6), count: 2)))
        #expect(writer.flush(timeout: .minutes(1)))
        let later = tonight + .minutes(10)
        let reader = writer.reader
        let lasting = try reader.bans(at: later).map { [$0.ban.prefix.description, "\($0.ban.count)"] }.sorted {
            $0[0] < $1[0]
        }
        #expect(lasting == [["198.51.100.1/32", "2"], ["198.51.100.3/32", "2"], ["198.51.100.4/32", "1"]])
        let former = try reader.formerBans(at: later, atMost: 9).map { [$0.ban.prefix.description, "\($0.ban.count)"] }
        #expect(former == [["198.51.100.5/32", "4"], ["198.51.100.2/32", "1"]])
        #expect(try reader.formerBans(at: later, atMost: 1).count == 1)
        #expect(try reader.ban(of: host(5))?.ban.until == tonight + .minutes(6))
        #expect(try reader.ban(of: host(77)) == nil)
        writer.close(timeout: .minutes(1))
    }

    @Test func `history of a network is that of the hosts inside, newest first, and nobody else's`() throws {
        let directory = try TestDirectory()
        let writer = try directory.writer()
        let prefixes = [
            "192.0.1.255", "192.0.2.0", "192.0.2.0/24", "192.0.2.255", "192.0.2.0/23", "192.0.3.0", "192.0.2.128/25",
            "2001:db8::7",
        ]
        for (index, text) in prefixes.enumerated() {
            let prefix = try Prefix(parsing: text)
            writer.post(
                .decision(
                    Decision(.ban, at: tonight + .seconds(Int64(index)), prefix: prefix, why: "x", outcome: .done),
                    evidence: []))
        }
        writer.flush(timeout: .minutes(1))
        func found(_ text: String) throws -> [String] {
            try writer.reader.history(of: Prefix(parsing: text), atMost: 10).compactMap {
                $0.decision.prefix?.shortDescription
            }
        }
        #expect(try found("192.0.2.0/24") == ["192.0.2.128/25", "192.0.2.255", "192.0.2.0/24", "192.0.2.0"])
        #expect(try found("192.0.2.255") == ["192.0.2.255"])
        #expect(try found("0.0.0.0/0").count == 7)
        #expect(try found("2001:db8::/32") == ["2001:db8::7"])
        #expect(try writer.reader.history(of: Prefix(parsing: "192.0.2.0/24"), atMost: 2).count == 2)
        writer.close(timeout: .minutes(1))
    }

    @Test func `evidence is cut, and printable whatever a peer sent`() throws {
        let directory = try TestDirectory()
        let writer = try directory.writer()
        let hostile: [UInt8] =
            Array("511 \u{1b}[2J".utf8) + [0x00, 0xff, 0xfe, 0x0a, 0x0d] + Array("'; DROP TABLE bans; -- \u{2028}".utf8)
        let long = [UInt8](repeating: 0x61, count: 1_000_000)
        let decision = Decision(.ban, at: tonight, prefix: host(1), why: "'; DROP TABLE decisions; --", outcome: .done)
        writer.post(.decision(decision, evidence: [hostile, long] + [[UInt8]](repeating: [0x62], count: 50)))
        writer.flush(timeout: .minutes(1))
        let stored = try #require(try writer.reader.history(of: host(1), atMost: 1).first)
        #expect(stored.decision == decision)
        #expect(stored.evidence.count == StoreRecord.mostEvidenceLines)
        #expect(stored.evidence[0] == "511 \\x1b[2J\\x00\\xff\\xfe\\x0a\\x0d'; DROP TABLE bans; -- \\xe2\\x80\\xa8")
        #expect(stored.evidence[1].utf8.count == StoreRecord.mostEvidenceBytes)
        writer.close(timeout: .minutes(1))
    }

    @Test func `without a database a reader has nothing, and no error`() throws {
        let directory = try TestDirectory()
        let reader = StoreReader(directory.state)
        #expect(try reader.bans(at: tonight) == [])
        #expect(try reader.modeOverride(at: tonight) == nil)
    }

    @Test func `fifty thousand bans`() throws {
        let directory = try TestDirectory()
        let writer = try directory.writer()
        for number in 0..<50_000 { writer.post(.ban(ban(number))) }
        #expect(writer.close(timeout: .minutes(1)))
        let clock = ContinuousClock()
        let opening = try clock.measure { try directory.writer().close(timeout: .minutes(1)) }
        var count = 0
        let reading = try clock.measure { count = try StoreReader(directory.state).bans(at: tonight).count }
        #expect(count == 50_000)
        print("50,000 bans: opened and looked over in \(opening), read in \(reading), \(directory.size()) bytes")
    }
}

@Suite struct StateLockTests {
    @Test func `a second daemon on the same directory is told who holds it`() throws {
        let directory = try TestDirectory()
        let held = try StateLock(directory.state)
        let identity = try #require(directory.state.identity)
        #expect(StateDirectory.isHeld(identity))
        for other in ["", "1:2", "1:2 " + directory.state.path, String(identity.prefix { $0 != " " }), identity + "x"] {
            #expect(!StateDirectory.isHeld(other), "\(other)")
        }
        let failure = #expect(throws: StateLock.Failure.self) { _ = try StateLock(directory.state) }
        #expect(
            failure?.description
                == "breakwaterd is already running as process \(getpid()): \(directory.state.path)/lock is locked")
        _ = consume held
        _ = try StateLock(directory.state)
    }

    @Test func `without a usable directory the lock is unavailable, which is another matter`() throws {
        let directory = try TestDirectory()
        close(creat(directory.state.path, 0o600))
        let failure = #expect(throws: StateLock.Failure.self) { _ = try StateLock(directory.state) }
        guard case .unavailable = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
    }
}
