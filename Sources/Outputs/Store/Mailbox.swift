import CLinux
import Glibc
import Posix
import Synchronization

/// Where the daemon's loop and the writer's thread meet: records one way, notices the other.
///
/// The lock is held for moments only, never over a call that could wait for a disk.
final class Mailbox: Sendable {
    private struct State {
        var pending = Pending()
        /// Records put in so far, and those of them known to be on disk.
        var posted = 0
        var written = 0
        var isUrgent = false
        var isStopping = false
        var hasEnded = false
        var notices: [StoreNotice] = []
    }
    private let state = Mutex(State())
    /// Readable when there is work for the writer.
    private let work: Descriptor
    /// Readable when a flush may have been answered.
    private let answer: Descriptor
    /// Readable when there are notices.
    let noticeSignal: Descriptor

    init() throws(SystemError) {
        let flags = Int32(EFD_CLOEXEC | EFD_NONBLOCK)
        work = try Descriptor("eventfd", "", eventfd(0, flags))
        answer = try Descriptor("eventfd", "", eventfd(0, flags))
        noticeSignal = try Descriptor("eventfd", "", eventfd(0, flags))
    }

    // MARK: The loop's side

    func post(_ record: StoreRecord) {
        let isFirst = state.withLock { state in
            state.posted += 1
            let wasEmpty = state.pending.count == 0
            state.pending.add(record)
            return wasEmpty
        }
        if isFirst { signal(work) }
    }

    /// Asks for everything posted so far to be written now, and waits. False when time ran out or the disk is away.
    func flush(stopping: Bool, timeoutMilliseconds: Int32) -> Bool {
        let target = state.withLock { state in
            state.isUrgent = true
            state.isStopping = state.isStopping || stopping
            return state.posted
        }
        signal(work)
        let deadline = MonotonicClock.nanoseconds() + Int64(timeoutMilliseconds) * 1_000_000
        while true {
            let (isDone, isTried) = state.withLock { state in
                (
                    state.written >= target && (!stopping || state.hasEnded),
                    state.hasEnded || (!stopping && !state.isUrgent)
                )
            }
            if isDone { return true }
            let left = (deadline - MonotonicClock.nanoseconds()) / 1_000_000
            if isTried || left <= 0 { return false }
            wait(answer, milliseconds: Int32(clamping: left))
        }
    }

    /// Asks for everything posted so far to be written now; the mark that `isSettled` takes.
    func hurry() -> Int {
        let mark = state.withLock { state in
            state.isUrgent = true
            return state.posted
        }
        signal(work)
        return mark
    }

    /// Whether everything up to the mark is on disk, or was tried in vain.
    func isSettled(_ mark: Int) -> Bool {
        state.withLock { $0.written >= mark || $0.hasEnded || !$0.isUrgent }
    }

    func takeNotices() -> [StoreNotice] {
        clear(noticeSignal)
        return state.withLock { state in
            defer { state.notices = [] }
            return state.notices
        }
    }

    // MARK: The writer's side

    /// Waits until something is posted or asked for, at most so long. True when it must be done at once.
    func waitForWork(milliseconds: Int32) -> Bool {
        if !state.withLock({ $0.isUrgent }) { wait(work, milliseconds: milliseconds) }
        return state.withLock { $0.isUrgent }
    }

    var hasWork: Bool { state.withLock { $0.pending.count > 0 } }

    /// Takes everything out; `mark` is what `noteWritten` takes once it is on disk.
    func take() -> (pending: Pending, mark: Int, isStopping: Bool) {
        state.withLock { state in
            defer { state.pending = Pending() }
            return (state.pending, state.posted, state.isStopping)
        }
    }

    /// Everything up to the mark is on disk, or (`nil`) was tried in vain. Answers flushes.
    func noteTried(_ mark: Int?) {
        state.withLock { state in
            if let mark { state.written = mark }
            if mark == nil || state.written >= state.posted { state.isUrgent = false }
        }
        signal(answer)
    }

    func noteEnd() {
        state.withLock { $0.hasEnded = true }
        signal(answer)
    }

    func tell(_ notice: StoreNotice) {
        state.withLock { state in
            // Nobody reads them while the loop stands still; the oldest 64 say what began it.
            if state.notices.count < 64 { state.notices.append(notice) }
        }
        signal(noticeSignal)
    }

    // MARK: Event descriptors

    /// Cannot wait: the counter is at most one short of its end long after the universe's.
    private func signal(_ descriptor: borrowing Descriptor) {
        var one: UInt64 = 1
        _ = Glibc.write(descriptor.number, &one, 8)
    }

    private func clear(_ descriptor: borrowing Descriptor) {
        var count: UInt64 = 0
        _ = Glibc.read(descriptor.number, &count, 8)
    }

    private func wait(_ descriptor: borrowing Descriptor, milliseconds: Int32) {
        var request = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        _ = poll(&request, 1, milliseconds)
        clear(descriptor)
    }
}
