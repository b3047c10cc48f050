import Foundation
import Testing

extension LabTests {
    /// Which server and which log the daemon finds, and what it says when those do not fit the configuration.
    @Suite struct Discovery {
        @Test
        func `while the log is away for its rotation, no other is followed in its place; the minutes are counted`()
            throws
        {
            let server = try mailServer
            try Daemon.with(["mta.log": "\"auto\""]) { daemon in
                let log = try #require(daemon.json("status")["log"].string)
                #expect(log.hasSuffix("/var/log/mail.log"))
                let folder = URL(fileURLWithPath: server.log).deletingLastPathComponent().path
                #expect(FileManager.default.fileExists(atPath: folder + "/syslog"), "or there is no other to follow")
                let lines = (1...4).map { rejection(of: "198.18.94.\($0)") + "\n" }
                let file = try #require(FileHandle(forWritingAtPath: server.log))
                try file.seekToEnd()
                try file.write(contentsOf: Data(lines.joined().utf8))
                try eventually("they are read") { try daemon.json("status")["counters"]["rejections"].int == 4 }
                try FileManager.default.moveItem(atPath: server.log, toPath: server.log + ".away")
                defer { try? FileManager.default.moveItem(atPath: server.log + ".away", toPath: server.log) }

                // Once a minute the daemon asks the servers anew where they log.
                for _ in 0..<14 {
                    sleep(5)
                    let followed = try daemon.json("status")["log"].string
                    #expect(followed == log)
                    if followed != log { break }
                }
                let rate = try daemon.json("status")["rejections_per_minute"]
                #expect(rate["mean"].double == 4 && rate["peak"].int == 4, "\(rate)")
                #expect(
                    try daemon.cli("status").output.contains(
                        "\nrejected   4.0 a minute of the last ten   peak today 4 at "))
            }
        }

        @Test func `a kind that does not fit and a log that is not there are said, with what to do`() throws {
            let server = try mailServer
            let missing = try #require(LabGround.current).directory + "/none-\(UUID().uuidString).log"
            defer { try? FileManager.default.removeItem(atPath: missing) }
            try Daemon.with(["mta.kind": "\"postfix\"", "mta.log": "[\"\(missing)\", \"\(missing)-*\"]"]) { daemon in
                let problems = try #require(daemon.json("status")["problems"].string)
                #expect(problems.contains("kind: [mta] kind = \"postfix\", but"), "\(problems)")
                #expect(problems.contains("Courier (couriertcpd"))
                #expect(problems.contains("\(missing): ENOENT") && problems.contains("-> start the syslog daemon"))
                #expect(problems.contains("\(missing)-* names no file"))
                #expect(daemon.stderr.contains("warning text=\"[mta] kind ="), "\(daemon.stderr)")
                #expect(daemon.stderr.contains("ENOENT"))

                let doctor = try Lab.run(
                    server.inside(
                        .server,
                        [
                            programDirectory + "/breakwater", "doctor", "--config", daemon.configPath, "--socket",
                            daemon.socket,
                        ]))
                #expect(doctor.code == 1)
                let failures = doctor.output.split(separator: "\n").filter { $0.hasPrefix("FAIL") }
                #expect(
                    failures.contains { $0.contains("what listens is Courier") && $0.contains("-> set [mta] kind to") })
                #expect(failures.contains { $0.contains("\(missing): ENOENT") && $0.contains("-> ") })
                #expect(failures.contains { $0.contains("\(missing)-* names no file") })

                try Data().write(to: URL(fileURLWithPath: missing))
                try eventually("it is there") {
                    try daemon.json("status")["problems"].string?.contains("\(missing): ") == false
                }
            }
        }
    }
}
