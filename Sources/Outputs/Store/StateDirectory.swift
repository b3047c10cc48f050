import CLinux
import Events
import Glibc
import Posix

/// The directory that holds the database and the lock: its owner's alone.
package struct StateDirectory: Sendable {
    package let path: String

    package init(_ path: String) { self.path = path }

    package var databasePath: String { path + "/breakwater.db" }
    package var historyPath: String { path + "/history.db" }

    /// Who owns the directory; `nil` when that cannot be told.
    package var owner: (user: uid_t, group: gid_t)? {
        var status = stat()
        return stat(path, &status) == 0 ? (status.st_uid, status.st_gid) : nil
    }

    /// Creates the directory with mode 0700 when it is missing (not its parents), and takes other people's rights on it.
    func prepare() throws(SystemError) {
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw SystemError("mkdir", path) }
        var status = stat()
        guard stat(path, &status) == 0 else { throw SystemError("stat", path) }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw SystemError("open", path, code: ENOTDIR) }
        // Whoever owns the directory can put a file of his own in the database's place.
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw SystemError("check owner \(status.st_uid) of", path, code: EPERM)
        }
        if status.st_mode & 0o077 != 0, chmod(path, 0o700) != 0 { throw SystemError("chmod 0700", path) }
    }

    /// The database's device and inode, to notice that it was replaced; `nil` when it is not there.
    var databaseIdentity: [UInt64]? {
        var status = stat()
        guard stat(databasePath, &status) == 0 else { return nil }
        return [UInt64(status.st_dev), UInt64(status.st_ino)]
    }

    /// What names this directory among all of the host's while it exists: device and inode, and the path where that is
    /// plain and has up to 90 bytes.
    package var identity: String? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        let isPlain = path.utf8.count <= 90 && Record.escaped(path.utf8) == path
        return "\(status.st_dev):\(status.st_ino)" + (isPlain ? " \(path)" : "")
    }

    /// Whether a breakwaterd that lives holds the directory of this identity; false also where that cannot be seen.
    package static func isHeld(_ identity: String) -> Bool {
        guard let blank = identity.firstIndex(of: " ") else { return false }
        let directory = StateDirectory(String(identity[identity.index(after: blank)...]))
        guard directory.identity == identity,
            let file = try? Descriptor.open(directory.path + "/lock", O_RDONLY | O_NOFOLLOW)
        else { return false }
        // Let go at once, with the descriptor.
        return flock(file.number, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }

    /// Moves the database and what SQLite keeps beside it out of the way. Returns the new name.
    func moveDatabaseAside(at time: Instant) throws(SystemError) -> String { try moveAside("breakwater.db", at: time) }

    /// The same with a file of this directory; the newest three of it that were moved aside stay.
    func moveAside(_ file: String, at time: Instant) throws(SystemError) -> String {
        let t = CivilTime(time)
        let stamp =
            padded(t.year, 4) + padded(t.month, 2) + padded(t.day, 2) + "-" + padded(t.hour, 2) + padded(t.minute, 2)
            + padded(t.second, 2)
        let prefix = file + ".corrupt-"
        let name = prefix + stamp
        for suffix in StateDirectory.companions {
            if rename(path + "/" + file + suffix, path + "/" + name + suffix) != 0, errno != ENOENT {
                throw SystemError("rename", path + "/" + file + suffix)
            }
        }
        removeOld(prefix)
        return name
    }

    /// Keeps the newest three: their names carry their time.
    private func removeOld(_ prefix: String) {
        guard let directory = opendir(path) else { return }
        defer { closedir(directory) }
        var names: Set<String> = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) {
                    String(cString: $0)
                }
            }
            if name.hasPrefix(prefix) { names.insert(String(name.prefix(prefix.utf8.count + 15))) }
        }
        for name in names.sorted().dropLast(3) {
            for suffix in StateDirectory.companions { unlink(path + "/" + name + suffix) }
        }
    }

    /// The file itself, its write-ahead log and the log's index (sqlite.org/wal.html).
    private static let companions = ["", "-wal", "-shm"]
}

/// The lock that says "one breakwaterd on this state directory", held for life.
///
/// It is the kernel's (flock(2)): it ends with the process however that ends, so nothing stale is ever in the way.
package struct StateLock: ~Copyable {
    private let file: Descriptor

    package enum Failure: Error, CustomStringConvertible {
        /// Another breakwaterd lives. The daemon ends with `exitCode`.
        case alreadyRunning(pid: String?, path: String)
        /// The lock cannot be had, for whatever reason; the daemon says so and protects without it.
        case unavailable(SystemError)

        package var description: String {
            switch self {
            case .alreadyRunning(let pid, let path):
                "breakwaterd is already running\(pid.map { " as process \($0)" } ?? ""): \(path) is locked"
            case .unavailable(let error): "lock of the state directory: \(error)"
            }
        }

        /// EX_TEMPFAIL of sysexits.h: nothing is wrong with usage, rights or configuration, and once the other one has
        /// ended a second try succeeds, which is what a service manager makes of it.
        package static let exitCode: Int32 = 75
    }

    package init(_ directory: StateDirectory) throws(Failure) {
        let path = directory.path + "/lock"
        file = try StateLock.locked(directory, path)
        // For people; the lock itself is the kernel's.
        let text = Array("\(getpid())\n".utf8)
        ftruncate(file.number, 0)
        _ = text.withUnsafeBytes { pwrite(file.number, $0.baseAddress, $0.count, 0) }
    }

    private static func locked(_ directory: StateDirectory, _ path: String) throws(Failure) -> Descriptor {
        do throws(SystemError) {
            try directory.prepare()
            let file = try Descriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
            if flock(file.number, LOCK_EX | LOCK_NB) != 0 { throw SystemError("flock", path) }
            return file
        } catch {
            throw error.code == EWOULDBLOCK ? .alreadyRunning(pid: holder(path), path: path) : .unavailable(error)
        }
    }

    private static func holder(_ path: String) -> String? {
        guard let bytes = try? contents(of: path, limit: 16) else { return nil }
        let digits = bytes.prefix { (0x30...0x39).contains($0) }
        return digits.isEmpty ? nil : String(decoding: digits, as: UTF8.self)
    }
}
