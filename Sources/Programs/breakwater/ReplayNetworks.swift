import Addresses
import Events
import Policy

/// The networks that would have been banned by evidence, and how many elements the sets would have held.
struct ReplayNetworks {
    /// What each was banned for last, and how often it was.
    private var found = PrefixTable<(why: String, bans: Int)>()
    private var elements: Set<Prefix> = []
    private(set) var mostElements = 0
    private var mostBans = 0

    mutating func follow(_ order: Order, _ policy: borrowing Policy) {
        switch order {
        case .ban(let ban):
            elements.insert(ban.prefix)
            if policy.isByEvidence(ban) { found[ban.prefix] = (ban.why, (found[ban.prefix]?.bans ?? 0) + 1) }
        case .unban(let prefix, _), .cover(let prefix, _): elements.remove(prefix)
        case .shed, .remember, .alarm: return
        }
        mostElements = max(mostElements, elements.count)
        mostBans = max(mostBans, policy.ledger.count)
    }

    mutating func end(_ bans: [Ban]) {
        for ban in bans { elements.remove(ban.prefix) }
    }

    /// The widest of them around an address.
    func around(_ address: IPAddress) -> Prefix? { found.outermost(containing: Prefix(address))?.prefix }

    var clause: String {
        guard !found.isEmpty else { return "" }
        return "; \(grouped(found.count)) network\(found.count == 1 ? "" : "s") of theirs as a whole, so that at most "
            + "\(grouped(mostElements)) elements stand for \(grouped(mostBans)) bans at a time"
    }

    private var inOrder: [(prefix: Prefix, value: (why: String, bans: Int))] {
        found.entries.sorted { $0.prefix < $1.prefix }
    }

    var lines: [String] {
        guard !found.isEmpty else { return [] }
        let more = found.count > 50 ? ["  ... and \(found.count - 50) more (--json lists all)"] : []
        return ["networks:"]
            + inOrder.prefix(50).map {
                "  \($0.prefix)  \($0.value.why)" + ($0.value.bans > 1 ? ", \($0.value.bans) times" : "")
            } + more
    }

    var json: JSON {
        .array(
            inOrder.map {
                .object([
                    ("net", .string($0.prefix.description)), ("why", .string($0.value.why)),
                    ("bans", JSON($0.value.bans)),
                ])
            })
    }
}
