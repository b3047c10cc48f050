import Addresses
import Glibc

/// Sockets of IPv4 and IPv6, with addresses as `IPAddress`.
package enum InternetSocket {
    /// Binds a socket that does not block to an address and port; one of IPv6's `::` takes IPv4 too. The address need
    /// not be this host's yet (ip(7), IP_FREEBIND): at boot the daemon may come before it.
    package static func bound(
        _ type: __socket_type, to address: IPAddress, port: UInt16
    ) throws(SystemError) -> Descriptor {
        let family = address.isIPv4 ? AF_INET : AF_INET6
        let flags = SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let subject = "\(address) port \(port)"
        let descriptor = try Descriptor("socket", subject, socket(family, Int32(type.rawValue | flags), 0))
        let number = descriptor.number
        // For UDP it would mean to share the port with whoever does the same, and to take his packets.
        if type == SOCK_STREAM { set(number, SOL_SOCKET, SO_REUSEADDR, 1) }
        set(number, Int32(IPPROTO_IP), IP_FREEBIND, 1)
        if family == AF_INET6 { set(number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
        let result = with(address, port) { bind(number, $0, $1) }
        guard result == 0 else { throw SystemError("bind", subject) }
        return descriptor
    }

    @discardableResult
    package static func set(_ number: Int32, _ level: Int32, _ option: Int32, _ value: Int32) -> Bool {
        var value = value
        return setsockopt(number, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
    }

    /// Who is at the other end; `nil` when nobody is any more.
    package static func peer(of number: Int32) -> IPAddress? {
        receive { getpeername(number, $0, $1) == 0 ? 0 : nil }?.address
    }

    /// One datagram and who sent it; `nil` when there is none. Longer ones are cut to the buffer.
    package static func datagram(
        from number: Int32, into buffer: UnsafeMutableBufferPointer<UInt8>
    ) -> (count: Int, sender: IPAddress)? {
        receive { address, length in
            let count = recvfrom(number, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT), address, length)
            return count >= 0 ? count : nil
        }.map { (count: $0.result, sender: $0.address) }
    }

    private static func receive(
        _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int?
    ) -> (result: Int, address: IPAddress)? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard let result = call(address, &length), let found = ipAddress(address) else { return nil }
                return (result, found)
            }
        }
    }

    /// Calls `body` with an address and port as the kernel takes them.
    package static func with<Result>(
        _ address: IPAddress, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        if let v4 = address.v4 {
            var form = sockaddr_in()
            form.sin_family = sa_family_t(AF_INET)
            form.sin_port = port.bigEndian
            form.sin_addr.s_addr = v4.bigEndian
            return withUnsafePointer(to: &form) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        var form = sockaddr_in6()
        form.sin6_family = sa_family_t(AF_INET6)
        form.sin6_port = port.bigEndian
        withUnsafeMutableBytes(of: &form.sin6_addr) { $0.copyBytes(from: address.networkBytes) }
        return withUnsafePointer(to: &form) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
            }
        }
    }
}
