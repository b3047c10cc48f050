import Addresses
import Events
import Glibc
import Netfilter
import Posix
import Testing

extension NetfilterTests {
    /// Real connections over loopback: what is refused, and what is not.
    @Suite(.serialized) struct Traffic {
        let listener: Listener

        init() throws {
            try bringUpLoopback()
            listener = try Listener(port: 2525)
        }

        @Test(arguments: [
            ("192.0.2.1", "192.0.2.1", "192.0.2.2", "a host"),
            ("192.0.2.0/24", "192.0.2.3", "198.51.100.7", "a network"),
            ("2001:db8:66::1", "2001:db8:66::1", "2001:db8:66::2", "an IPv6 host"),
            ("2001:db8:66::/64", "2001:db8:66::2", "2001:db8:67::1", "an IPv6 network"),
        ])
        func `a ban refuses its source and no other, and counts each packet once`(
            ban: String, source: String, other: String, name: String
        ) throws {
            let firewall = try freshTable()
            #expect(connect(from: source) != nil, "before the ban of \(name)")
            _ = firewall.apply([.ban(prefix(ban), timeout: .seconds(60))], at: start)
            #expect(connect(from: source) == nil, "\(name) is banned")
            #expect(connect(from: other) != nil, "its neighbour is not")
            let element = try #require(try firewall.elements(for: [prefix(ban)], in: .banned).first)
            #expect(element.packets == 1)
            // A SYN is an address header, 20 bytes of TCP and its options.
            #expect(element.bytes >= 40)
            let listed = try nftList()
            #expect(listed.contains("counter packets 1 bytes \(element.bytes)"), "\(listed)")
            #expect(try firewall.drops().banned == Drops.Count(packets: 1, bytes: element.bytes))
            _ = firewall.apply([.unban(prefix(ban))], at: start)
            #expect(connect(from: source) != nil, "after the unban of \(name)")
        }

        @Test func `other ports stay open to a banned source`() throws {
            let firewall = try freshTable()
            let ssh = try Listener(port: 2222)
            _ = firewall.apply([.ban(prefix("192.0.2.1"), timeout: .seconds(60))], at: start)
            #expect(connect(from: "192.0.2.1", port: 2222) != nil)
            withExtendedLifetime(ssh) {}
        }

        @Test(arguments: ["192.0.2.1", "2001:db8:66::1"])
        func `an established connection goes on after the ban, to its orderly end`(source: String) throws {
            let firewall = try freshTable()
            let client = try #require(connect(from: source))
            let server = try #require(listener.accept())
            _ = firewall.apply([.ban(prefix(source), timeout: .seconds(60))], at: start)
            #expect(connect(from: source) == nil)
            #expect(client.send("QUIT") && server.receive() == "QUIT")
            #expect(server.send("221 bye") && client.receive() == "221 bye")
            client.shutDown()
            #expect(server.receive() == "", "the FIN arrives")
        }

        @Test func `allowed passes a ban and the limits, known passes the limits only`() throws {
            let allowed = prefix("192.0.2.1")
            let known = prefix("192.0.2.2")
            let firewall = try freshTable(
                FirewallPlan(ports: [2525], newPerSecond: 1, burst: 1, allowed: [allowed, prefix("2001:db8:66::1")]))
            _ = firewall.apply(
                [
                    .ban(allowed, timeout: .seconds(60)), .ban(prefix("2001:db8:66::/64"), timeout: .seconds(60)),
                    .remember(known, timeout: .days(30)),
                ], at: start)
            for turn in 1...5 {
                #expect(connect(from: "192.0.2.1") != nil, "allowed, turn \(turn)")
                #expect(connect(from: "2001:db8:66::1") != nil, "allowed in a banned network, turn \(turn)")
                #expect(connect(from: "192.0.2.2") != nil, "known, turn \(turn)")
            }
            let strangers = (1...5).count { _ in connect(from: "192.0.2.3") != nil }
            #expect(strangers < 5, "strangers meet the limit")
            #expect(try firewall.drops().newPerSecond.packets == UInt64(5 - strangers))
            _ = firewall.apply([.ban(known, timeout: .seconds(60))], at: start)
            #expect(connect(from: "192.0.2.2") == nil, "a ban outweighs being known")
        }

        @Test func `open connections of one source are counted, of IPv6 by the 64 bits in front`() throws {
            let firewall = try freshTable(FirewallPlan(ports: [2525], perSource: 2))
            let held = (1...2).map { _ in connect(from: "192.0.2.1") }
            #expect(held.allSatisfy { $0 != nil })
            #expect(connect(from: "192.0.2.1") == nil, "the third")
            #expect(connect(from: "192.0.2.2") != nil, "another source")
            let sixes = [connect(from: "2001:db8:66::1"), connect(from: "2001:db8:66::2")]
            #expect(sixes.allSatisfy { $0 != nil })
            #expect(connect(from: "2001:db8:66::2") == nil, "the third of the /64")
            #expect(connect(from: "2001:db8:67::1") != nil, "another /64")
            #expect(try firewall.drops().perSource.packets == 2)
            withExtendedLifetime((held, sixes)) {}
        }

