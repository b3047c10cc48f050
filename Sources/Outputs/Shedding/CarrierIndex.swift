import Posix
import ProcFS

/// Which carrier process (couriertls) holds which connection.
///
/// After STARTTLS the connection belongs to a couriertls that has detached itself from its slot, so it is found among
/// the children of the listener's own ancestors. That list can be long on a host that also serves IMAP over TLS: it
/// is read again only on a miss, and at most every 20 ms or five times its own cost.
final class CarrierIndex {
    private let program: String
    private var byInode: [UInt32: ProcessEntry] = [:]
    private var nextRead: Int64 = .min
    private static let ancestorLimit = 16

    init(program: String) { self.program = program }

    /// The carrier that holds `inode` as its descriptor 0 at this moment.
    func carrier(of inode: UInt32, listener: Int32) -> ProcessEntry? {
        if let known = verified(inode) { return known }
        let begin = MonotonicClock.nanoseconds()
        guard begin >= nextRead else { return nil }
        read(listener)
        let end = MonotonicClock.nanoseconds()
        nextRead = end + max(20_000_000, 5 * (end - begin))
        return verified(inode)
    }

    private func verified(_ inode: UInt32) -> ProcessEntry? {
        guard let entry = byInode[inode], entry.socket(at: 0) == inode, entry.stat?.command == program,
            entry.programName == program
        else { return nil }
        return entry
    }

    private func read(_ listener: Int32) {
        byInode = [:]
        var pid = listener
        for _ in 0..<CarrierIndex.ancestorLimit {
            guard pid != 1, let stat = ProcessEntry(pid).stat else { return }
            // A parent of 0 is outside this pid namespace, as after `docker exec`: orphans inside go to process 1.
            let parent = stat.parent > 0 ? stat.parent : 1
            for child in ProcessEntry(parent).children {
                let entry = ProcessEntry(child)
                if let inode = entry.socket(at: 0) { byInode[inode] = entry }
            }
            pid = parent
        }
    }
}
