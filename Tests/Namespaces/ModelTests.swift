import Addresses
import Events
import Glibc
import Netlink
import ProcFS
import Shedding
import Testing

/// Servers that are no Courier: one connection ends, by the way that suits their processes, and nothing else does. The
/// MTA is Fixtures/models.py, whose first line from a client says what is done with it.
@Suite(.serialized, .enabled(if: isInNamespace, outsideNamespace))
struct ModelTests {
    /// How the lines of a server name a connection: Postfix, Exim and the like by the process, postscreen by the port too,
    /// OpenSMTPD by the process that is the same for all.
    private func order(_ server: SlotServer, _ model: Model, _ client: TestSocket, pid: Int32) throws -> Shed {
        var order = try server.order(client, extent: model.namesPort ? nil : .served(by: pid))
        order.mta = model.mta
        order.pid = pid
        return order
    }

    struct Model: Sendable, CustomTestStringConvertible {
        var name: String
        var mta: MTA
        var namesPort = false
        /// Its process ends with its connection.
        var endsWithConnection = true
        var servesAll = false
        var testDescription: String { name }
    }
    static let models = [
        Model(name: "postfix", mta: .postfix, endsWithConnection: false),
        Model(name: "postscreen", mta: .postfix, namesPort: true, endsWithConnection: false, servesAll: true),
        Model(name: "opensmtpd", mta: .opensmtpd, endsWithConnection: false, servesAll: true),
        Model(name: "exim", mta: .exim),
        Model(name: "tcpserver", mta: .qmail),
    ]

