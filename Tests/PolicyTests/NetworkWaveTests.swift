import Addresses
import Configuration
import Events
import Posix
import ProcFS
import Testing

@testable import Policy

/// Waves through the policy: how many elements they take, and what remembering where they came from costs.
@Suite struct NetworkWaveTests {
    /// What the set would hold.
    private struct Elements {
        var all: Set<Prefix> = []
        var most = 0

        mutating func follow(_ orders: [Order]) {
            for order in orders {
                switch order {
                case .ban(let ban): all.insert(ban.prefix)
                case .unban(let prefix, _), .cover(let prefix, _): all.remove(prefix)
                case .shed, .remember, .alarm: break
                }
            }
            most = max(most, all.count)
        }
    }

    /// 10,000 sources in 200 networks over four minutes, mixed as they come; known senders around them, and in five of
    /// the networks.
    @Test func `a wave of 10,000 sources in 200 networks takes no more than 500 elements, none over a known sender`()
        throws
    {
        var settings = Settings().ban
        settings.networks = true
        var policy = Policy(settings, allowlist: Allowlist())
        var elements = Elements()
        var now = Instant(seconds: 1_800_000_000)
        // A wave's networks lie anywhere: a step prime to the number of /24 never meets one twice.
        func network(_ number: UInt32) -> UInt32 { ((number &* 2_654_435) % 0x00df_0000 + 0x0001_0000) << 8 }
        var known: [IPAddress] = []
        for number in 0..<1000 as Range<UInt32> { known.append(IPAddress(v4: network(10_000 + number) + 25)) }
        for number in 0..<5 as Range<UInt32> { known.append(IPAddress(v4: network(number * 40) + 250)) }
        for sender in known { policy.judge(Event(.acceptance, peer: sender), at: now) }
        elements.follow(policy.takeOrders())
        for index in 0..<10_000 as Range<UInt32> {
            now = now + .milliseconds(24)
            let place = index &* 7919 % 10_000
            let peer = IPAddress(v4: network(place % 200) + 1 + place / 200)
            policy.judge(
                Event(.rejection, class: .rbl, code: 550, peer: peer, port: 4711, zone: "zen.example"), at: now)
            elements.follow(policy.takeOrders())
            #expect(policy.ledger.ban(covering: peer) != nil)
        }
        print("10,000 sources in 200 networks: \(elements.all.count) elements at the end, \(elements.most) at most")
        #expect(elements.all.count <= 500)
        #expect(known.allSatisfy { policy.ledger.ban(covering: $0) == nil })
        // The set covers whom the ledger covers.
        for ban in policy.ledger.bans { #expect(elements.all.contains { $0.contains(ban.prefix) }) }
    }

    /// After what is free was given back to the system: else memory of before is used again, and nothing grows.
    private func residentBytes() -> Int {
        Heap.trim()
        return Int(ProcessEntry.own.residentBytes ?? 0)
    }

    /// `swift test --filter NetworkWave` prints it.
    @Test(arguments: [(1, "in a network each"), (9, "nine in a network"), (50, "fifty in a network")])
    func `a million sources fit into 64 MB`(perNetwork: UInt32, how: String) {
        var evidence = NetworkEvidence(limit: 1_000_000)
        let before = residentBytes()
        let now = Instant(seconds: 1_800_000_000)
        for number in 0..<1_000_000 as Range<UInt32> {
            let source = (number / perNetwork + 0x0001_0000) << 8 + number % perNetwork
            evidence.note(IPAddress(v4: source), at: now)
        }
        let bytes = residentBytes() - before
        print("1,000,000 sources, \(how): \(bytes / 1_000_000) MB for \(evidence.count) networks")
        #expect(evidence.count == Int((1_000_000 + perNetwork - 1) / perNetwork))
        #expect(bytes < 64_000_000)
    }
}
