import CLinux
import Events
import Glibc
import Netlink
import Posix
import ProcFS

/// The end of a connection: not before its peer has been told, and only after the last proof.
extension Shedder {
    func tell(_ one: PendingShed, _ now: Int64) throws(SystemError) {
        guard let connection = one.connection else {
            // The peer has reset its connection: nothing can be told, and its slot is still held.
            try end(one)
            return
        }
        let delivery = try look(one, connection)
        if delivery == .gone {
            one.connection = nil
            if one.slot == nil { finish(one, .gone, nil) } else { try end(one) }
            return
        }
        if delivery == .delivered || !settings.waitsUntilTold || isLate(one, now) {
            // Without a line no reply was due, and without a process nothing is proved: then it is left open.
            one.told = delivery == .delivered ? (one.isBehindLine && one.isProved ? true : nil) : false
            try end(one)
        } else {
            one.lookLater(from: now, atMost: longestPause)
        }
    }

    /// Whether it is not waited for any longer. A peer whose reply waits for a command of his has that time anew whenever
    /// he is heard; ten times as long in all.
    private func isLate(_ one: PendingShed, _ now: Int64) -> Bool {
        let limit = settings.toldLimit.nanoseconds
        guard one.order.precedesReply else { return now - one.begun > limit }
        return now - one.lastSign > limit || now - one.begun > 10 * limit
    }

    private func look(_ one: PendingShed, _ connection: Connection) throws(SystemError) -> Delivery {
        // Most looks end here: a peer that has nothing to send acknowledges after 40 ms.
        guard let now = try sockets.current(connection) else { return .gone }
        if let transfer = now.transfer, transfer.bytesReceived != one.bytesReceived || transfer.dataSegmentsSent == 0 {
            one.bytesReceived = transfer.bytesReceived
            one.lastSign = MonotonicClock.nanoseconds()
        }
        guard now.sendQueue == 0 else { return .pending }
        guard let slot = one.slot else { return try lookAtHolder(one, connection) }
        one.isProved = true
        if let own = slot.inode, own == connection.inode, ProcessEntry(slot.pid).socket(at: 0) == own {
            one.carrier = nil
        } else if one.carrier?.socket(at: 0) != connection.inode {
            one.carrier = prover?.carriers?.carrier(of: connection.inode, listener: slot.listener)
            if one.carrier == nil { return ProcessEntry(slot.pid).stat == nil ? .gone : .pending }
        }
        return try sockets.delivery(
            connection, by: ProcessEntry(slot.pid), carrier: one.carrier, isTarpitTelling: one.isBehindLine)
    }

    private func lookAtHolder(_ one: PendingShed, _ connection: Connection) throws(SystemError) -> Delivery {
        if one.holder?.isStill != true {
            one.holder = holders.holder(
                of: connection.inode, pid: one.order.pid, mta: one.order.mta, now: MonotonicClock.nanoseconds())
        }
        let delivery = try one.holder.flatMap { holder throws(SystemError) in
            try sockets.delivery(connection, by: holder, answers: one.answersUntilTold)
        }
        one.isProved = delivery != nil
        guard let delivery else { return try quietness(one, connection) }
        return delivery
    }

    /// Without a process to look at: an empty queue and nothing sent for a quarter of a second. That is no proof.
    private func quietness(_ one: PendingShed, _ connection: Connection) throws(SystemError) -> Delivery {
        guard let now = try sockets.current(connection) else { return .gone }
        guard now.sendQueue == 0, let transfer = now.transfer else { return .pending }
        return transfer.lastDataSentMilliseconds >= 250 && one.looks > 0 && !one.order.precedesReply
            ? .delivered : .pending
    }

    func end(_ one: PendingShed) throws(SystemError) {
        guard let slots, let prover, let slot = one.slot else {
            if settings.method == .signal { try signalHolder(one) } else { try destroy(one) }
            return
        }
        // Opened before the proof: what is signalled is then the process that was proved, or nothing.
        let pidfd = bw_pidfd_open(slot.pid)
        guard pidfd >= 0 else {
            if errno == ESRCH {
                finish(one, .gone, nil)
            } else {
                finish(one, .failed, "\(SystemError("pidfd_open", "pid \(slot.pid)"))")
            }
            return
        }
        one.pidfd = Descriptor(owning: pidfd)
        let listener = slots.listeners.listeners.first { $0.pid == slot.listener }
        switch prover.prove(slot, listener, one.connection) {
        case .gone:
            finish(one, .gone, nil)
            return
        case .refused(let why):
            finish(one, .refused, why)
            return
        case .owner, .carried, .abandoned: break
        }
        if settings.method == .destroy, one.connection != nil {
            try destroy(one)
            return
        }
        try signal(one, pidfd, slot.pid)
    }

