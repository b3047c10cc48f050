import Addresses
import Bytes
import Events

/// The rejections that were read last, so that each counts once: with syslog_duplication, which is the default, Exim's
/// syslog has a line for the main log and the same one for the reject log.
///
/// Both are one process's, so a place by the last bits of the pid is enough. A hash stands for the text; as a client
/// could make two texts with one, it only counts for events that say the same.
struct EximRepeats: Sendable {
    private struct Heard: Sendable {
        var hash: UInt64 = 0
        var pid: Int32 = -1
        var kind = Event.Kind.rejection
        var rejectionClass: RejectionClass?
        var peer: IPAddress?
        var at = Instant.distantPast
    }

    private static let places = 256
    private var heard = [Heard](repeating: Heard(), count: places)

    /// Whether `event`, whose text is `range`, was heard before; from now on it was.
    mutating func hasHeard(_ event: Event, _ bytes: Span<UInt8>, _ range: Range<Int>, at now: Instant) -> Bool {
        let pid = event.pid ?? 0
        let new = Heard(
            hash: EximRepeats.hash(bytes, range), pid: pid, kind: event.kind, rejectionClass: event.rejectionClass,
            peer: event.peer, at: now)
        let place = Int(pid) & (EximRepeats.places - 1)
        let old = heard[place]
        heard[place] = new
        return old.hash == new.hash && old.pid == pid && old.kind == new.kind
            && old.rejectionClass == new.rejectionClass && old.peer == new.peer && now - old.at <= longestAge
    }

    /// A pid comes back after a while.
    private let longestAge = Duration.seconds(60)

    /// FNV-1a, eight bytes at a time.
    private static func hash(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325 ^ UInt64(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            let word = bytes.word(at: index) & Words.mask(range.upperBound - index)
            hash = (hash ^ word) &* 0x100_0000_01b3
            hash ^= hash >> 29
            index += 8
        }
        return hash
    }
}
