import Foundation
import Testing

/// A directory of this test run's own below /run, with everything the tests leave: labs, daemons' states, outputs.
///
/// A process beside this one clears it away, however this one ends.
final class LabGround: Sendable {
    @TaskLocal static var current: LabGround?

    let directory: String
    /// BREAKWATER_LAB_RUN of every `lab` started here.
    let labs: String
    private let guardPID: pid_t
    private let guardInput: Int32

    init() throws {
        directory = "/run/breakwater-tests-\(getpid())"
        labs = directory + "/labs"
        try FileManager.default.createDirectory(atPath: labs, withIntermediateDirectories: true)
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        // Only this process holds the end whose closing the guard waits for.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            close(ends[0])
        }
        guardInput = ends[1]
        // A session of its own: what a terminal sends to the tests does not reach it.
        guardPID = try Program.spawn(
            [
                "setsid", "sh", "-c", "read -r _; \"$1\" down --all >/dev/null 2>&1; rm -rf --one-file-system \"$2\"",
                "sh", labScript, directory,
            ],
            ["BREAKWATER_LAB_RUN": labs], &actions)
    }

    /// Takes all labs away, and the directory.
    func clear() {
        close(guardInput)
        waitpid(guardPID, nil, 0)
    }
}

/// The package's own directory.
let packageDirectory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path
let labScript = packageDirectory + "/scripts/lab/lab"

func fixture(_ name: String) -> String { packageDirectory + "/Tests/Lab/Fixtures/" + name }

/// Where the programs are: beside the tests, as one build makes both.
let programDirectory =
    ProcessInfo.processInfo.environment["BREAKWATER_LAB_BIN"]
    ?? URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
