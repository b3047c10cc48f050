import Addresses
import Events

/// What keeps banned sources from opening connections: nftables sets, an xt_recent list, or nothing. One protocol,
/// three forms.
///
/// Not `Sendable`: one owner, one thread. No call waits for anything but the kernel's answer to its own request.
package protocol Firewall: AnyObject {
    /// As the configuration writes it: `nft`, `xt_recent`, `none`.
    var form: String { get }
    /// Whether bans end by themselves; where not, the owner takes each out when its time is over.
    var endsBansByItself: Bool { get }
    /// Whether elements tell how many packets and bytes were dropped, not only that there were some.
    var hasCounters: Bool { get }

    /// Makes what is missing, adopts what is there, and returns the elements found with the time they have left.
    func start(_ plan: FirewallPlan, at now: Instant) throws(FirewallError) -> Adoption
    /// Puts other ports or limits in force, without a moment without rules; elements and counters stay.
    func change(to plan: FirewallPlan) throws(FirewallError)
    /// Carries out changes in batches; the answer has one result for each, in the same order. When a prefix comes
    /// more than once, its last change counts and the earlier ones share its result.
    func apply(_ changes: [FirewallChange], at now: Instant) -> [ChangeResult]
    /// The bans (or known senders) among `prefixes` that stand in the kernel now, without disturbing them.
    func elements(for prefixes: [Prefix], in place: Element.Place) throws(FirewallError) -> [Element]
    /// Looks up what should be there and puts back what is not. Meant for slices of a few hundred.
    func reconcile(_ wanted: [FirewallChange], at now: Instant) throws(FirewallError) -> Reconciliation
    /// Puts the narrower networks in whose wider one has ended; returns what became of them.
    func advance(to now: Instant) -> [ChangeResult]
    /// When `advance` has something to do; `nil` when nothing is waiting.
    var nextDue: Instant? { get }
    /// Never dropped from now on, whatever else is banned; replaces what was allowed before.
    func setAllowed(_ prefixes: [Prefix]) throws(FirewallError)
    /// Checks everything but bans and known senders, and puts back what others took away.
    func repair() throws(FirewallError) -> Repairs
    /// Connections refused since the counters were made.
    func drops() throws(FirewallError) -> Drops
    /// Takes away everything this made, and nothing else.
    func remove() throws(FirewallError)
}

/// The rules' parameters.
package struct FirewallPlan: Equatable, Sendable {
    /// The listeners' ports, as peers see them: before any DNAT.
    package var ports: [UInt16]
    /// New connections per second of all unknown sources together; 0 is no limit.
    package var newPerSecond: Int
    package var burst: Int
    /// Open connections of one IPv4 address or one IPv6 /64; 0 is no limit.
    package var perSource: Int
    package var allowed: [Prefix]
    /// The most elements that a set takes, for hosts, networks and known senders of each family.
    package var hostLimit: Int
    package var networkLimit: Int
    package var knownLimit: Int
    /// Whose rules they are, at most 120 bytes of printable ASCII, as nft takes no longer comments.
    package var owner: String

    package init(
        ports: [UInt16], newPerSecond: Int = 0, burst: Int = 0, perSource: Int = 0, allowed: [Prefix] = [],
        hostLimit: Int = 262_144, networkLimit: Int = 131_072, knownLimit: Int = 131_072, owner: String = ""
    ) {
        self.ports = ports
        self.newPerSecond = newPerSecond
        self.burst = burst
        self.perSource = perSource
        self.allowed = allowed
        self.hostLimit = hostLimit
        self.networkLimit = networkLimit
        self.knownLimit = knownLimit
        self.owner = owner
    }
}

