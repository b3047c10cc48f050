import Addresses
import BanLists
import Events
import Testing

struct BanListLineTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let name: String
        let line: String
        let net: String?
        var span: Duration?
        var why: String?
        var comment: String?
        var testDescription: String { name }
    }

    @Test(arguments: [
        Row(name: "an address", line: "192.0.2.7", net: "192.0.2.7/32"),
        Row(name: "a network with a carriage return", line: "198.51.100.0/24\r", net: "198.51.100.0/24"),
        Row(
            name: "export tsv", line: "192.0.2.7\t90s\trbl:zen.example", net: "192.0.2.7/32", span: .seconds(90),
            why: "rbl:zen.example"),
        Row(
            name: "an escaped reason", line: "192.0.2.7\tforever\ta \\x22b\\x22", net: "192.0.2.7/32", span: .forever,
            why: "a \"b\""),
        Row(
            name: "export jsonl", line: #"{"net":"192.0.2.7/32","left_s":60,"why":"x","hits":3,"by":"local"}"#,
            net: "192.0.2.7/32", span: .seconds(60), why: "x"),
        Row(name: "DROP as text", line: "1.10.16.0/20 ; SBL256894", net: "1.10.16.0/20", comment: "SBL256894"),
        Row(
            name: "DROP as JSON", line: #"{"cidr":"1.10.16.0/20","sblid":"SBL256894","rir":"apnic"}"#,
            net: "1.10.16.0/20",
            comment: "SBL256894"),
        Row(
            name: "DROP of IPv6", line: #"{"cidr":"2a0e:b107::/32","sblid":"SBL1","rir":"ripencc"}"#,
            net: "2a0e:b107::/32", comment: "SBL1"),
        Row(
            name: "the end of DROP as JSON", line: #"{"type":"metadata","timestamp":1764460000,"size":99,"records":1}"#,
            net: nil),
        Row(name: "a comment of DROP", line: "; Last-Modified: Sat, 28 Nov 2026 10:00:00 GMT", net: nil),
        Row(name: "a comment", line: "# nets", net: nil),
        Row(
            name: "a comment behind a network", line: "203.0.113.9 # seen twice", net: "203.0.113.9/32",
            comment: "seen twice"),
        Row(name: "nothing", line: "  ", net: nil),
    ]) func `a line is read as what it says`(_ row: Row) throws {
        let line = try BanListLine(row.line[...])
        #expect(line?.prefix.description == row.net)
        #expect(line?.span == row.span)
        #expect(line?.why == row.why)
        #expect(line?.comment == row.comment)
    }

    @Test(arguments: [
        ("0.0.0.0/0", "is no network of the internet's"), ("10.0.0.0/8", "is no network of the internet's"),
        ("172.20.0.0/16", "meets 172.16.0.0/12"), ("127.0.0.1", "meets 127.0.0.0/8"), ("192.0.0.0/2", "meets"),
        ("::/0", "meets"), ("::ffff:0:0/96", "meets 0.0.0.0/8"), ("fe80::1", "meets fe80::/10"),
        ("::1", "meets ::/127"),
        ("255.255.255.255", "meets 240.0.0.0/4"), ("1.10.16.1/20", "did you mean 1.10.16.0/20?"),
        ("300.1.1.1", "is not an address"), ("192.0.2.7 10x", "no duration: 10x"), (#"{"a":"b"}"#, "no object with"),
        (#"{"cidr":["1.2.3.4"]}"#, "is not an address"), ("mail.example", "is not an address"),
        ("\u{1b}[2J", "is not an address"),
    ]) func `a bad line says why`(_ line: String, _ why: String) {
        #expect {
            _ = try BanListLine(line[...])
        } throws: { error in
            let text = "\(error)"
            return text.contains(why) && text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f }
        }
    }

    /// To count what is left behind each escape took minutes of a line like this.
    @Test(.timeLimit(.minutes(1)))
    func `a line of a megabyte of escapes is read in one pass`() throws {
        let count = 1 << 18
        let line = #"{"a":""# + String(repeating: #"\u0041"#, count: count) + #""}"#
        let begin = ContinuousClock.now
        let value = try #require(FlatJSON.fields(line[...])?["a"] ?? nil)
        #expect(ContinuousClock.now - begin < .seconds(20))
        #expect(value == String(repeating: "A", count: count))
        for bad in [#"{"a":"\u004"}"#, #"{"a":"\u00"#, #"{"a":"\u"#, #"{"a":"\ud83d\u12"}"#] {
            #expect(FlatJSON.fields(bad[...]) == nil, "\(bad)")
        }
    }

    @Test func `a zone file has both families, a test entry each, and its end`() throws {
        let prefixes = try ["2001:db8::/48", "192.0.2.17", "198.51.100.0/24"].map { try Prefix(parsing: $0) }
        let now = CivilTime(year: 2026, month: 11, day: 3, hour: 4, minute: 5, second: 6).instant()
        #expect(
            DNSBLZone.lines(prefixes, at: now) == [
                "$SOA 300 localhost. postmaster.localhost. 0 600 300 86400 300", "$TTL 300",
                "$TIMESTAMP 2026:11:03:04:05:06 +1d",
                "$DATASET ip4trie:ip4trie @", ":127.0.0.2:$ is banned here by breakwater", "127.0.0.2", "192.0.2.17",
                "198.51.100.0/24",
                "$DATASET ip6trie:ip6trie @", ":127.0.0.2:$ is banned here by breakwater", "::ffff:7f00:2",
                "2001:db8::/48",
            ])
    }

    /// What is left of a ban of 228 years has ten digits of seconds: `export` wrote it, and `import` refused it.
    @Test(arguments: [Duration.forever, .seconds(7_199_999_990), .seconds(90), .milliseconds(200), .days(7)])
    func `what export writes is read again`(_ span: Duration) throws {
        let line = BanListLine(try Prefix(parsing: "192.0.2.7"), span: span, why: "a \"reason\"\n")
        let seconds = max(1, span.nanoseconds / 1_000_000_000)
        let object = "{\"net\":\"192.0.2.7/32\",\"left_s\":\(span == .forever ? "null" : "\(seconds)")}"
        for text in [line.text, object] {
            let again = try #require(try BanListLine(text[...]))
            let read = try #require(again.span)
            let grain = span > .seconds(999_999_999) ? Duration.minutes(1) : .seconds(1)
            #expect(read == span || read > span - grain && read <= max(span, .seconds(1)), "\(read)")
        }
        #expect(try BanListLine(line.text[...])?.why == line.why)
    }

    @Test func `lines end as files of any system have it`() {
        #expect(BanListLine.lines("a\r\nb\nc\r\n") == ["a", "b", "c", ""])
    }
}
