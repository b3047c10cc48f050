import Addresses
import Events

/// What the administrator decided, in the shape judging needs it. INTERFACE and breakwater.toml(5) describe each key.
package struct PolicySettings: Equatable, Sendable {
    /// Weight of each rejection class; unlisted classes weigh nothing.
    package var weights: [RejectionClass: Double] = [.rbl: 1.0]
    /// A source is banned when its weights within `window` add up to this.
    package var score = 1.0
    package var window: Duration = .minutes(10)
    /// The first ban of a source; doubled at every return, up to `longest`.
    package var first: Duration = .minutes(10)
    package var longest: Duration = .days(7)
    /// A packet from a banned source starts its time anew.
    package var refresh = true
    /// IPv6 sources are counted and banned by blocks of this length.
    package var ipv6Length = 64
    /// Sources remembered at once; the stalest leaves.
    package var maxSources = 200_000
    /// A list is taken for broken when known senders make up more than this share of the sources it rejects ...
    package var zoneGuardShare = 0.05
    /// ... within this span.
    package var zoneGuardWindow: Duration = .minutes(10)
    /// How long an accepted message makes a sender known.
    package var knownFor: Duration = .days(30)
    /// Known senders remembered at once; the one that ends first leaves.
    package var maxKnown = 200_000

    package init() {}
}
