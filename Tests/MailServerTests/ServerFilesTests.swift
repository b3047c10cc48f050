import Foundation
import Glibc
import Testing

@testable import MailServer

/// Which files a running server sees, and by which names we reach them.
@Suite struct ServerFilesTests {
    @Test(.enabled(if: geteuid() == 0, "a mount namespace needs root"))
    func `a mount namespace over the same files needs no way through proc`() throws {
        // As systemd starts the daemon: the namespaces differ, the files do not.
        let server = Process()
        server.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        server.arguments = ["-m", "sleep", "60"]
        try server.run()
        defer {
            server.terminate()
            server.waitUntilExit()
        }
        // unshare becomes sleep once the namespace is there.
        let name = "/proc/\(server.processIdentifier)/comm"
        for _ in 0..<500 where (try? String(contentsOfFile: name, encoding: .utf8)) != "sleep\n" { usleep(10_000) }
        let files = ServerFiles(server.processIdentifier)
        #expect(files.prefix == "")
        #expect(files.log("/var/log/mail.log") == "/var/log/mail.log")
        #expect(files.exists("/var/log"))
        #expect(!files.exists("/var/log/no such file"))
    }

    @Test(.enabled(if: geteuid() == 0, "a mount namespace needs root"))
    func `other files in a mount namespace are reached through proc`() throws {
        let server = Process()
        server.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        server.arguments = ["-m", "sh", "-c", "mount -t tmpfs none /var/log && exec sleep 60"]
        try server.run()
        defer {
            server.terminate()
            server.waitUntilExit()
        }
        let name = "/proc/\(server.processIdentifier)/comm"
        for _ in 0..<500 where (try? String(contentsOfFile: name, encoding: .utf8)) != "sleep\n" { usleep(10_000) }
        #expect(ServerFiles(server.processIdentifier).prefix == "/proc/\(server.processIdentifier)/root")
    }
}