package enum FirewallChange: Equatable, Sendable {
    /// Drop new connections from `prefix` for `timeout` from now, whatever it had before; `.forever` has no end.
    case ban(Prefix, timeout: Duration)
    /// The same for a prefix that by all we know is not in the set: a third of the kernel's work. Should somebody else
    /// have put it in, kernels before 6.12 keep that element's end.
    case newBan(Prefix, timeout: Duration)
    case unban(Prefix)
    /// Let a host past the limits for `timeout` from now; a ban outweighs it.
    case remember(Prefix, timeout: Duration)
    case forget(Prefix)

    /// Whether it puts a ban in.
    package var isBan: Bool {
        switch self {
        case .ban, .newBan: true
        case .unban, .remember, .forget: false
        }
    }

    package var prefix: Prefix {
        switch self {
        case .ban(let prefix, _), .newBan(let prefix, _), .unban(let prefix), .remember(let prefix, _),
            .forget(let prefix):
            prefix
        }
    }
}

/// What came of one change.
package struct ChangeResult: Equatable, Sendable {
    package var change: FirewallChange
    /// `.done`; `.already` for an unban of what was not banned; `.refused` for what this form cannot hold; `.failed`.
    package var outcome: Outcome
    /// For an unban or forget: what was taken out, with the time it had left and its counters.
    package var removed: Element?
    /// Why it was refused or failed, with a remedy.
    package var error: FirewallError?

    package init(_ change: FirewallChange, _ outcome: Outcome, removed: Element? = nil, error: FirewallError? = nil) {
        self.change = change
        self.outcome = outcome
        self.removed = removed
        self.error = error
    }
}

/// One ban or known sender as it stands in the kernel.
package struct Element: Equatable, Sendable {
    package enum Place: Sendable { case banned, known }
    package var place: Place
    package var prefix: Prefix
    /// The span it was given; `nil` when it has no end.
    package var timeout: Duration?
    /// The time left.
    package var expires: Duration?
    /// Dropped since the element was made or last given a new end.
    package var packets: UInt64
    package var bytes: UInt64

    package init(
        _ place: Place, _ prefix: Prefix, timeout: Duration? = nil, expires: Duration? = nil, packets: UInt64 = 0,
        bytes: UInt64 = 0
    ) {
        self.place = place
        self.prefix = prefix
        self.timeout = timeout
        self.expires = expires
        self.packets = packets
        self.bytes = bytes
    }
}

package struct Adoption: Sendable {
    package var elements: [Element]
    /// Ranges that are no CIDR block, put in by somebody else: they stay in force and are left alone.
    package var foreignRanges: [String]
    /// What `start` had to make or replace.
    package var made: Repairs
    /// What is worth an administrator's reading, such as a list that is too small.
    package var warnings: [String]

    package init(
        elements: [Element] = [], foreignRanges: [String] = [], made: Repairs = Repairs(), warnings: [String] = []
    ) {
        self.elements = elements
        self.foreignRanges = foreignRanges
        self.made = made
        self.warnings = warnings
    }
}

/// What had to be put back; all zero when nobody had touched anything.
package struct Repairs: Equatable, Sendable {
    package var tables = 0
    package var sets = 0
    package var chains = 0
    package var rules = 0
    package var counters = 0
    /// Allowed prefixes.
    package var allowed = 0

    package init() {}
    package var total: Int { tables + sets + chains + rules + counters + allowed }
}

package struct Reconciliation: Sendable {
    /// What stands in the kernel, fresh expires and counters included.
    package var found: [Element]
    /// Results for what was missing and put back.
    package var restored: [ChangeResult]
}

/// New connections refused, by the rule that refused them.
package struct Drops: Equatable, Sendable {
    package struct Count: Equatable, Sendable {
        package var packets: UInt64 = 0
        package var bytes: UInt64 = 0

        package init(packets: UInt64 = 0, bytes: UInt64 = 0) {
            self.packets = packets
            self.bytes = bytes
        }
    }

    package var banned = Count()
    package var perSource = Count()
    package var newPerSecond = Count()

    package init() {}

    /// By a limit, whichever.
    package var limited: Count {
        Count(packets: perSource.packets &+ newPerSecond.packets, bytes: perSource.bytes &+ newPerSecond.bytes)
    }
}
