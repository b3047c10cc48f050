import Events
import Glibc
import LogIntake
import Testing

@Suite struct ResumeTests {
    /// What stands in the log when the follower goes away, what happens then, and what is new to the next one.
    @Test(arguments: [
        "nothing happened", "it grew", "half a line became whole", "rotated", "rotated twice",
        "rotated and not created yet",
        "copied and truncated", "copied, truncated and grown", "deleted and created anew",
        "moved to another directory and back",
        "replaced by a copy of itself", "shortened",
    ])
    func `goes on where it was`(what: String) throws {
        let directory = try LogDirectory()
        try directory.append("mail.log", "1\n2\nha")
        let first = try directory.follower()
        #expect(try first.lines() == ["1", "2"])
        let stored = first.position.record.description
        let expected: [String]
        switch what {
        case "it grew":
            try directory.append("mail.log", "lf\n3\n")
            expected = ["half", "3"]
        case "half a line became whole":
            try directory.append("mail.log", "lf\n")
            expected = ["half"]
        case "rotated":
            try directory.append("mail.log", "lf\n3\n")
            try directory.move("mail.log", "mail.log.1")
            try directory.append("mail.log", "4\n")
            expected = ["half", "3", "4"]
        case "rotated twice":
            try directory.append("mail.log", "lf\n")
            try directory.move("mail.log", "mail.log.2")
            try directory.append("mail.log", "3\n")
            try directory.move("mail.log", "mail.log.1")
            try directory.append("mail.log", "4\n")
            expected = ["half", "3", "4"]
        case "rotated and not created yet":
            try directory.append("mail.log", "lf\n")
            try directory.move("mail.log", "mail.log.1")
            expected = ["half"]
        case "copied and truncated":
            try directory.append("mail.log", "lf\n3\n")
            try directory.copy("mail.log", "mail.log.1")
            try directory.truncate("mail.log")
            expected = ["half", "3"]
        case "copied, truncated and grown":
            try directory.append("mail.log", "lf\n3\n")
            try directory.copy("mail.log", "mail.log.1")
            try directory.truncate("mail.log")
            try directory.append("mail.log", "4\n5\n6\n7\n8\n9\n")
            expected = ["half", "3", "4", "5", "6", "7", "8", "9"]
        case "deleted and created anew":
            try directory.delete("mail.log")
            try directory.append("mail.log", "new 1\nnew 2\n")
            expected = ["new 1", "new 2"]
        case "moved to another directory and back":
            try directory.makeDirectory("aside")
            try directory.move("mail.log", "aside/mail.log")
            try directory.move("aside/mail.log", "mail.log")
            try directory.append("mail.log", "lf\n")
            expected = ["half"]
        case "replaced by a copy of itself":
            try directory.copy("mail.log", "copy")
            try directory.delete("mail.log")
            try directory.move("copy", "mail.log")
            try directory.append("mail.log", "lf\n")
            expected = ["half"]
        case "shortened":
            try directory.truncate("mail.log")
            expected = []
        default:
            expected = []
        }
        let record = try #require(Record(line: stored.utf8))
        let position = try #require(LogPosition(record))
        #expect(position == first.position)
        let second = try directory.follower(start: .resume(position))
        #expect(try second.lines() == expected)
        #expect(try second.lines() == [])
        // And a third time, with nothing new.
        let third = try directory.follower(start: .resume(second.position))
        #expect(try third.lines() == [])
    }

    @Test func `both files of a rotation are gone on with`() throws {
        let directory = try LogDirectory()
        let writer = try Writer(directory.at("mail.log"))
        let first = try directory.follower()
        try writer.write("1\n")
        #expect(try first.lines() == ["1"])
        try directory.move("mail.log", "mail.log.1")
        try directory.append("mail.log", "n1\n")
        #expect(try first.lines() == ["n1"])
        let position = first.position
        #expect(position.marks.count == 2)
        try writer.write("2\n")
        try directory.append("mail.log", "n2\n")
        #expect(try directory.follower(start: .resume(position)).lines() == ["2", "n2"])
    }

    @Test func `an empty position reads the whole file`() throws {
        let directory = try LogDirectory()
        let waiting = try directory.follower()
        #expect(waiting.position.marks.isEmpty)
        try directory.append("mail.log", "1\n")
        #expect(try directory.follower(start: .resume(waiting.position)).lines() == ["1"])
    }

    @Test func `a position within a line does not make a line of its rest`() throws {
        let directory = try LogDirectory()
        try directory.append("mail.log", "abc relay=192.0.2.7\nnext\n")
        let first = try directory.follower()
        _ = try first.lines()
        var position = first.position
        position.marks[0].offset = 4
        #expect(try directory.follower(start: .resume(position)).lines() == ["next"])
    }

    @Test(arguments: [
        "other file=1:2:3:4", "position file=1:2:3", "position file=1:2:3:4:5", "position file=x:2:3:4",
        "position file=1:-2:3:4", "position file=1:2:1025:4", "position file=1:2:-1:4", "position file=1:2:3:g",
        "position file=1:9223372036854775808:3:4", "position file=",
    ])
    func `a damaged position is none`(line: String) throws {
        let record = try #require(Record(line: line.utf8))
        #expect(LogPosition(record) == nil)
    }

    /// Followers that stop after a few bytes, over a log that grows and rotates between them.
    @Test(arguments: 0..<8)
    func `stops anywhere and loses nothing`(seed: Int) throws {
        let directory = try LogDirectory()
        var lottery = Lottery(UInt64(seed))
        var writer = try Writer(directory.at("mail.log"))
        var written: [String] = []
        var seen: [String] = []
        var position: LogPosition?
        var pending = ""
        for round in 0..<300 {
            for _ in 0..<lottery.next(12) {
                let line = "\(written.count) " + String(repeating: "p", count: lottery.next(90))
                written.append(line)
                pending += line + "\n"
            }
            // Sometimes the last line is only half there.
            let kept = lottery.next(3) == 0 ? lottery.next(pending.utf8.count + 1) : 0
            try writer.write(String(pending.dropLast(kept)))
            pending = String(pending.suffix(kept))

            let follower = try directory.follower(start: position.map { .resume($0) } ?? .beginning)
            var more = true
            for _ in 0..<(1 + lottery.next(4)) where more {
                more = try follower.readAvailable(maxBytes: 1 + lottery.next(700)) { line, _ in seen.append(line.text) }
            }
            position = follower.position
            if lottery.next(7) == 0 {
                try directory.move("mail.log", "mail.log.\(round)")
                if lottery.next(2) == 0 {
                    try writer.write(pending)
                    pending = ""
                }
                if pending.isEmpty {
                    writer = try Writer(directory.at("mail.log"))
                } else {
                    // The half line's end goes where its begin went.
                    try writer.write(pending)
                    pending = ""
                    writer = try Writer(directory.at("mail.log"))
                }
            }
        }
        try writer.write(pending)
        let last = try directory.follower(start: position.map { .resume($0) } ?? .beginning)
        seen += try last.lines()
        #expect(seen.count == written.count)
        #expect(seen == written)
    }
}
