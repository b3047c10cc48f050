import CLinux
import Events
import Glibc
import Posix
import Synchronization

/// Adds to the history from a thread of its own: a day's counts of a wave take tens of milliseconds to merge, and a disk
/// may take for ever.
///
/// What cannot be written stays, up to `mostWaiting` additions, and is tried again a minute later; then the oldest is
/// given up and counted. A database beyond use is moved aside, and a new one begun.
package final class HistoryWriter: Sendable {
    private struct State {
        var waiting: [@Sendable () -> History.Addition] = []
        var posted = 0
        var written = 0
        var dropped = 0
        var isStopping = false
        var hasEnded = false
        var problem: String?
    }

    private let state = Mutex(State())
    private let directory: StateDirectory
    private let merge: History.Merge
    private let thin: History.Thin
    private let now: @Sendable () -> Instant
    private let wakeUp: Descriptor
    private static let mostWaiting = 64
    private static let retrySeconds: Int32 = 60

    /// - Parameter now: the clock, called on the writer's thread.
    package init(
        _ directory: StateDirectory, merging merge: @escaping History.Merge, thinning thin: @escaping History.Thin,
        now: @escaping @Sendable () -> Instant
    ) throws(SystemError) {
        self.directory = directory
        self.merge = merge
        self.thin = thin
        self.now = now
        wakeUp = try Descriptor("eventfd", "", eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)))
        try startThread(named: "history") { [self] in run() }
    }

    /// Never waits. `make` is called on the writer's thread.
    package func post(_ make: @escaping @Sendable () -> History.Addition) {
        state.withLock { state in
            state.posted += 1
            state.waiting.append(make)
            if state.waiting.count > HistoryWriter.mostWaiting {
                state.waiting.removeFirst()
                state.dropped += 1
                state.written += 1
            }
        }
        ring()
    }

    /// How many additions were posted; a mark for `isSettled`.
    package var mark: Int { state.withLock { $0.posted } }

    /// Whether everything up to the mark is on disk, or was tried in vain.
    package func isSettled(_ mark: Int) -> Bool {
        state.withLock { $0.written >= mark || $0.problem != nil || $0.hasEnded }
    }

    /// Why nothing is written at the moment, and what was given up; `nil` when all is well.
    package var problem: String? {
        state.withLock { state in
            state.problem.map { state.dropped > 0 ? "\($0); \(state.dropped) additions given up" : $0 }
        }
    }

    /// Writes what waits and ends the thread; false when the disk did not let it within `timeout`. Last call.
    @discardableResult
    package func close(timeout: Duration) -> Bool {
        state.withLock { $0.isStopping = true }
        ring()
        let end = MonotonicClock.nanoseconds() + timeout.nanoseconds
        while MonotonicClock.nanoseconds() < end {
            if state.withLock({ $0.hasEnded }) { return state.withLock { $0.written >= $0.posted } }
            usleep(2000)
        }
        return false
    }

    private func ring() {
        var one: UInt64 = 1
        _ = Glibc.write(wakeUp.number, &one, 8)
    }

    // MARK: - The thread

    private func run() {
        var history: History?
        var expired = Instant.distantPast
        while true {
            let (next, isStopping) = state.withLock { state in
                (state.waiting.isEmpty ? nil : state.waiting.removeFirst(), state.isStopping)
            }
            guard let next else {
                if isStopping { break }
                // An idle history keeps no file open: the command line may have moved it.
                history = nil
                wait(seconds: -1)
                continue
            }
            do throws(StoreError) {
                let opened: History
                if let history { opened = history } else { opened = try History(directory) }
                history = opened
                try opened.add(next(), merging: merge)
                if now() - expired > .days(1) {
                    expired = now()
                    try opened.expire(today: Int(expired.seconds / 86400), thinning: thin)
                }
                state.withLock { state in
                    state.written += 1
                    state.problem = nil
                }
            } catch {
                history = nil
                if case .dropRecords = error.remedy {
                    state.withLock { state in
                        state.written += 1
                        state.dropped += 1
                        state.problem = "\(error)"
                    }
                    continue
                }
                let isMended = mend(error)
                state.withLock { state in
                    state.waiting.insert(next, at: 0)
                    state.problem = isMended ? nil : "the history is not written: \(error)"
                }
                if isMended { continue }
                if isStopping { break }
                wait(seconds: HistoryWriter.retrySeconds)
            }
        }
        state.withLock { $0.hasEnded = true }
    }

    /// Puts a database that is beyond use out of the way; true when it is worth trying again at once.
    private func mend(_ error: StoreError) -> Bool {
        guard case .moveAside = error.remedy else { return false }
        return (try? directory.moveAside("history.db", at: now())) != nil
    }

    private func wait(seconds: Int32) {
        var request = pollfd(fd: wakeUp.number, events: Int16(POLLIN), revents: 0)
        _ = poll(&request, 1, seconds < 0 ? -1 : seconds * 1000)
        var count: UInt64 = 0
        _ = Glibc.read(wakeUp.number, &count, 8)
    }
}
