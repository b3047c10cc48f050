import Addresses
import Events

/// Bans as a zone file of rbldnsd, so that other mail servers can ask for them as they ask any DNSBL (RFC 5782).
///
/// One file for both families, of rbldnsd's type `combined`. It ends its own validity a day after it was written: a list
/// that nobody writes anew takes itself out, and then answers SERVFAIL.
package enum DNSBLZone {
    /// The lines of the file. `now` is the time of writing, to which validity counts.
    package static func lines(_ prefixes: some Sequence<Prefix>, at now: Instant) -> [String] {
        let sorted = prefixes.sorted()
        let time = CivilTime(now)
        let stamp =
            [padded(time.year, 4)]
            + [time.month, time.day, time.hour, time.minute, time.second].map { padded($0, 2) }
        return ["$SOA 300 localhost. postmaster.localhost. 0 600 300 86400 300", "$TTL 300"]
            + ["$TIMESTAMP \(stamp.joined(separator: ":")) +1d"]
            + dataset("ip4trie", test: "127.0.0.2", sorted.filter(\.isIPv4))
            + dataset("ip6trie", test: "::ffff:7f00:2", sorted.filter { !$0.isIPv4 })
    }

    /// The test entry is there for whoever checks that the list is alive (RFC 5782, 5).
    private static func dataset(_ type: String, test: String, _ prefixes: [Prefix]) -> [String] {
        ["$DATASET \(type):\(type) @", ":127.0.0.2:$ is banned here by breakwater", test]
            + prefixes.map(\.shortDescription)
    }
}
