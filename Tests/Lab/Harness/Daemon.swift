import Foundation
import Testing

/// A breakwaterd on the mail server, with state, socket and configuration of its own, and the CLI that talks to it.
///
/// Tests run one after another, so nobody else touches it.
final class Daemon: @unchecked Sendable {
    let server: MailServer
    let directory: String
    let configPath: String
    /// The log it follows: Courier's, or a file of its own that the test writes.
    let log: String
    private var program: Program?

    var state: String { directory + "/state" }
    var socket: String { directory + "/control.sock" }
    private var stderrPath: String { directory + "/stderr" }

    /// Runs `body` beside a daemon and leaves nothing of it, nor of its ruleset.
    ///
    /// - Parameters:
    ///   - changes: settings over those of `Configuration`, as TOML: `["ban.first": "\"1h\""]`.
    ///   - followsCourier: follow Courier's own log instead of an empty file.
    static func with<Value>(
        _ changes: [String: String] = [:], followsCourier: Bool = false, starts: Bool = true,
        on server: MailServer? = nil, _ body: (Daemon) throws -> Value
    ) throws -> Value {
        let server = try server ?? mailServer
        let daemon = try Daemon(server, changes, followsCourier: followsCourier)
        defer { daemon.clear() }
        try server.flushRuleset()
        if starts { try daemon.start() }
        return try body(daemon)
    }

    init(_ server: MailServer, _ changes: [String: String], followsCourier: Bool) throws {
        self.server = server
        directory = try #require(LabGround.current).directory + "/daemon-\(UUID().uuidString)"
        configPath = directory + "/breakwater.toml"
        log = followsCourier ? server.log : directory + "/mail.log"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        if !followsCourier { try Data().write(to: URL(fileURLWithPath: log)) }
        try configure(changes)
    }

    deinit { clear() }

    /// Ends it without a word and removes its directory and ruleset.
    func clear() {
        if let program, !program.hasEnded { try? kill9() }
        try? server.flushRuleset()
        try? FileManager.default.removeItem(atPath: directory)
    }

    // MARK: - Configuration

    /// Writes the configuration: enforcing, bans of ten minutes, and `changes`.
    func configure(_ changes: [String: String]) throws {
        var settings = [
            "mode": "\"enforce\"", "state_directory": "\"\(state)\"", "control_socket": "\"\(socket)\"",
            // A group that every Debian has and nobody is in.
            "control_group": "\"daemon\"", "mta.log": "\"\(log)\"",
        ]
        settings.merge(changes) { $1 }
        var tables: [String: [String]] = [:]
        for (key, value) in settings {
            let parts = key.split(separator: ".")
            tables[parts.count > 1 ? String(parts[0]) : "", default: []].append("\(parts[parts.count - 1]) = \(value)")
        }
        let text = tables.sorted { $0.key < $1.key }.map { name, lines in
            (name.isEmpty ? "" : "[\(name)]\n") + lines.sorted().joined(separator: "\n") + "\n"
        }.joined()
        try write(configuration: text)
    }

