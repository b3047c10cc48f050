import Glibc

/// What systemd wants to hear (sd_notify(3)), and the bounds it sets. Without systemd nothing is said.
package struct ServiceManager {
    private let socketPath: String?
    /// Say `WATCHDOG=1` at least this often; `nil` when nobody listens for it.
    package let watchdog: Duration?

    package init() {
        socketPath = getenv("NOTIFY_SOCKET").map { String(cString: $0) }
        let own = getenv("WATCHDOG_PID").map { String(cString: $0) == String(getpid()) } ?? true
        let microseconds = getenv("WATCHDOG_USEC").flatMap { Int64(String(cString: $0)) }
        watchdog = own ? microseconds.map { .microseconds($0 / 2) } : nil
    }

    package func notifyWatchdog() { if watchdog != nil { notify("WATCHDOG=1") } }

    /// Sends `state` (`READY=1`, `STATUS=...`); failure changes nothing for us.
    package func notify(_ state: String) {
        guard let socketPath, !socketPath.isEmpty else { return }
        let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { return }
        let descriptor = Descriptor(owning: number)
        var bytes = Array(state.utf8)
        _ = try? withSocketAddress(socketPath) { address, length in
            sendto(descriptor.number, &bytes, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT), address, length)
        }
    }
}
