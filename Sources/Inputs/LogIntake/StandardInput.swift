import Glibc
import Posix

/// Standard input as a log, for pipes and tests: read as it comes, to its end, and never again.
package final class StandardInput: LogStream {
    package let name = "-"
    package private(set) var counters = LogCounters()
    package private(set) var problem: LogProblem?
    package let positionText: String? = nil

    private let number: Int32
    private let isWaitable: Bool
    private var splitter = LineSplitter()
    private let buffer = ReadBuffer()

    /// - Parameter descriptor: read instead of standard input; stays its owner's.
    package init(_ descriptor: Int32 = STDIN_FILENO) {
        number = descriptor
        // A plain file is always readable, and epoll refuses it (epoll_ctl(2), EPERM).
        var status = stat()
        isWaitable = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
    }

    package var descriptor: Int32? { problem == nil && isWaitable ? number : nil }

    package func poll() -> Bool { isReadable }

    package func readAvailable(
        maxBytes: Int, _ body: (Span<UInt8>, LineInfo) -> Void
    ) throws(SystemError) -> Bool {
        var budget = maxBytes
        // Never waits, and leaves the flags of a descriptor that others share as they are.
        while budget > 0, isReadable {
            let count = read(number, buffer.bytes.baseAddress, min(buffer.bytes.count, budget))
            if count < 0 {
                if errno == EINTR || errno == EAGAIN { continue }
                let error = SystemError("read", "standard input")
                problem = LogProblem(description: "\(error)")
                throw error
            }
            guard count > 0 else {
                splitter.finish(handsOver: false, &counters, body)
                problem = LogProblem(description: "standard input has ended; nothing is followed there any more")
                return false
            }
            budget -= count
            counters.bytes &+= UInt64(count)
            splitter.feed(UnsafeBufferPointer(rebasing: buffer.bytes[..<count]), &counters, body)
        }
        return budget <= 0
    }

    private var isReadable: Bool {
        guard problem == nil else { return false }
        var wanted = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&wanted, 1, 0) == 1
    }
}
