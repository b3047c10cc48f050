import Events
import ProcFS

/// From the process that listens to the mail server that it is.
extension RunningServer {
    /// What listens, by the name of its program and what is read of its configuration. Several may: Postfix on one port and
    /// Exim on another.
    ///
    /// - Parameter kind: only these, and those of which nothing is known; `nil` for all.
    package static func find(_ listeners: [Listener], _ kind: MTA? = nil) -> [RunningServer] {
        listeners.compactMap { listener in
            var server = find(listener)
            guard kind == nil || server.mta == nil || server.mta == kind else { return nil }
            // In a container or chroot of its own it has a syslog of its own, or ours.
            let prefix = ServerFiles(server.filesPid).prefix
            if server.logs.isEmpty, !prefix.isEmpty {
                let found = MailLog.find(in: prefix)
                if found.exists, found.name.hasPrefix("/") { server.logs = [prefix + found.name] }
            }
            return server
        }
    }

    private static func find(_ listener: Listener) -> RunningServer {
        let program = ProcessEntry(listener.pid).programName ?? listener.command
        switch listener.command {
        case "couriertcpd": return courier(listener)
        case "master": return postfix(listener)
        case "smtpd": return openSMTPD(listener)
        case "tcpserver", "sslserver": return tcpserver(listener)
        case "inetd", "xinetd", "systemd": return startedByOther(listener)
        default: break
        }
        if program.hasPrefix("exim") || listener.command.hasPrefix("exim") { return exim(listener) }
        if program.hasPrefix("sendmail") || listener.command == "sm-mta" { return sendmail(listener) }
        let isQpsmtpd =
            listener.command.hasPrefix("qpsmtpd")
            || ProcessEntry(listener.pid).commandLine?.contains { $0.contains("qpsmtpd") } == true
        if isQpsmtpd { return qpsmtpd(listener) }
        return startedByOther(listener)
    }

    private static func courier(_ listener: Listener) -> RunningServer {
        let (settings, file) = CourierHost.settings(listener: listener.pid)
        var server = RunningServer(.courier, "Courier", listener)
        server.configuration = file
        if let limit = settings.maxDaemons { server.limits = [Limit(setting: "MAXDAEMONS", count: limit)] }
        return server
    }
}
