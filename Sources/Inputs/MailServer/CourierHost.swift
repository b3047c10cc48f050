import Glibc
import Posix
import ProcFS

/// A Courier as it is installed and runs on this host.
package enum CourierHost {
    /// Where Debian and the sources' default put esmtpd's configuration.
    private static let files = ["/etc/courier/esmtpd", "/usr/lib/courier/etc/esmtpd", "/usr/local/etc/courier/esmtpd"]

    /// What is configured and what runs. With the pid of couriertcpd its own root is looked into, so that a Courier in
    /// a container is read too; the path read is given for messages.
    package static func settings(listener pid: Int32?) -> (settings: CourierSettings, file: String?) {
        let running = pid.flatMap { ProcessEntry($0).commandLine }.map { CourierSettings(arguments: $0) }
        let root = pid.map { "/proc/\($0)/root" } ?? ""
        for path in files {
            guard let bytes = try? contents(of: root + path) else { continue }
            let file = CourierSettings(esmtpdFile: String(decoding: bytes, as: UTF8.self))
            var settings = CourierSettings(file: file, running: running ?? CourierSettings())
            let folder = root + path.dropLast("esmtpd".count)
            settings.commandTimeout = span(folder + "esmtptimeout")
            settings.dataTimeout = span(folder + "esmtpdata")
            return (settings, path)
        }
        return (running ?? CourierSettings(), nil)
    }

    private static func span(_ path: String) -> Duration? {
        (try? contents(of: path, limit: 4096)).flatMap {
            CourierSettings.span(controlFile: String(decoding: $0, as: UTF8.self))
        }
    }
}

/// The log files that syslog daemons write mail to, best first: Debian, Red Hat, then those that take everything.
package enum MailLog {
    package static let usualPaths = [
        "/var/log/mail.log", "/var/log/maillog", "/var/log/mail.info", "/var/log/syslog", "/var/log/messages",
    ]

    /// The first of the usual paths that exists; when none does, the first of all, which may yet come.
    package static func find() -> (path: String, exists: Bool) {
        for path in usualPaths where access(path, F_OK) == 0 { return (path, true) }
        return (usualPaths[0], false)
    }
}
