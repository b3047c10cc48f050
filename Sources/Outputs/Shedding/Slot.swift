import Addresses
import Netlink
import ProcFS

/// A process of the MTA that serves one connection, from when it was first seen.
package struct Slot: Equatable, Sendable {
    package var pid: Int32
    package var startTicks: UInt64
    /// The process that listens, its parent.
    package var listener: Int32
    /// The first socket it was seen to hold (descriptor 0 before all others): its connection, until TLS begins.
    package var inode: UInt32?
    /// The ends of its connection as the listener put them into its environment; `nil` where that cannot be read.
    package var ends: Ends?
    /// What the listener found its peer listed for; `nil` where it did not, or where its environment cannot be read.
    package var verdict: Verdict?
    /// Its tarpit was cut short (EarlyAnswer).
    package var isAnsweredEarly = false

    /// couriertcpd's verdict on a peer, in the environment of its slot from the first moment: the zone that lists it
    /// and the text with which every recipient will be refused unless the peer authenticates.
    package struct Verdict: Hashable, Sendable {
        package var zone: String
        package var text: String
    }

    package struct Ends: Hashable, Sendable {
        package var local: IPAddress
        package var localPort: UInt16
        package var peer: IPAddress
        package var peerPort: UInt16
    }

    /// How long it has been running: at most 10 ms more than the truth, never less.
    package var age: Duration { ProcessClock.age(startTicks: startTicks) }
}

extension Slot.Ends {
    /// From the variables that couriertcpd sets; tcpserver's differ.
    init?(environment: Span<UInt8>) {
        func number(_ name: StaticString) -> UInt16? { environmentValue(name, in: environment).flatMap { UInt16($0) } }
        func address(_ name: StaticString) -> IPAddress? {
            environmentValue(name, in: environment).flatMap { IPAddress($0) }
        }
        guard let local = address("TCPLOCALIP"), let localPort = number("TCPLOCALPORT"),
            let peer = address("TCPREMOTEIP"), let peerPort = number("TCPREMOTEPORT")
        else { return nil }
        self.init(local: local, localPort: localPort, peer: peer, peerPort: peerPort)
    }

    init(of connection: Connection) {
        self.init(
            local: connection.local, localPort: connection.localPort, peer: connection.peer,
            peerPort: connection.peerPort)
    }
}

extension Slot.Verdict {
    /// From BLOCK, BLOCK_ZONE and BLOCK_IP (couriertcpd(8), submit(8)). A peer refused by smtpaccess alone has BLOCK
    /// only: that is no list's word.
    init?(environment: Span<UInt8>) {
        guard let text = environmentValue("BLOCK", in: environment, limit: 1024), !text.isEmpty,
            let zone = environmentValue("BLOCK_ZONE", in: environment), !zone.isEmpty
        else { return nil }
        // 127.255.255.0/24 is how lists say that they have not answered the question.
        if let answer = environmentValue("BLOCK_IP", in: environment), answer.hasPrefix("127.255.255.") { return nil }
        self.init(zone: zone, text: text)
    }
}

/// One end of a connection: what names a peer's connection in a log line.
package struct Endpoint: Hashable, Sendable {
    package var address: IPAddress
    package var port: UInt16
}
