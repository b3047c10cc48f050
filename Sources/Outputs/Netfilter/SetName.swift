import Addresses
import CNetfilter

/// The sets of table `inet breakwater`, with the shape each must have.
enum SetName: String, CaseIterable {
    case banned4, banned6
    case bannedNets4 = "banned_nets4"
    case bannedNets6 = "banned_nets6"
    case allowed4, allowed6, known4, known6
    /// Open connections of each source, counted by the kernel.
    case open4, open6

    /// Sets whose elements stand for bans and known senders.
    static let adopted: [SetName] = [.banned4, .banned6, .bannedNets4, .bannedNets6, .known4, .known6]

    static func banned(_ prefix: Prefix) -> SetName {
        prefix.isHost ? (prefix.isIPv4 ? .banned4 : .banned6) : (prefix.isIPv4 ? .bannedNets4 : .bannedNets6)
    }
    static func known(_ prefix: Prefix) -> SetName { prefix.isIPv4 ? .known4 : .known6 }

    var place: Element.Place { self == .known4 || self == .known6 ? .known : .banned }

    var isIPv4: Bool {
        switch self {
        case .banned4, .bannedNets4, .allowed4, .known4, .open4: true
        case .banned6, .bannedNets6, .allowed6, .known6, .open6: false
        }
    }
    var keyBytes: Int { isIPv4 ? 4 : 16 }

    var isInterval: Bool {
        switch self {
        case .bannedNets4, .bannedNets6, .allowed4, .allowed6: true
        default: false
        }
    }

    func shape(_ plan: FirewallPlan) -> SetShape {
        switch self {
        case .banned4, .banned6:
            SetShape(flags: NFT_SET_TIMEOUT.rawValue, keyBytes: keyBytes, size: plan.hostLimit, isCounted: true)
        case .bannedNets4, .bannedNets6:
            // Kernels differ in whether a network counts as one element or as its two ends.
            SetShape(
                flags: NFT_SET_TIMEOUT.rawValue | NFT_SET_INTERVAL.rawValue, keyBytes: keyBytes,
                size: 2 * plan.networkLimit, isCounted: true)
        case .known4, .known6:
            SetShape(flags: NFT_SET_TIMEOUT.rawValue, keyBytes: keyBytes, size: plan.knownLimit, isCounted: false)
        case .allowed4, .allowed6:
            SetShape(flags: NFT_SET_INTERVAL.rawValue, keyBytes: keyBytes, size: 0, isCounted: false)
        case .open4, .open6:
            // When it is full, a further source is not counted, and let in.
            SetShape(flags: NFT_SET_EVAL.rawValue, keyBytes: keyBytes, size: 65536, isCounted: false)
        }
    }
}

/// What must be right about a set before it is adopted.
struct SetShape: Equatable {
    var flags: UInt32
    var keyBytes: Int
    /// 0 is no limit.
    var size: Int
    /// Whether every element gets a counter.
    var isCounted: Bool

    var hasTimeout: Bool { flags & NFT_SET_TIMEOUT.rawValue != 0 }
}

/// Chains, from the hook inwards.
enum ChainName: String, CaseIterable {
    /// At the hook; hands on what would open a connection to one of the ports, and looks at nothing else.
    case arrivals
    /// The packets that would open a connection: accepts or drops.
    case newcomers
}

/// Named counters, which outlive a change of the rules.
enum CounterName: String, CaseIterable {
    case droppedBanned = "dropped_banned"
    case droppedPerSource = "dropped_per_source"
    case droppedNewPerSecond = "dropped_new_per_second"
}

/// The one table that is ours.
let tableName = "breakwater"
