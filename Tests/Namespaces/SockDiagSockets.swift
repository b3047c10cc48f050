import Glibc
import Testing

/// A TCP socket for tests; closed with its owner.
final class TestSocket {
    let number: Int32

    init(_ number: Int32) throws {
        self.number = number
        try #require(number >= 0, "socket: errno \(errno)")
    }
    deinit { close(number) }

    var inode: UInt32 {
        var status = stat()
        fstat(number, &status)
        return UInt32(status.st_ino)
    }

    /// The local port, and the local address as text.
    var port: UInt16 {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        withUnsafeMutableBytes(of: &address) { bytes in
            _ = getsockname(number, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
        }
        // The port stands at the same place in sockaddr_in and sockaddr_in6.
        return withUnsafeBytes(of: address) { UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self)) }
    }

    private static func opened(for address: String) throws -> TestSocket {
        try TestSocket(socket(address.contains(":") ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0))
    }

    static func listener(_ address: String, port: UInt16 = 0) throws -> TestSocket {
        let socket = try opened(for: address)
        var off: Int32 = 0
        if address == "::" { setsockopt(socket.number, Int32(IPPROTO_IPV6), 26, &off, 4) }
        try with(address, port) { try #require(bind(socket.number, $0, $1) == 0, "bind: errno \(errno)") }
        try #require(listen(socket.number, 1024) == 0)
        return socket
    }

    static func connected(to address: String, port: UInt16, from source: String? = nil) throws -> TestSocket {
        let socket = try opened(for: address)
        if let source { try with(source, 0) { try #require(bind(socket.number, $0, $1) == 0, "bind: errno \(errno)") } }
        try with(address, port) { try #require(connect(socket.number, $0, $1) == 0, "connect: errno \(errno)") }
        return socket
    }

    func accepted() throws -> TestSocket { try TestSocket(accept(number, nil, nil)) }

    func send(_ text: String) {
        _ = Array(text.utf8).withUnsafeBytes {
            Glibc.send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
    }

    /// What has arrived within `milliseconds`; empty at the end, `nil` when nothing came or the peer has reset.
    func receive(milliseconds: Int32 = 5000) -> String? {
        var wanted = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        guard poll(&wanted, 1, milliseconds) == 1 else { return nil }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(number, &buffer, buffer.count, 0)
        return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// Ends with a reset instead of the usual exchange.
    func resetOnClose() {
        var value = linger(l_onoff: 1, l_linger: 0)
        setsockopt(number, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
    }

    private static func with(
        _ text: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Void
    ) throws {
        if text.contains(":") {
            var address = sockaddr_in6()
            address.sin6_family = UInt16(AF_INET6)
            address.sin6_port = port.bigEndian
            try #require(inet_pton(AF_INET6, text, &address.sin6_addr) == 1)
            try withUnsafeBytes(of: &address) { bytes in
                let pointer = try #require(bytes.baseAddress).assumingMemoryBound(to: sockaddr.self)
                try body(pointer, socklen_t(MemoryLayout<sockaddr_in6>.size))
            }
        } else {
            var address = sockaddr_in()
            address.sin_family = UInt16(AF_INET)
            address.sin_port = port.bigEndian
            try #require(inet_pton(AF_INET, text, &address.sin_addr) == 1)
            try withUnsafeBytes(of: &address) { bytes in
                let pointer = try #require(bytes.baseAddress).assumingMemoryBound(to: sockaddr.self)
                try body(pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
