import Addresses
import Events

/// What the daemon writes down.
package enum StoreRecord: Sendable {
    /// A ban as it now stands; takes the place of what is known of its prefix.
    case ban(StoredBan)
    /// A ban lifted before its time.
    case unban(Prefix, at: Instant)
    /// A decision with the log lines that led to it; each is cut to `StoreRecord.mostEvidenceBytes`.
    case decision(Decision, evidence: [[UInt8]])
    case sample(StoredSample)
    /// A wave as it now stands; takes the place of what is known of its number.
    case wave(StoredWave)
    case known(KnownSender)
    /// A counter's value now, not its growth.
    case counter(String, Int64)
    /// Where reading of a log goes on, in the words of whoever reads it.
    case logPosition(path: String, text: String)
    case allow(AllowEntry)
    case disallow(Prefix)
    /// What `enforce on|off` set; `nil` takes it back.
    case mode(ModeOverride?)

    package static let mostEvidenceBytes = 300
    package static let mostEvidenceLines = 4
    /// Waves that are kept: one a day for thirteen years.
    package static let mostWaves = 5000
    /// Counters that are the latest measure of something, 0 where it is not known: the slots that the server has, and the
    /// memory of a process that serves a connection.
    package static let slotLimitCounter = "slot_limit"
    package static let slotBytesCounter = "slot_bytes"
}

/// A ban with what it has done. It lasts while `ban.until` lies ahead; afterwards it is the source's history.
package struct StoredBan: Equatable, Sendable {
    package var ban: Ban
    /// Packets of the source dropped, and connections of it shed.
    package var hits: Int
    package var sheds: Int

    package init(_ ban: Ban, hits: Int = 0, sheds: Int = 0) {
        self.ban = ban
        self.hits = hits
        self.sheds = sheds
    }
}

package struct StoredDecision: Equatable, Sendable {
    package var decision: Decision
    /// Printable ASCII: other bytes are escaped as `Record` does it.
    package var evidence: [String]
}

package struct StoredSample: Equatable, Sendable {
    package var time: Instant
    package var connections: Int
    package var slots: Int
    /// Connections that were not there at the sample before.
    package var new: Int

    package init(time: Instant, connections: Int, slots: Int, new: Int) {
        self.time = time
        self.connections = connections
        self.slots = slots
        self.new = new
    }
}

/// A sender whose mail was accepted.
package struct KnownSender: Equatable, Sendable {
    package var prefix: Prefix
    package var until: Instant
    package var isAuthenticated: Bool

    package init(_ prefix: Prefix, until: Instant, isAuthenticated: Bool) {
        self.prefix = prefix
        self.until = until
        self.isAuthenticated = isAuthenticated
    }
}

/// A prefix on the allowlist by `allow NET`, as against the configuration.
package struct AllowEntry: Equatable, Sendable {
    package var prefix: Prefix
    package var until: Instant
    /// Who, as the control socket saw it.
    package var by: String

    package init(_ prefix: Prefix, until: Instant, by: String) {
        self.prefix = prefix
        self.until = until
        self.by = by
    }
}

package struct ModeOverride: Equatable, Sendable {
    package var enforces: Bool
    package var until: Instant

    package init(enforces: Bool, until: Instant) {
        self.enforces = enforces
        self.until = until
    }
}

/// What the administrator should read about the store, once.
package enum StoreNotice: Equatable, Sendable, CustomStringConvertible {
    /// The database was beyond use. What could still be read was taken over; the daemon posts its bans once more.
    case movedAside(to: String, why: String, carriedOver: Int)
    /// Nothing is written until further notice; the daemon goes on protecting.
    case withoutDisk(why: String)
    case diskAgain
    /// The file had vanished, or another stood in its place.
    case beganAfresh
    case dropped(records: Int, why: String)

    package var description: String {
        switch self {
        case .movedAside(let name, let why, let carriedOver):
            "store: \(why); moved aside as \(name), began afresh with \(carriedOver) entries that could still be read"
        case .withoutDisk(let why):
            "store: \(why); going on without disk, bans stay in force, trying again every minute"
        case .diskAgain: "store: writing to disk again"
        case .beganAfresh: "store: the database had vanished; began afresh"
        case .dropped(let records, let why): "store: \(records) records dropped: \(why)"
        }
    }

    /// Whether the daemon should post all it holds again: bans, known senders, allowlist entries, mode and log position.
    package var asksForAll: Bool {
        switch self {
        case .movedAside, .beganAfresh: true
        default: false
        }
    }
}
