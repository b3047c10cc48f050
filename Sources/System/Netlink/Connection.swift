import Addresses
import CLinux
import CNetfilter
import Glibc

/// A TCP socket as the kernel's socket monitor (sock_diag(7)) describes it.
package struct Connection: Equatable, Sendable {
    package var local: IPAddress
    package var localPort: UInt16
    package var peer: IPAddress
    package var peerPort: UInt16
    /// `AF_INET` or `AF_INET6`: the family of the socket, which for a peer of a dual-stack listener is not the peer's.
    package var family: UInt8
    package var state: TCPState
    /// The interface it is bound to; 0 is none.
    package var interface: UInt32
    /// The kernel's own name for this very socket; never used again while the host runs.
    package var cookie: UInt64
    /// 0 while no process has accepted it, and after its last process closed it.
    package var inode: UInt32
    package var uid: UInt32
    /// Bytes received that the process has not read; for a listener, connections that wait to be accepted.
    package var receiveQueue: UInt32
    /// Bytes written by the process that the peer has not acknowledged, sent or not; for a listener, its backlog.
    package var sendQueue: UInt32
    /// Only when asked for.
    package var transfer: Transfer?

    /// What of struct tcp_info is used. Counters run over the life of the connection.
    package struct Transfer: Equatable, Sendable {
        /// Segments in flight.
        package var unacknowledged: UInt32
        package var lastDataSentMilliseconds: UInt32
        package var bytesAcknowledged: UInt64
        package var bytesReceived: UInt64
        package var notSentBytes: UInt32
        /// Segments with data, those sent again counted each time.
        package var dataSegmentsReceived: UInt32
        package var dataSegmentsSent: UInt32
        package var retransmitted: UInt32
        /// `nil` before Linux 4.19.
        package var bytesSent: UInt64?
    }
}

/// The states of include/net/tcp_states.h.
package enum TCPState: UInt8, Sendable, CaseIterable {
    case established = 1
    case synSent, synReceived, finWait1, finWait2, timeWait, close, closeWait, lastAck, listen, closing, newSynReceived
}

package struct TCPStates: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package init(_ states: TCPState...) { rawValue = states.reduce(0) { $0 | 1 << UInt32($1.rawValue) } }

    package static let established = TCPStates(.established)
    package static let listening = TCPStates(.listen)
    /// Every state in which a process may still hold the socket.
    package static let held = TCPStates(
        .established, .closeWait, .finWait1, .finWait2, .lastAck, .closing)
}

extension Connection {
    /// From one SOCK_DIAG_BY_FAMILY answer; `nil` when it is too short or of a family or state unknown here.
    init?(_ message: UnsafePointer<nlmsghdr>) {
        guard mnl_nlmsg_get_payload_len(message) >= MemoryLayout<inet_diag_msg>.size,
            let payload = mnl_nlmsg_get_payload(message)
        else { return nil }
        let answer = payload.loadUnaligned(as: inet_diag_msg.self)
        guard let state = TCPState(rawValue: answer.idiag_state),
            let local = IPAddress(diag: answer.id.idiag_src, family: answer.idiag_family),
            let peer = IPAddress(diag: answer.id.idiag_dst, family: answer.idiag_family)
        else { return nil }
        self.local = local
        localPort = UInt16(bigEndian: answer.id.idiag_sport)
        self.peer = peer
        peerPort = UInt16(bigEndian: answer.id.idiag_dport)
        family = answer.idiag_family
        self.state = state
        interface = answer.id.idiag_if
        cookie = UInt64(answer.id.idiag_cookie.1) << 32 | UInt64(answer.id.idiag_cookie.0)
        inode = answer.idiag_inode
        uid = answer.idiag_uid
        receiveQueue = answer.idiag_rqueue
        sendQueue = answer.idiag_wqueue
        var transfer: Transfer?
        visitAttributes(of: message, after: MemoryLayout<inet_diag_msg>.size) { type, attribute in
            if type == Int(INET_DIAG_INFO), let bytes = mnl_attr_get_payload(attribute) {
                transfer = Transfer(
                    UnsafeRawBufferPointer(start: bytes, count: Int(mnl_attr_get_payload_len(attribute))))
            }
        }
        self.transfer = transfer
    }
}

extension Connection.Transfer {
    /// From a struct tcp_info as long as the running kernel makes it; the offsets are those of linux/tcp.h.
    init?(_ info: UnsafeRawBufferPointer) {
        guard info.count >= 168 else { return nil }
        unacknowledged = info.loadUnaligned(fromByteOffset: 24, as: UInt32.self)
        lastDataSentMilliseconds = info.loadUnaligned(fromByteOffset: 44, as: UInt32.self)
        bytesAcknowledged = info.loadUnaligned(fromByteOffset: 120, as: UInt64.self)
        bytesReceived = info.loadUnaligned(fromByteOffset: 128, as: UInt64.self)
        notSentBytes = info.loadUnaligned(fromByteOffset: 144, as: UInt32.self)
        dataSegmentsReceived = info.loadUnaligned(fromByteOffset: 152, as: UInt32.self)
        dataSegmentsSent = info.loadUnaligned(fromByteOffset: 156, as: UInt32.self)
        retransmitted = info.loadUnaligned(fromByteOffset: 100, as: UInt32.self)
        bytesSent = info.count >= 208 ? info.loadUnaligned(fromByteOffset: 200, as: UInt64.self) : nil
    }
}

/// Four words in network order: what struct inet_diag_sockid holds for an address of either family.
typealias DiagAddress = (UInt32, UInt32, UInt32, UInt32)

extension IPAddress {
    init?(diag words: DiagAddress, family: UInt8) {
        switch Int32(family) {
        case AF_INET: self.init(v4: UInt32(bigEndian: words.0))
        case AF_INET6:
            self.init(
                high: UInt64(UInt32(bigEndian: words.0)) << 32 | UInt64(UInt32(bigEndian: words.1)),
                low: UInt64(UInt32(bigEndian: words.2)) << 32 | UInt64(UInt32(bigEndian: words.3)))
        default: return nil
        }
    }

    func diagWords(family: UInt8) -> DiagAddress {
        if Int32(family) == AF_INET { return ((v4 ?? 0).bigEndian, 0, 0, 0) }
        return (
            UInt32(truncatingIfNeeded: high >> 32).bigEndian, UInt32(truncatingIfNeeded: high).bigEndian,
            UInt32(truncatingIfNeeded: low >> 32).bigEndian, UInt32(truncatingIfNeeded: low).bigEndian
        )
    }
}