        @Test func `other ports and limits take over without touching bans`() throws {
            let firewall = try freshTable(FirewallPlan(ports: [2525], perSource: 1))
            _ = firewall.apply([.ban(prefix("192.0.2.1"), timeout: .seconds(60))], at: start)
            #expect(connect(from: "192.0.2.1") == nil)
            try firewall.change(to: FirewallPlan(ports: [2526]))
            #expect(connect(from: "192.0.2.1") != nil, "2525 is protected no more")
            try firewall.change(to: FirewallPlan(ports: [2526, 2525]))
            #expect(connect(from: "192.0.2.1") == nil)
            #expect(try firewall.drops().banned.packets == 2, "counters outlive the rules")
        }

        @Test func `a port forwarded by somebody else's rules is covered under its own number`() throws {
            let firewall = try freshTable(FirewallPlan(ports: [25]))
            let name = "bw-client-\(getpid())"
            defer { _ = try? shell("ip netns del \(name); ip link del bw0 2>/dev/null; nft delete table ip container") }
            try shell(
                """
                nft add table ip container
                nft 'add chain ip container prerouting { type nat hook prerouting priority dstnat; }'
                nft add rule ip container prerouting tcp dport 25 redirect to :2525
                ip link add bw0 type veth peer name bw1 && ip addr add 203.0.113.1/24 dev bw0 && ip link set bw0 up
                ip netns add \(name) && ip link set bw1 netns \(name)
                ip -n \(name) addr add 203.0.113.9/24 dev bw1 && ip -n \(name) link set bw1 up
                """)
            let probe =
                "ip netns exec \(name) timeout 1 bash -c '</dev/tcp/203.0.113.1/25' 2>/dev/null && echo open || echo shut"
            #expect(try shell(probe) == "open\n")
            _ = firewall.apply([.ban(prefix("203.0.113.9"), timeout: .seconds(60))], at: start)
            #expect(try shell(probe) == "shut\n")
            #expect(try firewall.drops().banned.packets >= 1)
        }

        /// A connection to the listener; `nil` when nothing answered the SYN within 0.3 s: before TCP sends it again.
        private func connect(from source: String, port: UInt16 = 2525) -> TestConnection? {
            TestConnection(from: source, to: source.contains(":") ? "2001:db8::25" : "198.51.100.7", port: port)
        }
    }
}

/// A listening dual-stack socket.
final class Listener {
    private let descriptor: Descriptor

    init(port: UInt16) throws {
        descriptor = try Descriptor("socket", "", socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0))
        var on: Int32 = 1
        setsockopt(descriptor.number, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        var address = socketAddress("::", port)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor.number, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
            }
        }
        guard result == 0, listen(descriptor.number, 128) == 0 else { throw SystemError("bind", "port \(port)") }
    }

    func accept() -> TestConnection? {
        let number = Glibc.accept(descriptor.number, nil, nil)
        return number < 0 ? nil : TestConnection(owning: number)
    }
}

final class TestConnection {
    private let descriptor: Descriptor

    init(owning number: Int32) { descriptor = Descriptor(owning: number) }

    init?(from source: String, to target: String, port: UInt16) {
        let number = socket(AF_INET6, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
        descriptor = Descriptor(owning: number)
        var local = socketAddress(source, 0)
        var remote = socketAddress(target, port)
        let size = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let bound = withUnsafePointer(to: &local) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(number, $0, size) }
        }
        guard bound == 0 else { return nil }
        _ = withUnsafePointer(to: &remote) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(number, $0, size) }
        }
        var poller = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
        guard poll(&poller, 1, 300) == 1 else { return nil }
        var error: Int32 = 0
        var length: socklen_t = 4
        getsockopt(number, SOL_SOCKET, SO_ERROR, &error, &length)
        guard error == 0 else { return nil }
    }

    func send(_ text: String) -> Bool { Glibc.send(descriptor.number, text, text.utf8.count, 0) == text.utf8.count }

    /// What arrives next, within 2 s; empty at the end of the stream.
    func receive() -> String? {
        var poller = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        guard poll(&poller, 1, 2000) == 1 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 1000)
        let count = recv(descriptor.number, &bytes, bytes.count, 0)
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }

    func shutDown() { shutdown(descriptor.number, Int32(SHUT_WR)) }
}

/// IPv4 in its mapped form.
private func socketAddress(_ text: String, _ port: UInt16) -> sockaddr_in6 {
    var address = sockaddr_in6()
    address.sin6_family = sa_family_t(AF_INET6)
    address.sin6_port = port.bigEndian
    let bytes = (IPAddress(text) ?? IPAddress(high: 0, low: 0)).mappedBytes
    withUnsafeMutableBytes(of: &address.sin6_addr) { $0.copyBytes(from: bytes) }
    return address
}
