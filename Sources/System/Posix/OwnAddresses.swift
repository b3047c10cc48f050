import Addresses
import Glibc

/// Every address of this host's interfaces (getifaddrs(3)), those of interfaces that are down included.
package func ownAddresses() -> [IPAddress] {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return [] }
    defer { freeifaddrs(list) }
    var found: Set<IPAddress> = []
    var next = list
    while let entry = next {
        if let address = entry.pointee.ifa_addr.flatMap(ipAddress) { found.insert(address) }
        next = entry.pointee.ifa_next
    }
    return found.sorted()
}

func ipAddress(_ socketAddress: UnsafeMutablePointer<sockaddr>) -> IPAddress? {
    switch Int32(socketAddress.pointee.sa_family) {
    case AF_INET:
        socketAddress.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
            IPAddress(v4: UInt32(bigEndian: $0.pointee.sin_addr.s_addr))
        }
    case AF_INET6:
        socketAddress.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
            withUnsafeBytes(of: &$0.pointee.sin6_addr) { IPAddress(networkBytes: Array($0)) }
        }
    default: nil
    }
}

/// This host's name as the kernel has it, which is what syslog daemons write (uname(2)).
package func ownHostName() -> String? {
    var names = utsname()
    guard uname(&names) == 0 else { return nil }
    let name = withUnsafeBytes(of: names.nodename) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    return name.isEmpty ? nil : name
}
