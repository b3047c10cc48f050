import Addresses
import CLinux
import CNetfilter
import Glibc
import Posix

/// Asks the kernel for TCP sockets of this network namespace, and ends them (sock_diag(7), NETLINK_SOCK_DIAG).
///
/// An exact look-up costs microseconds whatever the number of connections; a dump walks the kernel's whole table.
/// Needs CAP_NET_ADMIN to end a socket, nothing to look. One owner, one thread.
package final class SockDiag {
    private let socket: NetlinkSocket
    private var request: [UInt8] = []
    /// Dumps that were cut short at `dumpLimit` sockets.
    package private(set) var truncatedDumps = 0
    /// Sockets that the kernel's filter let through and ours did not: 0 unless it was given less than was asked.
    package private(set) var surplus = 0
    /// The most sockets one dump visits.
    package static let dumpLimit = 250_000

    package init() throws(SystemError) {
        socket = try NetlinkSocket(family: NETLINK_SOCK_DIAG)
        // The kernel answers within the call; a lost answer must not hold the loop for ever.
        var limit = timeval(tv_sec: 2, tv_usec: 0)
        guard
            setsockopt(socket.descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size)) == 0
        else { throw SystemError("setsockopt", "SO_RCVTIMEO") }
    }

    // MARK: - Exact look-ups

    /// The one socket between these two ends, with its `Transfer` when `withTransfer`; `nil` when there is none.
    ///
    /// IPv4 ends find the socket whether its listener is an IPv4 or a dual-stack one. A socket without an owner
    /// (TIME_WAIT, not yet accepted) is found too, with inode 0; a listener is not.
    package func connection(
        local: IPAddress, port localPort: UInt16, peer: IPAddress, port peerPort: UInt16, interface: UInt32 = 0,
        withTransfer: Bool = false
    ) throws(SystemError) -> Connection? {
        // A link-local peer of ours is an IPv6 one, and mapped ends are looked up as IPv4 by the kernel itself.
        let family = local.isIPv4 && peer.isIPv4 ? AF_INET : AF_INET6
        let id = inet_diag_sockid(
            local: local, localPort, peer: peer, peerPort, family: UInt8(family), interface: interface, cookie: .max)
        write(
            type: SOCK_DIAG_BY_FAMILY, flags: NLM_F_REQUEST, family: UInt8(family), states: .max, id: id,
            extensions: withTransfer ? INET_DIAG_INFO : INET_DIAG_NONE)
        var found: Connection?
        try exchange("sock_diag look-up", tolerated: ENOENT) { message in found = Connection(message) }
        guard let found, found.state != .listen, found.peerPort == peerPort, found.peer == peer else { return nil }
        return found
    }

    /// The same socket as `connection` was, as it is now; `nil` when it has ended.
    package func current(_ connection: Connection) throws(SystemError) -> Connection? {
        let now = try self.connection(
            local: connection.local, port: connection.localPort, peer: connection.peer, port: connection.peerPort,
            interface: connection.interface, withTransfer: true)
        return now?.cookie == connection.cookie ? now : nil
    }

    // MARK: - Dumps

    /// The sockets with one of these local ports (empty: any), in one of `states`, and with a peer inside `peer`.
    package func connections(
        toLocalPorts ports: [UInt16], peer: Prefix? = nil, states: TCPStates = .held, families: [UInt8] = bothFamilies
    ) throws(SystemError) -> [Connection] {
        var found: [Connection] = []
        try visit(ports: ports, peer: peer, states: states, families: families) { found.append($0) }
        return found
    }

    package func listeners(ports: [UInt16]) throws(SystemError) -> [Connection] {
        try connections(toLocalPorts: ports, states: .listening)
    }

    /// How many sockets are in `states`, for each of `ports`.
    package func count(
        ports: [UInt16], states: TCPStates = .established, families: [UInt8] = bothFamilies
    ) throws(SystemError) -> [UInt16: Int] {
        var counts = Dictionary(ports.map { ($0, 0) }, uniquingKeysWith: { first, _ in first })
        try visit(ports: ports, peer: nil, states: states, families: families) { counts[$0.localPort, default: 0] += 1 }
        return counts
    }

    package static let bothFamilies = [UInt8(AF_INET), UInt8(AF_INET6)]

    private func visit(
        ports: [UInt16], peer: Prefix?, states: TCPStates, families: [UInt8], _ body: (Connection) -> Void
    ) throws(SystemError) {
        let bytecode = SockDiagFilter(localPorts: ports, peer: peer).bytecode
        for family in families {
            var count = 0
            write(
                type: SOCK_DIAG_BY_FAMILY, flags: NLM_F_REQUEST | NLM_F_DUMP, family: family, states: states.rawValue,
                id: inet_diag_sockid(), extensions: INET_DIAG_NONE, bytecode: bytecode)
            try exchange("sock_diag dump", tolerated: ENOENT) { message in
                guard let connection = Connection(message) else { return }
                // The kernel's filter is an economy; what is promised is decided here.
                guard ports.isEmpty || ports.contains(connection.localPort),
                    peer?.contains(connection.peer) ?? true
                else {
                    surplus += 1
                    return
                }
                count += 1
                if count <= SockDiag.dumpLimit { body(connection) }
            }
            if count > SockDiag.dumpLimit { truncatedDumps += 1 }
        }
    }

    // MARK: - Ending a socket

    package enum DestroyOutcome: Equatable, Sendable {
        case done
        /// The socket had ended, or another one has taken its addresses.
        case gone
        /// EPERM: no CAP_NET_ADMIN. EOPNOTSUPP: a kernel without CONFIG_INET_DIAG_DESTROY.
        case refused(code: Int32)
    }

    /// Ends exactly this socket, named by both ends and its cookie; the peer gets a reset.
    package func destroy(_ connection: Connection) throws(SystemError) -> DestroyOutcome {
        let id = inet_diag_sockid(
            local: connection.local, connection.localPort, peer: connection.peer, connection.peerPort,
            family: connection.family, interface: connection.interface, cookie: connection.cookie)
        write(
            type: SOCK_DESTROY, flags: NLM_F_REQUEST | NLM_F_ACK, family: connection.family, states: .max, id: id,
            extensions: INET_DIAG_NONE)
        do throws(SystemError) {
            try exchange("sock_diag destroy", tolerated: 0) { _ in }
            return .done
        } catch {
            switch error.code {
            case ENOENT, ESTALE: return .gone
            case EPERM, EACCES, EOPNOTSUPP: return .refused(code: error.code)
            default: throw error
            }
        }
    }

    // MARK: - Messages

    private func write(
        type: Int32, flags: Int32, family: UInt8, states: UInt32, id: inet_diag_sockid, extensions: Int,
        bytecode: [UInt8] = []
    ) {
        let fixed = MemoryLayout<nlmsghdr>.size + MemoryLayout<inet_diag_req_v2>.size
        let attribute = bytecode.isEmpty ? 0 : MemoryLayout<nlattr>.size + bytecode.count
        request = [UInt8](repeating: 0, count: fixed + attribute)
        let header = nlmsghdr(
            nlmsg_len: UInt32(request.count), nlmsg_type: UInt16(type), nlmsg_flags: UInt16(flags),
            nlmsg_seq: socket.nextSequence(), nlmsg_pid: 0)
        var body = inet_diag_req_v2()
        body.sdiag_family = family
        body.sdiag_protocol = UInt8(IPPROTO_TCP)
        body.idiag_ext = extensions == INET_DIAG_NONE ? 0 : 1 << UInt8(extensions - 1)
        body.idiag_states = states
        body.id = id
        request.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: header, as: nlmsghdr.self)
            bytes.storeBytes(of: body, toByteOffset: MemoryLayout<nlmsghdr>.size, as: inet_diag_req_v2.self)
            guard !bytecode.isEmpty else { return }
            bytes.storeBytes(
                of: nlattr(nla_len: UInt16(attribute), nla_type: UInt16(INET_DIAG_REQ_BYTECODE)),
                toByteOffset: fixed, as: nlattr.self)
            bytes[(fixed + MemoryLayout<nlattr>.size)...].copyBytes(from: bytecode)
        }
    }

    /// Sends the request and visits its answers up to the last one; an error of the kernel is thrown unless it is
    /// `tolerated`. Answers to an earlier request that was given up are skipped.
    private func exchange(
        _ what: String, tolerated: Int32, _ visit: (UnsafePointer<nlmsghdr>) -> Void
    ) throws(SystemError) {
        let sequence = request.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 8, as: UInt32.self) }
        let isDump =
            request.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 6, as: UInt16.self) } & UInt16(NLM_F_DUMP) != 0
        try send()
        var isFinished = false
        var code: Int32 = 0
        while !isFinished {
            let isAnswered = try socket.receive { message in
                guard message.pointee.nlmsg_seq == sequence else { return }
                switch Int32(message.pointee.nlmsg_type) {
                case NLMSG_ERROR, NLMSG_DONE:
                    isFinished = true
                    if mnl_nlmsg_get_payload_len(message) >= 4, let payload = mnl_nlmsg_get_payload(message) {
                        code = -payload.loadUnaligned(as: Int32.self)
                    }
                case SOCK_DIAG_BY_FAMILY:
                    visit(message)
                    if !isDump { isFinished = true }
                default: break
                }
            }
            guard isAnswered else { throw SystemError(what, "no answer", code: ETIMEDOUT) }
        }
        if code > 0, code != tolerated { throw SystemError(what, code: code) }
    }

    private func send() throws(SystemError) {
        let result: Result<Void, SystemError> = request.withUnsafeBytes { bytes in
            do throws(SystemError) {
                try socket.send(bytes)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }
}

extension inet_diag_sockid {
    /// A cookie of `.max` is INET_DIAG_NOCOOKIE: any.
    fileprivate init(
        local: IPAddress, _ localPort: UInt16, peer: IPAddress, _ peerPort: UInt16, family: UInt8, interface: UInt32,
        cookie: UInt64
    ) {
        self.init()
        idiag_sport = localPort.bigEndian
        idiag_dport = peerPort.bigEndian
        idiag_src = local.diagWords(family: family)
        idiag_dst = peer.diagWords(family: family)
        idiag_if = interface
        idiag_cookie = (UInt32(truncatingIfNeeded: cookie), UInt32(truncatingIfNeeded: cookie >> 32))
    }
}
