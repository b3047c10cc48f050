import Events
import ProcFS

/// A Postfix that runs, from its main.cf and master.cf.
extension RunningServer {
    /// Postfix: master listens, and gives a connection to a process of the service that master.cf has on its port.
    static func postfix(_ listener: Listener) -> RunningServer {
        let files = ServerFiles(listener.pid)
        let folder = environmentValue("MAIL_CONFIG", in: files.environment.span) ?? "/etc/postfix"
        var server = RunningServer(.postfix, "Postfix", listener)
        guard let main = files.text(folder + "/main.cf"), let master = files.text(folder + "/master.cf") else {
            return server
        }
        server.configuration = folder
        let settings = PostfixSettings(main: main, master: master)
        let services = settings.services(on: listener.ports)
        for service in services { server.add(service, settings) }
        // What postscreen lets through comes to a service without a port.
        server.lists = settings.lists(of: settings.services.filter { $0.port == nil || services.contains($0) })
        if services.contains(where: { $0.command == "postscreen" }) { server.name = "Postfix (postscreen)" }
        // A container's log may go to its standard output; that is nobody's file.
        let file = settings.value("maillog_file")
        if file.hasPrefix("/"), !file.hasPrefix("/dev/") { server.logs = [files.log(file)] }
        if let pause = settings.span("smtpd_error_sleep_time"), pause > .zero {
            server.remark(
                "tarpit",
                "after \(settings.value("smtpd_soft_error_limit")) errors each reply waits \(pause.span) "
                    + "with its slot taken (smtpd_error_sleep_time)")
        }
        return server
    }

    private mutating func add(_ service: PostfixSettings.Service, _ settings: PostfixSettings) {
        // postscreen itself is one process: it limits whom it talks to, and only those that pass get a process of smtpd's.
        if service.command == "postscreen" {
            let limit = settings.number("postscreen_pre_queue_limit", of: service)
            limits.append(Limit(setting: "\(service.name): postscreen_pre_queue_limit", count: limit))
            if let span = settings.span("postscreen_command_time_limit", of: service) {
                remarkSilence(span, "postscreen_command_time_limit")
            }
            return
        }
        let byDefault = settings.number("default_process_limit", of: service)
        let limit = service.processLimit ?? byDefault
        limits.append(
            Limit(
                setting: service.processLimit == nil
                    ? "\(service.name): default_process_limit" : "\(service.name): maxproc in master.cf",
                count: limit == 0 ? nil : limit))
        if let span = settings.span("smtpd_timeout", of: service) {
            remarkSilence(span, "\(service.name): smtpd_timeout, less under stress")
        }
        let perPeer = settings.number("smtpd_client_connection_count_limit", of: service) ?? 0
        if let limit, limit > 0, perPeer == 0 || perPeer * 2 >= limit {
            remark(
                "slots",
                "\(service.name): one peer may hold \(perPeer == 0 ? "all" : "\(perPeer)") of \(limit) slots "
                    + "(smtpd_client_connection_count_limit)",
                "postconf -e smtpd_client_connection_count_limit=\(max(1, limit / 10)), and postfix reload")
        }
    }
}
