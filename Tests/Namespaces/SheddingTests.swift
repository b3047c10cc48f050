import Addresses
import Events
import Glibc
import Netlink
import ProcFS
import Shedding
import Testing

/// Real sockets and processes; the MTA is Fixtures/slots.py, whose first line from a client says what its slot does.
@Suite(.serialized, .enabled(if: isInNamespace, outsideNamespace))
struct SheddingTests {
    // MARK: - The peer has its reply

    @Test(
        "a slot is freed, and its peer has its reply before",
        arguments: [
            ("it waits for the next command", "wait", "127.0.0.1"), ("over IPv6", "wait", "::1"),
            ("it is busy between its log line and its reply", "late", "127.0.0.1"),
            ("it sleeps before its next reply", "tarpit", "127.0.0.1"),
            ("a detached carrier has the connection", "tls", "127.0.0.1"),
        ])
    func told(_ name: String, behaviour: String, source: String) throws {
        let server = try SlotServer()
        let (client, pid) = try server.client(behaviour, from: source)
        let decision = try #require(try server.decisions([server.order(client, from: source)]).first)
        #expect(decision.outcome == .done, "\(name): \(decision.detail ?? "")")
        #expect(decision.told == true, "\(name)")
        #expect(decision.pid == pid && decision.port == client.port, "\(name)")
        #expect(!server.isRunning(pid), "\(name)")
        #expect(client.receive() == "511 no\r\n", "\(name)")
        #expect(client.receive() == "", "\(name): then the end, and no reset")
        #expect(server.shedder.pendingCount == 0)
    }

    @Test("a peer that takes nothing is not told, and goes at the bound")
    func boundPassed() throws {
        let server = try SlotServer { $0.toldLimit = .milliseconds(300) }
        let (client, pid) = try server.client("full")
        let decision = try #require(try server.decisions([server.order(client)]).first)
        #expect(decision.outcome == .done && decision.told == false, "\(decision)")
        #expect(try #require(decision.latency) >= .milliseconds(300))
        #expect(!server.isRunning(pid))
    }

    @Test("without told, the slot goes at once")
    func untold() throws {
        let server = try SlotServer { $0.waitsUntilTold = false }
        let (client, pid) = try server.client("full")
        let decision = try #require(try server.decisions([server.order(client)]).first)
        #expect(decision.outcome == .done && decision.told == false, "\(decision)")
        #expect(!server.isRunning(pid))
    }

    // MARK: - The peer has gone

    @Test("a reset connection leaves its slot asleep: it is freed all the same")
    func reset() throws {
        let server = try SlotServer()
        let order: Shed
        let pid: Int32
        let port: UInt16
        do {
            let client: TestSocket
            (client, pid) = try server.client("tarpit")
            order = try server.order(client)
            port = client.port
            #expect(client.receive() == "511 no\r\n")
            client.resetOnClose()
        }
        #expect(server.isRunning(pid))
        let decision = try #require(try server.decisions([order]).first)
        #expect(decision.outcome == .done && decision.told == nil && decision.port == port)
        #expect(!server.isRunning(pid))
    }

    @Test("a connection that ended by itself is gone")
    func gone() throws {
        let server = try SlotServer()
        let order: Shed
        let pid: Int32
        do {
            let (client, slot) = try server.client("wait")
            order = try server.order(client)
            pid = slot
            #expect(client.receive() == "511 no\r\n")
        }
        while server.isRunning(pid) { usleep(1000) }
        #expect(try server.decisions([order]).map(\.outcome) == [.gone])
    }

    @Test("a connection that begins after the line was read is another one")
    func tooYoung() throws {
        let server = try SlotServer()
        let (client, pid) = try server.client("wait")
        var order = try server.order(client)
        order.since = Instant(nanoseconds: order.since.nanoseconds - 60_000_000_000)
        #expect(try server.decisions([order]).map(\.outcome) == [.gone])
        #expect(server.isRunning(pid))
    }

    // MARK: - Never

    @Test(
        "what is no slot with exactly this connection is left alone",
        arguments: [
            ("two connections", "two", "it holds 2 TCP sockets"),
            ("a listening socket", "listening", "it holds 2 TCP sockets"),
            ("its connection is a child's", "grandchild", "whoever holds its connection was not found"),
        ])
    func refused(_ name: String, behaviour: String, detail: String) throws {
        let server = try SlotServer { $0.toldLimit = .milliseconds(200) }
        let (client, pid) = try server.client(behaviour)
        let decision = try #require(try server.decisions([server.order(client)]).first)
        #expect(decision.outcome == .refused && decision.detail == detail, "\(name): \(decision)")
        #expect(client.receive() == "511 no\r\n", "\(name)")
        client.send("more\n")
        #expect(client.receive(milliseconds: 50) == nil, "\(name): still open")
        _ = pid
    }

