import ControlProtocol
import Events
import LogIntake

/// The lines of several logs, in the order of their times as far as each log has its own lines in order.
///
/// Every log is open at once, and of each at most a piece is in memory; so files of several hosts that cover the same
/// day, and a log cut into days by rotation, both come out as one.
struct MergedLogs {
    private var sources: [Source]
    /// What went wrong with logs that could not be read to their end.
    private(set) var failures: [Failure] = []
    static let most = 256

    init(_ names: [String]) throws {
        guard names.count <= MergedLogs.most else {
            throw Failure(ExitStatus.usage, "at most \(MergedLogs.most) logs at a time")
        }
        sources = try names.map { try Source($0) }
    }

    /// Hands over the next line with its time; false when there is none left.
    mutating func next(_ body: (Span<UInt8>, LineInfo, Instant) -> Void) -> Bool {
        var best: Int?
        for index in sources.indices {
            do { try sources[index].fill() } catch let failure as Failure { failures.append(failure) } catch {
                failures.append(Failure(ExitStatus.noInput, "\(error)"))
            }
            guard let time = sources[index].time else { continue }
            if let known = best.flatMap({ sources[$0].time }), known <= time { continue }
            best = index
        }
        guard let best else { return false }
        sources[best].take(body)
        return true
    }

    private struct Source {
        private let input: LogInput
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

        /// Of the line that is next.
        var time: Instant? { index < lines.count ? lines[index].time : nil }

        /// Reads on when all of the piece was taken.
        mutating func fill() throws {
            while index == lines.count, !isAtEnd {
                bytes.removeAll(keepingCapacity: true)
                lines.removeAll(keepingCapacity: true)
                (index, start) = (0, 0)
                do {
                    isAtEnd = try !input.readPiece { line, info in
                        let time = header.read(line) ? clock.time(of: header, in: line) : clock.last
                        line.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
                        lines.append((bytes.count, info, time))
                    }
                } catch {
                    isAtEnd = true
                    dateBegin()
                    throw error
                }
                dateBegin()
            }
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
