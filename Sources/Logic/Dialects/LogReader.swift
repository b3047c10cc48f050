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
        var lastLine = 0
    }
    /// What a host has of dialects before its first line: to make them anew takes as long as to read sixty lines.
    private let fresh: DialectSet
    /// The first label of this host's own name, lower case; `nil` when every line counts as its own.
    private let ownLabel: [UInt8]?
    private let isSentHere: Bool
    /// Beside each other, as what is looked through for every new name is small, and a host's dialects are not.
    private var hosts: [Host] = []
    private var dialects: [DialectSet] = []
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
    package var unread: Int { dialects.reduce(0) { $0 + $1.unread } }
    /// By lines, the most first.
    package var shares: [Share] { hosts.map(\.share).sorted { $0.lines > $1.lines } }
    /// Clients can have written lines of qpsmtpd's own log (`Qpsmtpd.hasClientLines`).
    package var hasClientLines: Bool { dialects.contains { $0.qpsmtpd?.hasClientLines == true } }
    /// Courier's dialogue logging was seen (`Courier.hasDialogue`).
    package var hasDialogue: Bool { dialects.contains { $0.courier?.hasDialogue == true } }
    /// Entries that Exim could not log whole (`Exim.overflowed`).
    package var overflowed: Int { dialects.reduce(0) { $0 + ($1.exim?.overflowed ?? 0) } }

    /// Puts what the line says happened into `event`; false when it is none. `now` is when it was heard.
    package mutating func read(_ bytes: Span<UInt8>, at now: Instant = .distantPast, into event: inout Event) -> Bool {
        guard header.read(bytes) else { return false }
        header.heard = now
        if hosts.isEmpty || !LogReader.isSame(hosts[current].share.host, bytes, header.host) { findHost(bytes) }
        lines += 1
        hosts[current].share.lines += 1
        guard dialects[current].read(header, in: bytes, into: &event) else { return false }
        hosts[current].share.events += 1
        event.isRemote = hosts[current].share.isRemote
        return true
    }

    /// Makes the line's host the current one.
    private mutating func findHost(_ bytes: Span<UInt8>) {
        if !hosts.isEmpty { hosts[current].lastLine = lines }
        if let known = hosts.firstIndex(where: { LogReader.isSame($0.share.host, bytes, header.host) }) {
            current = known
            return
        }
        var name: [UInt8] = []
        for index in header.host { name.append(bytes[index]) }
        let isOwn = isOwn(name)
        let wasOwnHere = isSentHere || ownHosts > 0
        if isOwn { ownHosts += 1 }
        if hosts.count < LogReader.mostHosts {
            current = hosts.count
            hosts.append(Host(share: Share(host: name, isRemote: false), isOwn: isOwn))
            dialects.append(fresh)
        } else {
            current = leastMissed
            if hosts[current].isOwn { ownHosts -= 1 }
            hosts[current] = Host(share: Share(host: name, isRemote: false), isOwn: isOwn)
            dialects[current] = fresh
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
        hosts.indices.min { left, right in
            let (first, second) = (hosts[left], hosts[right])
            if (first.share.events == 0) != (second.share.events == 0) { return first.share.events == 0 }
            return first.lastLine < second.lastLine
        } ?? 0
    }

    /// A file of the MTA's own names no host.
    private func isOwn(_ name: [UInt8]) -> Bool {
        guard let ownLabel else { return false }
        return name.isEmpty
            || name.prefix { $0 != UInt8(ascii: ".") }.elementsEqual(ownLabel) { lowercased($0) == $1 }
    }

    private static func isSame(_ name: [UInt8], _ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard name.count == range.count else { return false }
        for index in name.indices where name[index] != bytes[range.lowerBound + index] { return false }
        return true
    }
}
