import Events
import Glibc
import Posix
import Store
import Testing

/// Ends a writing process with SIGKILL, in the middle of whatever it does.
@Suite struct KillTests {
    @Test func `what was flushed before kill -9 is there, the rest has no holes, ten times over`() throws {
        let directory = try TestDirectory()
        var flushed = 0
        for round in 0..<10 {
            let lines = try outputOfKilledHelper(["write", directory.state.path], after: 3 + round % 4)
            flushed = max(flushed, lines.compactMap { Int($0.dropFirst("flushed ".count)) }.max() ?? 0)
            let writer = try StoreWriter(directory.state, now: { tonight })
            #expect(writer.takeNotices() == [], "round \(round)")
            // The bans' hits are their numbers, from 0 on without a hole.
            let numbers = try writer.reader.bans(at: .distantPast).map(\.hits).sorted()
            #expect(numbers == Array(0..<numbers.count), "round \(round)")
            #expect(numbers.count >= flushed, "round \(round)")
            writer.close(timeout: .minutes(1))
        }
        #expect(flushed > 0)
    }
}

/// Starts the helper, reads until it has printed `count` flushes, and kills it. Returns all it printed.
private func outputOfKilledHelper(_ arguments: [String], after count: Int) throws -> [String] {
    let own = try #require(linkTarget("/proc/self/exe"))
    let path = own.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/StoreHelper"
    var pipes: [Int32] = [0, 0]
    try #require(pipe(&pipes) == 0)
    let output = try #require(fdopen(pipes[0], "r"))
    defer { fclose(output) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, pipes[1], 1)
    posix_spawn_file_actions_addclose(&actions, pipes[0])
    posix_spawn_file_actions_addclose(&actions, pipes[1])
    var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var pid = pid_t()
    var environment: [UnsafeMutablePointer<CChar>?] = [nil]
    let code = posix_spawn(&pid, path, &actions, nil, &words, &environment)
    close(pipes[1])
    try #require(code == 0, "\(path): \(errnoText(code))")
    var lines: [String] = []
    var buffer = [CChar](repeating: 0, count: 256)
    while fgets(&buffer, 256, output) != nil {
        let line = String(decoding: buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if line.hasPrefix("flushed") { lines.append(line) }
        if lines.count == count { kill(pid, SIGKILL) }
    }
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    return lines
}
