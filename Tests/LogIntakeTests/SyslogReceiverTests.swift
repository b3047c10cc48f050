import Addresses
import Glibc
import LogIntake
import Posix
import Testing

/// The receiver on this host's loopback, with real sockets.
@Suite(.serialized) struct SyslogReceiverTests {
    private static let v4 = IPAddress(v4: 0x7f00_0001)
    private static let v6 = IPAddress(high: 0, low: 1)
    private static let loopback = [Prefix(v4, length: 8), Prefix(v6)].compactMap { $0 }

    private final class Receiver {
        let stream: SyslogReceiver
        let address: IPAddress
        let port: UInt16

        init(_ address: IPAddress = v4, senders: [Prefix] = loopback) throws {
            port = try Receiver.freePort(address)
            self.address = address
            stream = try SyslogReceiver(
                name: "syslog://here", address: address, port: port, udp: true, tcp: true, senders: senders,
                ownHost: "ours.example")
        }

        /// A port that nobody uses, for both kinds.
        private static func freePort(_ address: IPAddress) throws -> UInt16 {
            for port in UInt16(20_000)...20_400 {
                if let tcp = try? InternetSocket.bound(SOCK_STREAM, to: address, port: port),
                    let udp = try? InternetSocket.bound(SOCK_DGRAM, to: address, port: port)
                {
                    _ = (tcp.number, udp.number)
                    return port
                }
            }
            throw SystemError("bind", "any port", code: EADDRINUSE)
        }

        func connect(_ type: __socket_type = SOCK_STREAM) throws -> Client { try Client(type, address, port) }
    }

    private final class Client {
        private let descriptor: Descriptor

        init(_ type: __socket_type, _ address: IPAddress, _ port: UInt16) throws {
            let family = address.isIPv4 ? AF_INET : AF_INET6
            descriptor = try Descriptor("socket", "", socket(family, Int32(type.rawValue), 0))
            let number = descriptor.number
            guard InternetSocket.with(address, port, { Glibc.connect(number, $0, $1) }) == 0 else {
                throw SystemError("connect", "\(port)")
            }
        }

        func send(_ text: String) throws { try send(Array(text.utf8)) }

        func send(_ bytes: [UInt8]) throws {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count == bytes.count else { throw SystemError("send") }
        }

        /// Whether the other end has closed.
        var isClosed: Bool {
            var byte: UInt8 = 0
            for _ in 0..<500 {
                let count = recv(descriptor.number, &byte, 1, Int32(MSG_DONTWAIT))
                if count == 0 || count < 0 && errno == ECONNRESET { return true }
                usleep(10_000)
            }
            return false
        }
    }

    @Test(arguments: [v4, v6])
    func `packets and both kinds of frames, over both protocols`(address: IPAddress) throws {
        let receiver = try Receiver(address)
        try receiver.connect(SOCK_DGRAM).send("<22>Nov 20 22:44:29 ours a: packet")
        #expect(isReadable(receiver.stream))
        #expect(try receiver.stream.lines(count: 1) == ["<22>Nov 20 22:44:29 ours a: packet"])
        let text = "<22>Nov 20 22:44:29 ours a: counted"
        let counted = try receiver.connect()
        try counted.send("\(text.utf8.count) \(text)")
        #expect(try receiver.stream.lines(count: 1) == [text])
        let lines = try receiver.connect()
        try lines.send("<22>Nov 20 22:44:29 ours a: fir")
        #expect(try receiver.stream.lines() == [])
        try lines.send("st\n<22>Nov 20 22:44:29 ours a: second\n<22>")
        #expect(
            try receiver.stream.lines(count: 2) == [
                "<22>Nov 20 22:44:29 ours a: first", "<22>Nov 20 22:44:29 ours a: second",
            ])
        #expect(!isReadable(receiver.stream, within: 0))
        #expect(receiver.stream.counters.lines == 4)
    }

    @Test func `who is not named may not send, and that is said`() throws {
        let receiver = try Receiver(senders: [try Prefix(parsing: "192.0.2.0/24")])
        try receiver.connect(SOCK_DGRAM).send("<22>Nov 20 22:44:29 ours a: packet")
        let client = try receiver.connect()
        try? client.send("<22>Nov 20 22:44:29 ours a: line\n")
        #expect(isReadable(receiver.stream))
        #expect(try receiver.stream.lines() == [])
        #expect(client.isClosed)
        #expect(receiver.stream.counters.refused == 2)
        #expect(receiver.stream.problem?.description.contains("127.0.0.1 sends syslog") == true)
    }

    @Test func `a connection that sends no syslog is closed, the others go on`() throws {
        let receiver = try Receiver()
        let good = try receiver.connect()
        try good.send("<22>Nov 20 22:44:29 ours a: 1\n")
        let bad = try receiver.connect()
        try bad.send("GET / HTTP/1.1\r\n\r\n")
        #expect(try receiver.stream.lines(count: 1).count == 1)
        #expect(try receiver.stream.lines() == [])
        #expect(bad.isClosed)
        try good.send("<22>Nov 20 22:44:29 ours a: 2\nno syslog\n")
        #expect(try receiver.stream.lines(count: 1) == ["<22>Nov 20 22:44:29 ours a: 2"])
        #expect(receiver.stream.counters.broken == 2)
        #expect(receiver.stream.problem?.description.contains("does not send syslog") == true)
    }

    @Test func `one host has so many connections and no more`() throws {
        let receiver = try Receiver()
        let clients = try (0..<20).map { _ in try receiver.connect() }
        #expect(try receiver.stream.lines() == [])
        for client in clients[..<16] { try client.send("<22>Nov 20 22:44:29 ours a: x\n") }
        #expect(try receiver.stream.lines(count: 16).count == 16)
        #expect(receiver.stream.counters.refused == 4)
        #expect(clients[16...].filter { !$0.isClosed }.isEmpty)
    }

    @Test func `a flood does not keep others waiting`() throws {
        let receiver = try Receiver()
        let line = "<22>Nov 20 22:44:29 ours flood: " + String(repeating: "x", count: 900) + "\n"
        let floods = try (0..<4).map { _ in try receiver.connect() }
        for flood in floods { try flood.send(String(repeating: line, count: 200)) }
        let quiet = try receiver.connect()
        try quiet.send("<22>Nov 20 22:44:29 ours quiet: y\n")
        var before = 0
        var isFound = false
        while !isFound, isReadable(receiver.stream) {
            _ = try receiver.stream.readAvailable(maxBytes: 65536) { line, _ in
                if line.text.contains("quiet:") { isFound = true } else if !isFound { before += 1 }
            }
        }
        #expect(isFound)
        #expect(before < 400, "of 800 lines of the others")
    }

    @Test func `a connection that ends inside a message hands over none of it`() throws {
        let receiver = try Receiver()
        do {
            let client = try receiver.connect()
            try client.send("<22>Nov 20 22:44:29 ours a: whole\n<22>Nov 20 22:44:29 ours a: 192.0.2")
        }
        #expect(try receiver.stream.lines(count: 1).count == 1)
        #expect(try receiver.stream.lines() == [])
        #expect(receiver.stream.counters.unfinishedLines == 1)
    }

    @Test func `a port that is taken is said`() throws {
        let receiver = try Receiver()
        #expect(throws: SystemError.self) {
            try SyslogReceiver(
                name: "x", address: receiver.address, port: receiver.port, udp: false, tcp: true, senders: [],
                ownHost: "x")
        }
    }
}
