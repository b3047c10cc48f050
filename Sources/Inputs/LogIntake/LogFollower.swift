import Glibc
import Posix

/// Follows one log file through whatever is done to it, and hands over each of its lines once.
///
/// - A file that was replaced (renamed, deleted, a symbolic link switched) is read on beside its successor until
///   nothing has been written to it for `grace`: a daemon writes to it until it is told to reopen. The order within a
///   file is kept; between the two, what was written late comes late.
/// - Files that came and went between two looks are found beside the log by their names and times, and read in between.
///   What did before the first file was opened is not read: it cannot be told from what was there before the start.
/// - A file that begins anew in its place (copytruncate) is read from its start; what was not read of it before is
///   fetched from the copy, if there is one. What was written between the copy and the truncation is lost to everybody.
/// - A line without its end waits. If the file is left for good it is counted, not handed over.
///
/// Not `Sendable`, for one thread. `descriptor` becomes readable when there may be something to read; on file systems
/// where the kernel does not tell (NFS, some FUSE), `poll` once a second finds it.
package final class LogFollower {
    package enum Start: Sendable {
        /// Behind the last complete line that the file has now. A file that appears later is read whole.
        case end
        case beginning
        case resume(LogPosition)
    }

    package let path: String
    package internal(set) var counters = LogCounters()
    /// Why no file is followed, or why the one that stands at the path is not; `nil` when all is well.
    package private(set) var problem: LogProblem?

    let grace: Duration
    let watch: PathWatch
    /// The open files, oldest first; the last one is the log, the others were.
    var tails: [Tail] = []
    /// How far files were read that are closed or began anew: if one turns up again, it is not read twice.
    var finished: [LogPosition.Mark] = []
    private var needsLook = true
    private let buffer = ReadBuffer()

    /// - Parameter grace: how long a replaced file is kept open after the last write to it.
    package init(path: String, start: Start, grace: Duration = .seconds(60)) throws(SystemError) {
        self.path = path
        self.grace = grace
        watch = try PathWatch()
        switch start {
        case .beginning: look()
        case .end:
            look()
            if let tail = tails.last { tail.begin(at: tail.size) }
        case .resume(let position): resume(at: position)
        }
    }

    /// For the event loop: readable when something may have changed.
    package var descriptor: Int32? { watch.descriptor.number }

    /// The end of the last complete line handed over. Ask between calls of `readAvailable`, not within.
    package var position: LogPosition { LogPosition(marks: tails.map(\.mark)) }

    /// Hands over the lines that are there, reading about `maxBytes` at most; a line's bytes are valid within `body`.
    /// Returns whether more is waiting. Throws when a file cannot be read; it is opened anew by a later call.
    package func readAvailable(
        maxBytes: Int, _ body: (Span<UInt8>, LineInfo) -> Void
    ) throws(SystemError) -> Bool {
        // Before reading, so that what is written meanwhile makes the descriptor readable again.
        if watch.drain() { needsLook = true }
        var budget = maxBytes
        // Each round may find a new file; more than a few in one call can wait for the next.
        for _ in 0..<4 {
            let present = tails
            for tail in present where try !read(tail, &budget, body) { return true }
            leaveIdleFiles()
            guard needsLook || tails.count > present.count else { return false }
            if needsLook { look() }
        }
        return true
    }

    /// The slow path for missing events: one stat(2) of the path, and one of each file that is about to be left.
    /// Returns whether `readAvailable` should be called.
    package func poll() -> Bool {
        var status = stat()
        if stat(path, &status) == 0 {
            if tails.last?.identity != Tail.Identity(status) { needsLook = true }
            if let tail = tails.last, tail.offset != Int64(status.st_size) { return true }
        }
        let now = MonotonicClock.nanoseconds()
        return needsLook || tails.dropLast().contains { $0.offset != $0.size || ($0.leaveAt ?? now) <= now }
    }

    /// Reads `tail` to its end and returns true, or until the budget is used up.
    private func read(
        _ tail: Tail, _ budget: inout Int, _ body: (Span<UInt8>, LineInfo) -> Void
    ) throws(SystemError) -> Bool {
        while budget > 0 {
            let room = UnsafeMutableBufferPointer(rebasing: buffer.bytes[..<min(buffer.bytes.count, budget)])
            let count: Int
            do { count = try tail.read(into: room) } catch {
                leave(tail)
                needsLook = true
                throw error
            }
            if count == 0 {
                // Begun anew and grown to the very same size looks like the end, too.
                if tail.size >= tail.offset, tail.beginsAsBefore { return true }
                if handleTruncation(of: tail) { return true }
                continue
            }
            budget -= count
            guard tail.beginsAsBefore else {
                if handleTruncation(of: tail) { return true }
                continue
            }
            let chunk = UnsafeBufferPointer(rebasing: room[..<count])
            counters.bytes &+= UInt64(count)
            tail.splitter.feed(chunk, &counters, body)
            tail.advance(by: chunk)
            if tail.leaveAt != nil { tail.leaveAt = MonotonicClock.nanoseconds() + grace.nanoseconds }
        }
        return false
    }

    /// Asks what the path leads to now, and goes over to it.
    private func look() {
        // Watched first: what changes from here on is an event.
        watch.watchDirectories(to: path)
        needsLook = false
        var status = stat()
        if stat(path, &status) == 0, tails.last?.identity == Tail.Identity(status) {
            problem = nil
            return
        }
        do throws(LogProblem) {
            adopt(try Tail(opening: path))
            problem = nil
        } catch {
            problem = error
        }
    }
}
