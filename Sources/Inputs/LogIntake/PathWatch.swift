import CLinux
import Glibc
import Posix

/// Inotify on a path that may not exist, or be reached through symbolic links that may be switched: every directory
/// in which a change would make the path mean another file, and the files that are open.
///
/// A watch only says when to look; what there is to see is asked of the file system. So a lost event costs nothing
/// but time, and a watch that the kernel refuses (its limit is reached) leaves the polling once a second.
final class PathWatch {
    let descriptor: Descriptor
    private var directories: Set<Int32> = []
    private var buffer = [UInt8](repeating: 0, count: 16384)

    init() throws(SystemError) {
        descriptor = try Descriptor("inotify_init1", "", inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK)))
    }

    /// Watches the directories on the way to `path` as it leads now, and no longer those of before.
    func watchDirectories(to path: String) {
        var present: Set<Int32> = []
        for directory in PathWatch.directories(to: path) {
            let watch = inotify_add_watch(descriptor.number, directory, PathWatch.directoryEvents)
            if watch >= 0 { present.insert(watch) }
        }
        for gone in directories.subtracting(present) { inotify_rm_watch(descriptor.number, gone) }
        directories = present
    }

    /// Watches an open file itself, whatever name it has or gets.
    func watchFile(_ file: Int32) -> Int32? {
        let watch = inotify_add_watch(descriptor.number, "/proc/self/fd/\(file)", PathWatch.fileEvents)
        return watch >= 0 ? watch : nil
    }

    func forget(_ watch: Int32?) {
        if let watch { inotify_rm_watch(descriptor.number, watch) }
    }

    /// Takes all events that wait. Returns whether the path may lead to another file now.
    func drain() -> Bool {
        var needsLook = false
        // The kernel keeps at most max_queued_events (16,384 by default); what is left keeps the descriptor readable.
        for _ in 0..<256 {
            let count = buffer.withUnsafeMutableBytes { read(descriptor.number, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            var position = 0
            while count - position >= 16 {
                // struct inotify_event: int wd; uint32_t mask, cookie, len; char name[len].
                let (watch, mask, length) = buffer.withUnsafeBytes { bytes in
                    (
                        bytes.loadUnaligned(fromByteOffset: position, as: Int32.self),
                        bytes.loadUnaligned(fromByteOffset: position + 4, as: UInt32.self),
                        bytes.loadUnaligned(fromByteOffset: position + 12, as: UInt32.self)
                    )
                }
                // An overflow has no watch; of an open file only writing is no reason to look at the path.
                if directories.contains(watch) || mask != UInt32(IN_MODIFY) { needsLook = true }
                position += 16 + Int(length)
            }
        }
        return needsLook
    }

    /// The directories whose entries decide where `path` leads: those that hold a symbolic link on the way, the one
    /// that holds the file, and the first that lacks the next name.
    static func directories(to path: String) -> [String] {
        var found: [String] = []
        var base = path.hasPrefix("/") ? "/" : "."
        var names = path.split(separator: "/").map(String.init)
        // The kernel follows at most 40 links (path_resolution(7)).
        var links = 0
        while !names.isEmpty {
            let name = names.removeFirst()
            let full = base == "/" ? "/" + name : base + "/" + name
            var status = stat()
            if lstat(full, &status) != 0 {
                found.append(base)
                break
            }
            if status.st_mode & S_IFMT == S_IFLNK, links < 40, let target = linkTarget(full) {
                links += 1
                found.append(base)
                if target.hasPrefix("/") { base = "/" }
                names = target.split(separator: "/").map(String.init) + names
            } else {
                if names.isEmpty { found.append(base) }
                base = full
            }
        }
        return found
    }

    private static let directoryEvents =
        UInt32(
            IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF) | UInt32(IN_ONLYDIR)
    private static let fileEvents = UInt32(IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)
}
