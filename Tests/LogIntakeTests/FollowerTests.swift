import Glibc
import LogIntake
import Posix
import Testing

@Suite struct LineTests {
    @Test(arguments: [
        ("plain", Array("a\nb\n".utf8), ["a", "b"]),
        ("empty lines", Array("\n\na\n\n".utf8), ["", "", "a", ""]),
        ("carriage returns stay", Array("a\r\nb\rc\n".utf8), ["a\r", "b\rc"]),
        ("NUL", [0x61, 0, 0x62, 0x0a], ["a\0b"]),
        ("U+2028, U+0085, vertical tab", Array("a\u{2028}b\u{85}c\u{0b}d\n".utf8), ["a\u{2028}b\u{85}c\u{0b}d"]),
        ("invalid UTF-8", [0xff, 0xfe, 0x0a, 0xc3, 0x0a, 0x62, 0x0a], ["\u{fffd}\u{fffd}", "\u{fffd}", "b"]),
        ("no end yet", Array("a\nb".utf8), ["a"]),
    ])
    func `a line ends at 0x0a and nowhere else`(name: String, bytes: [UInt8], lines: [String]) throws {
        let directory = try LogDirectory()
        try directory.append("mail.log", bytes)
        for step in [1, 2, 3, 1 << 20] {
            #expect(try directory.follower().lines(step: step) == lines, "\(name), \(step) bytes at a time")
        }
    }

    @Test func `a half-written line waits for its end`() throws {
        let directory = try LogDirectory()
        let follower = try directory.follower()
        try directory.append("mail.log", "one\ntw")
        #expect(try follower.lines() == ["one"])
        try directory.append("mail.log", "o")
        #expect(try follower.lines() == [])
        try directory.append("mail.log", "\nthree\n")
        #expect(try follower.lines() == ["two", "three"])
    }

    @Test(arguments: [7, 4096, 65536, 1 << 20])
    func `a line of a megabyte is cut and costs no other line`(step: Int) throws {
        let directory = try LogDirectory()
        let follower = try directory.follower()
        try directory.append("mail.log", "a\n" + String(repeating: "x", count: 1 << 20))
        // A step of a few bytes is slow, and shows the same with less.
        #expect(try follower.lines(step: max(step, 512)) == ["a"])
        #expect(follower.position.marks.last?.offset == 2, "a line without its end is not behind us")
        try directory.append("mail.log", "tail\nb\n")
        let lines = try follower.lines(step: step)
        #expect(lines.count == 2)
        #expect(lines.first == "CUT:" + String(repeating: "x", count: 65536))
        #expect(lines.last == "b")
        #expect(follower.counters.cutLines == 1)
    }

    @Test(arguments: [(65535, false), (65536, false), (65537, true)])
    func `the bound is 64 KiB`(length: Int, isCut: Bool) throws {
        let directory = try LogDirectory()
        try directory.append("mail.log", "a\n" + String(repeating: "y", count: length) + "\nb\n")
        for step in [1000, 1 << 20] {
            let follower = try directory.follower()
            let lines = try follower.lines(step: step)
            #expect(lines.count == 3)
            #expect(lines.dropFirst().first?.hasPrefix("CUT:") == isCut)
            #expect(follower.counters.cutLines == (isCut ? 1 : 0))
        }
    }

    @Test func `reading begins behind the end, and not within a line`() throws {
        let directory = try LogDirectory()
        try directory.append("mail.log", "old\nhal")
        let follower = try directory.follower(start: .end)
        #expect(try follower.lines() == [])
        try directory.append("mail.log", "f a line\nnew\n")
        #expect(try follower.lines() == ["new"])
        #expect(follower.counters.unfinishedLines == 1)
    }