    @Test(
        "a process that became another program is no slot",
        arguments: [
            ("since it was seen", true, "now", "it is not running courieresmtpd"),
            ("before it was seen", false, "now", "no slot of the listener holds the connection"),
            ("and calls itself a slot", false, "disguise", "it is not running courieresmtpd"),
        ])
    func execed(_ name: String, isSeen: Bool, command: String, detail: String) throws {
        let server = try SlotServer { $0.toldLimit = .milliseconds(200) }
        let (client, pid) = try server.client("execs")
        if isSeen { try server.shedder.slots?.refresh() }
        #expect(client.receive() == "511 no\r\n")
        client.send(command + "\n")
        #expect(try server.nextWords() == ["other"])
        let decision = try #require(try server.decisions([server.order(client)]).first)
        #expect(decision.outcome == .refused && decision.detail == detail, "\(name): \(decision)")
        #expect(server.isRunning(pid), "\(name)")
    }

    @Test("a port of the same listener that is none of ours")
    func otherPort() throws {
        let server = try SlotServer()
        let (client, pid) = try server.client("wait", to: server.otherPort)
        let decision = try #require(try server.decisions([server.order(client)]).first)
        #expect(decision.outcome == .refused && decision.detail == "port \(server.otherPort) is none of ours")
        #expect(server.isRunning(pid))
    }

    @Test("a slot of another listener than ours")
    func otherListener() throws {
        let other = try SlotServer()
        let (client, pid) = try other.client("wait")
        let server = try SlotServer()
        #expect(try server.decisions([server.order(client)]).map(\.outcome) == [.gone])
        #expect(other.isRunning(pid))
    }

    @Test("one that does not end on SIGTERM is never killed")
    func stubborn() throws {
        let server = try SlotServer { $0.endLimit = .milliseconds(200) }
        let (client, pid) = try server.client("stubborn")
        let decision = try #require(try server.decisions([server.order(client)]).first)
        #expect(decision.outcome == .failed)
        #expect(server.isRunning(pid))
        kill(pid, SIGKILL)
    }

    // MARK: - Extents

    @Test("the only connection of a peer; with two, neither")
    func only() throws {
        let server = try SlotServer()
        let (single, singlePid) = try server.client("wait", from: "127.0.0.2")
        let (first, firstPid) = try server.client("wait", from: "127.0.0.3")
        let (second, secondPid) = try server.client("wait", from: "127.0.0.3")
        let decisions = try server.decisions([
            server.order(single, from: "127.0.0.2", extent: .only),
            server.order(first, from: "127.0.0.3", extent: .only),
            server.order(first, from: "127.0.0.4", extent: .only),
        ])
        let outcomes = Dictionary(grouping: decisions, by: { $0.prefix?.shortDescription ?? "none" })
            .mapValues { $0.map(\.outcome) }
        #expect(outcomes == ["127.0.0.2": [.done], "127.0.0.3": [.refused], "127.0.0.4": [.gone]])
        #expect(!server.isRunning(singlePid) && server.isRunning(firstPid) && server.isRunning(secondPid))
        _ = second
    }

    @Test("all connections of a prefix, and none beside it; what sleeps before its reply goes at the bound, untold")
    func all() throws {
        let server = try SlotServer { $0.toldLimit = .milliseconds(300) }
        let (one, onePid) = try server.client("wait", from: "127.0.1.2")
        let (two, twoPid) = try server.client("silent", from: "127.0.1.3")
        let (other, otherPid) = try server.client("wait", from: "127.0.2.2")
        let decisions = try server.decisions(
            [server.order(one, from: "127.0.1.2", extent: .all(Prefix(parsing: "127.0.1.0/24")))], count: 2)
        let told = Dictionary(grouping: decisions, by: { $0.port ?? 0 }).mapValues { $0.map(\.told) }
        #expect(told == [one.port: [nil], two.port: [false]])
        #expect(decisions.allSatisfy { $0.outcome == .done })
        #expect(server.isRunning(otherPid) && !server.isRunning(onePid))
        _ = (other, twoPid)
    }

