import ControlProtocol
import Events
import LogIntake

/// The lines of several logs, in the order of their times as far as each log has its own lines in order.
///
/// Every log is open at once, and of each at most a piece is in memory; so files of several hosts that cover the same
/// day, and a log cut into days by rotation, both come out as one, in whatever order they are named. A line that stands
/// in several of them, with the same time, is handed over as often as in the one that has it most often: so a log that
/// is named twice, or a rotated one beside its packed copy, changes nothing.
struct MergedLogs {
    private var sources: [Source]
    /// What went wrong with logs that could not be read to their end.
    private(set) var failures: [Failure] = []
    /// Lines that another log had already told.
    private(set) var repeated = 0
    private var isOrdered = false
    private var group = LineGroup()
    static let most = 256

    init(_ names: [String]) throws {
        guard names.count <= MergedLogs.most else {
            throw Failure(ExitStatus.usage, "at most \(MergedLogs.most) logs at a time")
        }
        sources = try names.map { try Source($0) }
    }

    /// Hands over every line with its time. What is of one log alone for a while, as all is of one log or of a log cut
    /// into days, goes straight from where it was read.
    mutating func readAll(_ body: (Span<UInt8>, LineInfo, Instant) -> Void) {
        if !isOrdered { order() }
        while true {
            var best: Int?
            var limit = Instant.distantFuture
            for index in sources.indices {
                fill(index)
                guard let time = sources[index].time else { continue }
                guard let known = best.flatMap({ sources[$0].time }) else {
                    best = index
                    continue
                }
                if time < known { best = index }
                limit = min(limit, max(time, known))
            }
            guard let best else { return }
            do {
                let isTaken = try sources[best].takeRun(before: limit, except: group.time, body)
                if !isTaken, !next(body) { return }
            } catch { note(error) }
        }
    }

    /// Hands over the next line with its time; false when there is none left.
    mutating func next(_ body: (Span<UInt8>, LineInfo, Instant) -> Void) -> Bool {
        if !isOrdered { order() }
        while true {
            var best: Int?
            var isShared = false
            for index in sources.indices {
                fill(index)
                guard let time = sources[index].time else { continue }
                if let known = best.flatMap({ sources[$0].time }), known <= time {
                    isShared = isShared || known == time
                    continue
                }
                best = index
                isShared = false
            }
            guard let best, let time = sources[best].time else { return false }
            guard isShared || group.time == time else {
                sources[best].take(body)
                return true
            }
            if group.admits(sources[best].lineHash, from: best, at: time) {
                sources[best].take(body)
                return true
            }
            repeated += 1
            sources[best].take { _, _, _ in }
        }
    }

    private mutating func fill(_ index: Int) {
        do { try sources[index].fill() } catch { note(error) }
    }

    private mutating func note(_ error: any Error) {
        failures.append(error as? Failure ?? Failure(ExitStatus.noInput, "\(error)"))
    }

    /// Of lines with the same time those come first whose log began first, however the logs are named on the command
    /// line: where a log was cut within a second, its first part is read on to its end.
    private mutating func order() {
        isOrdered = true
        for index in sources.indices { fill(index) }
        sources.sort {
            ($0.time ?? .distantFuture, $0.lastTime, $0.name) < ($1.time ?? .distantFuture, $1.lastTime, $1.name)
        }
    }

    var inputs: [LogInput] { sources.map(\.input) }

    private struct Source {
        let input: LogInput
        private var clock: LogClock
        private var header = LogLine()
        private var bytes: [UInt8] = []
        private var lines: [(end: Int, info: LineInfo, time: Instant)] = []
        private var index = 0
        private var start = 0
        private var isAtEnd = false

        init(_ name: String) throws {
            input = try LogInput(name)
            clock = LogClock(reference: input.reference)
        }

        var name: String { input.name }
        /// Of the line that is next.
        var time: Instant? { index < lines.count ? lines[index].time : nil }
        /// Of the last line that was read ahead.
        var lastTime: Instant { lines.last?.time ?? .distantFuture }

        /// Of the line that is next; only ever compared with others of this run.
        var lineHash: Int {
            var hasher = Hasher()
            bytes.withUnsafeBytes {
                hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0[start..<lines[index].end]))
            }
            return hasher.finalize()
        }

        /// Reads on when all of the piece was taken.
        mutating func fill() throws {
            while index == lines.count, !isAtEnd {
                empty()
                do {
                    isAtEnd = try !input.readPiece { line, info in
                        keep(line, info, header.read(line) ? clock.time(of: header, in: line) : clock.last)
                    }
                } catch {
                    isAtEnd = true
                    dateBegin()
                    throw error
                }
                dateBegin()
            }
        }

        /// Hands over lines as long as they are from before `limit` and not of the time `except`; false when not one was.
        mutating func takeRun(
            before limit: Instant, except: Instant?, _ body: (Span<UInt8>, LineInfo, Instant) -> Void
        ) throws -> Bool {
            let first = index
            while index < lines.count {
                guard lines[index].time < limit, lines[index].time != except else { return index > first }
                take(body)
            }
            // Lines before the first that has a time wait for it.
            guard !isAtEnd, clock.last != .distantPast else { return index > first }
            var isTaken = index > first
            while index == lines.count, !isAtEnd {
                empty()
                do {
                    isAtEnd = try !input.readPiece { line, info in
                        let time = header.read(line) ? clock.time(of: header, in: line) : clock.last
                        if lines.isEmpty, time < limit, time != except {
                            body(line, info, time)
                            isTaken = true
                        } else {
                            keep(line, info, time)
                        }
                    }
                } catch {
                    isAtEnd = true
                    throw error
                }
            }
            return isTaken
        }

        private mutating func empty() {
            bytes.removeAll(keepingCapacity: true)
            lines.removeAll(keepingCapacity: true)
            (index, start) = (0, 0)
        }

        private mutating func keep(_ line: Span<UInt8>, _ info: LineInfo, _ time: Instant) {
            line.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
            lines.append((bytes.count, info, time))
        }

        /// Lines before the first that has a time are of that time.
        private mutating func dateBegin() {
            let known = lines.first { $0.time != .distantPast }?.time ?? input.reference
            for index in lines.indices {
                guard lines[index].time == .distantPast else { break }
                lines[index].time = known
            }
        }

        mutating func take(_ body: (Span<UInt8>, LineInfo, Instant) -> Void) {
            let line = lines[index]
            body(bytes.span.extracting(start..<line.end), line.info, line.time)
            start = line.end
            index += 1
        }
    }
}

/// The lines of one time, of several logs: which of them another log has told already.
private struct LineGroup {
    private(set) var time: Instant?
    private var told: [Int: Int] = [:]
    private var seen: [Place: Int] = [:]
    private struct Place: Hashable {
        var line: Int
        var source: Int
    }

    mutating func admits(_ line: Int, from source: Int, at time: Instant) -> Bool {
        if self.time != time {
            self.time = time
            told.removeAll(keepingCapacity: true)
            seen.removeAll(keepingCapacity: true)
        }
        let count = seen[Place(line: line, source: source), default: 0] + 1
        seen[Place(line: line, source: source)] = count
        guard count > told[line, default: 0] else { return false }
        told[line] = count
        return true
    }
}
