import Events
import Foundation
import Glibc
import LogIntake
import Testing

/// The stream over files that a real journald writes.
@Suite(.enabled(if: RealJournal.isAvailable, "needs root and systemd-journald"), .serialized)
struct JournalTests {
    @Test func `starts at the end, wakes, and hands over lines that are read like a file's`() throws {
        let journal = try RealJournal()
        try journal.log("postfix/smtpd[1]: of before")
        let all = try journal.stream(start: .beginning)
        #expect(try all.lines(count: 1).count == 1)
        let stream = try journal.stream()
        #expect(try stream.lines() == [])
        try journal.log("postfix/smtpd[24278]: NOQUEUE: reject: RCPT from unknown[192.0.2.7]: 554 5.7.1 x")
        #expect(isReadable(stream))
        let lines = try stream.lines(count: 1)
        #expect(lines.count == 1)
        let bytes = Array((lines.first ?? "").utf8)
        var line = LogLine()
        let isRead = line.read(bytes.span)
        #expect(isRead)
        #expect(bytes[line.tag].elementsEqual("postfix/smtpd".utf8))
        #expect(line.pid == 24278)
        #expect(bytes[line.message].elementsEqual("NOQUEUE: reject: RCPT from unknown[192.0.2.7]: 554 5.7.1 x".utf8))
        #expect(line.host.count == hostName().utf8.count)
        let time = line.time(in: bytes.span, reference: .distantFuture)
        let age = Int64(Date().timeIntervalSince1970) - (time?.seconds ?? 0)
        #expect(abs(age) < 3600)
        #expect(!isReadable(stream, within: 0), "reading makes it quiet")
    }

    @Test func `what is written by others than root and mail systems is none of a mail server's`() throws {
        let journal = try RealJournal()
        let stream = try journal.stream()
        try journal.log("exim[5]: forged by an ordinary user", user: 1000)
        try journal.log("exim[5]: forged by a web server's account", user: 33)
        try journal.log("exim[5]: forged by nobody", user: 65534)
        try journal.log("exim[5]: written by the account mail", user: 8)
        try journal.log("exim[5]: written by root")
        let lines = try stream.lines(count: 2)
        #expect(lines.map { $0.contains("written by") } == [true, true])
        #expect(stream.counters.untrusted == 3)
    }

    @Test func `line breaks inside an entry begin no line`() throws {
        let journal = try RealJournal()
        let stream = try journal.stream()
        try journal.log(
            "postfix/cleanup[7]: message-id=<a\n2026-11-21T06:50:00Z mx postfix/smtpd[1]: NOQUEUE\u{7f}\u{1b}>")
        #expect(
            try stream.lines(count: 1).map { $0.split(separator: " ", maxSplits: 2)[2] } == [
                "postfix/cleanup[7]: message-id=<a#0122026-11-21T06:50:00Z mx postfix/smtpd[1]: NOQUEUE#177#033>"
            ])
    }

    @Test func `through rotations and vacuums every entry once, over restarts too`() throws {
        let journal = try RealJournal()
        var stream = try journal.stream()
        var expected: [String] = []
        var found: [String] = []
        for round in 0..<8 {
            for number in 0..<40 {
                try journal.log("postfix/smtpd[9]: \(round).\(number)")
                expected.append("\(round).\(number)")
                if number == 20, round % 2 == 0 { try journal.rotate() }
                // Piece by piece, so that reading stops in the middle of what is there.
                if number % 7 == 0 {
                    _ = try stream.readAvailable(maxBytes: 1500) { line, _ in found.append(line.text) }
                }
            }
            found += try stream.lines(count: expected.count - found.count)
            if round % 3 == 1 {
                stream = try journal.stream(start: .resume(try #require(stream.positionText)))
            }
            if round % 2 == 1 {
                try journal.rotate()
                try journal.vacuum()
            }
        }
        #expect(try stream.lines() == [])
        #expect(found.map { $0.split(separator: " ").last.map(String.init) ?? "" } == expected)
        #expect(stream.counters.rotations > 0)
    }

    @Test func `a place that was vacuumed away leads to what is left`() throws {
        let journal = try RealJournal()
        let before = try journal.stream()
        try journal.log("exim[1]: read")
        #expect(try before.lines(count: 1).count == 1)
        let position = try #require(before.positionText)
        try journal.log("exim[1]: lost to everybody")
        #expect(try before.lines(count: 1).count == 1, "it is in the file that is archived")
        try journal.rotate()
        try journal.log("exim[1]: kept")
        try journal.vacuum()
        let stream = try journal.stream(start: .resume(position))
        let lines = try stream.lines(count: 1)
        #expect(lines.map { $0.split(separator: " ").last } == ["kept"])
        #expect(try stream.lines() == [])
    }

    @Test func `what was logged while nobody read, before any entry was seen`() throws {
        let journal = try RealJournal()
        let before = try journal.stream()
        #expect(try before.lines() == [])
        let position = try #require(before.positionText)
        try journal.log("exim[1]: meanwhile")
        let stream = try journal.stream(start: .resume(position))
        #expect(try stream.lines(count: 1).count == 1)
        #expect(stream.positionText?.contains("cursor=") == true)
    }

    @Test(arguments: ["", "position file=1:2:3:4", "journal cursor=nonsense", "journal since=-1", "journal"])
    func `a damaged place means the end`(text: String) throws {
        let journal = try RealJournal()
        try journal.log("exim[1]: before")
        #expect(try journal.stream(start: .beginning).lines(count: 1).count == 1)
        let stream = try journal.stream(start: .resume(text))
        #expect(try stream.lines() == [])
        try journal.log("exim[1]: after")
        #expect(try stream.lines(count: 1).count == 1)
    }

    @Test func `only what is named`() throws {
        let journal = try RealJournal()
        let stream = try journal.stream(["exim", "postfix/smtpd", "exim4.service"])
        for name in ["postfix/qmgr", "exim", "postfix/smtpd", "sshd"] { try journal.log("\(name)[1]: text") }
        let lines = try stream.lines(count: 2)
        #expect(lines.map { $0.split(separator: " ")[2] } == ["exim[1]:", "postfix/smtpd[1]:"])
    }

    @Test func `a name without any entry is a problem, with the names that have some`() throws {
        let journal = try RealJournal()
        #expect(try journal.stream(["postfix"]).problem?.description.contains("none of a mail server yet") == true)
        try journal.log("postfix/smtpd[1]: text")
        try journal.log("postfix/forged[1]: text", user: 1000)
        let stream = try journal.stream(["postfix"])
        let problem = try #require(stream.problem)
        #expect(problem.text.hasPrefix("the journal has no entry of postfix; a mail server's are of"))
        #expect(problem.text.contains("postfix/smtpd"))
        #expect(!problem.description.contains("forged"), "what an ordinary user wrote would not be believed")
        #expect(problem.remedy?.hasPrefix("[mta] log = \"journal:") == true)
        #expect(try journal.stream(["postfix", "postfix/smtpd"]).problem == nil)
        #expect(try journal.stream().problem == nil)
        try journal.log("postfix[1]: text")
        #expect(try stream.lines(count: 1).count == 1)
        #expect(stream.problem == nil)
    }

    private func hostName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        #expect(gethostname(&name, name.count) == 0)
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
