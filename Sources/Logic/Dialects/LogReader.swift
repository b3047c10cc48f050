import Bytes
import Events

/// One log's lines as events, whoever wrote them: header, host, dialect.
///
/// A log may hold the lines of several hosts, whose pids, queue ids and sessions repeat, so each host has dialects of
/// its own. What a dialect remembers belongs to one log's order: every log has a reader of its own.
package struct LogReader: Sendable {
    /// How much of a log one host wrote.
    package struct Share: Equatable, Sendable {
        package var host: [UInt8]
        /// Another host than this one.
        package var isRemote: Bool
        package var lines = 0
        package var events = 0

        package init(host: [UInt8], isRemote: Bool) {
            self.host = host
            self.isRemote = isRemote
        }

        /// Counts what the same host wrote to another log.
        package mutating func add(_ other: Share) {
            isRemote = isRemote && other.isRemote
            lines += other.lines
            events += other.events
        }
    }

    /// Of the line that was read last.
    package private(set) var header = LogLine()
    /// Hosts that were forgotten to make room, with all that was remembered of their sessions.
    package private(set) var forgottenHosts = 0

    private struct Host: Sendable {
        var share: Share
        /// It bears our own name, or none.
        var isOwn: Bool
        var dialects: DialectSet
        var lastLine = 0

        mutating func read(_ header: LogLine, _ bytes: Span<UInt8>, into event: inout Event) -> Bool {
            share.lines += 1
            guard dialects.read(header, in: bytes, into: &event) else { return false }
            share.events += 1
            event.isRemote = share.isRemote
            return true
        }
    }
    /// What a host has of dialects before its first line: to make them anew takes as long as to read sixty lines.
    private let fresh: DialectSet
    /// The first label of this host's own name, lower case; `nil` when every line counts as its own.
    private let ownLabel: [UInt8]?
    private let isSentHere: Bool
    private var hosts: [Host] = []
    /// Of each host, by which others are passed over.
    private var keys: [UInt64] = []
    private var ownHosts = 0
    private var current = 0
    private var lines = 0
    private static let mostHosts = 64

    /// - Parameters:
    ///   - ownHost: this host's name. Lines that give another are another host's, except in a log that has none of our
    ///     own name: a syslog daemon may know this host by a name of its own choice. `nil`: never.
    ///   - isSentHere: other hosts send their lines to this log, so that only our own name makes a line ours.
    package init(
        _ kinds: Set<MTA> = Set(MTA.allCases), _ site: SiteWords = SiteWords(), ownHost: String? = nil,
        isSentHere: Bool = false
    ) {
        self.isSentHere = isSentHere
        fresh = DialectSet(kinds, site)
        ownLabel = ownHost.map { name in Array(name.utf8.prefix { $0 != UInt8(ascii: ".") }).map(lowercased) }
    }

    /// Lines of the MTAs that were no event.
    package var unread: Int { hosts.reduce(0) { $0 + $1.dialects.unread } }
    /// By lines, the most first.
    package var shares: [Share] { hosts.map(\.share).sorted { $0.lines > $1.lines } }
    /// Clients can have written lines of qpsmtpd's own log (`Qpsmtpd.hasClientLines`).
    package var hasClientLines: Bool { hosts.contains { $0.dialects.qpsmtpd?.hasClientLines == true } }
    /// Courier's dialogue logging was seen (`Courier.hasDialogue`).
    package var hasDialogue: Bool { hosts.contains { $0.dialects.courier?.hasDialogue == true } }
    /// Entries that Exim could not log whole (`Exim.overflowed`).
    package var overflowed: Int { hosts.reduce(0) { $0 + ($1.dialects.exim?.overflowed ?? 0) } }

    /// Puts what the line says happened into `event`; false when it is none. `now` is when it was heard.
    package mutating func read(_ bytes: Span<UInt8>, at now: Instant = .distantPast, into event: inout Event) -> Bool {
        guard header.read(bytes) else { return false }
        header.heard = now
        let key = LogReader.key(bytes, header.host)
        if hosts.isEmpty || !LogReader.isHost(key, keys[current], hosts, current, header.host, bytes) {
            findHost(key, bytes)
        }
        lines += 1
        return hosts[current].read(header, bytes, into: &event)
    }

    /// Makes the line's host the current one.
    private mutating func findHost(_ key: UInt64, _ bytes: Span<UInt8>) {
        if !hosts.isEmpty { hosts[current].lastLine = lines }
        if let known = hosts.indices.first(where: { LogReader.isHost(key, keys[$0], hosts, $0, header.host, bytes) }) {
            current = known
            return
        }
        var name: [UInt8] = []
        for index in header.host { name.append(bytes[index]) }
        let isOwn = isOwn(name)
        let wasOwnHere = isSentHere || ownHosts > 0
        if isOwn { ownHosts += 1 }
        let host = Host(share: Share(host: name, isRemote: false), isOwn: isOwn, dialects: fresh)
        if hosts.count < LogReader.mostHosts {
            current = hosts.count
            hosts.append(host)
            keys.append(key)
        } else {
            current = leastMissed
            if hosts[current].isOwn { ownHosts -= 1 }
            hosts[current] = host
            keys[current] = key
            forgottenHosts += 1
        }
        let isOwnHere = isSentHere || ownHosts > 0
        hosts[current].share.isRemote = ownLabel != nil && isOwnHere && !isOwn
        guard isOwnHere != wasOwnHere, ownLabel != nil else { return }
        for index in hosts.indices { hosts[index].share.isRemote = isOwnHere && !hosts[index].isOwn }
    }

    /// Who goes when there are too many: one of whom no event came, if there is any, so that names that somebody invents do
    /// not push out the mail servers; of these the one that was silent for longest.
    private var leastMissed: Int {
        var (place, isSilent, lastLine) = (0, false, Int.max)
        for index in hosts.indices {
            let isSilentToo = hosts[index].share.events == 0
            if isSilent, !isSilentToo { continue }
            guard isSilent != isSilentToo || hosts[index].lastLine < lastLine else { continue }
            (place, isSilent, lastLine) = (index, isSilentToo, hosts[index].lastLine)
        }
        return place
    }

    /// A file of the MTA's own names no host.
    private func isOwn(_ name: [UInt8]) -> Bool {
        guard let ownLabel else { return false }
        return name.isEmpty
            || name.prefix { $0 != UInt8(ascii: ".") }.elementsEqual(ownLabel) { lowercased($0) == $1 }
    }

    /// Whether the line is of the host at `place`.
    ///
    /// Not a method, as a call of one would copy all of the reader.
    @inline(__always)
    private static func isHost(
        _ key: UInt64, _ known: UInt64, _ hosts: [Host], _ place: Int, _ host: Range<Int>, _ bytes: Span<UInt8>
    ) -> Bool {
        guard known == key else { return false }
        if host.count <= 7 { return true }
        let name = hosts[place].share.host
        return bytes.hasBytes(host.count, of: name.span, from: 0, at: host.lowerBound)
    }

    /// A name's length, below 256, and its last seven bytes, in which the hosts of one site differ.
    private static func key(_ bytes: Span<UInt8>, _ name: Range<Int>) -> UInt64 {
        let count = min(7, name.count)
        return bytes.word(at: name.upperBound - count) & Words.mask(count) | UInt64(name.count & 0xff) << 56
    }
}
