import Glibc

/// Calls `body` with the address of a Unix socket at `path`.
package func withSocketAddress<Result>(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
) throws(SystemError) -> Result {
    var address = sockaddr_un()
    // A leading "@" is the abstract namespace, whose first byte is zero (unix(7)).
    address.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(path.utf8)
    let isAbstract = bytes.first == UInt8(ascii: "@")
    if isAbstract { bytes[0] = 0 }
    let fits = withUnsafeMutableBytes(of: &address.sun_path) { buffer -> Bool in
        guard bytes.count < buffer.count, !bytes.dropFirst(isAbstract ? 1 : 0).contains(0) else { return false }
        buffer.copyBytes(from: bytes)
        return true
    }
    guard fits else { throw SystemError("socket path", path, code: ENAMETOOLONG) }
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(isAbstract ? 2 + bytes.count : MemoryLayout<sockaddr_un>.size))
        }
    }
}
