import Dialects
import Events
import Testing

extension Dialect {
    /// The event of a line, as `describe` writes it.
    mutating func words(_ line: String) -> String { describe(event(of: Array(line.utf8))) }

    mutating func event(of line: [UInt8]) -> Event? { read(line.span) }

    /// The events of a session's messages, each with the header of the same program.
    mutating func words(_ header: String, _ messages: [String]) -> [String] { messages.map { words(header + $0) } }
}

/// Holds `<mta>/NAME.log` against `<mta>/EVENTS.events`, line by line.
func expectEvents(_ dialect: some Dialect, _ mta: String, _ name: String, _ events: String) throws {
    var dialect = dialect
    let lines = try Fixtures.lines("\(mta)/\(name).log")
    let expected = try Fixtures.text("\(mta)/\(events).events")
    #expect(lines.count == expected.count)
    for (number, (line, words)) in zip(lines, expected).enumerated() {
        #expect(
            describe(dialect.event(of: line)) == words,
            "\(name).log:\(number + 1): \(String(decoding: line, as: UTF8.self))")
    }
}

/// Holds `<mta>/NAME.log` against `<mta>/<mta>.truth.tsv`, which was made of what the clients did and received: peer,
/// class, code and zone of every rejection and acceptance, and no other line taken for one. `unseen` are the lines
/// whose session began before the log.
func expectTruth(_ dialect: some Dialect, _ mta: String, _ name: String, unseen: Set<Int> = []) throws {
    var dialect = dialect
    let lines = try Fixtures.lines("\(mta)/\(name).log")
    let rows = try Fixtures.text("\(mta)/\(mta).truth.tsv").dropFirst()
    #expect(rows.count == lines.count)
    for row in rows {
        let truth = row.split(separator: "\t").map(String.init)
        let number = try #require(Int(truth[0]))
        let event = dialect.event(of: lines[number - 1])
        let isNamed = event.map { $0.kind == .rejection || $0.kind == .acceptance } ?? false
        if ["none", "aux"].contains(truth[2]) || unseen.contains(number) {
            #expect(!isNamed, "line \(number)")
            continue
        }
        let kind = event.map { $0.rejectionClass?.rawValue ?? ($0.kind == .acceptance ? "accepted" : $0.kind.rawValue) }
        #expect(kind == truth[2], "line \(number)")
        #expect(event?.peer?.description == truth[1], "line \(number)")
        if event?.kind == .rejection { #expect(event?.code?.description == truth[3], "line \(number)") }
        #expect((event?.zone ?? "-") == truth[4], "line \(number)")
    }
}
