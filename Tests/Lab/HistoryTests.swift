import Foundation
import Testing

extension LabTests {
    /// What is counted for reports: live, of old logs, and never twice.
    @Suite struct Histories {
        /// A rejection of just now: what is older than 400 days is not kept.
        private func now(_ line: String) -> String {
            var seconds = time(nil)
            var clock = tm()
            gmtime_r(&seconds, &clock)
            let stamp = String(
                format: "%04d-%02d-%02dT%02d:%02d:%02d.000000+00:00", clock.tm_year + 1900, clock.tm_mon + 1,
                clock.tm_mday,
                clock.tm_hour, clock.tm_min, clock.tm_sec)
            return line.replacingOccurrences(of: "2026-11-20T22:44:56.033783+00:00", with: stamp)
        }

        private func classes(_ daemon: Daemon, _ words: String...) throws -> [String] {
            let done = try daemon.cli(["report", "--only", "classes,connect,networks", "--json"] + words)
            try #require(done.code == 0, "\(done)")
            let report = try JSON(parsing: done.output)
            let figures = ["what", "label", "network", "count", "attempts", "rejected", "addresses"]
            return ["classes", "connect", "networks"].flatMap { section in
                report[section]["rows"].array.map { row in
                    figures.map { row[$0].string ?? row[$0].int.map(String.init) ?? "-" }.joined(separator: " ")
                }
            }
        }

        @Test func `what the daemon counts and what import adds of the same log is what the log says`() throws {
            try Daemon.with(starts: false) { daemon in
                try daemon.append((1...10).map { now(rejection(of: "198.18.81.\($0)")) })
                try daemon.start()
                try daemon.append((1...20).map { now(rejection(of: "198.18.80.\($0)")) })
                try eventually("all are banned") { try daemon.bans().count == 20 }
                // The report has the daemon write first.
                let live = try JSON(parsing: daemon.cli("report", "--json", "--only", "connect").output)
                #expect(live["connect"]["rows"].array.last?["count"].int == 20, "\(live)")

                var done = try daemon.cli("import", "--log", daemon.log)
                #expect(done.output == "counted 10 events, 20 were counted before\n", "\(done)")
                #expect(try classes(daemon) == classes(daemon, "--log", daemon.log))

                // Rotated, packed, and with what came since.
                try daemon.append([now(rejection(of: "198.18.82.1"))])
                try eventually("the last one is banned") { try daemon.bans().count == 21 }
                try FileManager.default.moveItem(atPath: daemon.log, toPath: daemon.log + ".1")
                try Data().write(to: URL(fileURLWithPath: daemon.log))
                #expect(try Lab.run(["gzip", daemon.log + ".1"]).code == 0)
                #expect(try classes(daemon) == classes(daemon, "--log", daemon.log + ".1.gz"))
                done = try daemon.cli("import", "--log", daemon.log + ".1.gz")
                #expect(done.output == "counted 0 events, 31 were counted before\n", "\(done)")

                // Out and in again beside the daemon: what it counted just now is in it, and nothing counts twice.
                let file = daemon.directory + "/history.tsv"
                try Data(daemon.cli("export", "tsv", "--history").output.utf8).write(to: URL(fileURLWithPath: file))
                done = try daemon.cli("import", "--history", "--json", file)
                let told = try JSON(parsing: done.output)
                #expect(done.code == 0 && told["days"].int == 0 && told["known"].int ?? 0 > 0, "\(done)")
                #expect(try classes(daemon) == classes(daemon, "--log", daemon.log + ".1.gz"))

                // The counts outlive the daemon, and need none.
                let before = try classes(daemon)
                try daemon.stop()
                #expect(try classes(daemon) == before)
            }
        }

