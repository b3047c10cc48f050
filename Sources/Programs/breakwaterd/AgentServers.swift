import Configuration
import Events
import LogIntake
import MailServer
import Posix
import Shedding

/// The mail servers that run here: found by who listens on our ports, again when others do. From them come the logs that
/// are followed with `log = "auto"`, the number of slots, and which connections a line may be about.
extension Agent {
    /// Looks who listens. `anew`: also when it is the same, as its settings may have changed.
    func lookForServers(anew: Bool = false) {
        do throws(SystemError) { try shedder.listeners.refresh() } catch { journal.warn("servers", "\(error)") }
        let listeners = shedder.listeners.listeners
        // The configuration's own count needs no server.
        if slotLimit == nil { slotLimit = findSlotLimit() }
        guard anew || listeners != listenersSeen else { return }
        listenersSeen = listeners
        let kind = MTA(rawValue: settings.mta.kind.rawValue)
        let all = RunningServer.find(
            listeners.map { RunningServer.Listener(pid: $0.pid, command: $0.command, ports: $0.ports) },
            keeping: keptLogs)
        problem("kind", RunningServer.misfit(all, kind).map { "\($0.text) -> \($0.remedy)" })
        let found = all.filter { $0.fits(kind) }
        shedder.servers = [:]
        for server in found {
            // What tcpserver starts may be another server than it is taken for.
            guard let mta = server.mta, mta != .qmail else { continue }
            for port in server.listener.ports { shedder.servers[port] = mta }
        }
        if found != servers {
            servers = found
            slotLimit = findSlotLimit()
            for server in found {
                journal.note("mail server: \(server.name) on \(server.listener.ports), pid \(server.listener.pid)")
            }
            setEarly()
        }
        followServersLogs()
    }

    /// What the configuration says, or what the servers that run say of themselves: the sum, where each says a number.
    private func findSlotLimit() -> Int? {
        if case .count(let count) = settings.mta.slots { return count }
        guard !servers.isEmpty else { return nil }
        var sum = 0
        for server in servers {
            guard let count = server.slots else { return nil }
            sum += count
        }
        return sum
    }

    /// Logs that are there, or were within two days: for as long the host's own mail log is not looked for elsewhere.
    private var keptLogs: Set<String> {
        let now = clock.now
        return Set(logs.filter { $0.awaySince.map { now - $0 < .days(2) } ?? true }.map(\.stream.name))
    }

    /// With `log = "auto"`: the logs of the servers found; the host's own mail log where one of them logs to syslog, or none
    /// was found. A server's log once followed stays: it may come back. Of the host's own there is one at a time, as
    /// syslog daemons write the same line to several files.
    private func followServersLogs() {
        guard case .auto = settings.mta.log else { return }
        let (names, usual) = MailLog.names(of: servers, keeping: keptLogs)
        if let usual, !usual.exists {
            journal.warn(
                "log",
                "none of \(MailLog.usualPaths.joined(separator: ", ")) exists, and no journal; waiting for \(usual.name)"
            )
        }
        // While nothing listens, what is followed already will do.
        if servers.isEmpty, logs.contains(where: { $0.awaySince == nil }) { return }
        if usual != nil {
            for log in logs where !names.contains(log.stream.name) && MailLog.isUsual(log.stream.name) { leave(log) }
        }
        for name in names where !logs.contains(where: { $0.stream.name == name }) {
            follow(name == MailLog.journal ? .journal([]) : .file(name))
        }
    }

    /// A row's text of each server: `postfix on 25, 587: 200 (smtp: default_process_limit 100, ...)`.
    var serverTexts: [String] {
        servers.map { server in
            var text = "\(server.name) on " + server.listener.ports.map(String.init).joined(separator: ", ")
            let limits = server.limits.map { "\($0.setting) \($0.count.map(String.init) ?? "without limit")" }
            if !limits.isEmpty { text += " (\(limits.joined(separator: ", ")))" }
            return text
        }
    }

    /// The kinds of those found, as `status` has always named them; the configured one while none is.
    var serverKinds: String {
        var kinds: [String] = []
        for server in servers {
            let kind = server.mta?.rawValue ?? server.listener.command
            if !kinds.contains(kind) { kinds.append(kind) }
        }
        return kinds.isEmpty ? settings.mta.kind.rawValue : kinds.joined(separator: ", ")
    }
}
