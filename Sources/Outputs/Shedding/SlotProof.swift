import Addresses
import Glibc
import Netlink
import ProcFS

/// The last look before a process is ended: that it is a slot of our listener which serves this connection and
/// nothing else. Everything is read afresh; nothing remembered counts but what names the process.
enum SlotProof: Equatable {
    /// It holds the connection itself.
    case owner
    /// It is reached through this carrier, which holds the connection.
    case carried(by: ProcessEntry)
    /// The connection is gone but the process still is in its slot, asleep in the tarpit as a rule.
    case abandoned
    case gone
    case refused(String)
}

struct SlotProver {
    let programs: SlotPrograms
    let carriers: CarrierIndex?

    /// - Parameter connection: `nil` when the kernel no longer has a connection between the slot's ends.
    func prove(_ slot: Slot, _ listener: ListenerProcesses.Listener?, _ connection: Connection?) -> SlotProof {
        let entry = ProcessEntry(slot.pid)
        guard slot.pid > 1, slot.pid != getpid() else { return .refused("pid \(slot.pid) is never a slot") }
        guard let stat = entry.stat, stat.startTicks == slot.startTicks, !stat.hasEnded else { return .gone }
        guard let listener, stat.parent == listener.pid,
            ProcessEntry(listener.pid).stat?.startTicks == listener.startTicks
        else { return .refused("its parent is not the listener") }
        guard stat.command == programs.slot, let program = entry.programName, program == programs.slot else {
            return isStill(slot) ? .refused("it is not running \(programs.slot)") : .gone
        }
        guard entry.pidNamespace == listener.pidNamespace else {
            return isStill(slot) ? .refused("it is in another pid namespace than its listener") : .gone
        }
        guard let sockets = entry.sockets() else {
            return isStill(slot) ? .refused("its descriptors cannot be read") : .gone
        }
        // What cannot be said to be no TCP socket counts as one.
        let held = Set(sockets.filter { entry.isTCP(at: $0.descriptor) ?? true }.map(\.inode))
        guard isStill(slot) else { return .gone }
        guard held.count <= 1 else { return .refused("it holds \(held.count) TCP sockets") }

        guard let connection else {
            guard slot.ends != nil, held.isEmpty || held.first == slot.inode else {
                return .refused("it serves another connection")
            }
            return .abandoned
        }
        if let own = held.first {
            return own == connection.inode ? .owner : .refused("it serves another connection")
        }
        guard slot.ends == Slot.Ends(of: connection) else { return .refused("it serves another connection") }
        guard let carrier = carriers?.carrier(of: connection.inode, listener: listener.pid) else {
            return .refused("whoever holds its connection was not found")
        }
        return .carried(by: carrier)
    }

    private func isStill(_ slot: Slot) -> Bool {
        guard let stat = ProcessEntry(slot.pid).stat else { return false }
        return stat.startTicks == slot.startTicks && !stat.hasEnded
    }
}
