import Addresses
import Glibc
import Netlink
import Testing

/// Against the running kernel, on loopback.
@Suite(.serialized, .enabled(if: isInNamespace, outsideNamespace))
struct SockDiagTests {
    let diag: SockDiag

    init() throws { diag = try SockDiag() }

    @Test(
        "an exact look-up finds the server's socket, whatever the listener's family",
        arguments: [
            ("IPv4 listener", "127.0.0.1", "127.0.0.1", "127.0.0.1", UInt8(AF_INET)),
            ("dual-stack listener, IPv4 peer", "::", "127.0.0.1", "127.0.0.9", UInt8(AF_INET6)),
            ("dual-stack listener, IPv6 peer", "::", "::1", "::1", UInt8(AF_INET6)),
        ])
    func exact(_ name: String, listens: String, local: String, peer: String, family: UInt8) throws {
        let listener = try TestSocket.listener(listens)
        let client = try TestSocket.connected(to: local, port: listener.port, from: peer)
        let localAddress = try #require(IPAddress(local)), peerAddress = try #require(IPAddress(peer))
        func find() throws -> Connection? {
            try diag.connection(
                local: localAddress, port: listener.port, peer: peerAddress, port: client.port, withTransfer: true)
        }
        #expect(try find()?.inode == 0, "not accepted yet: no process holds it")
        let server = try listener.accepted()
        let found = try #require(try find())
        #expect(found.inode == server.inode, "\(name)")
        #expect(found.family == family && found.state == .established, "\(name)")
        #expect(found.peer == peerAddress && found.peerPort == client.port && found.local == localAddress)
        #expect(found.sendQueue == 0 && found.transfer?.bytesSent == 0)
        #expect(
            try diag.connection(local: localAddress, port: listener.port, peer: peerAddress, port: 1) == nil,
            "no fallback to the listener")
        server.send("hello")
        #expect(client.receive() == "hello")
        #expect(try find()?.transfer?.bytesSent == 5)
        #expect(try diag.current(found)?.cookie == found.cookie)
    }

    @Test("the send queue holds what the peer has not taken")
    func sendQueue() throws {
        let listener = try TestSocket.listener("127.0.0.1")
        let client = try TestSocket.connected(to: "127.0.0.1", port: listener.port)
        let server = try listener.accepted()
        _ = fcntl(server.number, F_SETFL, O_NONBLOCK)
        // More than the peer's window, as it never reads.
        for _ in 0..<200 { server.send(String(repeating: "x", count: 65536)) }
        let local = try #require(IPAddress("127.0.0.1"))
        let found = try #require(
            try diag.connection(
                local: local, port: listener.port, peer: local, port: client.port, withTransfer: true))
        #expect(found.sendQueue > 0)
    }

    @Test("the kernel's filter: ports and peers")
    func filter() throws {
        let listeners = try (0..<5).map { _ in try TestSocket.listener("::") }
        let sources = ["127.0.0.2", "127.0.0.3", "127.0.9.3", "::1"]
        var held: [TestSocket] = []
        for listener in listeners {
            for source in sources {
                held.append(
                    try .connected(to: source.contains(":") ? "::1" : "127.0.0.1", port: listener.port, from: source))
                held.append(try listener.accepted())
            }
        }
        func peers(_ ports: [UInt16], _ prefix: String?) throws -> [String] {
            try diag.connections(toLocalPorts: ports, peer: try prefix.map { try Prefix(parsing: $0) })
                .map { "\($0.peer)" }.sorted()
        }
        let ports = listeners.map(\.port)
        #expect(try peers([ports[2]], nil) == sources.sorted(), "one port")
        #expect(try peers([ports[0], ports[4]], nil) == (sources + sources).sorted(), "two ports")
        #expect(try peers(ports, "127.0.0.2") == Array(repeating: "127.0.0.2", count: 5), "a host on five ports")
        #expect(try peers([ports[1]], "127.0.0.0/24") == ["127.0.0.2", "127.0.0.3"], "an IPv4 prefix")
        #expect(try peers([ports[1]], "::1") == ["::1"], "an IPv6 host")
        #expect(try peers([ports[1]], "::/0") == sources.sorted(), "everything is in ::/0, mapped peers too")
        #expect(try peers([ports[1]], "2001:db8::/32") == [], "nobody")
        #expect(try peers([1], nil) == [], "a port nobody listens on")
        #expect(
            try peers([ports[0], ports[2], 1], "127.0.0.0/24").count == 4, "a prefix on two ports and an unused one")
        #expect(diag.surplus == 0, "the kernel did all of this by itself")
        let many = (1...200).map { UInt16($0) } + [ports[3]]
        #expect(try peers(many, nil) == sources.sorted(), "more ports than the kernel's filter is given")
        #expect(try diag.count(ports: [ports[0], ports[1], 1]) == [ports[0]: 4, ports[1]: 4, 1: 0])
        _ = held
    }

    @Test("listeners")
    func listeners() throws {
        let one = try TestSocket.listener("::"), other = try TestSocket.listener("127.0.0.1")
        let found = try diag.listeners(ports: [one.port, other.port])
        #expect(Set(found.map(\.inode)) == [one.inode, other.inode])
    }

    @Test("destroying ends this socket and no other")
    func destroy() throws {
        let listener = try TestSocket.listener("::")
        let client = try TestSocket.connected(to: "127.0.0.1", port: listener.port)
        let server = try listener.accepted()
        let bystander = try TestSocket.connected(to: "127.0.0.1", port: listener.port)
        let bystanderServer = try listener.accepted()
        let all = try diag.connections(toLocalPorts: [listener.port])
        let mine = try #require(all.first { $0.inode == server.inode })
        var impostor = mine
        impostor.cookie += 1
        #expect(try diag.destroy(impostor) == .gone, "the cookie decides")
        #expect(client.receive(milliseconds: 0) == nil)
        #expect(try diag.destroy(mine) == .done)
        #expect(client.receive() == nil, "reset")
        #expect(try diag.destroy(mine) == .gone, "twice")
        bystanderServer.send("still here")
        #expect(bystander.receive() == "still here")
    }
}
