import Foundation
import Glibc
import LogIntake
import Posix
import Testing

@Suite struct StandardInputTests {
    private func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { throw SystemError("pipe") }
        return (ends[0], ends[1])
    }

    @Test func `lines as they come, then the end, once and for all`() throws {
        let (input, output) = try pipe()
        defer { close(input) }
        let stream = StandardInput(input)
        #expect(try stream.lines() == [])
        #expect(write(output, "1\n2", 3) == 3)
        #expect(isReadable(stream))
        #expect(try stream.lines() == ["1"])
        #expect(write(output, "2\n3", 3) == 3)
        #expect(try stream.lines() == ["22"])
        close(output)
        #expect(try stream.lines() == [], "half a line is none")
        #expect(stream.descriptor == nil)
        #expect(stream.problem != nil)
        #expect(!stream.poll())
        #expect(stream.counters.unfinishedLines == 1)
    }

    @Test func `a plain file, for which no event can be waited`() throws {
        let directory = try LogDirectory()
        try directory.append("log", "1\n2\n")
        let file = open(directory.at("log"), O_RDONLY)
        defer { close(file) }
        let stream = StandardInput(file)
        #expect(stream.descriptor == nil)
        #expect(stream.poll())
        #expect(try stream.lines() == ["1", "2"])
        #expect(stream.problem != nil)
    }
}

@Suite struct PatternTests {
    private func names(_ pattern: inout PathPattern) -> [String] {
        pattern.files().map { ($0.path.split(separator: "/").last.map(String.init) ?? "") + ($0.isNew ? "+" : "") }
    }

    @Test func `files that come later are found, rotated and packed ones are not logs`() throws {
        let directory = try LogDirectory()
        for name in [
            "mail.log", "mail.log.1", "mail.log.2.gz", "mail.log-20261121", "mail.log.old", "mail.err", "mail-2026.log",
            "mail.other.xz",
        ] { try directory.append(name, "\(name)\n") }
        try directory.makeDirectory("mail.directory")
        try directory.link("mail.second", to: "mail.log")
        try directory.link("mail.nowhere", to: "nothing")
        var pattern = PathPattern(directory.at("mail*"))
        #expect(names(&pattern) == ["mail-2026.log", "mail.err", "mail.log"])
        try directory.append("mail.warn", "x\n")
        try directory.append("mail.err.1", "x\n")
        #expect(names(&pattern) == ["mail-2026.log", "mail.err", "mail.log", "mail.warn+"])
        try directory.delete("mail.err")
        #expect(names(&pattern) == ["mail-2026.log", "mail.err.1+", "mail.log", "mail.warn+"])
    }

    @Test func `nothing yet, then a directory for each host`() throws {
        let directory = try LogDirectory()
        var pattern = PathPattern(directory.at("hosts/*/mail.log"))
        #expect(pattern.files() == [])
        for host in ["mx1", "mx2"] {
            try? directory.makeDirectory("hosts")
            try directory.makeDirectory("hosts/\(host)")
            try directory.append("hosts/\(host)/mail.log", "\(host)\n")
        }
        #expect(pattern.files().map(\.isNew) == [true, true])
    }

    @Test func `of many the ones written last`() throws {
        let directory = try LogDirectory()
        for number in 0..<100 {
            try directory.append("\(1000 + number)", "x")
            var times = [
                timespec(tv_sec: 1_000_000 + number, tv_nsec: 0), timespec(tv_sec: 1_000_000 + number, tv_nsec: 0),
            ]
            utimensat(AT_FDCWD, directory.at("\(1000 + number)"), &times, 0)
        }
        var pattern = PathPattern(directory.at("1*"))
        let files = names(&pattern)
        #expect(files.count == PathPattern.most)
        #expect(pattern.leftOut == 36)
        #expect(files.first == "1036")
        try directory.append("1000", "y")
        #expect(names(&pattern).first == "1000", "it was there before: not news")
    }
}
