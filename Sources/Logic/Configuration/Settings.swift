import Addresses
import Events

/// Everything an administrator can set, with the values that hold when nothing is written.
///
/// Each stored property is one key of breakwater.toml(5); `SettingKey.all` is the list of them with their names,
/// forms and ranges. A value of this type has passed all of those checks.
package struct Settings: Equatable, Sendable {
    package var mode = Mode.observe
    /// An absolute path; holds the database and the lock.
    package var stateDirectory = "/var/lib/breakwater"
    /// An absolute path of at most 107 bytes (unix(7)).
    package var controlSocket = "/run/breakwater/control.sock"
    /// The group that may read over the control socket; empty means root alone.
    package var controlGroup = "breakwater"
    package var mta = MTA()
    package var ban = Ban()
    package var shed = Shed()
    package var limit = Limit()
    package var firewall = Firewall()
    package var allow = Allow()
    package var sample = Sample()
    package var origins = Origins()

    package init() {}

    package enum Mode: String, CaseIterable, Sendable {
        /// Counts and reports what it would do.
        case observe
        /// Bans and sheds.
        case enforce
    }

    package struct MTA: Equatable, Sendable {
        package var kind = Kind.auto
        package var log = Log.auto
        /// Who may send syslog to us.
        package var senders = Prefix.loopbacks
        /// Further wordings of a DNSBL rejection, looked for inside the reply's text.
        package var rblTexts: [String] = []
        /// The class of a rejection whose line gives no reason: Exim's `deny` without `message`.
        package var unexplained = RejectionClass.other
        /// Rejections of programs that no dialect knows.
        package var patterns: [SitePattern] = []
        /// The listeners protected; never empty.
        package var ports: [UInt16] = [25]
        package var slots = Slots.auto

        /// The MTAs whose lines are read.
        package var kinds: Set<Events.MTA> {
            Events.MTA(rawValue: kind.rawValue).map { [$0, .site] } ?? Set(Events.MTA.allCases)
        }
        package var siteWords: SiteWords { SiteWords(rblTexts: rblTexts, unexplained: unexplained, patterns: patterns) }

        package enum Kind: String, CaseIterable, Sendable {
            case auto, courier, postfix, exim, sendmail, opensmtpd, qpsmtpd, qmail
        }
        package enum Log: Equatable, Sendable {
            case auto
            /// Never empty.
            case places([LogPlace])
        }
        package enum Slots: Equatable, Sendable {
            /// Read from the MTA's own configuration.
            case auto
            case count(Int)
        }
    }

    package struct Ban: Equatable, Sendable {
        /// The weight of each rejection class; a class that is absent weighs nothing.
        package var classes: [RejectionClass: Double] = [.rbl: 1]
        /// A ban follows when the weights within `window` reach this; above zero.
        package var score = 1.0
        package var window = Duration.minutes(10)
        /// The span of a source's first ban; doubled on each return up to `max`.
        package var first = Duration.minutes(10)
        package var max = Duration.days(7)
        package var refresh = true
        /// IPv6 sources are counted and banned by a prefix of this length, 32...128.
        package var ipv6Prefix = 64
        /// Whether networks are banned by evidence: a /24 (IPv6: /48), or a wider block of at least these lengths.
        package var networks = false
        package var widestIPv4 = 20
        package var widestIPv6 = 48
        /// How many sources are tracked at most; the stalest leaves.
        package var maxSources = 200_000
        /// A zone is suspended when known senders make up more than this share of its rejections, 0...1.
        package var suspendZoneAt = 0.05
        /// How long a sender whose mail was accepted stays known.
        package var knownFor = Duration.days(30)
    }

    package struct Shed: Equatable, Sendable {
        package var method = Method.auto
        /// Never before the peer has acknowledged its 5xx, or `toldTimeout` has passed.
        package var told = true
        package var toldTimeout = Duration.seconds(2)
        /// When the tarpit of a listed peer is cut short.
        package var early = Early.always

        package enum Early: String, CaseIterable, Sendable {
            case always
            /// While half of the slots are taken.
            case pressure
            case off
        }
        package enum Method: String, CaseIterable, Sendable {
            case auto, signal, destroy, off
        }
    }

    package struct Limit: Equatable, Sendable {
        /// New connections of all unknown sources together; 0 means no limit.
        package var newPerSecond = 40
        package var burst = 80
        /// Open connections of one source; 0 means no limit.
        package var perSource = 0
    }

    package struct Firewall: Equatable, Sendable {
        package var backend = Backend.nft
        /// For xt_recent: put its two rules in place instead of printing them.
        package var installRules = false

        package enum Backend: String, CaseIterable, Sendable {
            case nft
            case xtRecent = "xt_recent"
            case none
        }
    }

    package struct Allow: Equatable, Sendable {
        package var nets = Prefix.loopbacks
    }

    package struct Sample: Equatable, Sendable {
        package var every = Duration.seconds(5)
    }

    package struct Origins: Equatable, Sendable {
        /// Location databases, as absolute paths, tried before those in the usual places.
        package var databases: [String] = []
    }
}

extension Prefix {
    /// As in `IPAddress.isLoopback`.
    fileprivate static let loopbacks = [
        Prefix(IPAddress(v4: 127 << 24), bits: 96 + 8), Prefix(IPAddress(high: 0, low: 1)),
    ]
}
