import Glibc
import Posix
import ProcFS

/// Files as a running server sees them: through /proc/PID/root, so that one in a container or chroot is read too.
struct ServerFiles {
    private let entry: ProcessEntry
    private let root: String
    /// What stands before its paths for us; empty when it sees the same files as we do.
    let prefix: String

    init(_ pid: Int32) {
        entry = ProcessEntry(pid)
        let root = "/proc/\(pid)/root"
        self.root = root
        // A chroot has a path for us, another mount namespace only the way through /proc. systemd gives a unit a
        // namespace of its own over the same files (ProtectSystem): a path through /proc would end with the server's
        // process there, and its next start would have the same log followed once more under another name.
        let isSameMounts = entry.mountNamespace == ProcessEntry.own.mountNamespace
        let isSameFiles = ["/", "/var/log"].allSatisfy { ServerFiles.isSame(root + $0, $0) }
        let target = isSameFiles ? "/" : isSameMounts ? linkTarget(root) ?? "/" : root
        prefix = target == "/" ? "" : target
    }

    /// Its arguments.
    var arguments: [String] { entry.commandLine ?? [] }
    var environment: [UInt8] { entry.environment ?? [] }

    /// A configuration file, at most 1 MiB of it; `nil` when it is not there or may not be read.
    func text(_ path: String) -> String? {
        (try? contents(of: root + path)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The first of these that can be read.
    func first(_ paths: [String]) -> (path: String, text: String)? {
        for path in paths {
            if let text = text(path) { return (path, text) }
        }
        return nil
    }

    /// A log of its as we name it.
    func log(_ path: String) -> String { prefix + path }

    /// Not by access(2): that asks for the real user without its capabilities, and the daemon under systemd has nothing
    /// else with which to pass /proc/PID/root and a directory like /var/log/exim4.
    func exists(_ path: String) -> Bool {
        var status = stat()
        return stat(root + path, &status) == 0
    }

    /// A log of its that is there, or is away while it is followed (`MailLog.find`).
    func hasLog(_ path: String, _ kept: Set<String>) -> Bool { exists(path) || kept.contains(log(path)) }

    private static func isSame(_ path: String, _ other: String) -> Bool {
        var (first, second) = (stat(), stat())
        return stat(path, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev
            && first.st_ino == second.st_ino
    }
}

extension String {
    /// Its lines, whichever way they end; Swift takes a carriage return and a newline for one character.
    var lines: [Substring] { split { $0 == "\n" || $0 == "\r\n" } }

    var withoutBlanks: String {
        var text = self[...]
        while let first = text.first, first == " " || first == "\t" || first == "\r" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" || last == "\r" { text.removeLast() }
        return String(text)
    }
}

/// A span as mail servers write it: `300`, `300s`, `5m`, `1h30m`; `unit` is what a bare number means. `nil` when it is none.
package func serverSpan(_ text: String, unit: Int64 = 1) -> Duration? {
    // More than this is no span that anybody means, and its sum might be no number.
    guard !text.isEmpty, text.utf8.count <= 64 else { return nil }
    var total: Int64 = 0
    var number: Int64?
    for byte in text.utf8 {
        if byte >= 0x30, byte <= 0x39 {
            guard (number ?? 0) < 100_000_000 else { return nil }
            number = (number ?? 0) * 10 + Int64(byte - 0x30)
            continue
        }
        guard let count = number, let factor = spanUnits[byte | 0x20] else { return nil }
        total += count * factor
        number = nil
    }
    if let number { total += number * unit }
    return .seconds(total)
}

private let spanUnits: [UInt8: Int64] = [
    UInt8(ascii: "s"): 1, UInt8(ascii: "m"): 60, UInt8(ascii: "h"): 3600, UInt8(ascii: "d"): 86400,
    UInt8(ascii: "w"): 604_800,
]
