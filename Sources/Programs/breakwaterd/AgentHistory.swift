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
        if key.span == DropCounts.span { return DropCounts.merged(older, newer) }
        return LogTally.Key.Span(rawValue: key.span).flatMap { span in
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
        // Bans that are refreshed have counters that begin anew: how far they were read is told after that.
        carryOutOrders()
        let parts = logs.flatMap { $0.takeCountedParts() }
        guard !gathered.isEmpty || hasNewDrops else { return }
        let (counted, places) = (gathered, LocationPlaces(configured: settings.origins.databases))
        gathered = Agent.emptyTally()
        let drops = takeDrops()
        history.post {
            var tally = counted
            if !tally.isEmpty { Agent.locate(&tally, places) }
            return History.Addition(
                counts: tally.pieces.map { piece in
                    let key = History.Key(
                        span: piece.key.span.rawValue, number: piece.key.number, host: piece.key.host)
                    return (key, piece.bytes)
                } + drops(), parts: parts)
        }
    }

    private static func locate(_ tally: inout LogTally, _ places: LocationPlaces) {
        // Opened for this once, and on the history's thread: 55 MB of them would be most of the daemon's memory.
        let databases = LocationDatabases(places)
        guard !databases.isEmpty else { return }
        tally.locate(credits: databases.credits.map(\.description)) { databases.origin(of: $0) }
    }

    /// Answers once everything that reports are made of is on disk, or after a second.
    func settle() -> ControlServer.Answer {
        startSweep()
        let end = MonotonicClock.nanoseconds() + 1_000_000_000
        return .later { [unowned self] finish in
            awaitSweep(until: end) { [unowned self] in
                writeHistory()
                postWave()
                measureSlots()
                postMeasures()
                awaitDisk((history.mark, store.hurry()), until: end) { [unowned self] isWritten in
                    finish(.record(Reply.done(isWritten ? ExitStatus.yes : ExitStatus.no, text: history.problem)))
                }
            }
        }
    }

    /// Calls `done` when all counters have been read.
    private func awaitSweep(until end: Int64, _ done: @escaping () -> Void) {
        if sweep.isEmpty || MonotonicClock.nanoseconds() >= end { return done() }
        loop.schedule(after: .milliseconds(2)) { [unowned self] in awaitSweep(until: end, done) }
    }

    private func awaitDisk(_ marks: (history: Int, store: Int), until end: Int64, _ done: @escaping (Bool) -> Void) {
        if history.isSettled(marks.history), store.isSettled(marks.store) { return done(history.problem == nil) }
        if MonotonicClock.nanoseconds() >= end { return done(false) }
        loop.schedule(after: .milliseconds(2)) { [unowned self] in awaitDisk(marks, until: end, done) }
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
