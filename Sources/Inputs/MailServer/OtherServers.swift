import Bytes
import Events
import Glibc
import Posix
import ProcFS

/// Servers of which a command line tells all that is needed.
extension RunningServer {
    /// OpenSMTPD: one process for all, as many connections as it has descriptors for; 300 s of silence are built in.
    static func openSMTPD(_ listener: Listener) -> RunningServer {
        var server = RunningServer(.opensmtpd, "OpenSMTPD", listener)
        // The process that listens has shut itself into an empty directory.
        server.filesPid = ProcessEntry(listener.pid).stat?.parent ?? listener.pid
        server.configuration = ServerFiles(server.filesPid).exists("/etc/smtpd.conf") ? "/etc/smtpd.conf" : nil
        server.remarkSilence(.minutes(5), "built in")
        return server
    }

    /// qpsmtpd-forkserver: `-c` connections at once, `-m` of one address.
    static func qpsmtpd(_ listener: Listener, _ kept: Set<String> = []) -> RunningServer {
        let files = ServerFiles(listener.pid)
        var server = RunningServer(.qpsmtpd, "qpsmtpd", listener)
        let limit = files.arguments.argument(of: "-c").flatMap { Int($0) } ?? 15
        server.limits = [Limit(setting: "-c", count: limit)]
        let perPeer = files.arguments.argument(of: "-m").flatMap { Int($0) } ?? 5
        if perPeer * 2 > limit {
            server.remark("slots", "one peer may hold \(perPeer) of \(limit) slots (-m)", "a smaller -m")
        }
        let timeout = files.text("/etc/qpsmtpd/timeout").flatMap { serverSpan($0.withoutLineEnd) } ?? .seconds(1200)
        server.remarkSilence(timeout, "config/timeout", timeout > .minutes(5) ? "300 in config/timeout" : nil)
        for (name, isOfNames) in [("dnsbl_zones", false), ("rhsbl_zones", true)] {
            server.lists += qpsmtpdLists(files.text("/etc/qpsmtpd/" + name) ?? "", isOfNames: isOfNames)
        }
        let log = "/var/log/qpsmtpd/qpsmtpd.log"
        if files.hasLog(log, kept) { server.logs = [files.log(log)] }
        return server
    }

    /// tcpserver starts a program for each connection, `-c` at once; what it and its programs say goes to a multilog as a
    /// rule, through a pipe.
    static func tcpserver(_ listener: Listener) -> RunningServer {
        let files = ServerFiles(listener.pid)
        let isQpsmtpd = files.arguments.contains { $0.occurrence(of: "qpsmtpd") != nil }
        var server = RunningServer(isQpsmtpd ? .qpsmtpd : .qmail, "tcpserver", listener)
        server.limits = [Limit(setting: "-c", count: files.arguments.argument(of: "-c").flatMap { Int($0) } ?? 40)]
        server.lists = rblsmtpdLists(files.arguments)
        let timeout = files.text("/var/qmail/control/timeoutsmtpd").flatMap { serverSpan($0.withoutLineEnd) }
        if let timeout { server.remarkSilence(timeout, "control/timeoutsmtpd") }
        if let log = multilog(of: ProcessEntry(listener.pid)) { server.logs = [log] }
        return server
    }

    /// inetd, xinetd and systemd start whatever they are told to for a connection.
    static func startedByOther(_ listener: Listener) -> RunningServer {
        var server = RunningServer(nil, "a server that \(listener.command) starts for each connection", listener)
        server.remark(
            "mta", "\(listener.command) listens: what it starts, and how many at once, is in its own configuration",
            "name it with [mta] kind, log and slots")
        return server
    }

    /// The file that the multilog writes whose standard input is the pipe into which this process writes.
    private static func multilog(of server: ProcessEntry) -> String? {
        let pipes = Set(
            [server.target(of: 1), server.target(of: 2)].compactMap { $0 }.filter { $0.hasPrefix("pipe:") })
        guard !pipes.isEmpty else { return nil }
        for entry in ProcessEntry.all() ?? [] {
            guard entry.stat?.command == "multilog", let input = entry.target(of: 0), pipes.contains(input),
                let folder = entry.commandLine?.first(where: { $0.hasPrefix("/") || $0.hasPrefix(".") })
            else { continue }
            let files = ServerFiles(entry.pid)
            if folder.hasPrefix("/") { return files.log(folder + "/current") }
            guard let base = linkTarget("/proc/\(entry.pid)/cwd") else { return nil }
            return files.log(base + "/" + folder + "/current")
        }
        return nil
    }
}

extension String {
    fileprivate var withoutLineEnd: String { String(prefix { $0 != "\n" && $0 != "\r\n" }).withoutBlanks }
}
