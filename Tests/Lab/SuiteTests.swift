import Foundation
import Testing

extension LabTests {
    /// `scripts/lab/lab suite`: whether a guard ever ends the wrong connection, by the clients' ears and the kernel's
    /// tracepoints.
    @Suite(.enabled(if: hasTracefs, "this kernel shows no tracepoints: nobody can see who signals whom"))
    struct Suites {
        @Test func `breakwater ends no wrong connection, and nobody before his 5xx`() throws {
            let (code, verdict) = try suite(["--bin", programDirectory])
            #expect(code == 0)
            #expect(verdict["complaints"].keys == [], "\(verdict["complaints"])")
            let counts = verdict["counts"]
            // Every zombie of the cast, so that "nothing was wrong" is not said of a guard that did nothing.
            #expect((counts["ended"].int ?? 0) > 40)
            #expect(counts["signals"].int == counts["proven"].int)
            #expect((counts["pids_again"].int ?? 0) > 40, "no pid was used again")
        }

        @Test func `a guard that is wrong in every way is caught in every way`() throws {
            let pidFile = try #require(LabGround.current).labs + "/suite-guarded/root/run/courier/esmtpd.pid"
            let (code, verdict) = try suite([
                "--guard", "wrong=exec python3 -B '\(fixture("wrong_guard.py"))' \"$(cat '\(pidFile)')\"",
            ])
            #expect(code == 1)
            let caught = Set(verdict["complaints"].keys)
            #expect(
                caught.isSuperset(of: [
                    "wrong connection ended", "ended without its 5xx", "other words than the server's",
                    "signal to the wrong process", "dialogue blocked", "not delivered", "left stopped or traced",
                ]))
        }

        private func suite(_ words: [String]) throws -> (code: Int32, verdict: JSON) {
            let out = try #require(LabGround.current).directory + "/suite-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: out) }
            let done = try Lab.run([labScript, "suite", "--short", "--json", "--out", out] + words, atMost: 400)
            return (done.code, try #require(JSON(parsing: done.output).array.first, "\(done.testDescription)"))
        }
    }
}

private let hasTracefs =
    (try? String(contentsOfFile: "/proc/filesystems", encoding: .utf8))?.contains("\ttracefs\n") ?? false
