import Dialects
import Events
import Testing

extension Postfix {
    mutating func event(_ line: String) -> Event? { event(Array(line.utf8)) }
    mutating func event(_ line: [UInt8]) -> Event? { read(line.span) }

    /// What a dialect without a memory of earlier lines makes of a line of smtpd's.
    static func event(of message: String, tag: String = "postfix/smtpd[7]", rblTexts: [String] = []) -> String {
        var dialect = Postfix(SiteWords(rblTexts: rblTexts))
        return describe(dialect.event("Nov 20 22:54:18 mx \(tag): " + message))
    }
}

@Suite struct PostfixFixtureTests {
    @Test(arguments: ["postfix", "postfix.iso", "postfix.rfc5424", "shapes"])
    func `every line is the event beside it`(name: String) throws {
        var dialect = Postfix()
        let lines = try Fixtures.lines("postfix/\(name).log")
        let events = try Fixtures.text("postfix/\(name).events")
        #expect(lines.count == events.count)
        for (number, (line, expected)) in zip(lines, events).enumerated() {
            let event = dialect.event(line)
            #expect(
                describe(event) == expected, "\(name).log:\(number + 1): \(String(decoding: line, as: UTF8.self))")
            #expect(event.map { $0.mta == .postfix } ?? true)
        }
        #expect(dialect.unread == 0)
    }

    /// The truth was made of what the clients did and were told, not of the log.
    @Test(arguments: ["postfix", "postfix.iso", "postfix.rfc5424"])
    func `class, peer, code and zone are what really happened`(name: String) throws {
        var dialect = Postfix()
        let lines = try Fixtures.lines("postfix/\(name).log")
        for row in try Fixtures.text("postfix/postfix.truth.tsv").dropFirst() {
            let truth = row.split(separator: "\t").map(String.init)
            let number = try #require(Int(truth[0]))
            let event = dialect.event(lines[number - 1])
            let kind = event.map { $0.rejectionClass?.rawValue ?? $0.kind.rawValue } ?? "none"
            // Beginning and end of a connection are noise to the truth, and so is an acceptance's code to a log.
            let expected =
                truth[2] == "accepted"
                ? "acceptance" : truth[2] == "none" ? (number == 1 ? "connect" : "disconnect") : truth[2]
            #expect(kind == expected, "line \(number)")
            #expect((event?.peer?.description ?? "-") == truth[1], "line \(number)")
            #expect((event?.code?.description ?? "-") == (truth[3] == "250" ? "-" : truth[3]), "line \(number)")
            #expect((event?.zone ?? "-") == truth[4], "line \(number)")
        }
    }

    /// On a client= line the truth says `accepted` only for those who were told 235.
    @Test(arguments: ["smtpd", "rfc5424"]) func `who counts as logged in has logged in`(name: String) throws {
        var dialect = Postfix()
        var logins = 0
        let lines = try Fixtures.corpusLines("postfix/\(name).log")
        for (line, row) in zip(lines, try Fixtures.corpusLines("postfix/\(name).truth.tsv").dropFirst()) {
            guard let event = dialect.event(line), event.isAuthenticated else { continue }
            logins += 1
            #expect(String(decoding: row, as: UTF8.self).contains("\taccepted\t"), "\(describe(event))")
        }
        #expect(logins > 0)
    }
}