    @Test(
        "its connection ends, told; the process goes on or ends, and no other connection is touched", arguments: models)
    func freed(_ model: Model) throws {
        let server = try SlotServer(model.name)
        let (other, otherPid) = try server.client("nolog", from: "127.0.0.3")
        let (client, pid) = try server.client("wait")
        let decision = try #require(try server.decisions([order(server, model, client, pid: pid)]).first)
        #expect(decision.outcome == .done, "\(decision.detail ?? "")")
        #expect(decision.told == true)
        #expect(decision.port == client.port && decision.pid == (model.servesAll ? nil : pid))
        #expect(client.receive() == "550 no\r\n")
        #expect(client.receive() == nil, "reset")
        if model.endsWithConnection { server.awaitEnd(of: pid) }
        #expect(server.isRunning(pid) == !model.endsWithConnection)
        // The neighbour goes on where it was, also in the same process.
        if model.servesAll { #expect(otherPid == pid) }
        #expect(other.receive(milliseconds: model.servesAll ? 0 : 5000) == (model.servesAll ? nil : "550 no\r\n"))
        other.send("wait\n")
        if model.servesAll { #expect(other.receive() == "550 no\r\n") }
        #expect(other.receive(milliseconds: 50) == nil, "still open")
        let (next, nextPid) = try server.clientAfterOthers("nolog", from: "127.0.0.4")
        #expect(nextPid > 0, "the next client is served")
        _ = next
    }

    @Test(
        "not before its reply: between line and reply the process does something else",
        arguments: [
            ("it works", "late"), ("it asks another, asleep in the same call as for the peer", "milter"),
            ("it sleeps", "naps"),
        ])
    func notBefore(_ name: String, behaviour: String) throws {
        let model = ModelTests.models[0]
        let server = try SlotServer(model.name)
        let (client, pid) = try server.client(behaviour)
        let decision = try #require(try server.decisions([order(server, model, client, pid: pid)]).first)
        #expect(decision.outcome == .done && decision.told == true, "\(name): \(decision)")
        #expect(try #require(decision.latency) >= .milliseconds(350), "\(name)")
        #expect(client.receive() == "550 no\r\n", "\(name)")
    }

    @Test("however it waits for the next command", arguments: ["wait", "poll", "select", "epoll", "elsewhere"])
    func waits(_ behaviour: String) throws {
        let model = ModelTests.models[3]
        let server = try SlotServer(model.name)
        let (client, pid) = try server.client(behaviour)
        let decision = try #require(try server.decisions([order(server, model, client, pid: pid)]).first)
        #expect(decision.outcome == .done && decision.told == true, "\(decision)")
        #expect(try #require(decision.latency) < .seconds(1))
    }

    @Test("a loop for all that has hardly time to sleep, and one that is late")
    func busyLoop() throws {
        let model = ModelTests.models[1]
        let server = try SlotServer(model.name)
        let (late, pid) = try server.client("late")
        let first = try #require(try server.decisions([order(server, model, late, pid: pid)]).first)
        #expect(first.outcome == .done && first.told == true)
        #expect(try #require(first.latency) >= .milliseconds(350))
        #expect(late.receive() == "550 no\r\n")
        let (busy, _) = try server.clientAfterOthers("busy", from: "127.0.0.3")
        let (client, _) = try server.client("wait")
        let second = try #require(try server.decisions([order(server, model, client, pid: pid)]).first)
        #expect(second.outcome == .done && second.told == true, "\(second)")
        #expect(client.receive() == "550 no\r\n")
        _ = busy
    }

    // MARK: - Which connection

    @Test("of two connections of a peer the one that the line's process holds")
    func ofTwo() throws {
        let model = ModelTests.models[0]
        let server = try SlotServer(model.name)
        let (first, firstPid) = try server.client("wait")
        let (second, secondPid) = try server.client("wait")
        #expect(firstPid != secondPid)
        let decision = try #require(try server.decisions([order(server, model, second, pid: secondPid)]).first)
        #expect(decision.outcome == .done && decision.port == second.port)
        #expect(first.receive() == "550 no\r\n")
        #expect(first.receive(milliseconds: 50) == nil, "still open")
        // A process that serves nobody now: the connection that its line was about has ended, the other is not it.
        #expect(try server.decisions([order(server, model, second, pid: secondPid)]).map(\.outcome) == [.gone])
        #expect(first.receive(milliseconds: 50) == nil, "still open")
    }

    @Test("all connections of a peer in one process when each was rejected; with one more, or one less, none")
    func sessions() throws {
        let model = ModelTests.models[2]
        let server = try SlotServer(model.name)
        let (first, pid) = try server.client("wait")
        let (second, _) = try server.client("wait")
        let (other, _) = try server.client("wait", from: "127.0.0.3")
        var order = try order(server, model, first, pid: pid)
        for count in [nil, 1, 3] {
            order.rejectedSessions = count
            let unclear = try #require(try server.decisions([order]).first)
            #expect(unclear.outcome == .refused && unclear.detail == "ambiguous: 2 connections of this peer")
        }
        order.rejectedSessions = 2
        #expect(try server.decisions([order], count: 2).map(\.outcome) == [.done, .done])
        #expect(first.receive() == "550 no\r\n" && second.receive() == "550 no\r\n")
        #expect(first.receive() == nil && second.receive() == nil, "reset")
        #expect(other.receive() == "550 no\r\n")
        #expect(other.receive(milliseconds: 50) == nil, "still open")
    }

    @Test("a line of one MTA is about no connection of another's port")
    func otherServer() throws {
        let server = try SlotServer("exim")
        server.shedder.servers = [server.port: .exim]
        let (client, pid) = try server.client("wait")
        var order = try server.order(client, extent: .only)
        order.mta = .postfix
        #expect(try server.decisions([order]).map(\.outcome) == [.gone])
        order.mta = .exim
        #expect(try server.decisions([order]).map(\.outcome) == [.done])
        #expect(!server.isRunning(pid))
    }

    @Test("a slot of Courier's is never ended for another MTA's line")
    func courierSlot() throws {
        let server = try SlotServer()
        let (client, pid) = try server.client("wait")
        var order = try server.order(client)
        order.mta = .postfix
        #expect(try server.decisions([order]).map(\.outcome) == [.gone])
        order.extent = .only
        #expect(try server.decisions([order]).map(\.outcome) == [.gone])
        #expect(server.isRunning(pid))
    }

    // MARK: - Which address

    @Test("of several addresses in a line the one that its process serves; with none of them, nobody")
    func candidates() throws {
        let server = try SlotServer("exim")
        let search = PeerSearch(server.shedder)
        let (client, pid) = try server.client("wait", from: "127.0.0.7")
        let (other, otherPid) = try server.client("wait", from: "127.0.0.8")
        func peers(_ texts: [String], pid: Int32?, port: UInt16? = nil) throws -> [IPAddress?] {
            var event = Event(.rejection, class: .rbl, code: 550, port: port)
            event.mta = .exim
            event.candidates = texts.compactMap { IPAddress($0) }
            event.pid = pid
            var answers: [IPAddress?] = []
            search.settle(event) { answers.append($0.peer) }
            var isOver = false
            server.loop.schedule(after: .milliseconds(100)) { isOver = true }
            while !isOver { try server.loop.turn() }
            return answers
        }
        let (mine, others) = (try #require(IPAddress("127.0.0.7")), try #require(IPAddress("127.0.0.8")))
        #expect(try peers(["9.9.9.9", "127.0.0.7"], pid: pid) == [mine])
        #expect(try peers(["127.0.0.8", "127.0.0.7"], pid: pid) == [mine], "another's address is connected, too")
        #expect(try peers(["127.0.0.8", "127.0.0.7"], pid: otherPid) == [others])
        #expect(try peers(["127.0.0.8", "127.0.0.7"], pid: pid, port: client.port) == [mine])
        #expect(try peers(["127.0.0.8", "127.0.0.7"], pid: pid, port: other.port) == [])
        #expect(try peers(["9.9.9.9", "127.0.0.8"], pid: pid) == [])
        #expect(try peers(["127.0.0.8", "127.0.0.7"], pid: server.pid) == [], "the daemon's pid")
        #expect(try peers(["127.0.0.8", "127.0.0.7"], pid: nil) == [])
        #expect(search.unanswered == 4)
    }

    // MARK: - The line comes before the reply

    @Test(
        "a line written when the connection began: its peer is told with the answer to a later command",
        arguments: [
            ("Sendmail refuses MAIL", MTA.sendmail, ["EHLO a\r\n", "MAIL FROM:<>\r\n"], "250 hello\r\n550 no\r\n"),
            (
                "rblsmtpd refuses RCPT", .qmail, ["EHLO a\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<b>\r\n"],
                "250 hello\r\n550 no\r\n550 no\r\n"
            ),
        ])
    func precedesReply(_ name: String, mta: MTA, commands: [String], answers: String) throws {
        let server = try SlotServer("exim")
        let (client, pid) = try server.client("early")
        #expect(client.receive() == "220 hello\r\n")
        var order = try server.order(client, extent: .served(by: pid))
        order.mta = mta
        order.pid = pid
        order.precedesReply = true
        var rest = commands
        func speak() {
            guard !rest.isEmpty else { return }
            client.send(rest.removeFirst())
            server.loop.schedule(after: .milliseconds(150)) { speak() }
        }
        server.loop.schedule(after: .milliseconds(150)) { speak() }
        let decision = try #require(try server.decisions([order]).first)
        #expect(rest.isEmpty, "\(name): all commands were answered")
        #expect(decision.outcome == .done && decision.told == true, "\(name): \(decision)")
        #expect(client.receive() == answers, "\(name)")
        server.awaitEnd(of: pid)
        #expect(!server.isRunning(pid))
    }

    @Test("one that falls silent before goes at the bound, untold")
    func silentBefore() throws {
        let model = ModelTests.models[3]
        let server = try SlotServer(model.name) { $0.toldLimit = .milliseconds(300) }
        let (client, pid) = try server.client("early")
        var order = try order(server, model, client, pid: pid)
        order.precedesReply = true
        let decision = try #require(try server.decisions([order]).first)
        #expect(decision.outcome == .done && decision.told == false, "\(decision)")
        #expect(try #require(decision.latency) >= .milliseconds(300))
        _ = client
    }

    // MARK: - Signals

    @Test("method signal: a forked child with one connection ends", arguments: [models[3], models[4]])
    func signalled(_ model: Model) throws {
        let server = try SlotServer(model.name) { $0.method = .signal }
        let (other, otherPid) = try server.client("wait", from: "127.0.0.3")
        let (client, pid) = try server.client("wait")
        let decision = try #require(try server.decisions([order(server, model, client, pid: pid)]).first)
        #expect(decision.outcome == .done && decision.told == true && decision.pid == pid, "\(decision)")
        #expect(client.receive() == "550 no\r\n")
        #expect(client.receive() == "", "the end, and no reset")
        #expect(!server.isRunning(pid) && server.isRunning(otherPid) && server.isRunning(server.pid))
        _ = other
    }

    @Test(
        "method signal: nobody else ever",
        arguments: [
            ("Postfix's smtpd", models[0], "wait", "smtpd is never signalled"),
            ("postscreen", models[1], "wait", "its process serves other peers, too"),
            ("OpenSMTPD", models[2], "wait", "its process serves other peers, too"),
            ("one with a second connection", models[3], "second", "it holds 2 TCP sockets"),
        ])
    func neverSignalled(_ name: String, model: Model, behaviour: String, detail: String) throws {
        let server = try SlotServer(model.name) { $0.method = .signal }
        let (client, pid) = try server.client(behaviour)
        let decision = try #require(try server.decisions([order(server, model, client, pid: pid)]).first)
        #expect(decision.outcome == .refused && decision.detail == detail, "\(name): \(decision)")
        #expect(server.isRunning(pid), "\(name)")
        #expect(client.receive() == "550 no\r\n")
        #expect(client.receive(milliseconds: 50) == nil, "\(name): still open")
    }

    @Test("method signal: the daemon that listens, when a line names it")
    func neverDaemon() throws {
        let model = ModelTests.models[3]
        let server = try SlotServer(model.name) { $0.method = .signal }
        let (client, pid) = try server.client("wait")
        // The process that serves the connection is signalled, whatever pid the line gave.
        let decision = try #require(try server.decisions([order(server, model, client, pid: server.pid)]).first)
        #expect(decision.outcome == .gone, "\(decision)")
        #expect(server.isRunning(server.pid) && server.isRunning(pid))
    }

    @Test("whoever listens is found, and not those he starts", arguments: models)
    func listener(_ model: Model) throws {
        let server = try SlotServer(model.name)
        try server.shedder.listeners.refresh()
        let listeners = server.shedder.listeners.listeners
        #expect(listeners.count == 1 && listeners.first?.ports == [server.port])
        #expect(listeners.first?.pid == server.listenerPid)
        #expect(server.shedder.listeners.unknownPorts.isEmpty)
    }

    @Test("two servers beside each other, each with its own ports")
    func twoServers() throws {
        let (first, second) = (try SlotServer("postfix"), try SlotServer("exim"))
        let listeners = ListenerProcesses(sockets: first.sockets, ports: [first.port, second.port])
        try listeners.refresh()
        let found = Dictionary(uniqueKeysWithValues: listeners.listeners.map { ($0.command, $0) })
        #expect(found.mapValues(\.ports) == ["master": [first.port], "exim4": [second.port]])
        #expect(found["master"]?.pid == first.listenerPid && found["exim4"]?.pid == second.listenerPid)
        kill(second.listenerPid, SIGKILL)
        waitpid(second.pid, nil, 0)
        try listeners.refresh()
        #expect(listeners.listeners.map(\.command) == ["master"])
    }
}
