import Addresses
import Posix
import ProcFS

/// Who holds which slot since when: the children of the processes that listen, found by peer or by socket.
///
/// A refresh reads the listener's list of children and looks only at those that are new; one that is gone from the
/// list is forgotten. What is found here is a candidate: the process may have ended since, so whoever acts on it
/// proves it first (SlotProof). Refresh at least every few seconds, so that a pid is forgotten before it is given to
/// another process.
package final class SlotIndex {
    package let listeners: ListenerProcesses
    private let programs: SlotPrograms
    private var slots: [Int32: Slot] = [:]
    private var byPeer: [Endpoint: Int32] = [:]
    private var byInode: [UInt32: Int32] = [:]
    /// Children that have not started the slot's program yet: couriertcpd asks the DNSBLs in them. Looked at again.
    private var starting: Set<Int32> = []
    /// Local ends that were seen, so that a connection can be looked up exactly whose slot is not known.
    package private(set) var localEnds: [Endpoint] = []
    /// How often it was refreshed: whoever looked in vain looks again after the next time.
    private(set) var readings = 0
    /// Told of every slot as it is found.
    var noteNew: (Slot) -> Void = { _ in }
    private static let localEndLimit = 64

    package init(listeners: ListenerProcesses, programs: SlotPrograms) {
        self.listeners = listeners
        self.programs = programs
    }

    /// Those of the listeners whose slots these are: another MTA may listen beside them.
    package var ownListeners: [ListenerProcesses.Listener] {
        listeners.listeners.filter { $0.command == programs.listener }
    }

    /// Processes that hold a slot: those that serve and those about to.
    package var count: Int { slots.count + starting.count }
    package var all: [Slot] { Array(slots.values) }

    package func slot(peer: IPAddress, port: UInt16) -> Slot? {
        byPeer[Endpoint(address: peer, port: port)].flatMap { slots[$0] }
    }
    package func slot(inode: UInt32) -> Slot? { byInode[inode].flatMap { slots[$0] } }

    func slot(pid: Int32) -> Slot? { slots[pid] }
    func noteAnsweredEarly(_ pid: Int32) { slots[pid]?.isAnsweredEarly = true }

    package func refresh() throws(SystemError) {
        readings += 1
        try listeners.refresh()
        var seen: Set<Int32> = []
        var children: [(pid: Int32, listener: Int32)] = []
        for listener in ownListeners {
            for pid in ProcessEntry(listener.pid).children where seen.insert(pid).inserted {
                children.append((pid, listener.pid))
            }
        }
        for pid in slots.keys where !seen.contains(pid) { forget(pid) }
        starting.formIntersection(seen)
        for child in children where slots[child.pid] == nil { look(at: child.pid, of: child.listener) }
    }

    /// Drops a slot that was found to be another process by now, or none.
    package func forget(_ pid: Int32) {
        guard let slot = slots.removeValue(forKey: pid) else { return }
        if let ends = slot.ends {
            let peer = Endpoint(address: ends.peer, port: ends.peerPort)
            if byPeer[peer] == pid { byPeer[peer] = nil }
        }
        if let inode = slot.inode, byInode[inode] == pid { byInode[inode] = nil }
    }

    private func look(at pid: Int32, of listener: Int32) {
        let entry = ProcessEntry(pid)
        guard let stat = entry.stat, stat.parent == listener, !stat.hasEnded else {
            starting.remove(pid)
            return
        }
        guard stat.command == programs.slot else {
            // Still a copy of the listener, or a helper of it that never becomes a slot (courierlogger).
            if stat.command == ProcessEntry(listener).stat?.command {
                starting.insert(pid)
            } else {
                starting.remove(pid)
            }
            return
        }
        let environment = entry.environment
        // In the middle of execve(2) it has its new name already and its environment not yet.
        if let environment, environment.isEmpty {
            starting.insert(pid)
            return
        }
        starting.remove(pid)
        var slot = Slot(pid: pid, startTicks: stat.startTicks, listener: listener)
        slot.inode = entry.socket(at: 0) ?? entry.sockets()?.first { entry.isTCP(at: $0.descriptor) == true }?.inode
        if let environment {
            slot.ends = Slot.Ends(environment: environment.span)
            slot.verdict = Slot.Verdict(environment: environment.span)
        }
        slots[pid] = slot
        if let inode = slot.inode { byInode[inode] = pid }
        if let ends = slot.ends {
            byPeer[Endpoint(address: ends.peer, port: ends.peerPort)] = pid
            noteLocal(Endpoint(address: ends.local, port: ends.localPort))
        }
        noteNew(slot)
    }

    /// Remembers a local end; at the limit the oldest makes room.
    package func noteLocal(_ end: Endpoint) {
        guard !localEnds.contains(end) else { return }
        if localEnds.count == SlotIndex.localEndLimit { localEnds.removeFirst() }
        localEnds.append(end)
    }
}
