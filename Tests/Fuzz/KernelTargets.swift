import Addresses
import CNetfilter
import Events
import Glibc

@testable import Netfilter
@testable import Netlink

/// Answers of the kernel: lengths in them are not to be trusted further than the datagram reaches.

extension GuardedMemory {
    fileprivate func visit(_ datagram: [UInt8], _ visit: (UnsafePointer<nlmsghdr>) -> Void) {
        visitMessages(in: UnsafeRawBufferPointer(place(datagram, alignment: 4)), visit)
    }
}

/// The sockets of sock_diag.
struct SockDiagTarget: Target {
    let memory = GuardedMemory()

    mutating func run(_ input: [UInt8]) {
        memory.visit(input) { message in
            guard let connection = Connection(message) else { return }
            let payload = UnsafeRawPointer(message) + 16
            // struct inet_diag_msg: ports at 4 and 6, addresses at 8 and 24.
            let port = payload.loadUnaligned(fromByteOffset: 6, as: UInt16.self).bigEndian
            require(connection.peerPort == port, "port \(connection.peerPort), not \(port)")
            let length = connection.family == UInt8(AF_INET) ? 4 : 16
            var text = [CChar](repeating: 0, count: 64)
            inet_ntop(Int32(connection.family), payload + 24, &text, 64)
            let peer = slowAddress(text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) })
            require(connection.peer == peer, "\(connection.peer), not \(String(describing: peer)) of \(length) bytes")
        }
    }
}

/// The elements of our sets, the shapes of sets, and errors.
struct NetfilterTarget: Target {
    let memory = GuardedMemory()

    mutating func run(_ input: [UInt8]) {
        memory.visit(input) { message in
            for set in [SetName.banned4, .banned6, .bannedNets4, .known6] {
                ElementWire.read(message, from: set) { raw in
                    require(raw.address.isIPv4 || !set.isIPv4, "\(raw.address) in \(set.rawValue)")
                    if let timeout = raw.timeout { require(timeout > .zero, "\(timeout)") }
                }
            }
            _ = SetShape.read(message)
            let bytes = Int(message.pointee.nlmsg_len)
            let isOurs = NetfilterTarget.names("breakwater", UnsafeRawBufferPointer(start: message, count: bytes))
            require(isOurs || !TableMonitor.isOfOurTable(message), "a table of others disturbs")
            require(isOurs || ChainName.read(message) == nil, "a chain of others")
            require(isOurs || CounterName.read(message) == nil, "a counter of others")
            for chain in ChainName.allCases {
                guard let rule = chain.rule(in: message) else { continue }
                require(isOurs && rule.count < bytes, "a rule of others, or longer than its message")
            }
            if let answer = Acknowledgement(message) { require((answer.text?.count ?? 0) <= 200, "a long text") }
        }
        for line in input.split(separator: 0x0a) {
            guard let entry = XTRecent.entry(line) else { continue }
            let text = line.dropFirst(4).prefix { $0 != 0x20 }
            require(slowAddress(Array(text)) == entry.address, "\(entry.address): \(shown(line))")
        }
    }

    /// Whether the name stands in it anywhere.
    private static func names(_ name: String, _ message: UnsafeRawBufferPointer) -> Bool {
        Array(message).place(of: name) != nil
    }
}