    @Test("the same connection ordered again while it waits is merged")
    func merged() throws {
        let server = try SlotServer()
        let (client, _) = try server.client("late")
        let order = try server.order(client)
        #expect(try server.decisions([order, order, order]).map(\.outcome) == [.already, .already, .done])
    }

    @Test("beyond the limit of pending ones orders fail, counted")
    func overflow() throws {
        let server = try SlotServer { $0.pendingLimit = 2 }
        let clients = try (0..<4).map { _ in try server.client("late").socket }
        let outcomes = try server.decisions(clients.map { try server.order($0) }).map(\.outcome)
        #expect(outcomes.sorted { $0.rawValue < $1.rawValue } == [.done, .done, .failed, .failed])
        #expect(server.shedder.overflowed == 2)
    }

    // MARK: - Methods

    @Test("destroy ends the connection with a reset; its slot ends by itself")
    func destroy() throws {
        let server = try SlotServer { $0.method = .destroy }
        let (client, pid) = try server.client("wait")
        let decision = try #require(try server.decisions([server.order(client)]).first)
        #expect(decision.outcome == .done && decision.told == true)
        #expect(!server.isRunning(pid))
        #expect(client.receive() == "511 no\r\n")
        #expect(client.receive() == nil, "reset")
    }

    @Test("off is a refusal")
    func off() throws {
        let server = try SlotServer { $0.method = .off }
        let (client, pid) = try server.client("wait")
        #expect(try server.decisions([server.order(client)]).map(\.outcome) == [.refused])
        #expect(server.isRunning(pid))
    }

    // MARK: - The index

    @Test("who holds which slot: by both ends, refreshed by new children only, forgotten at their end")
    func index() throws {
        let server = try SlotServer()
        let slots = try #require(server.shedder.slots)
        let (first, firstPid) = try server.client("wait")
        try slots.refresh()
        let slot = try #require(slots.slot(peer: IPAddress(v4: 0x7f00_0001), port: first.port))
        #expect(slot.pid == firstPid && slot.listener == server.pid)
        #expect(slots.slot(inode: try #require(slot.inode)) == slot)
        #expect(slot.age < .seconds(60))
        let (second, secondPid) = try server.client("wait", from: "::1")
        #expect(slots.count == 1)
        try slots.refresh()
        #expect(slots.count == 2 && slots.slot(peer: IPAddress(high: 0, low: 1), port: second.port)?.pid == secondPid)
        kill(firstPid, SIGKILL)
        while server.isRunning(firstPid) { usleep(1000) }
        try slots.refresh()
        #expect(slots.all.map(\.pid) == [secondPid])
        #expect(slots.listeners.walks == 1, "one walk over /proc for all of it")
    }

    // MARK: - The listener

    @Test("a crowd of another user's processes with the listener's name does not keep us")
    func crowd() throws {
        let server = try SlotServer()
        let crowd = try Crowd()
        defer { crowd.end() }
        let listeners = ListenerProcesses(sockets: server.sockets, ports: [server.port])
        let before = clock()
        try listeners.refresh()
        #expect(listeners.listeners.map(\.pid) == [server.pid])
        // Reading all of their descriptors takes two seconds and more of a processor.
        #expect(clock() - before < CLOCKS_PER_SEC / 2)
    }
}

/// 300 processes named couriertcpd with 3,500 sockets each; nobody's, as any local user's could be.
private struct Crowd {
    private let leader: Int32

    init() throws {
        let program = """
            import os, resource, signal, socket, time
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            os.closerange(3, 4096)
            first = socket.socket()
            others = [os.dup(first.fileno()) for _ in range(3500)]
            os.setpgid(0, 0)
            os.setuid(65534)
            for _ in range(300):
                if os.fork() == 0: break
            open("/proc/thread-self/comm", "w").write("couriertcpd")
            time.sleep(60)
            """
        let words: [String] = ["python3", "-c", program]
        let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var started: Int32 = 0
        let code = posix_spawnp(&started, "python3", nil, nil, arguments, environ)
        try #require(code == 0)
        leader = started
        for _ in 0..<1000 {
            let entry = ProcessEntry(started)
            if entry.stat?.command == "couriertcpd", entry.children.count == 300 { break }
            usleep(10_000)
        }
        try #require(ProcessEntry(started).children.count == 300)
    }

    func end() {
        kill(-leader, SIGKILL)
        waitpid(leader, nil, 0)
    }
}