    @Test func `a whole file gives its unfinished last line too`() throws {
        let directory = try LogDirectory()
        try directory.append("mail.log", "a\n\nb")
        var lines: [String] = []
        let log = try directory.wholeLog()
        while try log.readPiece({ lines.append($0.text + ($1.isUnfinished ? "(unfinished)" : "")) }) {}
        #expect(lines == ["a", "", "b(unfinished)"])
        #expect(log.counters.lines == 3)
        #expect(log.counters.bytes == 4)
    }

    @Test func `what cannot be read to its end gives no half line`() {
        var pieces = ["a\nb\n19", "2.0.2.7"].map { Array($0.utf8) }[...]
        let log = WholeLog { buffer in
            guard let piece = pieces.popFirst() else { throw SystemError("read", "x", code: EIO) }
            _ = UnsafeMutableRawBufferPointer(buffer).initializeMemory(as: UInt8.self, from: piece)
            return piece.count
        }
        var lines: [String] = []
        #expect(throws: SystemError.self) { while try log.readPiece({ line, _ in lines.append(line.text) }) {} }
        #expect(lines == ["a", "b"])
        #expect(log.counters.unfinishedLines == 1)
    }

    @Test func `a whole file of many buffers is read like a followed one`() throws {
        let directory = try LogDirectory()
        var lottery = Lottery(1)
        var bytes: [UInt8] = []
        for _ in 0..<3000 { bytes += [UInt8](repeating: 0x7a, count: lottery.next(400)) + [0x0a] }
        bytes += [UInt8](repeating: 0x79, count: 300_000) + [0x0a]
        try directory.append("mail.log", bytes)
        let expected = bytes.split(separator: 0x0a, omittingEmptySubsequences: false).dropLast().map {
            min($0.count, 65536)
        }
        var lengths: [Int] = []
        let log = try directory.wholeLog()
        while try log.readPiece({ line, _ in lengths.append(line.count) }) {}
        #expect(lengths == expected)
    }
}

@Suite struct RotationTests {
    @Test func `renamed and created anew, with late lines to the old file`() throws {
        let directory = try LogDirectory()
        let writer = try Writer(directory.at("mail.log"))
        let follower = try directory.follower()
        try writer.write("1\n2\nha")
        #expect(try follower.lines() == ["1", "2"])
        try directory.move("mail.log", "mail.log.1")
        try writer.write("lf\n3\n")
        try directory.append("mail.log", "n1\n")
        #expect(try follower.lines() == ["half", "3", "n1"])
        // The new file is being read already, and the old one still.
        try writer.write("4\n")
        try directory.append("mail.log", "n2\n")
        #expect(try follower.lines() == ["4", "n2"])
        #expect(follower.counters.rotations == 1)
    }

    @Test func `a replaced file is left when its grace time is over`() throws {
        let directory = try LogDirectory()
        let writer = try Writer(directory.at("mail.log"))
        let follower = try directory.follower(grace: .zero)
        try writer.write("1\nhalf of an add")
        #expect(try follower.lines() == ["1"])
        try directory.move("mail.log", "mail.log.1")
        try directory.append("mail.log", "n1\n")
        #expect(try follower.lines() == ["n1"])
        #expect(try follower.lines() == [])
        #expect(follower.position.marks.count == 1)
        try writer.write("ress\n")
        #expect(try follower.lines() == [])
        #expect(follower.counters.unfinishedLines == 1)
    }

    @Test func `moved away, and created later`() throws {
        let directory = try LogDirectory()
        let writer = try Writer(directory.at("mail.log"))
        let follower = try directory.follower()
        try writer.write("1\n")
        try directory.move("mail.log", "mail.log-20261121")
        #expect(try follower.lines() == ["1"])
        try writer.write("2\n")
        #expect(try follower.lines() == ["2"])
        #expect(follower.problem?.description.contains("ENOENT") == true)
        try directory.append("mail.log", "3\n")
        #expect(try follower.lines() == ["3"])
        #expect(follower.problem == nil)
    }

