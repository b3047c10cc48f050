import Foundation
import Glibc
import LogIntake
import Posix

/// A systemd-journald of our own, in a mount namespace: it sees its own /run, /var/log/journal and journald.conf.
final class RealJournal {
    /// Where its files are.
    let files: String
    private let base: LogDirectory
    private let process: Process

    static let daemon = "/lib/systemd/systemd-journald"
    static var isAvailable: Bool {
        getuid() == 0 && access(daemon, X_OK) == 0 && access("/etc/machine-id", R_OK) == 0
            && access("/etc/systemd/journald.conf", R_OK) == 0
    }

    init() throws {
        base = try LogDirectory()
        for name in ["run", "log"] { try base.makeDirectory(name) }
        // Two files of a machine id that is not this host's.
        try base.append("machine-id", "0123456789abcdef0123456789abcdef\n")
        try base.append(
            "journald.conf", "[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\nReadKMsg=no\nAudit=no\n")
        files = base.at("log/0123456789abcdef0123456789abcdef")
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        let script = """
            set -e; cd "$1"
            mount -t tmpfs tmpfs run; mount --bind run /run; mkdir -p /run/systemd/journal /var/log/journal
            mount --bind log /var/log/journal
            mount --bind machine-id /etc/machine-id; mount --bind journald.conf /etc/systemd/journald.conf
            touch /run/systemd/journal/flushed; exec \(RealJournal.daemon)
            """
        process.arguments = ["--mount", "--propagation", "private", "sh", "-c", script, "sh", base.path]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        try wait("journald") { access(files + "/system.journal", F_OK) == 0 && access(socket, F_OK) == 0 }
    }

    deinit {
        process.terminate()
        process.waitUntilExit()
    }

    /// Its /run, seen from outside of its namespace.
    private var socket: String { "/proc/\(process.processIdentifier)/root/run/systemd/journal/dev-log" }

    /// Sends one datagram as syslog(3) does, as root, or as another user.
    func log(_ text: String, user: UInt32 = 0) throws {
        guard user == 0 else {
            let logger = Process()
            let parts = text.split(separator: "[", maxSplits: 1)
            logger.executableURL = URL(fileURLWithPath: "/usr/bin/nsenter")
            logger.arguments = [
                "--mount", "--target", "\(process.processIdentifier)", "setpriv", "--reuid=\(user)", "--clear-groups",
                "logger", "--socket-errors=on", "-u", "/run/systemd/journal/dev-log", "-p", "mail.info",
                "-t", String(parts[0]), "--", String(parts[1]),
            ]
            try logger.run()
            logger.waitUntilExit()
            guard logger.terminationStatus == 0 else { throw SystemError("logger", "\(user)", code: EPERM) }
            return
        }
        let descriptor = try Descriptor("socket", "", Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0))
        var bytes = Array(("<22>Nov 21 06:50:00 " + text).utf8)
        let sent = try withSocketAddress(socket) { sendto(descriptor.number, &bytes, bytes.count, 0, $0, $1) }
        guard sent == bytes.count else { throw SystemError("sendto", socket) }
    }

    /// Archives the present file and begins another one.
    func rotate() throws {
        let before = archived.count
        kill(process.processIdentifier, SIGUSR2)
        try wait("rotation") { archived.count > before }
    }

    /// Deletes every archived file, as `journalctl --vacuum-...` does.
    func vacuum() throws { for name in archived { try FileManager.default.removeItem(atPath: files + "/" + name) } }

    private var archived: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: files)) ?? []).filter { $0.contains("@") }
    }

    func stream(
        _ names: [String] = [], start: JournalStream.Start = .end
    ) throws -> JournalStream {
        try JournalStream(names, start: start, directory: files)
    }
}

/// Waits for something another process does.
func wait(_ what: String, until isDone: () -> Bool) throws {
    for _ in 0..<1000 {
        if isDone() { return }
        usleep(10_000)
    }
    throw SystemError("wait", what, code: ETIMEDOUT)
}

extension LogStream {
    /// The lines that come until there are `count`, or for some seconds.
    func lines(count: Int) throws -> [String] {
        var found: [String] = []
        for _ in 0..<500 {
            found += try lines()
            if found.count >= count { break }
            usleep(10_000)
        }
        return found
    }
}
