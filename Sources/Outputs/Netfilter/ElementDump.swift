import Addresses
import CLinux
import CNetfilter
import Glibc
import Netlink
import Posix

/// Everything in the sets, one datagram at a time, so that a loop that watches `descriptor` goes on between them.
///
/// When the tables change meanwhile, the kernel marks its answer and that set is read again: an element may be handed
/// out twice, the later time with fresher figures. After a few such turns the rest is read as it comes, and `isWhole`
/// is false: an element may have been passed over.
package final class ElementDump {
    package enum Step {
        /// What the datagram held; for a set of networks nothing until its end.
        case elements([Element])
        /// Nothing to read yet.
        case waiting
        case finished
    }

    private static let turnsPerSet = 4

    private let socket: NetlinkSocket
    private let query: Query
    private var remaining: [SetName]
    private var sequence: UInt32 = 0
    private var turns = 0
    private var isInterrupted = false
    private var isReading = false
    /// Begins and ends of the networks read so far.
    private var halves: [RawElement] = []
    package private(set) var isWhole = true
    /// Ranges that are no CIDR block: put in by somebody else.
    package private(set) var foreignRanges: [String] = []
    /// Ranges of the set read last, whatever they are.
    private(set) var lastRanges: [AddressRange] = []

    package convenience init() throws(FirewallError) { try self.init(SetName.adopted) }

    init(_ sets: [SetName]) throws(FirewallError) {
        do {
            socket = try NetlinkSocket(family: NETLINK_NETFILTER, isNonblocking: true)
        } catch {
            throw FirewallError("dump", error)
        }
        query = Query(over: socket)
        remaining = sets
    }

    /// Readable when `step` has something to do; the first call needs no waiting.
    package var descriptor: Int32 { socket.descriptor }

    /// Reads one datagram.
    package func step() throws(FirewallError) -> Step {
        guard let set = remaining.first else { return .finished }
        if !isReading {
            try begin(set)
            return .elements([])
        }
        var elements: [Element] = []
        var isDone = false
        var failure: FirewallError?
        let hasMore: Bool
        do {
            hasMore = try socket.receive { header in
                guard header.pointee.nlmsg_seq == sequence else { return }
                if header.pointee.nlmsg_flags & UInt16(NLM_F_DUMP_INTR) != 0 { isInterrupted = true }
                if header.pointee.nlmsg_type == UInt16(NLMSG_DONE) { isDone = true }
                if let answer = Acknowledgement(header), answer.code != 0 {
                    failure = FirewallError("dump", set.rawValue, code: answer.code, detail: answer.text)
                }
                ElementWire.read(header, from: set) { raw in
                    if set.isInterval {
                        halves.append(raw)
                    } else {
                        elements.append(raw.element(set.place, Prefix(raw.address)))
                    }
                }
            }
        } catch {
            throw FirewallError("dump", error)
        }
        if let failure { throw failure }
        if !hasMore { return .waiting }
        if isDone { finish(set, &elements) }
        return .elements(elements)
    }

    private func begin(_ set: SetName) throws(FirewallError) {
        halves = []
        isInterrupted = false
        sequence = try query.send(NFT_MSG_GETSETELEM, set.rawValue, flags: NLM_F_DUMP) {
            ElementWire.writeNames(set, tableName, to: $0)
        }
        isReading = true
    }

    /// A set is through: on to the next, or once more to this one when it changed meanwhile.
    private func finish(_ set: SetName, _ elements: inout [Element]) {
        isReading = false
        turns += 1
        if isInterrupted, turns < ElementDump.turnsPerSet { return }
        if isInterrupted { isWhole = false }
        turns = 0
        remaining.removeFirst()
        lastRanges = []
        for (range, begin) in ranges(of: halves, isIPv4: set.isIPv4) {
            lastRanges.append(range)
            if let prefix = range.prefix {
                elements.append(begin.element(set.place, prefix))
            } else {
                foreignRanges.append("\(set.rawValue) \(range)")
            }
        }
        halves = []
    }

    /// Reads to the end at once; the kernel prepares each datagram while the one before is taken.
    func all() throws(FirewallError) -> [Element] {
        var result: [Element] = []
        while true {
            switch try step() {
            case .elements(let part): result += part
            case .waiting:
                throw FirewallError("dump", remaining.first?.rawValue ?? "", code: ENOBUFS, detail: "no answer")
            case .finished: return result
            }
        }
    }
}
