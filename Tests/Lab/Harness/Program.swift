import Foundation
import Testing

/// What a program said, and how it ended: its exit code, or 128 + N after signal N.
struct Finished: CustomTestStringConvertible {
    let words: [String]
    let code: Int32
    let output: String
    let errors: String

    var testDescription: String {
        "\(words.joined(separator: " ")) -> \(code)\n\(output.prefix(2000))\(errors.suffix(2000))"
    }
}

/// A program that runs. Its outputs go to files, so that it never waits for a reader.
final class Program {
    let words: [String]
    let pid: pid_t
    private let outputPath: String
    private let errorPath: String
    private let ownsFiles: Bool
    private var code: Int32?

    /// Finds `words[0]` as the shell would. `input` is its standard input; without it there is nothing to read.
    /// With `log`, both outputs are appended to that file.
    init(_ words: [String], environment: [String: String] = [:], input: String? = nil, log: String? = nil) throws {
        self.words = words
        let directory = try #require(LabGround.current).directory
        ownsFiles = log == nil
        let name = "\(directory)/run-\(UUID().uuidString)"
        outputPath = log ?? name + ".out"
        errorPath = log ?? name + ".err"
        let inputPath = input == nil ? "/dev/null" : name + ".in"
        if let input { try Data(input.utf8).write(to: URL(fileURLWithPath: inputPath)) }
        defer { if input != nil { unlink(inputPath) } }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, inputPath, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        pid = try Program.spawn(words, environment, &actions)
    }

    /// Starts a program with this process's environment, and `environment` over it.
    static func spawn(
        _ words: [String], _ environment: [String: String], _ actions: inout posix_spawn_file_actions_t
    ) throws -> pid_t {
        // sudo and cron leave /usr/sbin out, where nft is.
        var variables = ProcessInfo.processInfo.environment
        variables["PATH"] = (variables["PATH"] ?? "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
        variables["BREAKWATER_LAB_RUN"] = LabGround.current?.labs
        variables.merge(environment) { $1 }
        let arguments = words.map { strdup($0) } + [nil]
        let settings = variables.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in arguments + settings { free(text) } }
        var pid = pid_t()
        let code = posix_spawnp(&pid, words[0], &actions, nil, arguments, settings)
        try #require(code == 0, "\(words[0]): \(String(cString: strerror(code)))")
        return pid
    }

    deinit {
        end()
        if ownsFiles {
            unlink(outputPath)
            unlink(errorPath)
        }
    }

    var hasEnded: Bool {
        var status: Int32 = 0
        if code == nil, waitpid(pid, &status, WNOHANG) == pid {
            code = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
        }
        return code != nil
    }

    var outputSoFar: String { text(outputPath) }

    /// SIGKILL, if it still runs.
    func end() {
        if !hasEnded { kill(pid, SIGKILL) }
        while !hasEnded { usleep(2000) }
    }

    /// Waits for the end. One that runs longer than `seconds` is ended, and that fails the test.
    func wait(atMost seconds: Double = 60) throws -> Finished {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while !hasEnded, Date() < deadline { usleep(2000) }
        if !hasEnded {
            end()
            Issue.record("\(words.joined(separator: " ")) did not end within \(seconds) s")
        }
        return Finished(words: words, code: code ?? -1, output: text(outputPath), errors: text(errorPath))
    }

    private func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}

/// Runs a program to its end.
@discardableResult
func run(_ words: String..., input: String? = nil) throws -> Finished { try run(words, input: input) }

@discardableResult
func run(_ words: [String], environment: [String: String] = [:], input: String? = nil, atMost seconds: Double = 60)
    throws -> Finished
{
    try Program(words, environment: environment, input: input).wait(atMost: seconds)
}

/// Asks until the answer is yes; without one the test ends with what it waited for.
func eventually(
    _ what: @autoclosure () -> String, within seconds: Double = 30, sourceLocation: SourceLocation = #_sourceLocation,
    _ isSo: () throws -> Bool
) throws {
    let deadline = Date(timeIntervalSinceNow: seconds)
    while true {
        if try isSo() { return }
        if Date() >= deadline { break }
        usleep(50_000)
    }
    Issue.record("waited \(seconds) s in vain: \(what())", sourceLocation: sourceLocation)
    throw InVain()
}

struct InVain: Error {}
