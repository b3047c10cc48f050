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
