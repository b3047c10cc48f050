import Addresses
import ControlProtocol
import Events
import Policy
import Waves

/// Who was rejected or dropped the most of late: what `top` shows. Everything here is made when somebody looks, but for
/// two counts for each rejection.
extension Agent {
    /// A thing that `top` lists: rejections of the last five to ten minutes, packets dropped by bans in force.
    private struct Weight {
        var rejected = 0
        var dropped = 0
        var sources = 0
        var last: Instant?
        var total: Int { rejected + dropped }
    }

    func noteRejected(_ event: Event, at now: Instant) {
        guard event.kind == .rejection, !event.isContinuation, let peer = event.peer else { return }
        let block = policy.sourceBlock(peer)
        rejectedSources.note(block, at: now)
        rejectedNetworks.note(block.address.network, at: now)
    }

    /// Rows `source` and `network`, the worst first, at most `limit` of each.
    func worst(_ limit: Int) -> ControlServer.Answer {
        let now = clock.now
        var sources: [Prefix: Weight] = [:]
        var networks: [Prefix: Weight] = [:]
        for (source, seen) in rejectedSources.all(at: now) {
            sources[source] = Weight(rejected: seen.count, last: seen.last)
            networks[source.address.network, default: Weight()].sources += 1
        }
        for (network, seen) in rejectedNetworks.all(at: now) {
            networks[network, default: Weight()].rejected = seen.count
            networks[network]?.last = seen.last
        }
        for ban in policy.ledger.bans {
            guard let hits = costs[ban.prefix]?.hits, hits > 0 else { continue }
            let network = ban.prefix.bits > ban.prefix.address.network.bits ? ban.prefix.address.network : ban.prefix
            if sources[ban.prefix] == nil, network != ban.prefix { networks[network, default: Weight()].sources += 1 }
            if network != ban.prefix { sources[ban.prefix, default: Weight()].dropped += Int(hits) }
            networks[network, default: Weight()].dropped += Int(hits)
        }
        return .rows(
            once(rows("source", sources, limit, now) + rows("network", networks, limit, now)), last: { Reply.done() })
    }

    private func rows(_ word: String, _ weights: [Prefix: Weight], _ limit: Int, _ now: Instant) -> [Record] {
        let sorted = weights.sorted { ($1.value.total, $0.key) < ($0.value.total, $1.key) }
        return sorted.prefix(limit).map { prefix, weight in
            var row = Record(word)
            row.add("net", prefix)
            row.add("rejected", weight.rejected)
            row.add("dropped", weight.dropped)
            row.add("sources", weight.sources)
            row.add("last", weight.last?.nanoseconds)
            if policy.allowlist.entry(covering: prefix, at: now) != nil { row.add("allowed", "yes") }
            if let ban = policy.ledger[prefix] ?? policy.ledger.ban(covering: prefix.address),
                ban.prefix.contains(prefix)
            {
                row.add("until", ban.until.nanoseconds)
            }
            if prefix.isHost, policy.isKnown(prefix.address, at: now) { row.add("known", "yes") }
            return row
        }
    }
}

extension IPAddress {
    /// Its /24, of IPv6 its /48.
    fileprivate var network: Prefix { Prefix(self, bits: isIPv4 ? 120 : 48) }
}