    /// `method = "signal"` where no slot of Courier's is meant.
    private func signalHolder(_ one: PendingShed) throws(SystemError) {
        guard let holder = one.holder else {
            finish(one, .refused, "whoever holds its connection was not found, so nobody is signalled")
            return
        }
        try listeners.refresh()
        let pidfd = bw_pidfd_open(holder.entry.pid)
        guard pidfd >= 0 else {
            finish(one, errno == ESRCH ? .gone : .failed, "\(SystemError("pidfd_open", "pid \(holder.entry.pid)"))")
            return
        }
        one.pidfd = Descriptor(owning: pidfd)
        switch SlotProof.forked(holder, listeners.listeners) {
        case .owner: try signal(one, pidfd, holder.entry.pid)
        case .refused(let why): finish(one, .refused, why)
        case .gone, .carried, .abandoned: finish(one, .gone, nil)
        }
    }

    private func signal(_ one: PendingShed, _ pidfd: Int32, _ pid: Int32) throws(SystemError) {
        guard bw_pidfd_send_signal(pidfd, SIGTERM) == 0 else {
            if errno == ESRCH {
                finish(one, .gone, nil)
            } else {
                finish(one, .failed, "\(SystemError("pidfd_send_signal", "pid \(pid)"))")
            }
            return
        }
        try awaitEnd(one, pidfd)
    }

    private func destroy(_ one: PendingShed) throws(SystemError) {
        guard let connection = one.connection else {
            finish(one, .gone, nil)
            return
        }
        one.holder?.prepareForEnd()
        switch try sockets.destroy(connection) {
        case .gone: finish(one, .gone, nil)
        case .refused(let code): finish(one, .refused, "the kernel will not destroy it: \(errnoText(code))")
        case .done:
            one.isDestroyed = true
            if let pidfd = one.pidfd?.number {
                try awaitEnd(one, pidfd)
            } else if one.holder != nil {
                let now = MonotonicClock.nanoseconds()
                one.stage = .ending
                one.destroyed = now
                one.nextLook = now + 1_000_000
            } else {
                finish(one, .done, nil)
            }
        }
    }

    /// After the end of its connection: the slot is free when its process has put it away. Signalled or not, with a pidfd
    /// that is heard from the loop, and what comes here is that it took too long.
    func awaitRelease(_ one: PendingShed, _ now: Int64) {
        guard one.pidfd == nil, let holder = one.holder else { return giveUpWaiting(one) }
        if holder.hasGoneOn {
            finish(one, .done, nil)
        } else if now - one.destroyed > settings.endLimit.nanoseconds {
            giveUpWaiting(one)
        } else {
            one.nextLook = now + max(min((now - one.destroyed) / 8, longestPause), 1_000_000)
        }
    }

    /// A pidfd becomes readable when its process ends.
    private func awaitEnd(_ one: PendingShed, _ pidfd: Int32) throws(SystemError) {
        one.stage = .ending
        one.nextLook = MonotonicClock.nanoseconds() + settings.endLimit.nanoseconds
        try loop.add(pidfd) { [weak self, weak one] in
            // Within one round of the loop the number may have passed from another descriptor to this one.
            var state = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
            guard let self, let one, !one.isFinished, poll(&state, 1, 0) == 1 else { return }
            self.finish(one, .done, one.connection == nil ? "its peer had gone" : nil)
        }
    }

    /// The process has not ended within `endLimit`. It is never sent SIGKILL: that would leave Courier's temporary
    /// files behind and whatever else it was in the middle of.
    func giveUpWaiting(_ one: PendingShed) {
        let limit = settings.endLimit.span
        if one.isDestroyed {
            finish(one, .done, "its connection is destroyed; its process has not gone on within \(limit)")
        } else {
            finish(one, .failed, "it did not end within \(limit) of SIGTERM")
        }
    }
}
