import Events
import Netlink
import Posix
import ProcFS

/// A process that holds a connection: by one descriptor of its own, or as the one process that serves all peers.
struct Holder {
    let entry: ProcessEntry
    let startTicks: UInt64
    let inode: UInt32
    /// `nil` for a process with one loop for all its connections, where looking for the descriptor of one among thousands
    /// would take longer than all the rest.
    let descriptor: Int32?
    /// How often it had slept when it was found, or just before its connection ended.
    private var sleeps: UInt64?

    init?(_ entry: ProcessEntry, inode: UInt32, descriptor: Int32?) {
        guard let stat = entry.stat, !stat.hasEnded else { return nil }
        self.entry = entry
        startTicks = stat.startTicks
        self.inode = inode
        self.descriptor = descriptor
        sleeps = descriptor == nil ? entry.sleeps : nil
    }

    /// The pid of a process that serves this connection alone.
    var ownPid: Int32? { descriptor == nil ? nil : entry.pid }

    var isStill: Bool {
        if let descriptor { return entry.socket(at: descriptor) == inode }
        return entry.stat?.startTicks == startTicks
    }

    /// To be called before its connection ends, for `hasGoneOn` to tell of what it has done about that.
    mutating func prepareForEnd() {
        if descriptor == nil { sleeps = entry.sleeps }
    }

    /// It has put the connection away: closed it or ended. A loop that serves all has when it has slept again, as it does
    /// not while it has not taken notice of one.
    var hasGoneOn: Bool { descriptor == nil ? !isStill || entry.sleeps != sleeps : !isStill }

    /// Whether it waits for the peer's next word. Whatever a server has to say it has said before it waits for input, so
    /// after a log line was read this means that the line's reply has been sent (docs/decisions/told.md). `nil` where it
    /// cannot be said.
    ///
    /// Waiting for something else says nothing: between its line and its reply Postfix may ask a milter, or sleep. A loop
    /// for all peers never waits in between, so there any sleep will do, also one that is over.
    var waitsForPeer: Bool? {
        if let descriptor { return isStill ? entry.waits(toRead: inode, descriptor: descriptor) : false }
        if let before = sleeps, let now = entry.sleeps, now > before { return true }
        switch entry.wait {
        case .events?, .reading?: return true
        case .other?: return false
        case nil: return nil
        }
    }
}

/// Finds who holds a connection.
///
/// The pid of the log line is looked at first, then what is remembered. Reading the descriptors of all processes of the
/// listeners takes milliseconds, so that is done on a miss only, and at most every 4 ms or five times its own cost.
/// What is found holds the socket at that moment, whatever a log line said.
final class HolderIndex {
    private let listeners: ListenerProcesses
    private let ownNamespace: String?
    private var byInode: [UInt32: (pid: Int32, descriptor: Int32)] = [:]
    private var nextRead: Int64 = .min
    /// Postfix and its like have a process for each slot and a dozen others.
    private static let mostProcesses = 8192

    init(listeners: ListenerProcesses) {
        self.listeners = listeners
        ownNamespace = ProcessEntry.own.pidNamespace
    }

    /// - Parameter pid: the process that a line of `mta` named, where it did.
    func holder(of inode: UInt32, pid: Int32?, mta: MTA?, now: Int64) -> Holder? {
        if let pid, let named = holder(of: inode, named: pid, mta) { return named }
        if let known = remembered(inode) { return known }
        guard now >= nextRead else { return nil }
        read()
        let end = MonotonicClock.nanoseconds()
        nextRead = end + max(4_000_000, 5 * (end - now))
        return remembered(inode)
    }

    /// Those of `connections` that a process holds which a line of `mta` named: none of them when it has ended, or when the
    /// pid is one of another pid namespace.
    func held(_ connections: [Connection], by pid: Int32, _ mta: MTA?) -> [Connection] {
        servesAll(ProcessEntry(pid), mta) ? connections : heldAlone(connections, by: pid, mta)
    }

    /// The same, and none of them where the process serves all peers.
    func heldAlone(_ connections: [Connection], by pid: Int32, _ mta: MTA?) -> [Connection] {
        let entry = ProcessEntry(pid)
        guard isOurs(entry), !servesAll(entry, mta) else { return [] }
        let inodes = Set((entry.sockets() ?? []).map(\.inode))
        return connections.filter { inodes.contains($0.inode) }
    }

    /// Its pid is the same for us as for itself and its log lines.
    func isOurs(_ entry: ProcessEntry) -> Bool {
        guard let ownNamespace else { return false }
        return entry.pidNamespace == ownNamespace
    }

    private func holder(of inode: UInt32, named pid: Int32, _ mta: MTA?) -> Holder? {
        let entry = ProcessEntry(pid)
        guard isOurs(entry) else { return nil }
        if servesAll(entry, mta) { return Holder(entry, inode: inode, descriptor: nil) }
        let found = entry.sockets()?.first { $0.inode == inode }
        return found.flatMap { Holder(entry, inode: inode, descriptor: $0.descriptor) }
    }

    /// Postfix's postscreen and OpenSMTPD's smtpd, which Postfix's shares its name with.
    private func servesAll(_ entry: ProcessEntry, _ mta: MTA?) -> Bool {
        guard isOurs(entry) else { return false }
        return switch mta {
        case .postfix?: entry.programName == "postscreen"
        case .opensmtpd?: entry.programName == "smtpd"
        default: false
        }
    }

    private func remembered(_ inode: UInt32) -> Holder? {
        guard let known = byInode[inode], ProcessEntry(known.pid).socket(at: known.descriptor) == inode else {
            return nil
        }
        return Holder(ProcessEntry(known.pid), inode: inode, descriptor: known.descriptor)
    }

    private func read() {
        byInode = [:]
        do throws(SystemError) { try listeners.refresh() } catch { return }
        var seen: Set<Int32> = []
        for listener in listeners.listeners {
            // Process 1 has the host's orphans for children, not an MTA's.
            for pid in [listener.pid] + (listener.pid == 1 ? [] : ProcessEntry(listener.pid).children)
            where seen.count < HolderIndex.mostProcesses && seen.insert(pid).inserted {
                for socket in ProcessEntry(pid).sockets(limit: 65536) ?? [] {
                    byInode[socket.inode] = (pid, socket.descriptor)
                }
            }
        }
    }
}
