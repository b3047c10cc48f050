import Configuration
import Events
import MailServer
import Netlink
import Shedding

/// Who listens on the configured ports, and which mail servers they are; and the ports of listeners that were not found.
func runningServers(_ settings: Settings) throws -> (servers: [RunningServer], unknownPorts: [UInt16]) {
    let listeners = ListenerProcesses(sockets: try SockDiag(), ports: settings.mta.ports)
    try listeners.refresh()
    let found = RunningServer.find(
        listeners.listeners.map { RunningServer.Listener(pid: $0.pid, command: $0.command, ports: $0.ports) },
        MTA(rawValue: settings.mta.kind.rawValue))
    return (found, listeners.unknownPorts)
}
