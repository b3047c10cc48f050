import Glibc
import Netlink
import ProcFS

/// The last look before a process is signalled that is no slot of Courier's.
extension SlotProof {
    /// `[shed] method = "signal"` for an MTA other than Courier: only a process that the listener has forked for this one
    /// connection. The pid came from who holds the socket; everything is read afresh.
    ///
    /// SIGTERM to a Postfix smtpd in its first session makes master start none for a minute; to OpenSMTPD it does
    /// nothing; to Exim's daemon it ends the service.
    static func forked(_ holder: Holder, _ listeners: [ListenerProcesses.Listener]) -> SlotProof {
        let entry = holder.entry
        guard holder.descriptor != nil else { return .refused("its process serves other peers, too") }
        guard entry.pid > 1, entry.pid != getpid() else { return .refused("pid \(entry.pid) is never a slot") }
        guard let stat = entry.stat, stat.startTicks == holder.startTicks, !stat.hasEnded, holder.isStill else {
            return .gone
        }
        guard let program = entry.programName, !neverSignalled.contains(program) else {
            return .refused("\(entry.programName ?? "a program that cannot be seen") is never signalled")
        }
        let parent = ProcessEntry(stat.parent)
        guard let listener = listeners.first(where: { $0.pid == parent.pid }),
            parent.stat?.startTicks == listener.startTicks
        else { return .refused("its parent is not the listener") }
        guard entry.pidNamespace == listener.pidNamespace else {
            return .refused("it is in another pid namespace than its listener")
        }
        guard entry.executable == parent.executable || knownSlots.contains(program) else {
            return .refused("it is not running its listener's program")
        }
        guard let sockets = entry.sockets() else { return .refused("its descriptors cannot be read") }
        // What cannot be said to be no TCP socket counts as one; a listening one is one of these.
        let held = Set(sockets.filter { entry.isTCP(at: $0.descriptor) ?? true }.map(\.inode))
        guard held == [holder.inode] else { return .refused("it holds \(held.count) TCP sockets") }
        return holder.isStill ? .owner : .gone
    }

    /// Postfix's and OpenSMTPD's.
    private static let neverSignalled: Set<String> = ["master", "smtpd", "postscreen"]
    /// What tcpserver becomes for a connection.
    private static let knownSlots: Set<String> = ["rblsmtpd", "qmail-smtpd"]
}
