import Netlink
import Posix
import ProcFS

/// What a slot costs: the memory of a process that serves one connection, of a mail server that starts one for each.
///
/// Counted is the proportional share (`Pss` of /proc/PID/smaps_rollup, Linux 4.14): what the processes share, program
/// text and what a fork has left alone, is divided among them, so that all together are what the host has spent. With it
/// goes what the process has started itself, such as Courier's submit.
package struct SlotMemory: Equatable, Sendable {
    /// Of one slot, the mean.
    package var bytes: Int
    /// How many were looked at.
    package var slots: Int

    private static let mostSlots = 8
    private static let mostChildren = 64
    private static let mostDescriptors = 16
    private static let mostHelpers = 8

    /// Of processes that were started by one of `listeners` and hold exactly one connection to one of `ports`.
    ///
    /// `nil` where nobody is served, by a server that serves many in one process (OpenSMTPD, postscreen), and where the
    /// memory may not be read. Bounded: a few milliseconds on a server that is full.
    package static func measure(listeners: [Int32], ports: [UInt16], sockets: SockDiag) throws(SystemError)
        -> SlotMemory?
    {
        let held = Set(try sockets.connections(toLocalPorts: ports).map(\.inode)).subtracting([0])
        guard !held.isEmpty else { return nil }
        var (sum, count) = (0, 0)
        for listener in listeners {
            for pid in ProcessEntry(listener).children.prefix(mostChildren) where count < mostSlots {
                let entry = ProcessEntry(pid)
                let own = Set(entry.sockets(first: mostDescriptors).map(\.inode)).intersection(held)
                guard own.count == 1, let bytes = entry.shareOfMemory else { continue }
                sum += Int(clamping: bytes)
                for helper in entry.children.prefix(mostHelpers) {
                    sum += Int(clamping: ProcessEntry(helper).shareOfMemory ?? 0)
                }
                count += 1
            }
        }
        return count == 0 ? nil : SlotMemory(bytes: sum / count, slots: count)
    }
}
