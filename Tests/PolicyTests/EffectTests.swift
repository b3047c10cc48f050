import Addresses
import Configuration
import Events
import Policy
import Testing

@Suite struct EffectTests {
    /// A policy and its effect, as replay and daemon feed both.
    private final class Trial {
        var policy: Policy
        var effect: Effect
        var now = Instant(seconds: 1_800_000_000)

        init(_ bounds: Effect.Bounds = .day, ipv6Prefix: Int = 64) {
            var settings = Settings().ban
            settings.ipv6Prefix = ipv6Prefix
            settings.networks = true
            policy = Policy(settings, allowlist: Allowlist())
            effect = Effect(hold: .seconds(600), bounds: bounds)
        }

        func hear(_ kind: Event.Kind, _ peer: String, port: UInt16 = 4711) {
            guard let address = IPAddress(peer) else { return }
            var event = Event(kind, peer: address, port: port)
            if kind == .rejection {
                event.rejectionClass = .rbl
                event.code = 511
                event.zone = "zen.example"
            }
            effect.hear(
                event, isBanned: policy.isBanned(address, at: now), source: policy.sourceBlock(address).address, at: now
            )
            policy.judge(event, at: now)
            for order in policy.takeOrders() {
                switch order {
                case .ban(let ban) where ban.since == now:
                    effect.note(
                        ban, isNetwork: policy.isByEvidence(ban), isKnown: policy.isKnown(ban.prefix.address, at: now))
                case .shed(let shed): effect.note(shed, at: now)
                default: break
                }
            }
        }

        func wait(_ span: Duration) {
            now = now + span
            _ = policy.advance(to: now)
        }

        var touched: [String] {
            effect.touchedSenders { policy.sourceBlock($0) }.map { "\($0.prefix.shortDescription) \($0.messages)" }
        }
        var slots: SlotModel.Figures { effect.slotFigures(at: effect.allEnded) }
    }

    @Test func `a source that comes again while it is banned is turned away, later ended again`() {
        let trial = Trial()
        trial.hear(.connect, "198.51.100.7", port: 1)
        trial.hear(.rejection, "198.51.100.7", port: 1)
        trial.wait(.minutes(1))
        trial.hear(.connect, "198.51.100.7", port: 2)
        trial.hear(.rejection, "198.51.100.7", port: 2)
        trial.wait(.minutes(20))
        trial.hear(.connect, "198.51.100.7", port: 3)
        trial.hear(.rejection, "198.51.100.7", port: 3)
        #expect(trial.effect.sources == 1)
        #expect(trial.effect.bans == 2)
        #expect(trial.slots.refused == 1)
        #expect(trial.slots.ended == 2)
        #expect(trial.slots.secondsBefore == 1800)
        #expect(trial.slots.secondsAfter == 0)
        #expect(trial.touched.isEmpty)
    }

    @Test func `a known sender is touched whether its mail came before the ban, during or after it`() {
        let trial = Trial()
        trial.hear(.acceptance, "198.51.100.1")
        trial.hear(.acceptance, "198.51.100.9")
        trial.hear(.rejection, "198.51.100.1")
        trial.hear(.rejection, "198.51.100.2")
        trial.hear(.acceptance, "198.51.100.2")
        trial.hear(.rejection, "198.51.100.3")
        trial.wait(.hours(5))
        trial.hear(.acceptance, "198.51.100.3")
        trial.hear(.acceptance, "198.51.100.3")
        #expect(trial.touched == ["198.51.100.1 1", "198.51.100.2 1", "198.51.100.3 2"])
        #expect(trial.effect.touched == 3)
    }

    @Test func `one that the policy knows from earlier days is touched`() throws {
        let trial = Trial()
        let sender = try #require(IPAddress("198.51.100.4"))
        trial.policy.adoptKnown(sender, until: trial.now + .days(3), authenticated: false)
        trial.hear(.rejection, "198.51.100.4")
        #expect(trial.touched == ["198.51.100.4 0"])
    }

    @Test func `an IPv6 neighbour is the same source`() {
        let trial = Trial()
        trial.hear(.acceptance, "2001:db8:0:1::1")
        trial.hear(.rejection, "2001:db8:0:1::2")
        #expect(trial.touched == ["2001:db8:0:1::/64 1"])
    }

    @Test func `mail out of a network that was banned touches its sender, which was not banned itself`() {
        let trial = Trial()
        for number in 1...20 { trial.hear(.rejection, "198.51.100.\(number)") }
        let (networks, sources) = (trial.effect.networks, trial.effect.sources)
        #expect(networks == 1 && sources == trial.effect.bans)
        trial.hear(.acceptance, "198.51.100.200")
        #expect(trial.touched == ["198.51.100.200 1"])
        trial.hear(.acceptance, "198.51.101.200")
        #expect(trial.touched.count == 1)
    }

    @Test func `what is beyond a bound is left out and said`() {
        let trial = Trial(Effect.Bounds(sources: 5, senders: 2, connections: 100))
        for number in 1...5 { trial.hear(.rejection, "198.18.\(number).7") }
        let isPartial = trial.effect.isPartial
        #expect(!isPartial)
        trial.hear(.rejection, "198.18.6.7")
        #expect(trial.effect.isPartial)
        #expect(trial.effect.sources == 5)
        #expect(trial.effect.bans == 6)
        for number in 1...4 { trial.hear(.acceptance, "198.18.\(number).7") }
        #expect(trial.touched.count == 2)
    }
}
