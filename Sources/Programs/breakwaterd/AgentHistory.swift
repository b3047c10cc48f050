import ControlProtocol
import Dialects
import Events
import LocationData
import LogIntake
import Posix
import Reports
import Store

/// The counts of logs; the daemon's own counters have the shorter name.
typealias LogTally = Reports.Tally

/// What the logs told, counted by hour and day for reports: gathered here, added to the history every ten minutes.
extension Agent {
    /// Ticks of five seconds.
    static let historyTicks = 120

    /// A tally like the one that `gathered` begins with.
    static func emptyTally() -> LogTally { LogTally { LocalTime.offsetSeconds(at: $0) } }

    static let mergeHistory: History.Merge = { key, older, newer in
        LogTally.Key.Span(rawValue: key.span).flatMap { span in
            LogTally.merged(LogTally.Key(span, key.number, key.host), older, newer)
        }
    }

    static let thinHistory: History.Thin = { key, bytes in
        LogTally.Key.Span(rawValue: key.span).flatMap {
            LogTally.thinned(LogTally.Key($0, key.number, key.host), bytes)
        }
    }

    /// Counts what a line said, at the time that the line gives.
    func gather(_ event: Event, _ header: LogLine, _ bytes: Span<UInt8>, of log: FollowedLog, at now: Instant) {
        log.clock.reference = now
        let time = log.clock.time(of: header, in: bytes)
        // Of a log without stamps that can be read it is the time at which it was heard.
        gathered.add(event, at: time == .distantPast ? now : time, header: header, in: bytes)
    }

    /// Hands over what was gathered; the history's thread makes bytes of it and adds them.
    func writeHistory() {
        let parts = logs.flatMap { $0.takeCountedParts() }
        guard !gathered.isEmpty else { return }
        let (counted, places) = (gathered, LocationPlaces(configured: settings.origins.databases))
        gathered = Agent.emptyTally()
        history.post {
            var tally = counted
            // Opened for this once, and on the history's thread: 55 MB of them would be most of the daemon's memory.
            let databases = LocationDatabases(places)
            if !databases.isEmpty {
                tally.locate(credits: databases.credits.map(\.description)) { databases.origin(of: $0) }
            }
            return History.Addition(
                counts: tally.pieces.map { piece in
                    let key = History.Key(
                        span: piece.key.span.rawValue, number: piece.key.number, host: piece.key.host)
                    return (key, piece.bytes)
                }, parts: parts)
        }
    }

    /// Answers once everything counted so far is on disk, or after a second.
    func settle() -> ControlServer.Answer {
        writeHistory()
        let mark = history.mark
        return .later { [unowned self] finish in
            awaitHistory(mark, until: MonotonicClock.nanoseconds() + 1_000_000_000) { [unowned self] isWritten in
                finish(.record(Reply.done(isWritten ? ExitStatus.yes : ExitStatus.no, text: history.problem)))
            }
        }
    }

    private func awaitHistory(_ mark: Int, until end: Int64, _ done: @escaping (Bool) -> Void) {
        if history.isSettled(mark) { return done(history.problem == nil) }
        if MonotonicClock.nanoseconds() >= end { return done(false) }
        loop.schedule(after: .milliseconds(2)) { [unowned self] in awaitHistory(mark, until: end, done) }
    }
}

extension FollowedLog {
    /// What has been read of each file since this was last asked; of the journal and of sockets nothing can be said.
    func takeCountedParts() -> [History.Part] {
        guard let follower = stream as? LogFollower else { return [] }
        let marks = follower.position.marks
        defer { countedMarks = marks }
        return marks.compactMap { mark in
            // A file that came since is read from its begin; one that began anew in its place, too.
            let before = countedMarks.first { $0.inode == mark.inode }.map(\.offset) ?? 0
            let start = before <= mark.offset ? before : 0
            return History.Part(
                length: mark.fingerprint.length, hash: mark.fingerprint.hash, bytes: start..<mark.offset)
        }
    }
}
