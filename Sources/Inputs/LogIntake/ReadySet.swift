import CLinux
import Glibc
import Posix

/// Several descriptors, and ones that change, behind one that stays: it is readable when one of them is (epoll(7) in
/// another epoll).
final class ReadySet {
    private let epoll: Descriptor
    private var events = [epoll_event](repeating: epoll_event(), count: 64)

    init() throws(SystemError) { epoll = try Descriptor("epoll_create1", "", epoll_create1(Int32(EPOLL_CLOEXEC))) }

    var descriptor: Int32 { epoll.number }

    /// The descriptor stays its owner's; closing it takes it out.
    func add(_ number: Int32) throws(SystemError) {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.fd = number
        guard epoll_ctl(epoll.number, EPOLL_CTL_ADD, number, &event) == 0 else {
            throw SystemError("epoll_ctl", "descriptor \(number)")
        }
    }

    /// Those that are readable, or whose other end is gone; does not wait.
    func ready() -> [Int32] {
        let count = epoll_wait(epoll.number, &events, Int32(events.count), 0)
        return count > 0 ? events[..<Int(count)].map(\.data.fd) : []
    }
}