    @Test func `copied and truncated`() throws {
        let directory = try LogDirectory()
        let follower = try directory.follower()
        try directory.append("mail.log", "1\n2\n3\n")
        #expect(try follower.lines() == ["1", "2", "3"])
        try directory.copy("mail.log", "mail.log.1")
        try directory.truncate("mail.log")
        #expect(try follower.lines() == [])
        try directory.append("mail.log", "4\n")
        #expect(try follower.lines() == ["4"])
        #expect(follower.counters.truncations == 1)
    }

    @Test func `truncated and grown beyond what had been read`() throws {
        let directory = try LogDirectory()
        let follower = try directory.follower()
        try directory.append("mail.log", "1\n")
        #expect(try follower.lines() == ["1"])
        try directory.truncate("mail.log")
        try directory.append("mail.log", "second 1\nsecond 2\nsecond 3\n")
        #expect(try follower.lines() == ["second 1", "second 2", "second 3"])
        #expect(follower.counters.truncations == 1)
    }

    @Test func `what was not read before copytruncate is read from the copy`() throws {
        let directory = try LogDirectory()
        let follower = try directory.follower()
        try directory.append("mail.log", "1\n2\n")
        #expect(try follower.lines() == ["1", "2"])
        try directory.append("mail.log", "3\n4\n")
        try directory.copy("mail.log", "mail.log.1")
        try directory.truncate("mail.log")
        try directory.append("mail.log", "a 5\na 6\na 7\n")
        #expect(try follower.lines() == ["3", "4", "a 5", "a 6", "a 7"])
    }

    @Test func `copytruncate, then renamed before anybody looked`() throws {
        let directory = try LogDirectory()
        let follower = try directory.follower()
        try directory.append("mail.log", "1\n2\n")
        #expect(try follower.lines() == ["1", "2"])
        try directory.append("mail.log", "3\n")
        try directory.copy("mail.log", "mail.log.1")
        try directory.truncate("mail.log")
        try directory.append("mail.log", "b 4\n")
        try directory.move("mail.log", "mail.log.0")
        try directory.append("mail.log", "c 5\n")
        #expect(Set(try follower.lines()) == ["3", "b 4", "c 5"])
        #expect(try follower.lines() == [])
    }

    @Test func `deleted and created anew`() throws {
        let directory = try LogDirectory()
        let writer = try Writer(directory.at("mail.log"))
        let follower = try directory.follower()
        try writer.write("1\n")
        #expect(try follower.lines() == ["1"])
        try directory.delete("mail.log")
        try writer.write("2\n")
        try directory.append("mail.log", "3\n")
        #expect(try follower.lines() == ["2", "3"])
    }

    @Test func `several rotations between two looks`() throws {
        let directory = try LogDirectory()
        let follower = try directory.follower()
        try directory.append("mail.log", "1\n")
        #expect(try follower.lines() == ["1"])
        try directory.append("mail.log.9", "from long ago\n")
        var old = [timespec(tv_sec: 1_000_000, tv_nsec: 0), timespec(tv_sec: 1_000_000, tv_nsec: 0)]
        utimensat(AT_FDCWD, directory.at("mail.log.9"), &old, 0)
        try directory.append("mail.log", "2\n")
        try directory.move("mail.log", "mail.log.2")
        try directory.append("mail.log", "3\n")
        try directory.move("mail.log", "mail.log.1")
        try directory.append("mail.log", "4\n")
        try directory.append("mail.log.3.gz", "no log\n")
        try directory.append("mail.logs", "another log\n")
        #expect(try follower.lines() == ["2", "3", "4"])
        #expect(try follower.lines() == [])
    }

    @Test func `a file between two others that begins as the first one did when it was opened`() throws {
        let directory = try LogDirectory()
        try directory.append("mail.log", "12")
        let follower = try directory.follower()
        #expect(try follower.lines() == [])
        try directory.append("mail.log", "5 first\n")
        try directory.move("mail.log", "mail.log.1")
        try directory.append("mail.log", "126 second\n")
        try directory.move("mail.log", "mail.log.2")
        try directory.append("mail.log", "127 third\n")
        #expect(try follower.lines() == ["125 first", "126 second", "127 third"])
    }

