import Addresses
import Testing

@testable import Reports

@Suite struct ListTestTests {
    private typealias Answers = [ListTest.Question: ListTest.Answer]

    private static func listed(_ texts: String...) -> ListTest.Answer { .addresses(texts.compactMap { IPAddress($0) }) }

    private static let well: Answers = [
        .address: listed("127.0.0.2", "127.0.0.10"), .noAddress: .nothing, .address6: .nothing, .noAddress6: .nothing,
    ]

    private static func well(_ changes: Answers) -> Answers { well.merging(changes) { $1 } }

    private static let cases:
        [(name: String, kinds: ListTest.Kinds, answers: Answers, hits: Int?, state: ListTest.State, says: String)] = [
            ("well", .addresses, well, 9, .healthy, "127.0.0.2 is listed and 127.0.0.1 is not"),
            ("IPv6 too", .addresses, well([.address6: listed("127.0.0.2")]), 9, .healthy, "IPv6 likewise"),
            ("no hits in a short log", .addresses, well, nil, .healthy, "is listed"),
            ("no hits", .addresses, well, 0, .useless, "rejected nobody in 28 days"),
            ("127.0.0.1", .addresses, well([.noAddress: listed("127.0.0.2")]), 9, .listsTheWorld, "lists 127.0.0.1,"),
            (
                "the world in IPv6", .addresses, well([.noAddress6: listed("127.0.0.2")]), 9, .listsTheWorld,
                "lists ::ffff:7f00:1,"
            ),
            (
                "parked", .addresses, well([.address: listed("203.0.113.9")]), 9, .listsTheWorld,
                "answers 203.0.113.9 for 127.0.0.2"
            ),
            (
                "refused", .addresses,
                well([.address: listed("127.255.255.254"), .noAddress: listed("127.255.255.254")]), 9, .refused,
                "answers 127.255.255.254 to everything (asked through a public resolver)"
            ),
            (
                "too many questions", .addresses, well([.address: listed("127.255.255.255")]), 9, .refused,
                "(too many questions)"
            ),
            (
                "an address asked of a list of names", .addresses, well([.address: listed("127.0.1.255")]), 9, .refused,
                "(it lists names, and was asked about an address)"
            ),
            (
                "a list of names, of which that was not known", [.addresses, .names],
                [
                    .address: listed("127.0.1.255"), .noAddress: listed("127.0.1.255"), .name: listed("127.0.1.2"),
                    .noName: .nothing,
                ], 9, .healthy, "TEST is listed and INVALID is not"
            ),
            ("names", .names, [.name: listed("127.0.1.2"), .noName: .nothing], 9, .healthy, "TEST is listed"),
            (
                "INVALID", .names, [.name: listed("127.0.1.2"), .noName: listed("127.0.1.2")], 9, .listsTheWorld,
                "INVALID"
            ),
            ("no test entry", .addresses, well([.address: .nothing]), 9, .silent, "lists no test entry"),
            ("SERVFAIL", .addresses, well([.address: .failed("SERVFAIL")]), 9, .silent, "does not answer: SERVFAIL"),
            (
                "half an answer", .addresses, well([.noAddress: .failed("no answer in 5s")]), 9, .silent,
                "whether 127.0.0.1 is was not answered"
            ),
            ("nothing", .addresses, [:], 0, .silent, "lists no test entry"),
        ]

    @Test(arguments: cases.indices)
    func `what a list is follows from its answers`(index: Int) {
        let row = Self.cases[index]
        let found = ListTest("zen.example", row.kinds, row.answers).finding(hits: row.hits)
        #expect(found.state == row.state && found.text.contains(row.says), "\(row.name): \(found)")
    }

    @Test func `what is asked is what RFC 5782 names`() {
        let zeros = String(repeating: "0.", count: 20)
        #expect(
            ListTest.Question.allCases.filter { !$0.isText }.map { $0.name(in: "zen.example") } == [
                "2.0.0.127.zen.example", "1.0.0.127.zen.example",
                "2.0.0.0.0.0.f.7.f.f.f.f.\(zeros)zen.example", "1.0.0.0.0.0.f.7.f.f.f.f.\(zeros)zen.example",
                "test.zen.example", "invalid.zen.example",
            ])
    }

    @Test func `zones come from everywhere, each once, and a page speaks for the list below it`() {
        var zones = ListZones()
        let isTaken = [
            zones.add("Dbl.Spamhaus.org.", [.addresses, .names], from: "named"),
            zones.add("Listed by", .addresses, from: "named"), zones.add("1.2.3.4", .addresses, from: "named"),
        ]
        #expect(isTaken == [true, false, false])
        zones.add("sbl.spamhaus.org", .addresses, from: "postfix")
        zones.add("sbl.spamhaus.org", .addresses, from: "courier")
        zones.add("cbl.abuseat.org", .addresses, from: "postfix")
        for label in ["spamhaus.org", "cbl.abuseat.org", "spamcop.net", "own.example", "Listed by", "", Label.overflow]
        {
            zones.add(label: label, .addresses)
        }
        #expect(zones.others == ["Listed by"])
        #expect(
            zones.zones.map { "\($0.name) \($0.origins.joined(separator: "+")) \($0.labels.sorted())" } == [
                "dbl.spamhaus.org named+log [\"spamhaus.org\"]",
                "sbl.spamhaus.org postfix+courier+log [\"spamhaus.org\"]",
                "cbl.abuseat.org postfix+log [\"cbl.abuseat.org\"]",
                "bl.spamcop.net log [\"spamcop.net\"]", "own.example log [\"own.example\"]",
            ])
        #expect(ListZones.zone("x." + String(repeating: "a", count: 64)) == nil)
        #expect(ListZones.zone("x.\u{1b}[31m") == nil && ListZones.zone("x..y") == nil && ListZones.zone("x") == nil)
    }
}
