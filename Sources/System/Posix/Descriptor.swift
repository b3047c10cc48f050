import CLinux
import Glibc

/// A file descriptor with one owner; it is closed when the owner lets go of it.
package struct Descriptor: ~Copyable, Sendable {
    package let number: Int32

    /// Takes over `number`.
    package init(owning number: Int32) { self.number = number }

    /// Takes over what a system call returned; a negative value is its failure.
    package init(_ call: String, _ subject: String = "", _ result: Int32) throws(SystemError) {
        guard result >= 0 else { throw SystemError(call, subject) }
        number = result
    }

    deinit { close(number) }

    /// Opens a file with O_CLOEXEC.
    package static func open(_ path: String, _ flags: Int32, mode: UInt32 = 0) throws(SystemError) -> Descriptor {
        try Descriptor("open", path, bw_open(path, flags, mode))
    }

    /// Reads up to `buffer.count` bytes; 0 is the end of a file, `nil` that a read would block.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int? {
        while true {
            let count = Glibc.read(number, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            if errno == EAGAIN { return nil }
            if errno != EINTR { throw SystemError("read") }
        }
    }

    /// Writes what fits; 0 when a write would block.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) -> Int {
        while true {
            let count = Glibc.write(number, bytes.baseAddress, bytes.count)
            if count >= 0 { return count }
            if errno == EAGAIN { return 0 }
            if errno != EINTR { throw SystemError("write") }
        }
    }
}

/// The whole of a file of at most `limit` bytes (files under /proc report size 0, so it reads to the end).
package func contents(of path: String, limit: Int = 1 << 20) throws(SystemError) -> [UInt8] {
    let file = try Descriptor.open(path, O_RDONLY)
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16384)
    while bytes.count < limit {
        let count = chunk.withUnsafeMutableBytes { Glibc.read(file.number, $0.baseAddress, $0.count) }
        if count == 0 { break }
        if count < 0 {
            if errno == EINTR { continue }
            throw SystemError("read", path)
        }
        bytes += chunk[..<count]
    }
    return bytes
}

/// The target of a symbolic link, or `nil` with errno set.
package func linkTarget(_ path: String) -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
        guard let base = buffer.baseAddress else { return nil }
        let count = readlink(path, base, buffer.count)
        return count < 0
            ? nil
            : String(
                decoding: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]), as: UTF8.self)
    }
}
