import Configuration
import Dialects
import Events
import Glibc
import LogIntake
import MailServer
import Posix
import Store

/// Which logs are followed: those that the configuration names, from where reading ended, and files that come later.
extension Agent {
    /// What opening a log needs to know.
    struct LogOpening {
        let settings: Settings.MTA
        let positions: [String: String]
        let isFromStart: Bool
        let ownHost = ownHostName()

        func reader(isSentHere: Bool = false) -> LogReader {
            LogReader(settings.kinds, settings.siteWords, ownHost: ownHost, isSentHere: isSentHere)
        }

        func file(_ path: String, isNew: Bool = false, pattern: String? = nil) throws(SystemError) -> FollowedLog {
            var start = isNew || isFromStart ? LogFollower.Start.beginning : .end
            if !isFromStart, let text = positions[path], let record = Record(line: text.utf8),
                let position = LogPosition(record)
            {
                start = .resume(position)
            }
            return FollowedLog(try LogFollower(path: path, start: start), reader(), pattern: pattern)
        }

        func journal(_ names: [String]) throws(LogProblem) -> FollowedLog {
            let name = LogPlace.journal(names).description
            let start: JournalStream.Start =
                isFromStart ? .beginning : positions[name].map { .resume($0) } ?? .end
            return FollowedLog(try JournalStream(names, start: start), reader())
        }

        func syslog(_ place: SyslogAddress) throws(SystemError) -> FollowedLog {
            let receiver = try SyslogReceiver(
                name: "\(place)", address: place.address, port: place.port, udp: place.isUDP, tcp: place.isTCP,
                senders: settings.senders, ownHost: ownHost ?? "")
            return FollowedLog(receiver, reader(isSentHere: true))
        }
    }

    static func openLogs(
        _ opening: LogOpening, _ patterns: inout [PathPattern]
    ) throws -> [FollowedLog] {
        var logs: [FollowedLog] = []
        for place in places(opening.settings.log) {
            do {
                switch place {
                case .file(let path): logs.append(try opening.file(path))
                case .journal(let names): logs.append(try opening.journal(names))
                case .syslog(let address): logs.append(try opening.syslog(address))
                case .standardInput: logs.append(FollowedLog(StandardInput(), opening.reader()))
                case .pattern(let text):
                    var pattern = PathPattern(text)
                    for file in pattern.files() { logs.append(try opening.file(file.path, pattern: text)) }
                    patterns.append(pattern)
                }
            } catch let error as SystemError {
                var text = "\(place) cannot be followed: \(error)"
                if case .syslog(let address) = place,
                    let remedy = SyslogReceiver.remedy(
                        for: error, port: address.port, udp: address.isUDP, tcp: address.isTCP)
                {
                    text += " -> \(remedy)"
                }
                throw StartFailure(error.code == EACCES ? 77 : 69, text)
            } catch let problem as LogProblem {
                throw StartFailure(69, "\(place) cannot be followed: \(problem)")
            }
        }
        return logs
    }

    /// With "auto" they are those of the servers found (AgentServers).
    private static func places(_ log: Settings.MTA.Log) -> [LogPlace] {
        if case .places(let places) = log { return places }
        return []
    }

    /// Follows a log that was found by its server, from where reading ended when it was followed before.
    func follow(_ place: LogPlace) {
        let opening = LogOpening(settings: settings.mta, positions: leftPositions, isFromStart: options.fromStart)
        do {
            let log: FollowedLog
            switch place {
            case .file(let path): log = try opening.file(path)
            case .journal(let names): log = try opening.journal(names)
            case .pattern, .syslog, .standardInput: return
            }
            logs.append(log)
            journal.note("following \(place)")
            guard isRunning else { return }
            try listen(to: log)
            read(log)
        } catch { journal.warn("log \(place)", "\(place) cannot be followed: \(error)") }
    }

    /// What keeps lines from coming: said, and shown by `status`, until it is over.
    func noteLogTroubles(_ now: Instant) {
        for log in logs { log.noteAway(now) }
        var troubles = logs.compactMap { trouble(of: $0, now) }
        for pattern in patterns where !logs.contains(where: { $0.pattern == pattern.text }) {
            troubles.append("\(pattern.text) names no file -> set [mta] log, or wait for the first one")
        }
        problem("log", troubles.isEmpty ? nil : troubles.prefix(3).joined(separator: "; "))
    }

