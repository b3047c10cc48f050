import CLinux

/// What a process that does not run waits for: a look at its system call and the descriptors named there.
///
/// Reading it takes the right to trace the process (CAP_SYS_PTRACE); its memory is read where the call points to a list.
package enum ProcessWait: Equatable, Sendable {
    /// It is asleep until one of these descriptors can be read, or a time has passed.
    case reading([Int32])
    /// It is asleep in an epoll set, of which nothing more was asked.
    case events(set: Int32)
    /// It runs, or waits for something else.
    case other
}

extension ProcessEntry {
    /// `nil` where it cannot be said: the process has ended, or may not be looked at.
    package var wait: ProcessWait? {
        guard let text = systemCallText else { return nil }
        guard let call = ProcFS.systemCall(text.span) else { return .other }
        let (first, second) = (call.arguments[0], call.arguments[1])
        switch UInt32(bitPattern: bw_syscall_wait(call.number)) {
        case BW_WAIT_READ.rawValue: return Int32(exactly: first).map { .reading([$0]) } ?? .other
        case BW_WAIT_EPOLL.rawValue: return Int32(exactly: first).map { .events(set: $0) } ?? .other
        case BW_WAIT_POLL.rawValue: return polled(at: first, count: second).map { .reading($0) }
        case BW_WAIT_SELECT.rawValue: return selected(at: second, count: first).map { .reading($0) }
        default: return .other
        }
    }

    /// Whether it is asleep until this socket can be read, by whichever descriptor: Sendmail has one as 1, 4 and 8, and waits
    /// for the last. `nil` where it cannot be said.
    ///
    /// - Parameter descriptor: one that leads to the socket; in a long list that is looked for alone.
    package func waits(toRead inode: UInt32, descriptor: Int32) -> Bool? {
        let descriptors: [Int32]
        switch wait {
        case .reading(let list)?: descriptors = list
        case .events(let set)?: descriptors = watched(byEpoll: set)
        case .other?: return false
        case nil: return nil
        }
        if descriptors.contains(descriptor) { return true }
        return descriptors.count <= 16 && descriptors.contains { socket(at: $0) == inode }
    }

    /// Descriptors in a list of struct pollfd: four bytes of number, two of the events asked for, two of those found.
    private func polled(at address: UInt64, count: UInt64) -> [Int32]? {
        guard count > 0, count <= 1024 else { return count == 0 ? [] : nil }
        guard let bytes = memory(at: address, count: Int(count) * 8) else { return nil }
        return bytes.withUnsafeBytes { list in
            stride(from: 0, to: list.count, by: 8).compactMap { start in
                let events = list.loadUnaligned(fromByteOffset: start + 4, as: UInt16.self)
                // POLLIN and POLLRDNORM.
                return events & 0x41 != 0 ? list.loadUnaligned(fromByteOffset: start, as: Int32.self) : nil
            }
        }
    }

    private func selected(at address: UInt64, count: UInt64) -> [Int32]? {
        guard address != 0, count > 0, count <= 1024 else { return address == 0 || count == 0 ? [] : nil }
        // The set is made of longs.
        guard let bytes = memory(at: address, count: (Int(count) + 63) / 64 * 8) else { return nil }
        return (0..<Int32(count)).filter { bytes[Int($0) / 8] & 1 << (UInt8($0) % 8) != 0 }
    }
}
