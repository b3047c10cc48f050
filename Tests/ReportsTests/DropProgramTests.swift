import Addresses
import Foundation
import Posix
import Reports
import Store
import Testing

/// The program itself, on a history that holds the two weeks.
@Suite(.serialized) struct DropProgramTests {
    private static let merge: History.Merge = { _, older, newer in DropCounts.merged(older, newer) }

    private func report(_ words: [String], _ drops: [Int: DropCounts], hosts: [String] = ["mx"]) throws -> (
        code: Int32, output: Data, errors: Data
    ) {
        let folder = try ProgramTests.Folder()
        let configuration = try folder.file(
            "breakwater.toml",
            ["state_directory = \"\(folder.url.path)/state\"", "control_socket = \"\(folder.url.path)/none.sock\""])
        let history = try History(StateDirectory(folder.url.path + "/state"))
        for (number, counts) in drops {
            // Told in parts, as the daemon does.
            for (part, entry) in counts.ranked.enumerated() {
                var piece = DropCounts()
                piece.add(entry.prefix, entry.amount)
                let key = History.Key(span: DropCounts.span, number: number, host: hosts[part % hosts.count])
                try history.add(
                    History.Addition(counts: [(key, piece.encoded())], parts: []), merging: DropProgramTests.merge)
            }
        }
        let program = try #require(ProgramTests.program, "breakwater is not built beside the tests")
        return try withExtendedLifetime(folder) {
            try ProgramTests.run(
                program, ["report", "--only", "drops,drops_change"] + words, configuration: configuration)
        }
    }

    @Test(arguments: [("2005-07-23", ["mx"]), ("2005-07-30", ["mx"]), ("2005-07-30", ["mx1", "mx2", "mx3"])])
    func `the week's table in a terminal, byte for byte`(date: String, hosts: [String]) throws {
        let done = try report(["--week", date], try DropWeek.both(), hosts: hosts)
        try #require(done.code == 0, "\(String(decoding: done.errors, as: UTF8.self))")
        let lines = String(decoding: done.output, as: UTF8.self).split(separator: "\n")
        let head = try #require(lines.firstIndex { $0.hasPrefix("HOST/MASK") })
        let end = try #require(lines.firstIndex { $0.hasPrefix("total") })
        // The table's columns stand below each other, the post's are apart by a tabulator.
        let printed = lines[(head + 1)..<end].map { $0.split(separator: " ").joined(separator: "\t") }
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Fixtures/tables/kernel-drops-week-\(date).tsv")
        let table = try String(contentsOf: path, encoding: .utf8)
        let first = table.firstIndex(of: "\n").map { table.index(after: $0) } ?? table.endIndex
        #expect(printed.map { $0 + "\n" }.joined() == table[first...])
        #expect(Set(lines[head...end].map(\.utf8.count)).count == 1, "figures end below each other")
    }

    @Test func `exact figures in JSON, by day, week and span`() throws {
        let drops = try DropWeek.both()
        func rows(_ words: [String], _ section: String = "drops") throws -> [NSDictionary] {
            let done = try report(words + ["--json"], drops)
            try #require(done.code == 0, "\(String(decoding: done.errors, as: UTF8.self))")
            let document = try #require(JSONSerialization.jsonObject(with: done.output) as? NSDictionary)
            return try #require((document[section] as? NSDictionary)?["rows"] as? [NSDictionary])
        }
        var week = DropCounts()
        for day in DropWeek.second { week.merge(try #require(drops[day])) }
        let all = try rows(["--week", "2005-07-30"])
        #expect(all.count == 11)
        #expect(all.first?["net"] as? String == "212.216.176.0/24")
        #expect(all.first?["packets"] as? Int == 7193)
        #expect(all.first?["bytes"] as? Int == week.ranked[0].amount.bytes)
        #expect(all.last?["bytes"] as? Int == week.total.bytes)
        let span = try rows(["--since", "2005-07-24", "--until", "2005-07-31"])
        #expect(span == all)
        let day = try rows(["--day", "2005-07-30"])
        #expect(day.last?["packets"] as? Int == drops[DropWeek.second.upperBound - 1]?.total.packets)
        #expect(try rows(["--day", "2005-07-30"], "drops_change").allSatisfy { $0["change"] is String })
        let change = try rows(["--week", "2005-07-30"], "drops_change")
        #expect(change.count == 24)
        #expect(change.last?["rank"] is NSNull && change.last?["change"] as? String == "gone")
    }

    @Test func `logs know nothing of it`() throws {
        let folder = try ProgramTests.Folder()
        let log = try folder.file("mail.log", RandomLog.lines(50, seed: 2))
        let done = try report(["--log", log, "--json"], try DropWeek.both())
        let document = try #require(JSONSerialization.jsonObject(with: done.output) as? NSDictionary)
        #expect(document["drops"] is NSNull && document["drops_change"] is NSNull)
    }
}
