import Foundation
import Glibc
import LogIntake
import Posix
import Synchronization
import Testing

/// A writer in a thread of its own writes numbered lines and rotates its log 1,000 times in every way there is, while
/// a follower reads. Every line is seen exactly once, and those of one file in their order.
///
/// Where a way of rotating loses lines by its nature the writer waits for the follower, and only there: before a file
/// is deleted, or copied and truncated, the follower has it open (it has seen one of its lines). In all others the
/// writer does not wait.
@Suite struct StressTests {
    @Test func `1,000 rotations under load`() throws {
        let directory = try LogDirectory()
        // What comes and goes before the follower has opened anything is not read.
        let first = try Writer(directory.at("mail.log"))
        let follower = try directory.follower("mail.log")
        let progress = Progress()
        let writing = RotatingWriter(path: directory.at("mail.log"), first, rotations: 1000, progress: progress)
        Thread.detachNewThread { writing.run() }

        var nextLine: [Int: Int] = [:]
        var isWrong = 0
        var total = 0
        var idleRounds = 0
        while idleRounds < 400 {
            let isDone = progress.isDone.load(ordering: .acquiring)
            if isDone, total == progress.written.load(ordering: .acquiring) { break }
            _ = isReadable(follower, within: 20)
            let before = total
            while try follower.readAvailable(
                maxBytes: 65536,
                { line, _ in
                    let fields = line.text.split(separator: " ")
                    guard fields.count == 3, let file = Int(fields[0]), let number = Int(fields[1]),
                        fields[2].hasSuffix("$")
                    else {
                        isWrong += 1
                        return
                    }
                    if nextLine[file, default: 0] != number {
                        isWrong += 1
                        if isWrong < 5 {
                            Issue.record("file \(file): line \(number) instead of \(nextLine[file, default: 0])")
                        }
                    }
                    nextLine[file] = number + 1
                    total += 1
                    if file > progress.seenFile.load(ordering: .relaxed) {
                        progress.seenFile.store(file, ordering: .releasing)
                    }
                })
            {}
            idleRounds = isDone && total == before ? idleRounds + 1 : 0
        }
        #expect(progress.failure.withLock { $0 } == nil)
        #expect(isWrong == 0)
        #expect(total == progress.written.load(ordering: .acquiring))
        let missing = (0...1000).filter { nextLine[$0] == nil }
        #expect(missing.isEmpty, "no line of the files \(missing)")
        #expect(follower.counters.unfinishedLines == 0)
        #expect(follower.counters.rotations + follower.counters.truncations == 1000)
    }
}

final class Progress: Sendable {
    /// The newest file of which the follower has seen a line.
    let seenFile = Atomic<Int>(-1)
    let written = Atomic<Int>(0)
    let isDone = Atomic<Bool>(false)
    let failure = Mutex<String?>(nil)
}

final class RotatingWriter: Sendable {
    let path: String
    let first: Writer
    let rotations: Int
    let progress: Progress

    init(path: String, _ first: Writer, rotations: Int, progress: Progress) {
        self.path = path
        self.first = first
        self.rotations = rotations
        self.progress = progress
    }

    func run() {
        do { try writeAll() } catch { progress.failure.withLock { $0 = "\(error)" } }
        progress.isDone.store(true, ordering: .releasing)
    }

    private func writeAll() throws {
        var lottery = Lottery(2)
        var writer = first
        for file in 0...rotations {
            var number = 0
            func write(_ count: Int) throws {
                for _ in 0..<count {
                    let line = "\(file) \(number) " + String(repeating: "=", count: lottery.next(150)) + "$\n"
                    if lottery.next(8) == 0 {
                        let half = lottery.next(line.utf8.count)
                        try writer.write(String(line.prefix(half)))
                        if lottery.next(4) == 0 { usleep(100) }
                        try writer.write(String(line.dropFirst(half)))
                    } else {
                        try writer.write(line)
                    }
                    number += 1
                    progress.written.add(1, ordering: .releasing)
                }
            }
            try write(40 + lottery.next(80))
            if file == rotations { return }
            switch file % 5 {
            case 0:
                // Renamed; late lines; the new file appears when the writer opens it.
                try move(file)
                try write(lottery.next(10))
                writer = try Writer(path)
            case 1:
                // Renamed and created at once, the writer is told later (logrotate's `create`).
                try move(file)
                _ = try Writer(path)
                try write(1 + lottery.next(20))
                usleep(UInt32(lottery.next(500)))
                try write(lottery.next(5))
                writer = try Writer(path)
            case 2:
                // Moved away; the new file comes late.
                try move(file)
                usleep(UInt32(lottery.next(3000)))
                try write(lottery.next(3))
                writer = try Writer(path)
            case 3:
                try waitForFollower(file)
                try write(lottery.next(30))
                let copy = try Writer(path + ".\(file)")
                try copy.write(contents(of: path, limit: 1 << 30))
                guard truncate(path, 0) == 0 else { throw SystemError("truncate", path) }
            default:
                try waitForFollower(file)
                try write(lottery.next(10))
                guard unlink(path) == 0 else { throw SystemError("unlink", path) }
                try write(lottery.next(10))
                writer = try Writer(path)
            }
            usleep(UInt32(lottery.next(2000)))
            // As logrotate's `rotate 100` does.
            unlink(path + ".\(file - 100)")
        }
    }

    private func move(_ file: Int) throws {
        guard rename(path, path + ".\(file)") == 0 else { throw SystemError("rename", path) }
    }

    /// Until the follower has seen a line of `file`; one that has lost its way ends the test.
    private func waitForFollower(_ file: Int) throws {
        for _ in 0..<20_000 {
            if progress.seenFile.load(ordering: .acquiring) >= file { return }
            usleep(500)
        }
        throw Lost(file: file)
    }

    private struct Lost: Error { var file: Int }
}
