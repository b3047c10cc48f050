import Glibc

/// Where this host's mail log is, when nobody says.
package enum MailLog {
    /// The files that syslog daemons write mail to, best first: Debian, Red Hat, then those that take everything.
    package static let usualPaths = [
        "/var/log/mail.log", "/var/log/maillog", "/var/log/mail.info", "/var/log/syslog", "/var/log/messages",
    ]
    /// The systemd journal, as `mta.log` calls it.
    package static let journal = "journal"

    /// Whether `find` may name it.
    package static func isUsual(_ name: String) -> Bool { name == journal || usualPaths.contains(name) }

    /// The logs of these servers, as `mta.log` names them. One that logs to syslog, or no server at all, means the host's own
    /// mail log; `usual` is that one, where it is asked for.
    ///
    /// - Parameter kept: as for `find`.
    package static func names(
        of servers: [RunningServer], keeping kept: Set<String> = []
    ) -> (names: [String], usual: (name: String, exists: Bool)?) {
        var names = Set(servers.flatMap(\.logs))
        guard servers.isEmpty || servers.contains(where: { $0.logs.isEmpty }) else { return (names.sorted(), nil) }
        let usual = find(keeping: kept)
        names.insert(usual.name)
        return (names.sorted(), usual)
    }

    /// The first of the usual files that is written to still; else the journal; else the file that may yet come.
    ///
    /// A host that went over to the journal keeps its last mail.log lying there: a file without a line for two days is
    /// followed only where there is no journal.
    ///
    /// - Parameter kept: logs that are followed, and are there or were lately. One that is away is being rotated: the
    ///   syslog daemon makes it again with its next line, and another file may have the very same lines.
    package static func find(
        now: Int = time(nil), in root: String = "", keeping kept: Set<String> = []
    ) -> (name: String, exists: Bool) {
        var stale: String?
        for path in usualPaths {
            var status = stat()
            guard stat(root + path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                if kept.contains(root + path) { return (path, true) }
                continue
            }
            if now - Int(status.st_mtim.tv_sec) < 2 * 86400 { return (path, true) }
            stale = stale ?? path
        }
        // Volatile or persistent (systemd-journald.service(8)); the socket tells that journald runs.
        // Not by access(2), as in ServerFiles.
        var socket = stat()
        if stat(root + "/run/systemd/journal/socket", &socket) == 0 { return (journal, true) }
        return (stale ?? usualPaths[0], stale != nil)
    }
}
