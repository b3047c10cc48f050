import Addresses
import Events

/// Banning networks by evidence: when several of a network's sources have been banned and none of its senders is known.
///
/// The block is never a database's or a registry's, but what was seen: a /24 with four bad sources within the hour (IPv6:
/// a /48 with four /64), or a wider block of which three in four such networks are bad. By chance four of the 44,000
/// sources of a big wave would share one of 14 million /24 once in 16,000 waves; three of them would in every 14th.
extension Policy {
    /// Distinct bad sources that make a network a bad one.
    static let fewestBadSources = 4

    /// Asked for every new ban: notes its source, and bans the network around it if that is bad now.
    mutating func considerNetwork(of source: Prefix, at now: Instant) {
        guard settings.networks, source.bits > NetworkEvidence.unitBits(source.address) else { return }
        evidence.note(source.address, at: now)
        let unit = NetworkEvidence.network(of: source.address)
        guard evidence.sources(in: unit, at: now).sources >= Policy.fewestBadSources else { return }
        for bits in widest(source.address)...Int(unit.bits) {
            let block = Prefix(source.address, bits: bits)
            guard isBad(block, at: now), !known.isAny(inside: block), !allowlist.overlaps(block, at: now) else {
                continue
            }
            return ban(network: block, at: now)
        }
    }

    /// In the 128 bits of an `IPAddress`; at most as wide as the networks that are counted.
    private func widest(_ address: IPAddress) -> Int {
        min(address.isIPv4 ? 96 + settings.widestIPv4 : settings.widestIPv6, NetworkEvidence.unitBits(address))
    }

    private func isBad(_ block: Prefix, at now: Instant) -> Bool {
        let networks = 1 << (NetworkEvidence.unitBits(block.address) - Int(block.bits))
        return evidence.networks(of: block, withAtLeast: Policy.fewestBadSources, at: now) * 4 >= networks * 3
    }

    private mutating func ban(network: Prefix, at now: Instant) {
        let (count, timeout) = noteBan(of: historyKey(network), at: now)
        enter(
            Ban(
                prefix: network, since: now, until: now + timeout, timeout: timeout, why: reason(network, at: now),
                count: count))
    }

    /// `9 neighbours`, `~420 neighbours`: what a network's ban is founded on, as `list` has it.
    private func reason(_ network: Prefix, at now: Instant) -> String {
        let count = evidence.sources(in: network, at: now)
        return "\(count.isExact ? "" : "~")\(count.sources) neighbours"
    }

    /// Bad sources seen of late in the network that a ban's reason counts, as they are now.
    package func badSources(in network: Prefix, at now: Instant) -> (count: Int, isExact: Bool) {
        let count = evidence.sources(in: network, at: now)
        return (count.sources, count.isExact)
    }

    /// Under which address a prefix's earlier bans are remembered: a network's under its last, which is no source's.
    func historyKey(_ prefix: Prefix) -> IPAddress {
        prefix == sourceBlock(prefix.address) ? prefix.address : prefix.lastAddress
    }

    /// Whether a ban is one of a network by evidence: not by hand, not of a single source.
    package func isByEvidence(_ ban: Ban) -> Bool {
        ban.origin == .local && ban.prefix.bits < sourceBlock(ban.prefix.address).bits && ban.why != Ban.unexplained
    }

    /// A sender whose mail was accepted shows up: the networks around it are no longer banned, single hosts still are.
    mutating func liftNetworks(around peer: IPAddress) {
        guard ledger.networkCount > 0 else { return }
        let wrong = ledger.networks { $0.prefix.contains(peer) && isByEvidence($0) }
        lift(wrong.map(\.prefix).sorted(), why: "mail of \(peer) was accepted")
    }

    /// Networks banned by evidence that do not agree with the settings any more.
    mutating func liftNetworks(against allowlist: Allowlist, at now: Instant) {
        let wrong = ledger.networks { ban in
            isByEvidence(ban)
                && (!settings.networks || Int(ban.prefix.bits) < widest(ban.prefix.address)
                    || allowlist.overlaps(ban.prefix, at: now))
        }
        lift(wrong.map(\.prefix).sorted(), why: settings.networks ? "allowed, or too wide" : "networks are not banned")
    }

    /// What was banned while a list was broken stood on its word.
    mutating func liftNetworks(bannedSince since: Instant, why: String) {
        let wrong = ledger.networks { $0.since >= since && isByEvidence($0) }
        lift(wrong.map(\.prefix).sorted(), why: why)
    }

    /// The orders by which the set follows the ledger when the ban of `network` has changed, from one that ended `before`:
    /// hosts that it covers now leave the set, those it covered before and does not now return.
    mutating func cover(_ network: Prefix, before: Instant) {
        let after = ledger[network]?.until ?? .distantPast
        for host in ledger.hosts(inside: network) {
            let (was, isNow) = (before >= host.until, after >= host.until)
            if isNow, !was { orders.append(.cover(host.prefix, by: network)) }
            if was, !isNow, ledger.cover(of: host.prefix) == nil { orders.append(.ban(host)) }
        }
    }
}
