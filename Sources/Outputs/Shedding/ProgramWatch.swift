import CLinux
import Glibc
import Posix
import ProcFS

/// Says when the program of the slots is started: by inotify on its file, which execve(2) opens.
///
/// It takes no rights but to read the file, works in every network and pid namespace, and costs nothing while no
/// connection comes. It tells neither pid nor peer: that is what the list of the listener's children is for.
final class ProgramWatch {
    let descriptor: Descriptor
    private var watch: Int32 = -1
    /// The file watched, so that one that took its place is noticed.
    private var file: (device: UInt, inode: UInt)?

    init() throws(SystemError) {
        descriptor = try Descriptor("inotify_init1", "", inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK)))
    }

    var isWatching: Bool { watch >= 0 }

    /// Watches the program that this process runs, unless it is watched already.
    func follow(runningIn pid: Int32) { follow("/proc/\(pid)/exe") }

    /// Before any slot was seen: the program that a listener of couriertcpd's kind was told to start, its last argument.
    func follow(startedBy listener: Int32) {
        guard let path = ProcessEntry(listener).commandLine?.last, path.hasPrefix("/") else { return }
        follow("/proc/\(listener)/root\(path)")
    }

    private func follow(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        let found = (device: UInt(status.st_dev), inode: UInt(status.st_ino))
        if isWatching, let file, file == found { return }
        let new = inotify_add_watch(descriptor.number, path, UInt32(IN_OPEN))
        guard new >= 0 else { return }
        if watch >= 0, watch != new { inotify_rm_watch(descriptor.number, watch) }
        watch = new
        file = found
    }

    /// Takes what has come. True when the program was started, or may have been.
    func drain() -> Bool {
        var hasStarted = false
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
            // An event without a name is 16 bytes; at most 256 of them at a time, and 64 times.
            for _ in 0..<64 {
                let count = read(descriptor.number, buffer.baseAddress, buffer.count)
                guard count > 0 else { return }
                var position = 0
                while position + 16 <= count {
                    let of = buffer.loadUnaligned(fromByteOffset: position, as: Int32.self)
                    let mask = buffer.loadUnaligned(fromByteOffset: position + 4, as: UInt32.self)
                    let length = buffer.loadUnaligned(fromByteOffset: position + 12, as: UInt32.self)
                    // The file is gone, and the next slot found brings its successor; or it was replaced by us.
                    if mask & UInt32(IN_IGNORED) == 0 { hasStarted = true } else if of == watch { watch = -1 }
                    position += 16 + Int(length)
                }
            }
        }
        return hasStarted
    }
}
