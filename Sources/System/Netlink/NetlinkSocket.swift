import CLinux
import CNetfilter
import Glibc
import Posix

/// A netlink socket (netlink(7)) over libmnl, with one owner and one thread.
///
/// Requests are written with libmnl's or libnftnl's builders into a `MessageBuffer`; answers are visited message by
/// message while they stand in the socket's own receive buffer.
package final class NetlinkSocket {
    private let socket: OpaquePointer
    private var buffer: [UInt8]
    private var sequence: UInt32 = UInt32(truncatingIfNeeded: MonotonicClock.nanoseconds())

    /// - Parameters:
    ///   - family: `NETLINK_NETFILTER` or `NETLINK_SOCK_DIAG`.
    ///   - receiveBytes: room for one datagram; the kernel fills at most 32 KiB of a dump at a time.
    package init(family: Int32, isNonblocking: Bool = false, receiveBytes: Int = 65536) throws(SystemError) {
        let flags = Int32(SOCK_CLOEXEC.rawValue) | (isNonblocking ? Int32(SOCK_NONBLOCK.rawValue) : 0)
        guard let opened = mnl_socket_open2(family, flags) else {
            throw SystemError("netlink socket", "family \(family)")
        }
        guard mnl_socket_bind(opened, 0, 0) == 0 else {
            let code = errno
            mnl_socket_close(opened)
            throw SystemError("netlink bind", "family \(family)", code: code)
        }
        socket = opened
        buffer = [UInt8](repeating: 0, count: receiveBytes)
    }

    deinit { mnl_socket_close(socket) }

    package var descriptor: Int32 { mnl_socket_get_fd(socket) }
    package var portID: UInt32 { mnl_socket_get_portid(socket) }

    package func nextSequence() -> UInt32 {
        sequence &+= 1
        return sequence
    }

    /// Asks for room for `bytes` of queued answers; beyond rmem_max with CAP_NET_ADMIN.
    package func setReceiveQueue(bytes: Int32) {
        var size = bytes
        if setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, socklen_t(MemoryLayout<Int32>.size)) != 0 {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    /// Lets one request be up to `bytes` long (the default is about 200 KB).
    package func setSendQueue(bytes: Int32) {
        var size = bytes
        if setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &size, socklen_t(MemoryLayout<Int32>.size)) != 0 {
            setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    /// Asks for errors with the kernel's own words and the place of the fault (NETLINK_EXT_ACK), and without a copy of
    /// the request. Kernels before 4.12 refuse, and then errors are numbers only.
    package func askForFullErrors() {
        var on: Int32 = 1
        for option in [NETLINK_EXT_ACK, NETLINK_CAP_ACK] {
            mnl_socket_setsockopt(socket, option, &on, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    /// Joins a multicast group (an `NFNLGRP_` value).
    package func join(group: UInt32) throws(SystemError) {
        var value = group
        guard
            mnl_socket_setsockopt(
                socket, NETLINK_ADD_MEMBERSHIP, &value, socklen_t(MemoryLayout<UInt32>.size)) == 0
        else { throw SystemError("netlink join", "group \(group)") }
    }

    package func send(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        while mnl_socket_sendto(socket, bytes.baseAddress, bytes.count) < 0 {
            if errno != EINTR { throw SystemError("netlink send") }
        }
    }

    /// Receives one datagram and calls `visit` for each message in it. Returns false when a non-blocking socket has
    /// nothing more. Throws ENOBUFS when the kernel dropped messages for want of room.
    package func receive(_ visit: (UnsafePointer<nlmsghdr>) -> Void) throws(SystemError) -> Bool {
        var count = 0
        repeat {
            count = buffer.withUnsafeMutableBytes { mnl_socket_recvfrom(socket, $0.baseAddress, $0.count) }
        } while count < 0 && errno == EINTR
        if count < 0 {
            if errno == EAGAIN { return false }
            throw SystemError("netlink receive")
        }
        buffer.withUnsafeBytes { visitMessages(in: UnsafeRawBufferPointer(rebasing: $0.prefix(count)), visit) }
        return true
    }
}

/// Visits the messages of a datagram, each checked to lie inside it.
///
/// Not by libmnl's own walk: it compares lengths as signed numbers, and takes one of 2 GiB for a short one.
package func visitMessages(in datagram: UnsafeRawBufferPointer, _ visit: (UnsafePointer<nlmsghdr>) -> Void) {
    guard let base = datagram.baseAddress else { return }
    let headerBytes = MemoryLayout<nlmsghdr>.size
    var offset = 0
    while datagram.count - offset >= headerBytes {
        let header = (base + offset).assumingMemoryBound(to: nlmsghdr.self)
        let length = Int(header.pointee.nlmsg_len)
        guard length >= headerBytes, length <= datagram.count - offset else { return }
        visit(header)
        // NLMSG_ALIGN of linux/netlink.h.
        offset += (length + 3) & ~3
    }
}

/// Visits the attributes of a message behind its family header of `headerBytes`.
package func visitAttributes(
    of message: UnsafePointer<nlmsghdr>, after headerBytes: Int,
    _ visit: (_ type: Int, _ attribute: UnsafePointer<nlattr>) -> Void
) {
    guard let payload = mnl_nlmsg_get_payload_offset(message, headerBytes),
        let tail = mnl_nlmsg_get_payload_tail(message)
    else { return }
    var attribute = UnsafePointer(payload.assumingMemoryBound(to: nlattr.self))
    while mnl_attr_ok(attribute, Int32(tail - UnsafeMutableRawPointer(mutating: attribute))) {
        visit(Int(mnl_attr_get_type(attribute)), attribute)
        guard let next = mnl_attr_next(attribute) else { return }
        attribute = UnsafePointer(next)
    }
}
