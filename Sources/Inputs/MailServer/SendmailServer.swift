import Events

/// A Sendmail that runs, from its sendmail.cf.
extension RunningServer {
    /// Sendmail: the daemon forks for each connection, `MaxDaemonChildren` at once, without a limit unless it is set.
    static func sendmail(_ listener: Listener) -> RunningServer {
        let files = ServerFiles(listener.pid)
        var server = RunningServer(.sendmail, "Sendmail", listener)
        let named = files.arguments.first { $0.hasPrefix("-C") && $0.count > 2 }.map { String($0.dropFirst(2)) }
        guard let (path, text) = files.first([named ?? "/etc/mail/sendmail.cf", "/etc/sendmail.cf"]) else {
            return server
        }
        server.configuration = path
        server.lists = sendmailLists(text)
        let options = sendmailOptions(text)
        let limit = options["maxdaemonchildren"].flatMap { Int($0) } ?? 0
        server.limits = [Limit(setting: "MaxDaemonChildren", count: limit == 0 ? nil : limit)]
        if limit == 0 {
            server.remark(
                "slots", "MaxDaemonChildren is not set: as many processes as peers come",
                "define(`confMAX_DAEMON_CHILDREN', `40')dnl in sendmail.mc, or what the host can bear")
        }
        // Numbers in Timeout.command are minutes (op.ps, 5.6).
        let silence = options["timeout.command"].flatMap { serverSpan($0, unit: 60) } ?? .hours(1)
        server.remarkSilence(
            silence, "Timeout.command",
            silence > .minutes(5) ? "define(`confTO_COMMAND', `5m')dnl in sendmail.mc" : nil)
        if let rate = options["connectionratethrottle"].flatMap({ Int($0) }), rate > 0 {
            server.remark(
                "throttle",
                "no more than \(rate) connections are accepted in a second (ConnectionRateThrottle): in a wave good peers wait behind the others"
            )
        }
        return server
    }
}

/// The `O Name=value` lines of sendmail.cf, names in lower case; sendmail does not tell them apart by case.
package func sendmailOptions(_ text: String) -> [String: String] {
    var options: [String: String] = [:]
    for line in text.lines where line.hasPrefix("O ") {
        guard let equals = line.firstIndex(of: "=") else { continue }
        let name = line[..<equals].dropFirst(2)
        options[String(name).withoutBlanks.lowercased()] = String(line[line.index(after: equals)...]).withoutBlanks
    }
    return options
}
