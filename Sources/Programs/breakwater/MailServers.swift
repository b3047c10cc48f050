import Configuration
import Events
import MailServer
import Netlink
import Shedding

/// Who listens on the configured ports, and which mail servers they are, of whatever kind; and the ports of listeners that
/// were not found.
func listeningServers(_ settings: Settings) throws -> (servers: [RunningServer], unknownPorts: [UInt16]) {
    let listeners = ListenerProcesses(sockets: try SockDiag(), ports: settings.mta.ports)
    try listeners.refresh()
    let found = RunningServer.find(
        listeners.listeners.map { RunningServer.Listener(pid: $0.pid, command: $0.command, ports: $0.ports) })
    return (found, listeners.unknownPorts)
}

extension Settings.MTA {
    /// The one kind that is wanted; `nil` for all.
    var onlyKind: MTA? { MTA(rawValue: kind.rawValue) }
}
