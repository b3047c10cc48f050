import Foundation
import Testing

/// A terminal for a program: Debian's tmux, on a server of its own, looked at and typed into.
final class Tmux {
    private let socket: String

    /// Runs `command` by sh in a terminal of that size; after two minutes it is ended, whatever becomes of the test.
    init(columns: Int, rows: Int, environment: [String: String], _ command: String) throws {
        socket = try #require(LabGround.current).directory + "/tmux-\(UUID().uuidString.prefix(8))"
        let variables = environment.map { "\($0)='\($1)'" }.sorted().joined(separator: " ")
        let words = [
            "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)",
            "env -u NO_COLOR \(variables) timeout --foreground 120 \(command); echo \"ended $?\"; stty -a; sleep 30",
        ]
        try tmux(words)
        try tmux(["set-option", "-g", "window-size", "manual"])
    }

    deinit { _ = try? tmux(["kill-server"]) }

    @discardableResult
    private func tmux(_ words: [String]) throws -> String {
        let done = try Lab.run(["tmux", "-S", socket, "-f", "/dev/null"] + words, environment: ["LC_ALL": "C.UTF-8"])
        try #require(done.code == 0, "\(done.testDescription)")
        return done.output
    }

    /// What is on the screen, a string for each row.
    func screen() throws -> [String] {
        try tmux(["capture-pane", "-p"]).split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(
            String.init)
    }

    func type(_ keys: String...) throws { try tmux(["send-keys"] + keys) }

    func resize(columns: Int, rows: Int) throws {
        try tmux(["resize-window", "-x", "\(columns)", "-y", "\(rows)"])
    }

    /// Waits until the screen is as wanted; without success the test ends with what was on it.
    @discardableResult
    func wait(
        for what: String, sourceLocation: SourceLocation = #_sourceLocation, _ isSo: ([String]) -> Bool
    ) throws -> [String] {
        var last: [String] = []
        try eventually("\(what):\n\(last.joined(separator: "\n"))", within: 15, sourceLocation: sourceLocation) {
            last = try screen()
            return isSo(last)
        }
        return last
    }

    /// The pid of the command itself: sh, timeout, command.
    func command() throws -> pid_t {
        var pid = try #require(
            pid_t(tmux(["display-message", "-p", "#{pane_pid}"]).trimmingCharacters(in: .whitespacesAndNewlines)))
        for _ in 0..<2 {
            let children = try String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
            pid = try #require(children.split(separator: " ").first.flatMap { pid_t($0) })
        }
        return pid
    }
}