    @Test func `an edited copy of the log is not read again`() throws {
        let directory = try LogDirectory()
        let follower = try directory.follower()
        let before = (0..<100).map { "a line with the number \($0)\n" }.joined()
        try directory.append("mail.log", before)
        #expect(try follower.lines().count == 100)
        try directory.append("mail.log.new", before.replacing("number 99", with: "digits 99") + "new\n")
        try directory.move("mail.log.new", "mail.log")
        #expect(try follower.lines() == ["new"])
    }

    @Test func `files that begin with the same line are different files`() throws {
        let directory = try LogDirectory()
        let follower = try directory.follower()
        for round in 0..<5 {
            try directory.append("mail.log", "same\n")
            #expect(try follower.lines() == ["same"], "file \(round)")
            try directory.move("mail.log", "mail.log.\(round)")
        }
    }
}

@Suite struct PathTests {
    @Test func `a file, and a directory, that do not exist yet`() throws {
        let directory = try LogDirectory()
        let follower = try directory.follower("log/mail/mail.log", start: .end)
        #expect(try follower.lines() == [])
        #expect(follower.problem?.description.contains("ENOENT") == true)
        try directory.makeDirectory("log")
        #expect(isReadable(follower))
        #expect(try follower.lines() == [])
        try directory.makeDirectory("log/mail")
        #expect(isReadable(follower))
        #expect(try follower.lines() == [])
        try directory.append("log/mail/mail.log", "1\n")
        #expect(isReadable(follower))
        #expect(try follower.lines() == ["1"])
        #expect(follower.problem == nil)
    }

    @Test(arguments: ["absolute", "relative", "over two links"])
    func `a symbolic link is switched`(kind: String) throws {
        let directory = try LogDirectory()
        try directory.makeDirectory("a")
        try directory.makeDirectory("b")
        func point(to name: String) throws {
            switch kind {
            case "absolute": try directory.link("mail.log", to: directory.at(name))
            case "relative": try directory.link("mail.log", to: name)
            default:
                try directory.link("mail.log", to: "./hop")
                try directory.link("hop", to: name)
            }
        }
        try directory.append("a/one", "1\n")
        try point(to: "a/one")
        let follower = try directory.follower()
        #expect(try follower.lines() == ["1"])
        try directory.append("b/two", "2\n")
        try point(to: "b/two")
        #expect(isReadable(follower))
        #expect(try follower.lines() == ["2"])
        try directory.append("a/one", "3\n")
        #expect(isReadable(follower))
        #expect(try follower.lines() == ["3"], "the file it led to before is read on for a while")
        try point(to: "a/one")
        try directory.append("a/one", "4\n")
        #expect(try follower.lines() == ["4"], "back again, and nothing twice")
    }

    @Test func `a link to and fro after the grace time reads nothing twice`() throws {
        let directory = try LogDirectory()
        try directory.append("one", "1\n")
        try directory.append("two", "2\n")
        try directory.link("mail.log", to: "one")
        let follower = try directory.follower(grace: .zero)
        #expect(try follower.lines() == ["1"])
        try directory.link("mail.log", to: "two")
        #expect(try follower.lines() == ["2"])
        #expect(try follower.lines() == [])
        try directory.append("one", "3\n")
        try directory.link("mail.log", to: "one")
        #expect(try follower.lines() == ["3"])
    }

    @Test func `a linked directory on the way is switched`() throws {
        let directory = try LogDirectory()
        try directory.makeDirectory("a")
        try directory.makeDirectory("b")
        try directory.link("current", to: "a")
        try directory.append("a/mail.log", "1\n")
        let follower = try directory.follower("current/mail.log")
        #expect(try follower.lines() == ["1"])
        try directory.append("b/mail.log", "2\n")
        try directory.link("current", to: "b")
        #expect(isReadable(follower))
        #expect(try follower.lines() == ["2"])
    }

