import Addresses
import Events

/// The sessions of a peer that were rejected, for an MTA whose lines name a session and no port.
///
/// With one process for all connections a line does not say which of a peer's connections it is about. When as many
/// sessions of his were rejected as he has connections, and none of these sessions has ended, it is all of them.
struct RejectedSessions {
    private var byPeer: [IPAddress: [UInt64: Instant]] = [:]
    private static let mostPeers = 4096
    private static let mostSessions = 256
    /// No session outlives its rejection for longer: OpenSMTPD ends a silent one after five minutes.
    private static let longest = Duration.minutes(15)

    mutating func note(_ session: UInt64, of peer: IPAddress, at now: Instant) {
        if byPeer.count >= RejectedSessions.mostPeers, byPeer[peer] == nil {
            byPeer = byPeer.filter { $0.value.values.contains { now - $0 < RejectedSessions.longest } }
            // Forgetting leaves connections alone that could be shed; never the other way round.
            if byPeer.count >= RejectedSessions.mostPeers { byPeer = [:] }
        }
        guard byPeer[peer, default: [:]].count < RejectedSessions.mostSessions else { return }
        byPeer[peer, default: [:]][session] = now
    }

    mutating func noteEnd(of session: UInt64, peer: IPAddress) {
        byPeer[peer]?[session] = nil
        if byPeer[peer]?.isEmpty == true { byPeer[peer] = nil }
    }

    func count(of peer: IPAddress, at now: Instant) -> Int {
        byPeer[peer]?.values.count { now - $0 < RejectedSessions.longest } ?? 0
    }
}
