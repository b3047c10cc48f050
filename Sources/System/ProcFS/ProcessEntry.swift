import CLinux
import Glibc
import Posix

/// One process's folder under /proc, read afresh on every call.
///
/// A process may end between any two reads, so "not there" is an ordinary answer: everything here is `nil` (or
/// empty) then, and also where the reader has no right to look. Reading another user's descriptors and environment
/// needs CAP_SYS_PTRACE.
package struct ProcessEntry: Hashable, Sendable {
    package let pid: Int32

    package init(_ pid: Int32) { self.pid = pid }

    package static var own: ProcessEntry { ProcessEntry(getpid()) }

    package var stat: ProcessStat? {
        guard let bytes = text("stat", limit: 4096) else { return nil }
        return ProcessStat(bytes.span)
    }

    /// The children of its first thread, in the order they were started. The kernel may leave one out while others
    /// end during the read, so a miss is worth a second look.
    package var children: [Int32] {
        guard let bytes = text("task/\(pid)/children", limit: 1 << 20) else { return [] }
        return childList(bytes.span)
    }

    package var executable: String? { linkTarget("/proc/\(pid)/exe") }
    package var programName: String? { executable.map { ProcFS.programName(linkTarget: $0) } }
    /// Names its mount namespace.
    package var mountNamespace: String? { linkTarget("/proc/\(pid)/ns/mnt") }
    /// Where a descriptor of its leads: `pipe:[4711]`, or a path.
    package func target(of descriptor: Int32) -> String? { linkTarget("/proc/\(pid)/fd/\(descriptor)") }
    /// Names its pid namespace: `pid:[4026531836]`.
    package var pidNamespace: String? { linkTarget("/proc/\(pid)/ns/pid") }

    /// The arguments it was started with, at most 64 KiB of them.
    package var commandLine: [String]? {
        text("cmdline", limit: 65536)?.split(separator: 0, omittingEmptySubsequences: false)
            .dropLast().map { String(decoding: $0, as: UTF8.self) }
    }

    /// The environment it was started with; later changes of its own do not show.
    package var environment: [UInt8]? { text("environ", limit: 65536) }

    /// The number of the system call it is in; also `nil` while it runs and where ptrace(2) is forbidden.
    package var systemCall: Int? { systemCallText.flatMap { systemCallNumber($0.span) } }
    var systemCallText: [UInt8]? { text("syscall", limit: 256) }

    /// How often it has gone to sleep so far.
    package var sleeps: UInt64? {
        text("status", limit: 16384).flatMap { numberField("voluntary_ctxt_switches", in: $0.span) }
    }

    /// The descriptors that an epoll set of its watches, among the first few hundred.
    func watched(byEpoll number: Int32) -> [Int32] {
        text("fdinfo/\(number)", limit: 65536).map { epollTargets($0.span) } ?? []
    }

    /// `count` bytes of its memory, all of them or `nil`.
    func memory(at address: UInt64, count: Int) -> [UInt8]? {
        guard count > 0, let offset = Int(exactly: address),
            let file = try? Descriptor.open("/proc/\(pid)/mem", O_RDONLY)
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: count)
        return pread(file.number, &bytes, count, offset) == count ? bytes : nil
    }

    /// Bytes it has handed to write(2) and its like so far, whatever they went to (`wchar` of proc_pid_io(5)).
    package var bytesWritten: UInt64? {
        text("io", limit: 4096).flatMap { numberField("wchar", in: $0.span) }
    }

    /// The pid of whoever traces it with ptrace(2), 0 when nobody does.
    package var tracer: UInt64? { text("status", limit: 16384).flatMap { numberField("TracerPid", in: $0.span) } }

    /// The real user it runs as. Whoever owns its folder may be another: root does where it is not dumpable (proc(5)).
    package var user: UInt64? { text("status", limit: 16384).flatMap { numberField("Uid", in: $0.span) } }

    /// The capabilities it acts with, by their numbers in linux/capability.h.
    package var effectiveCapabilities: UInt64? {
        text("status", limit: 16384).flatMap { bitsField("CapEff", in: $0.span) }
    }

    package var residentBytes: UInt64? {
        text("status", limit: 16384).flatMap { kilobyteField("VmRSS", in: $0.span) }
    }

    /// Its memory, what it shares with others divided among them (`Pss`).
    package var shareOfMemory: UInt64? {
        text("smaps_rollup", limit: 4096).flatMap { kilobyteField("Pss", in: $0.span) }
    }

    private func text(_ name: String, limit: Int) -> [UInt8]? {
        let path = "/proc/\(pid)/\(name)"
        // A process that is gone, or may not be read: the same answer for whoever asks.
        guard limit <= 65536 else { return try? contents(of: path, limit: limit) }
        // One read gives the whole of such a file: only a list of many records comes in pieces.
        guard let file = try? Descriptor.open(path, O_RDONLY) else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: limit, alignment: 8) { buffer in
            guard let count = try? file.read(into: buffer) else { return nil }
            return Array(buffer[..<count])
        }
    }
}

