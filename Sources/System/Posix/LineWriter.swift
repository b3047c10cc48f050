import CLinux
import Glibc
import Synchronization

/// Writes lines to a descriptor from a thread of its own, so that a reader that has stopped reading (a hung journal, a
/// full pipe, a paused terminal) never stops whoever has something to say.
///
/// Bounded: beyond `limit` bytes waiting, lines are dropped and counted; the count is written when there is room again.
package final class LineWriter: Sendable {
    private struct State {
        var waiting: [UInt8] = []
        var dropped = 0
        var isWriting = false
        /// The thread has been woken and has not looked yet.
        var isRung = false
        var isGathering = false

        /// True for the first who asks since the thread last looked.
        mutating func takesBell() -> Bool {
            defer { isRung = true }
            return !isRung
        }
    }

    private let state = Mutex(State())
    private let wakeUp: Descriptor
    private let descriptor: Int32
    private let limit: Int

    package init(descriptor: Int32, limit: Int = 1 << 20) throws(SystemError) {
        self.descriptor = descriptor
        self.limit = limit
        wakeUp = try Descriptor("eventfd", "", eventfd(0, Int32(EFD_CLOEXEC)))
        try startThread(named: "journal") { [self] in run() }
    }

    /// Queues one line, its newline included.
    package func write(_ line: [UInt8]) {
        let rings = state.withLock { state in
            guard state.waiting.count + line.count <= limit else {
                state.dropped += 1
                return false
            }
            state.waiting += line
            return (!state.isGathering || state.waiting.count > LineWriter.gathered) && state.takesBell()
        }
        if rings { ring() }
    }

    /// From now on lines wait for `wake`, or until there are 64 KiB of them: to wake a thread for each line costs more
    /// than the line, and comes before whatever its writer has to do next.
    package func gather() { state.withLock { $0.isGathering = true } }

    /// Lets the lines that wait go out.
    package func wake() {
        if state.withLock({ !$0.waiting.isEmpty && $0.takesBell() }) { ring() }
    }

    private static let gathered = 65536

    /// Waits until everything queued is out, at most `patience`; for the end of a program.
    package func drain(patience: Duration = .seconds(1)) {
        wake()
        let end = MonotonicClock.nanoseconds() + patience.nanoseconds
        while MonotonicClock.nanoseconds() < end {
            if state.withLock({ $0.waiting.isEmpty && !$0.isWriting }) { return }
            usleep(1000)
        }
    }

    private func ring() {
        var one: UInt64 = 1
        _ = Glibc.write(wakeUp.number, &one, 8)
    }

    private func run() {
        while true {
            var count: UInt64 = 0
            guard read(wakeUp.number, &count, 8) == 8 || errno == EINTR else { return }
            let (bytes, dropped) = state.withLock { state in
                defer {
                    state.waiting = []
                    state.dropped = 0
                    state.isWriting = true
                    state.isRung = false
                }
                return (state.waiting, state.dropped)
            }
            var offset = 0
            let all =
                dropped == 0
                ? bytes : bytes + Array("note text=\"\(dropped) log lines dropped: the reader was too slow\"\n".utf8)
            while offset < all.count {
                let written = all.withUnsafeBytes {
                    Glibc.write(descriptor, $0.baseAddress.map { $0 + offset }, all.count - offset)
                }
                if written < 0 {
                    if errno == EINTR { continue }
                    if errno == EAGAIN {
                        usleep(10_000)
                        continue
                    }
                    break
                }
                offset += written
            }
            state.withLock { $0.isWriting = false }
        }
    }
}

/// Starts a detached thread with all signals blocked, so that they arrive where they are expected.
package func startThread(named name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    final class Box: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
    var everything = sigset_t()
    var previous = sigset_t()
    sigfillset(&everything)
    pthread_sigmask(SIG_SETMASK, &everything, &previous)
    defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
    var thread = pthread_t()
    let context = Unmanaged.passRetained(Box(name, body))
    let result = pthread_create(
        &thread, nil,
        { context in
            guard let context else { return nil }
            let box = Unmanaged<Box>.fromOpaque(context).takeRetainedValue()
            bw_name_thread(box.name)
            box.body()
            return nil
        }, context.toOpaque())
    guard result == 0 else {
        context.release()
        throw SystemError("pthread_create", name, code: result)
    }
    pthread_detach(thread)
}
