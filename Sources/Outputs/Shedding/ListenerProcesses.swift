import Netlink
import Posix
import ProcFS

/// The processes that hold the listening sockets of our ports.
///
/// Finding them takes one walk over /proc, so it is done at the start and again only when one of them is gone or the
/// listening sockets are others than before, and at most once a second.
package final class ListenerProcesses {
    package struct Listener: Equatable, Sendable {
        package var pid: Int32
        package var startTicks: UInt64
        package var ports: [UInt16]
        package var pidNamespace: String
    }

    package private(set) var listeners: [Listener] = []
    /// The socket families listened on, and so those of all accepted connections.
    package private(set) var families = SockDiag.bothFamilies
    /// Walks over /proc made so far.
    package private(set) var walks = 0

    private let sockets: SockDiag
    private let ports: [UInt16]
    private let program: String
    private var inodes: Set<UInt32> = []
    private var nextWalk: Int64 = .min
    private var nextSocketCheck: Int64 = .min

    package init(sockets: SockDiag, ports: [UInt16], program: String) {
        self.sockets = sockets
        self.ports = ports
        self.program = program
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
        for group in candidates() {
            if unowned.isEmpty { return }
            for (entry, stat) in group {
                guard let held = entry.sockets(limit: ListenerProcesses.mostDescriptors),
                    let namespace = entry.pidNamespace
                else { continue }
                let owned = Set(held.map(\.inode))
                let ports = Set(listening.filter { owned.contains($0.inode) }.map(\.localPort))
                guard !ports.isEmpty else { continue }
                unowned.subtract(owned)
                listeners.append(
                    Listener(
                        pid: entry.pid, startTicks: stat.startTicks, ports: ports.sorted(), pidNamespace: namespace))
            }
        }
    }

    /// The processes of the listener's name, by user: those of the user who has the fewest first.
    ///
    /// Every local user may give his processes that name, with as many descriptors as he likes. 2,000 of them with 3,500
    /// each held the daemon up for 13 s at its start, so few descriptors are read, and a crowd's the last.
    private func candidates() -> [[(entry: ProcessEntry, stat: ProcessStat)]] {
        var byUser: [UInt64: [(entry: ProcessEntry, stat: ProcessStat)]] = [:]
        for entry in ProcessEntry.all() ?? [] {
            guard let stat = entry.stat, stat.command == program, let user = entry.user else { continue }
            byUser[user, default: []].append((entry, stat))
        }
        return byUser.sorted { ($0.value.count, $0.key) < ($1.value.count, $1.key) }.map(\.value)
    }

    /// couriertcpd holds a socket for each address and port that it listens on, and a handful of files.
    private static let mostDescriptors = 256
}