// MARK: - Descriptors

extension ProcessEntry {
    /// The inode of the socket that is its descriptor `number`; `nil` when that is none.
    package func socket(at number: Int32) -> UInt32? {
        linkTarget("/proc/\(pid)/fd/\(number)").flatMap { socketInode(linkTarget: $0) }
    }

    /// Its descriptors that are sockets. `nil` when the list cannot be read or is longer than `limit`, as then
    /// nothing can be said of what it owns.
    package func sockets(limit: Int = 4096) -> [(descriptor: Int32, inode: UInt32)]? {
        guard let numbers = numericNames(in: "/proc/\(pid)/fd", limit: limit) else { return nil }
        return numbers.compactMap { number in socket(at: number).map { (number, $0) } }
    }

    /// Those among its first descriptors that are sockets, however many there are; empty when they cannot be read.
    package func sockets(first count: Int) -> [(descriptor: Int32, inode: UInt32)] {
        (numericNames(in: "/proc/\(pid)/fd", first: count) ?? []).compactMap { number in
            socket(at: number).map { (number, $0) }
        }
    }

    /// Whether the socket at `number` is a TCP one, of either family, connected or listening; `nil` when it cannot
    /// be said.
    package func isTCP(at number: Int32) -> Bool? {
        // sockfs names the protocol of a socket in an attribute of its inode (Linux 2.6.38).
        let name = withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer -> String? in
            let count = getxattr("/proc/\(pid)/fd/\(number)", "system.sockprotoname", buffer.baseAddress, buffer.count)
            guard count > 0 else { return nil }
            return String(decoding: buffer[..<count].prefix { $0 != 0 }, as: UTF8.self)
        }
        return name.map { $0 == "TCP" || $0 == "TCPv6" || $0 == "MPTCP" || $0 == "MPTCPv6" }
    }

    /// Every process of this /proc, at most `limit`; `nil` when there are more or /proc cannot be read.
    package static func all(limit: Int = 200_000) -> [ProcessEntry]? {
        numericNames(in: "/proc", limit: limit)?.map { ProcessEntry($0) }
    }
}

/// The names in a folder that are numbers; `nil` when there are more than `limit`.
private func numericNames(in path: String, limit: Int) -> [Int32]? {
    guard let numbers = numericNames(in: path, first: limit + 1), numbers.count <= limit else { return nil }
    return numbers
}

/// The first `count` names in a folder that are numbers; /proc gives them in ascending order.
private func numericNames(in path: String, first count: Int) -> [Int32]? {
    guard let folder = opendir(path) else { return nil }
    defer { closedir(folder) }
    var numbers: [Int32] = []
    while let entry = readdir(folder) {
        // The name is read in place: the record is only as long as its name, shorter than the struct says.
        guard let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name) else { return nil }
        let name = (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: UInt8.self)
        var value: Int32 = 0
        var isNumber = true
        for index in 0..<256 {
            let digit = name[index]
            if digit == 0 { break }
            guard digit >= 0x30, digit <= 0x39, value < 100_000_000 else {
                isNumber = false
                break
            }
            value = value * 10 + Int32(digit - 0x30)
        }
        guard isNumber else { continue }
        numbers.append(value)
        if numbers.count == count { break }
    }
    return numbers
}
