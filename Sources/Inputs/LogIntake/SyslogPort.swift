import Glibc
import Posix

/// A port that cannot be had, said with what to do about it, by the daemon and by `doctor` alike.
extension SyslogReceiver {
    /// What to do about a port that could not be bound; `nil` where the error says all there is to say.
    package static func remedy(for error: SystemError, port: UInt16, udp: Bool, tcp: Bool) -> String? {
        switch error.code {
        case EADDRINUSE:
            "ss -\(tcp ? "t" : "")\(udp ? "u" : "")lnp sport = :\(port) tells which program has the port: "
                + "end that one, or name another port in [mta] log"
        case EACCES where port < 1024:
            "a port below 1024 needs root or CAP_NET_BIND_SERVICE: name another one in [mta] log"
        default: nil
        }
    }
}
