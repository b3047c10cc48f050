import Foundation
import Testing

extension LabTests {
    /// What may be wrong with the host must not end the protection.
    @Suite struct Troubles {
        @Test func `a second daemon ends with 75 and one clear sentence, and the first goes on unharmed`() throws {
            let server = try mailServer
            try Daemon.with { daemon in
                try daemon.ban(byLogLine: "198.51.100.7")
                let pid = try daemon.pid()
                let ruleset = try server.rules()

                let before = daemon.stderr
                #expect(try daemon.launch().wait().code == 75)
                // The second one says so to the same file; the first may have said something between.
                let said = daemon.stderr.dropFirst(before.count).split(separator: "\n").filter {
                    $0.hasPrefix("breakwaterd: ")
                }
                #expect(said.count == 1)
                #expect(said.first?.contains("already running") == true)

                // The same with a state of its own, but the same socket; where it would enforce, the table comes first.
                let configuration = try String(contentsOfFile: daemon.configPath, encoding: .utf8)
                try daemon.write(
                    configuration: configuration.replacingOccurrences(
                        of: daemon.state, with: daemon.directory + "/other"))
                let later = daemon.stderr
                #expect(try daemon.launch(["--observe"]).wait().code == 75)
                #expect(
                    daemon.stderr.dropFirst(later.count).contains("another breakwaterd answers at \(daemon.socket)"))

                #expect(try daemon.pid() == pid)
                #expect(try server.rules() == ruleset)
                #expect(try daemon.cli("ping").code == 0)
                try daemon.ban(byLogLine: "198.51.100.8")
                #expect(try Set(server.banned().keys) == ["198.51.100.7/32", "198.51.100.8/32"])
                #expect(try daemon.counter("repaired") == 0)
            }
        }

        @Test(arguments: ["full": "dd if=/dev/zero of=fill bs=4k; true", "read-only": "mount -o remount,ro ."])
        func `without a disk to write on it bans all the same`(_ name: String, command: String) throws {
            let server = try mailServer
            try Daemon.with(starts: false) { daemon in
                // In the lab's own mount namespace: nobody else sees it, and it ends with the lab.
                let mount =
                    "mkdir \(daemon.state) && mount -t tmpfs -o size=64k,mode=700 none \(daemon.state) && cd \(daemon.state) && \(command)"
                let done = try Lab.run(server.inside(.server, ["sh", "-c", mount]))
                try #require(done.code == 0, "\(done.testDescription)")
                defer { _ = try? Lab.run(server.inside(.server, ["umount", "--lazy", daemon.state])) }
                try daemon.start()
                try daemon.ban(byLogLine: "198.51.100.7")
                #expect(try daemon.cli("ban", "198.51.100.8").code == 0)
                #expect(try Set(server.banned().keys) == ["198.51.100.7/32", "198.51.100.8/32"])
                #expect(try daemon.cli("unban", "198.51.100.8").code == 0)
                #expect(try Set(daemon.bans().keys) == ["198.51.100.7/32"])
                #expect(try Set(server.banned().keys) == ["198.51.100.7/32"])
                #expect(daemon.stderr.contains("warning") || daemon.stderr.contains("note text="), "it says so")
                #expect(try daemon.stop() == 0)
                #expect(try server.banned()["198.51.100.7/32"] != nil)
            }
        }

        @Test func `a corrupt database is moved aside, and it bans all the same`() throws {
            let server = try mailServer
            try Daemon.with { daemon in
                try daemon.ban(byLogLine: "198.51.100.7")
                try daemon.stop()
                let database = URL(fileURLWithPath: daemon.state + "/breakwater.db")
                try Data(repeating: 0xa5, count: 100_000).write(to: database)
                try daemon.start()
                #expect(try server.banned()["198.51.100.7/32"] != nil, "the kernel's bans are adopted")
                try daemon.ban(byLogLine: "198.51.100.8")
                let files = try FileManager.default.contentsOfDirectory(atPath: daemon.state)
                let aside = try #require(files.first { $0.hasPrefix("breakwater.db.corrupt-") })
                #expect(try Data(contentsOf: URL(fileURLWithPath: daemon.state + "/" + aside)).first == 0xa5)
                #expect(daemon.stderr.contains("corrupt"))
                // The new one works: it remembers across the next start.
                try daemon.stop()
                try daemon.start()
                #expect(try daemon.bans()["198.51.100.8/32"]?["why"].string?.hasPrefix("rbl") == true)
            }
        }
    }
}
