import Foundation
import Testing

extension LabTests {
    /// `scripts/lab/lab suite`: whether a guard ever ends the wrong connection, by the clients' ears and the kernel's
    /// tracepoints.
    @Suite(
        .enabled(
            if: hasTracepoints, "no tracepoints here, or only those of the host: nobody can see who signals whom"))
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

        /// There it would see nobody signal anybody, and say that of a guard which did nothing wrong.
        @Test func `a container is told that it cannot see who signals whom`() throws {
            let folder = URL(filePath: labScript).deletingLastPathComponent().path
            let watch =
                "import kernelwatch, errors\ntry: kernelwatch.KernelWatch('').__enter__()\n"
                + "except errors.LabError as error: print(error)"
            let done = try Lab.run([
                "unshare", "--pid", "--fork", "--mount-proc", "env", "PYTHONPATH=\(folder)", "/usr/bin/python3", "-B",
                "-c", watch,
            ])
            #expect(done.output.contains("run the suite as root of the host itself"), "\(done)")
        }

        private func suite(_ words: [String]) throws -> (code: Int32, verdict: JSON) {
            let out = try #require(LabGround.current).directory + "/suite-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: out) }
            let done = try Lab.run([labScript, "suite", "--short", "--json", "--out", out] + words, atMost: 400)
            return (done.code, try #require(JSON(parsing: done.output).array.first, "\(done.testDescription)"))
        }
    }
}

/// They name processes as the first pid namespace does (PROC_PID_INIT_INO, linux/proc_ns.h), not as a container does.
private let hasTracepoints: Bool = {
    let kinds = try? String(contentsOfFile: "/proc/filesystems", encoding: .utf8)
    let namespace = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
    return kinds?.contains("\ttracefs\n") == true && namespace == "pid:[4026531836]"
}()
