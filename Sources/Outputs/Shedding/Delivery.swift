import CLinux
import Netlink
import Posix
import ProcFS

/// Whether the reply whose log line we have read has reached the peer (docs/decisions/told.md).
///
/// A server writes the log line before it sends the reply, so an empty send queue alone proves nothing: the reply may
/// not be in it yet. What proves it is a process found asleep after the line: between the line and the sending there
/// is nothing to wait for but room in the send queue, so a process that sleeps while the queue is empty, before and
/// after the look, has sent its reply; and an empty queue means that the peer's kernel has acknowledged it.
enum Delivery: Equatable {
    case delivered
    case pending
    /// The connection has ended.
    case gone
}

extension SockDiag {
    /// By a process that is no slot of Courier's: it has to wait for the peer, not only to be asleep. `nil` where nothing can
    /// be said.
    ///
    /// - Parameter answers: the line was written when the connection began, and the reply is this answer to a command: the
    ///   second, as a rule. `nil` where it follows the line.
    func delivery(
        _ connection: Connection, by holder: Holder, answers: UInt32?
    ) throws(SystemError) -> Delivery? {
        guard let before = try current(connection) else { return .gone }
        guard before.sendQueue == 0 else { return .pending }
        guard let waitsForPeer = holder.waitsForPeer else { return nil }
        guard waitsForPeer, let after = try current(connection), after.sendQueue == 0,
            let transfer = after.transfer, transfer.bytesAcknowledged == before.transfer?.bytesAcknowledged
        else { return .pending }
        return transfer.hasAnswered(answers) ? .delivered : .pending
    }

    /// - Parameters:
    ///   - carrier: the process between the slot and the network, once TLS has begun.
    ///   - isTarpitTelling: whether a process asleep in nanosleep(2) has sent its reply. True behind a log line of
    ///     this very connection; false when nothing was logged, as Courier sleeps before it answers.
    func delivery(
        _ connection: Connection, by slot: ProcessEntry, carrier: ProcessEntry?, isTarpitTelling: Bool
    ) throws(SystemError) -> Delivery {
        guard let before = try current(connection) else { return .gone }
        guard before.sendQueue == 0 else { return .pending }
        guard let stat = slot.stat, !stat.hasEnded else { return .gone }
        guard stat.isAsleep else { return .pending }
        if !isTarpitTelling, let call = slot.systemCall, bw_syscall_sleeps(call) != 0 { return .pending }
        // The slot first: once it sleeps, what it wrote has woken the carrier, which is not asleep before it has
        // passed all of it on.
        if let carrier {
            guard let carrierStat = carrier.stat, carrierStat.isAsleep else { return .pending }
        }
        guard let after = try current(connection) else { return .gone }
        guard after.sendQueue == 0, after.transfer?.bytesAcknowledged == before.transfer?.bytesAcknowledged else {
            return .pending
        }
        return .delivered
    }
}

extension Connection.Transfer {
    /// Greeting, a command and its answer, another command and its answer: in a dialogue each comes in a segment of its own.
    fileprivate func hasAnswered(_ count: UInt32?) -> Bool {
        guard let count else { return true }
        return dataSegmentsReceived >= count && UInt64(dataSegmentsSent) > UInt64(count) + UInt64(retransmitted)
    }
}