    private func trouble(of log: FollowedLog, _ now: Instant) -> String? {
        guard let problem = log.stream.problem else { return nil }
        guard log.stream is LogFollower else { return "\(log.stream.name): \(problem)" }
        // A rotation takes the file away for a moment.
        guard let since = log.awaySince, now - since > .seconds(20) else { return nil }
        var status = stat()
        let isThere = stat(log.stream.name, &status) == 0
        return "\(problem) -> "
            + (isThere
                ? "see that it is a file, and that we may read it: breakwater doctor"
                : "start the syslog daemon, or set [mta] log; it is read as soon as it is there")
    }

    /// What came in and how, for `status`: by host where there are several, and what was not taken.
    func addIntake(to row: inout Record) {
        func sum(_ counter: KeyPath<LogCounters, UInt64>) -> UInt64 {
            logs.reduce(0) { $0 &+ $1.stream.counters[keyPath: counter] }
        }
        row.add("cut_lines", sum(\.cutLines))
        row.add("untrusted", sum(\.untrusted))
        row.add("broken", sum(\.broken))
        row.add("misnamed", sum(\.misnamed))
        row.add("refused", sum(\.refused))
        row.add("over_share", sum(\.overShare))
        var hosts: [[UInt8]: LogReader.Share] = [:]
        for share in logs.flatMap(\.reader.shares) {
            hosts[share.host, default: LogReader.Share(host: share.host, isRemote: share.isRemote)].add(share)
        }
        guard hosts.count > 1 || hosts.values.contains(where: \.isRemote) else { return }
        for share in hosts.values.sorted(by: { $0.lines > $1.lines }).prefix(64) {
            let name = share.host.isEmpty ? "-" : Record.escaped(share.host, limit: 64)
            row.add("host", "\(share.lines) \(share.events) \(share.isRemote ? "remote" : "here") \(name)")
        }
    }

    /// Files that a pattern names now and did not before, and those that it has not named for a while.
    func lookForLogs() {
        let now = clock.now
        for index in patterns.indices {
            let files = patterns[index].files()
            let text = patterns[index].text
            if patterns[index].leftOut > 0 {
                journal.warn(
                    "pattern \(text)",
                    "\(text) names \(files.count + patterns[index].leftOut) files; only the \(files.count) written "
                        + "last are followed")
            }
            let names = Set(files.map(\.path))
            for log in logs where log.pattern == text {
                noteMissing(log, isMissing: !names.contains(log.stream.name), now)
            }
            for file in files where !logs.contains(where: { $0.stream.name == file.path }) { follow(file, text) }
        }
    }

    private func follow(_ file: PathPattern.File, _ pattern: String) {
        let opening = LogOpening(settings: settings.mta, positions: leftPositions, isFromStart: false)
        do throws(SystemError) {
            let log = try opening.file(file.path, isNew: file.isNew, pattern: pattern)
            logs.append(log)
            try listen(to: log)
            journal.note("following \(file.path)")
            read(log)
        } catch { journal.warn("log \(file.path)", "\(error)") }
    }

    /// A log that is being rotated may have no file for a moment; the follower itself waits for the next one.
    private func noteMissing(_ log: FollowedLog, isMissing: Bool, _ now: Instant) {
        guard isMissing else {
            log.missingSince = nil
            return
        }
        let since = log.missingSince ?? now
        log.missingSince = since
        guard now - since > .minutes(2) else { return }
        leave(log)
    }

    /// Follows it no more; what has been written to it so far is read.
    func leave(_ log: FollowedLog) {
        read(log)
        if leftPositions.count >= 1000 { leftPositions = [:] }
        leftPositions[log.stream.name] = log.stream.positionText
        if let descriptor = log.listened { loop.remove(descriptor) }
        log.listened = nil
        logs.removeAll { $0 === log }
        journal.note("no longer following \(log.stream.name)")
    }
}
