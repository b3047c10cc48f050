import Bytes
import Events
import ProcFS

/// From the process that listens to the mail server that it is.
extension RunningServer {
    /// What listens, by the name of its program and what is read of its configuration. Several may: Postfix on one port and
    /// Exim on another.
    ///
    /// - Parameter kept: as for `MailLog.find`.
    package static func find(_ listeners: [Listener], keeping kept: Set<String> = []) -> [RunningServer] {
        listeners.map { listener in
            var server = find(listener, kept)
            // In a container or chroot of its own it has a syslog of its own, or ours.
            let prefix = ServerFiles(server.filesPid).prefix
            if server.logs.isEmpty, !prefix.isEmpty {
                let found = MailLog.find(in: prefix, keeping: kept)
                if found.exists, found.name.hasPrefix("/") { server.logs = [prefix + found.name] }
            }
            return server
        }
    }

    private static func find(_ listener: Listener, _ kept: Set<String>) -> RunningServer {
        let program = ProcessEntry(listener.pid).programName ?? listener.command
        switch listener.command {
        case "couriertcpd": return courier(listener)
        case "master": return postfix(listener)
        case "smtpd": return openSMTPD(listener)
        case "tcpserver", "sslserver": return tcpserver(listener)
        case "inetd", "xinetd", "systemd": return startedByOther(listener)
        default: break
        }
        if program.hasPrefix("exim") || listener.command.hasPrefix("exim") { return exim(listener, kept) }
        if program.hasPrefix("sendmail") || listener.command == "sm-mta" { return sendmail(listener) }
        let isQpsmtpd =
            listener.command.hasPrefix("qpsmtpd")
            || ProcessEntry(listener.pid).commandLine?.contains { $0.occurrence(of: "qpsmtpd") != nil } == true
        if isQpsmtpd { return qpsmtpd(listener, kept) }
        return startedByOther(listener)
    }

    private static func courier(_ listener: Listener) -> RunningServer {
        let (settings, file) = CourierHost.settings(listener: listener.pid)
        var server = RunningServer(.courier, "Courier", listener)
        server.configuration = file
        server.lists = settings.lists
        if let limit = settings.maxDaemons { server.limits = [Limit(setting: "MAXDAEMONS", count: limit)] }
        return server
    }
}
