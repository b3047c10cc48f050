import Netlink
import Posix
import ProcFS

/// The processes that listen on our ports.
///
/// Finding them takes one walk over /proc, so it is done at the start and again only when one of them is gone or the
/// listening sockets are others than before, and at most once a second.
package final class ListenerProcesses {
    package struct Listener: Equatable, Sendable {
        package var pid: Int32
        package var startTicks: UInt64
        /// As /proc/PID/comm has it.
        package var command: String
        package var ports: [UInt16]
        package var pidNamespace: String
    }

    package private(set) var listeners: [Listener] = []
    /// The socket families listened on, and so those of all accepted connections.
    package private(set) var families = SockDiag.bothFamilies
    /// Ports that somebody listens on who was not found: a program of another name, or one that may not be looked at.
    package private(set) var unknownPorts: [UInt16] = []
    /// Walks over /proc made so far.
    package private(set) var walks = 0

    private let sockets: SockDiag
    private let ports: [UInt16]
    private var inodes: Set<UInt32> = []
    private var nextWalk: Int64 = .min
    private var nextSocketCheck: Int64 = .min

    package init(sockets: SockDiag, ports: [UInt16]) {
        self.sockets = sockets
        self.ports = ports
    }

    /// Makes sure that `listeners` is true now, as far as one look at each of them tells.
    package func refresh() throws(SystemError) {
        let now = MonotonicClock.nanoseconds()
        var isStale = listeners.isEmpty
        for listener in listeners where ProcessEntry(listener.pid).stat?.startTicks != listener.startTicks {
            isStale = true
        }
        if !isStale, now < nextSocketCheck { return }
        if isStale, now < nextWalk {
            listeners.removeAll { ProcessEntry($0.pid).stat?.startTicks != $0.startTicks }
            return
        }
        nextSocketCheck = now + 5_000_000_000
        let listening = try sockets.listeners(ports: ports)
        let found = Set(listening.map(\.inode))
        if !isStale, found == inodes { return }
        nextWalk = now + 1_000_000_000
        walk(listening)
    }

    private func walk(_ listening: [Connection]) {
        walks += 1
        inodes = Set(listening.map(\.inode))
        families = listening.isEmpty ? SockDiag.bothFamilies : Array(Set(listening.map(\.family))).sorted()
        listeners = []
        var unowned = inodes
        var looksLeft = ListenerProcesses.mostCandidates
        for group in candidates() {
            for entry in group where !unowned.isEmpty && looksLeft > 0 {
                looksLeft -= 1
                guard !held(by: entry).isDisjoint(with: unowned) else { continue }
                let entry = origin(of: entry)
                let owned = held(by: entry)
                unowned.subtract(owned)
                let ports = Set(listening.filter { owned.contains($0.inode) }.map(\.localPort))
                guard let stat = entry.stat, let namespace = entry.pidNamespace else { continue }
                listeners.append(
                    Listener(
                        pid: entry.pid, startTicks: stat.startTicks, command: stat.command, ports: ports.sorted(),
                        pidNamespace: namespace))
            }
        }
        unknownPorts = Set(listening.filter { unowned.contains($0.inode) }.map(\.localPort)).sorted()
    }

    /// The listening sockets that a process holds.
    private func held(by entry: ProcessEntry) -> Set<UInt32> {
        Set(entry.sockets(first: ListenerProcesses.mostDescriptors).map(\.inode)).intersection(inodes)
    }

    /// Postfix's master leaves its listening sockets to every smtpd it starts: of those who hold one, the first ancestor
    /// is meant. With systemd's socket activation that would be process 1, so it is whom systemd started.
    private func origin(of entry: ProcessEntry) -> ProcessEntry {
        var entry = entry
        let mine = held(by: entry)
        for _ in 0..<4 {
            guard let parent = entry.stat?.parent, parent > 1 else { break }
            guard held(by: ProcessEntry(parent)).isSuperset(of: mine) else { break }
            entry = ProcessEntry(parent)
        }
        return entry
    }

    /// The processes of the mail servers' names, by user: those of the user who has the fewest first.
    ///
    /// Every local user may give his processes such a name, with as many descriptors as he likes. 2,000 of them with 3,500
    /// each held the daemon up for 13 s at its start, so few descriptors are read, and a crowd's the last.
    private func candidates() -> [[ProcessEntry]] {
        var byUser: [UInt64: [ProcessEntry]] = [:]
        for entry in ProcessEntry.all() ?? [] {
            guard let stat = entry.stat, ListenerProcesses.isMailListener(stat.command), let user = entry.user else {
                continue
            }
            byUser[user, default: []].append(entry)
        }
        return byUser.sorted { ($0.value.count, $0.key) < ($1.value.count, $1.key) }.map(\.value)
    }

    /// A server opens its listening sockets first: they have small numbers, also where it holds thousands of others.
    private static let mostDescriptors = 256
    /// With as many descriptors each, a tenth of a second of /proc.
    private static let mostCandidates = 256

    /// What listens for mail, by the names in /proc/PID/comm, which are 15 bytes long at most.
    private static func isMailListener(_ command: String) -> Bool {
        names.contains(command) || command.hasPrefix("qpsmtpd") || command.hasPrefix("exim")
    }

    private static let names: Set<String> = [
        "couriertcpd", "master", "sendmail", "sendmail-mta", "sm-mta", "smtpd", "tcpserver", "sslserver", "perl",
        "inetd", "xinetd", "systemd",
    ]
}
