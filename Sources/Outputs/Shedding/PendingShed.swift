import Addresses
import Events
import Netlink
import Posix
import ProcFS

/// One connection on its way from the order to the freed slot.
final class PendingShed {
    enum Stage {
        /// Looking for its socket and its process.
        case locating
        /// Waiting until its peer has been told.
        case telling
        /// Signalled; waiting for the process's end.
        case ending
    }

    let order: Shed
    let peer: Endpoint
    var stage = Stage.locating
    /// When the order was taken, and when to look again; both on the monotonic clock.
    let begun: Int64
    var nextLook: Int64
    var looks = 0
    /// The slot index's readings when it was last looked for there, or before the first time.
    var reading: Int
    var connection: Connection?
    var slot: Slot?
    /// Who holds the connection, where that is no slot of Courier's.
    var holder: Holder?
    var carrier: ProcessEntry?
    /// Its process was seen: that it was told, or was not, is more than a guess.
    var isProved = false
    var told: Bool?
    /// When the peer was last heard, or was not to be heard yet: for a reply that waits for a command of his.
    var lastSign: Int64
    var bytesReceived: UInt64 = 0
    var pidfd: Descriptor?
    var isDestroyed = false
    /// When it was, on the monotonic clock.
    var destroyed: Int64 = 0
    var isFinished = false

    init(_ order: Shed, peer: Endpoint, connection: Connection? = nil, begun: Int64, reading: Int) {
        self.order = order
        self.peer = peer
        self.connection = connection
        self.begun = begun
        nextLook = begun
        lastSign = begun
        self.reading = reading
    }

    /// Where the line was written when the connection began: which answer is the refusal. Every server takes HELO or EHLO;
    /// Sendmail refuses the command after it, rblsmtpd takes MAIL too and refuses RCPT.
    var answersUntilTold: UInt32? {
        guard order.precedesReply else { return nil }
        return order.mta == .qmail ? 3 : 2
    }

    /// Whether the order names a connection by the log line of its rejection, so that a reply was due.
    var isBehindLine: Bool { !order.namesAll }

    /// Sets the next look: after an eighth of the time it has taken so far, `most` at most, but never before 1 ms (the event
    /// loop's grain) or what is asked for. Most peers acknowledge after 40 ms, as TCP stacks delay what they have no
    /// data to send with.
    func lookLater(from now: Int64, atLeast pause: Int64 = 1_000_000, atMost most: Int64) {
        nextLook = now + max(min((now - begun) / 8, most), pause)
        looks += 1
    }
}