    @Test func `the log's directory is moved away and made anew`() throws {
        let directory = try LogDirectory()
        try directory.makeDirectory("log")
        try directory.append("log/mail.log", "1\n")
        let follower = try directory.follower("log/mail.log")
        #expect(try follower.lines() == ["1"])
        try directory.move("log", "log.old")
        #expect(isReadable(follower))
        #expect(try follower.lines() == [])
        try directory.makeDirectory("log")
        try directory.append("log/mail.log", "2\n")
        #expect(isReadable(follower))
        #expect(try follower.lines() == ["2"])
    }

    @Test(arguments: ["a directory", "a fifo", "a dangling link", "a device"])
    func `what is no file is refused and waited out`(kind: String) throws {
        let directory = try LogDirectory()
        try directory.append("mail.log", "1\n")
        let follower = try directory.follower()
        #expect(try follower.lines() == ["1"])
        try directory.move("mail.log", "mail.log.1")
        switch kind {
        case "a directory": try directory.makeDirectory("mail.log")
        case "a fifo": #expect(mkfifo(directory.at("mail.log"), 0o600) == 0)
        case "a dangling link": try directory.link("mail.log", to: "nowhere")
        default: try directory.link("mail.log", to: "/dev/zero")
        }
        #expect(try follower.lines() == [])
        #expect(follower.problem != nil)
        try directory.append("mail.log.1", "2\n")
        #expect(try follower.lines() == ["2"])
        try directory.delete("mail.log")
        try directory.append("mail.log", "3\n")
        #expect(try follower.lines() == ["3"])
        #expect(follower.problem == nil)
    }

    @Test func `writing makes the descriptor readable, reading makes it quiet`() throws {
        let directory = try LogDirectory()
        try directory.append("mail.log", "1\n")
        let follower = try directory.follower()
        #expect(try follower.lines() == ["1"])
        #expect(!isReadable(follower, within: 0))
        try directory.append("mail.log", "2\n")
        #expect(isReadable(follower))
        #expect(try follower.lines() == ["2"])
        #expect(!isReadable(follower, within: 0))
    }

    @Test func `polling finds what no event told`() throws {
        let directory = try LogDirectory()
        let follower = try directory.follower()
        #expect(try follower.lines() == [])
        #expect(!follower.poll())
        try directory.append("mail.log", "1\n")
        #expect(follower.poll(), "a file appeared")
        #expect(try follower.lines() == ["1"])
        #expect(!follower.poll())
        try directory.append("mail.log", "2\n")
        #expect(follower.poll(), "it grew")
        #expect(try follower.lines() == ["2"])
        try directory.truncate("mail.log")
        #expect(follower.poll(), "it was truncated")
        #expect(try follower.lines() == [])
        try directory.move("mail.log", "mail.log.1")
        try directory.append("mail.log", "3\n")
        #expect(follower.poll(), "it was replaced")
        #expect(try follower.lines() == ["3"])
        try directory.append("mail.log.1", "4\n")
        #expect(follower.poll(), "the replaced one grew")
        #expect(try follower.lines() == ["4"])
    }

    @Test func `lost events lose no line`() throws {
        let directory = try LogDirectory()
        try directory.append("mail.log", "1\n")
        let follower = try directory.follower()
        #expect(try follower.lines() == ["1"])
        // Two events each; the queue holds 16,384.
        for number in 0..<8400 {
            try directory.append("other.\(number % 2)", "")
            try directory.delete("other.\(number % 2)")
        }
        try directory.append("mail.log", "2\n")
        try directory.move("mail.log", "mail.log.1")
        try directory.append("mail.log", "3\n")
        #expect(try follower.lines() == ["2", "3"])
        #expect(!isReadable(follower, within: 0))
    }
}