        @Test func `where a source belonged is stored with what it did`() throws {
            let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "LocationDataTests/Fixtures")
            let folder = try FileManager.default.url(
                for: .itemReplacementDirectory, in: .userDomainMask, appropriateFor: fixtures, create: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let names = ["GeoLite2-Country-Test.mmdb", "GeoLite2-ASN-Test.mmdb"]
            for name in names {
                try FileManager.default.copyItem(at: fixtures.appending(path: name), to: folder.appending(path: name))
            }
            let paths = names.map { "\"\(folder.appending(path: $0).path)\"" }.joined(separator: ", ")
            try Daemon.with(["origins.databases": "[\(paths)]"]) { daemon in
                func country() throws -> JSON {
                    let done = try daemon.cli("report", "--json", "--only", "countries")
                    return try JSON(parsing: done.output)
                }
                // An address that the invented data has elsewhere than any real one.
                try daemon.append([now(rejection(of: "202.196.224.9"))])
                try eventually("it is banned") { try daemon.bans().count == 1 }
                #expect(try country()["countries"]["rows"].array.first?["country"].string == "PH")
                try FileManager.default.removeItem(at: folder)
                let after = try country()
                #expect(after["countries"]["rows"].array.first?["country"].string == "PH", "\(after)")
                #expect(after["credits"].array.contains { $0.string?.contains("GeoLite2") == true }, "\(after)")
            }
        }

        /// The shipped unit gives the daemon a user of its own, and an administrator imports as root.
        @Test func `root imports into the directory of the daemon's user`() throws {
            try Daemon.with(starts: false) { daemon in
                try daemon.append((1...10).map { now(rejection(of: "198.18.81.\($0)")) })
                try #require(chmod(daemon.log, 0o600) == 0)
                try FileManager.default.createDirectory(atPath: daemon.state, withIntermediateDirectories: true)
                let owner: uid_t = 1
                try #require(chown(daemon.state, owner, gid_t(owner)) == 0 && chmod(daemon.state, 0o700) == 0)
                for counted in [10, 0] {
                    let done = try daemon.cli("import", "--log", daemon.log)
                    let before = 10 - counted
                    #expect(done.output == "counted \(counted) events, \(before) were counted before\n", "\(done)")
                    for name in try FileManager.default.contentsOfDirectory(atPath: daemon.state) {
                        var status = stat()
                        #expect(lstat(daemon.state + "/" + name, &status) == 0 && status.st_uid == owner, "\(name)")
                    }
                }
                #expect(try classes(daemon) == classes(daemon, "--log", daemon.log))

                let exported = try daemon.cli("export", "tsv", "--history")
                let file = daemon.directory + "/history.tsv"
                try Data(exported.output.utf8).write(to: URL(fileURLWithPath: file))
                try #require(chmod(file, 0o600) == 0)
                try FileManager.default.removeItem(atPath: daemon.state + "/history.db")
                let dry = try daemon.cli("import", "--history", "--dry-run", file)
                #expect(dry.output.hasPrefix("would import 1 day"), "\(dry)")
                #expect(!FileManager.default.fileExists(atPath: daemon.state + "/history.db"))
                let put = try daemon.cli("import", "--history", file)
                #expect(put.output.hasPrefix("imported 1 day"), "\(put)")
                #expect(try classes(daemon) == classes(daemon, "--log", daemon.log))
                // Files that he is told to write are root's own.
                let page = daemon.directory + "/page.html"
                #expect(try daemon.cli("report", "--html", page).code == 0)
                var written = stat()
                #expect(lstat(page, &written) == 0 && written.st_uid == 0 && written.st_gid == 0)

                // What the daemon's user may not write, root does not write for him.
                let treasure = daemon.directory + "/treasure"
                try Data("kept".utf8).write(to: URL(fileURLWithPath: treasure))
                try #require(chmod(treasure, 0o600) == 0)
                let history = daemon.state + "/history.db"
                try FileManager.default.removeItem(atPath: history)
                try FileManager.default.createSymbolicLink(atPath: history, withDestinationPath: treasure)
                let done = try daemon.cli("import", "--log", daemon.log)
                #expect(done.code != 0, "\(done)")
                #expect(try Data(contentsOf: URL(fileURLWithPath: treasure)) == Data("kept".utf8))
                #expect(try daemon.cli("report").code != 0)
                // Nor does he have root wait for him.
                try FileManager.default.removeItem(atPath: history)
                try #require(mkfifo(history, 0o600) == 0)
                #expect(try daemon.cli("report").code != 0)
            }
        }
    }
}
