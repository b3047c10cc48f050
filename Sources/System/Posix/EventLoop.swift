import CLinux
import Events
import Glibc

/// Waits for descriptors, times and signals on one thread, and calls whoever asked.
///
/// Not `Sendable`: everything registered here lives on the thread that calls `run`. A handler runs to its end, so
/// none may block. Handlers may add and remove descriptors and timers, their own included.
package final class EventLoop {
    package typealias Handler = () -> Void

    private let epoll: Descriptor
    private var handlers: [Int32: Handler] = [:]
    private var timers: [(id: Int, deadline: Int64, handler: Handler)] = []
    private var nextTimer = 1
    private var isStopping = false
    private var events = [epoll_event](repeating: epoll_event(), count: 64)
    /// Called once after each round of handlers: where work gathered in a round is carried out as one batch.
    package var afterRound: Handler = {}

    package init() throws(SystemError) {
        epoll = try Descriptor("epoll_create1", "", epoll_create1(Int32(EPOLL_CLOEXEC)))
    }

    /// Calls `handler` whenever `descriptor` is readable (unless `forReading` is false) or, with `forWriting`, writable;
    /// always when its other end is gone. Added again it takes the place of what was there.
    /// The descriptor stays its owner's; remove it before it is closed.
    package func add(
        _ descriptor: Int32, forReading: Bool = true, forWriting: Bool = false, _ handler: @escaping Handler
    ) throws(SystemError) {
        var event = epoll_event()
        event.events = (forReading ? EPOLLIN.rawValue : 0) | (forWriting ? EPOLLOUT.rawValue : 0)
        event.data.fd = descriptor
        let operation = handlers[descriptor] == nil ? EPOLL_CTL_ADD : EPOLL_CTL_MOD
        guard epoll_ctl(epoll.number, operation, descriptor, &event) == 0 else {
            throw SystemError("epoll_ctl", "descriptor \(descriptor)")
        }
        handlers[descriptor] = handler
    }

    package func remove(_ descriptor: Int32) {
        guard handlers.removeValue(forKey: descriptor) != nil else { return }
        _ = epoll_ctl(epoll.number, EPOLL_CTL_DEL, descriptor, nil)
    }

    /// Calls `handler` once, at `deadline` on the monotonic clock. Returns what `cancel` takes.
    @discardableResult
    package func schedule(at deadline: Int64, _ handler: @escaping Handler) -> Int {
        let id = nextTimer
        nextTimer += 1
        timers.append((id, deadline, handler))
        return id
    }

    @discardableResult
    package func schedule(after delay: Duration, _ handler: @escaping Handler) -> Int {
        schedule(at: MonotonicClock.nanoseconds() + delay.nanoseconds, handler)
    }

    package func cancel(_ timer: Int) { timers.removeAll { $0.id == timer } }

    package func stop() { isStopping = true }

    /// Runs until `stop`.
    package func run() throws(SystemError) {
        while !isStopping { try turn() }
    }

    /// Waits once, and calls whoever that concerns.
    package func turn() throws(SystemError) {
        let count = epoll_wait(epoll.number, &events, Int32(events.count), timeoutMilliseconds())
        if count < 0 {
            if errno == EINTR { return }
            throw SystemError("epoll_wait")
        }
        for event in events[..<Int(count)] { handlers[event.data.fd]?() }
        fireTimers()
        afterRound()
    }

    /// Rounded up, so that a deadline has passed when the wait ends.
    private func timeoutMilliseconds() -> Int32 {
        guard let first = timers.lazy.map(\.deadline).min() else { return -1 }
        let left = first - MonotonicClock.nanoseconds()
        return left <= 0 ? 0 : Int32(clamping: (left + 999_999) / 1_000_000)
    }

    private func fireTimers() {
        let now = MonotonicClock.nanoseconds()
        guard timers.contains(where: { $0.deadline <= now }) else { return }
        let due = timers.filter { $0.deadline <= now }.sorted { $0.deadline < $1.deadline }
        timers.removeAll { $0.deadline <= now }
        for timer in due { timer.handler() }
    }
}

/// CLOCK_MONOTONIC in nanoseconds.
package enum MonotonicClock {
    package static func nanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// Instants for the pure part: the wall clock once, then the monotonic clock's pace, so that a step of the wall clock
/// neither ends bans early nor makes them last.
package struct AnchoredClock: Sendable {
    private let offset: Int64

    package init() {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        offset = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec) - MonotonicClock.nanoseconds()
    }

    package var now: Instant { Instant(nanoseconds: MonotonicClock.nanoseconds() + offset) }
}

/// Signals as a descriptor that becomes readable (signalfd(2)); they are blocked for the whole process.
package struct SignalDescriptor: ~Copyable {
    package let descriptor: Descriptor

    package init(_ signals: [Int32]) throws(SystemError) {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        descriptor = try Descriptor(
            "signalfd", "", signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK)))
    }

    /// The next pending signal, or `nil`.
    package func next() -> Int32? {
        var info = signalfd_siginfo()
        let count = read(descriptor.number, &info, MemoryLayout<signalfd_siginfo>.size)
        return count == MemoryLayout<signalfd_siginfo>.size ? Int32(info.ssi_signo) : nil
    }
}