    func write(configuration text: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: configPath)) }

    // MARK: - Life

    /// Starts it and waits until it answers.
    func start(arguments: [String] = [], through wrapper: [String] = []) throws {
        let program = try launch(arguments, through: wrapper)
        self.program = program
        try eventually("the daemon answers; \(stderr.suffix(2000))") {
            if program.hasEnded { throw DaemonEnded(stderr: stderr) }
            return try cli("ping").code == 0
        }
    }

    /// Starts one with this configuration and does not wait; `wrapper` is a command that becomes it.
    func launch(_ arguments: [String] = [], through wrapper: [String] = []) throws -> Program {
        try Program(
            server.inside(
                .server, wrapper + [programDirectory + "/breakwaterd", "--config", configPath] + arguments),
            log: stderrPath)
    }

    struct DaemonEnded: Error { let stderr: String }

    /// Its process, as the host sees it.
    func pid() throws -> pid_t {
        let program = try #require(self.program)
        let children = try String(contentsOfFile: "/proc/\(program.pid)/task/\(program.pid)/children", encoding: .utf8)
        return try #require(children.split(separator: " ").first.flatMap { pid_t($0) }, "the daemon is not running")
    }

    /// How often its loop has waited since it began.
    func switches() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(pid())/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches:") }
        return try #require(line.flatMap { Int($0.split(separator: "\t").last ?? "") })
    }

    /// SIGTERM; its exit code.
    @discardableResult
    func stop() throws -> Int32 {
        try kill(SIGTERM)
        return try #require(program).wait().code
    }

    func kill(_ signal: Int32) throws { try #require(Foundation.kill(pid(), signal) == 0) }

    /// SIGKILL, and it is gone.
    func kill9() throws {
        try kill(SIGKILL)
        _ = try #require(program).wait()
    }

    var isRunning: Bool { program.map { !$0.hasEnded } ?? false }

    /// What it has said so far.
    var stderr: String { (try? String(contentsOfFile: stderrPath, encoding: .utf8)) ?? "" }

    // MARK: - Asking it

    /// Runs `breakwater` against this daemon, with no terminal anywhere.
    @discardableResult
    func cli(_ words: String..., input: String? = nil) throws -> Finished { try cli(words, input: input) }

    @discardableResult
    func cli(_ words: [String], input: String? = nil, under wrapper: [String] = []) throws -> Finished {
        try Lab.run(
            wrapper + [programDirectory + "/breakwater"] + words,
            environment: ["BREAKWATER_SOCKET": socket, "BREAKWATER_CONFIG": configPath], input: input)
    }

    /// The one JSON document that a verb answers with.
    func json(_ words: String...) throws -> JSON {
        let done = try cli(words + ["--json"])
        return try JSON(parsing: done.output)
    }

    /// A counter of `status`.
    func counter(_ name: String) throws -> Int { try #require(try json("status")["counters"][name].int) }

    /// The decisions in the store, oldest first.
    func decisions() throws -> [Decision] {
        try JSON.lines(try cli("events", "--jsonl", "--limit", "10000").output).map { Decision($0) }
    }

    /// The decisions once they are complete: the store has them within a second.
    func decisions(
        when isComplete: ([Decision]) -> Bool, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [Decision] {
        var found: [Decision] = []
        try eventually("the decisions are written: \(found)", sourceLocation: sourceLocation) {
            found = try decisions()
            return isComplete(found)
        }
        return found
    }

    /// The bans by net.
    func bans() throws -> [String: JSON] {
        Dictionary(try json("list")["bans"].array.map { ($0["net"].string ?? "", $0) }) { first, _ in first }
    }

    // MARK: - Its log

    /// Appends lines to the log, in one write.
    func append(_ lines: [String]) throws {
        let file = try #require(FileHandle(forWritingAtPath: log))
        defer { try? file.close() }
        try file.seekToEnd()
        try file.write(contentsOf: Data((lines.joined(separator: "\n") + "\n").utf8))
    }

    /// Lets the daemon read a rejection and waits for the element in the set.
    func ban(byLogLine peer: String) throws {
        try append([rejection(of: peer)])
        let net = Endpoint(peer: peer, port: 0).net
        try eventually("\(net) is in the set") { try server.holds(net) }
    }
}

/// A line of `events --jsonl`.
struct Decision {
    let kind: String?
    let net: String?
    let port: Int?
    let outcome: String?
    let why: String
    let isObserved: Bool
    /// The net without a host's length.
    var host: String {
        net.map { $0.hasSuffix("/32") ? String($0.dropLast(3)) : $0.hasSuffix("/128") ? String($0.dropLast(4)) : $0 }
            ?? ""
    }

    init(_ json: JSON) {
        kind = json["kind"].string
        net = json["net"].string
        port = json["port"].int
        outcome = json["outcome"].string
        why = json["why"].string ?? ""
        isObserved = json["observed"].bool ?? false
    }
}

/// Courier's line for a recipient refused to a listed peer.
func rejection(of peer: String, port: Int = 40000) -> String {
    let relay = peer.contains(":") ? peer : "::ffff:" + peer
    return
        "2026-11-20T22:44:56.033783+00:00 mx courieresmtpd: error,relay=\(relay),port=\(port),from=<spam@zombie.example>,"
        + "to=<bob@mail.example>: 511 http://www.spamhaus.org/query/bl?ip=\(peer)"
}

/// Runs the tests of a suite beside one daemon.
struct BesideDaemon: SuiteTrait, TestScoping {
    let changes: [String: String]
    @TaskLocal static var current: Daemon?

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let server = try mailServer
        let daemon = try Daemon(server, changes, followsCourier: false)
        defer { daemon.clear() }
        try server.flushRuleset()
        try daemon.start()
        try await BesideDaemon.$current.withValue(daemon, operation: function)
    }
}

extension Trait where Self == BesideDaemon {
    static func besideDaemon(_ changes: [String: String] = [:]) -> BesideDaemon { BesideDaemon(changes: changes) }
}

/// The daemon that the suite's trait has started.
var daemon: Daemon {
    get throws { try #require(BesideDaemon.current) }
}
