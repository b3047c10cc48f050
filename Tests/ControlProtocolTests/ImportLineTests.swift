import Addresses
import ControlProtocol
import Events
import Testing

@Suite struct ImportLineTests {
    private static let long = "{\"net\":\"192.0.2.7/32\",\"left_s\":7199999990,\"why\":\"x\"}"

    @Test(
        arguments: [
            ("192.0.2.7", "192.0.2.7/32", nil, nil), ("192.0.2.0/24 1h", "192.0.2.0/24", .hours(1), nil),
            ("2001:db8::/48\tforever\tby hand: \\x22x\\x22", "2001:db8::/48", .forever, "by hand: \"x\""),
            ("{\"net\":\"192.0.2.7/32\",\"left_s\":90,\"why\":\"a \\u00e9\"}", "192.0.2.7/32", .seconds(90), "a é"),
            ("{\"net\":\"192.0.2.7\",\"left_s\":null}", "192.0.2.7/32", .forever, nil),
            // A ban of 228 years and one that ends within this second, as they are exported.
            (long, "192.0.2.7/32", .seconds(7_199_999_990), "x"),
            ("{\"net\":\"192.0.2.7\",\"left_s\":0}", "192.0.2.7/32", .seconds(1), nil),
        ] as [(String, String, Duration?, String?)])
    func `words and objects`(_ text: String, _ net: String, _ span: Duration?, _ why: String?) throws {
        let line = try #require(try ImportLine(text[...]))
        #expect(try line == ImportLine(Prefix(parsing: net), span: span, why: why))
    }

    @Test(arguments: ["", "   ", "# comment", "\r"])
    func `no line at all`(_ text: String) throws { #expect(try ImportLine(text[...]) == nil) }

    @Test(arguments: [
        "x", "192.0.2.7 soon", "192.0.2.7 0s", "{", "{}", "{\"net\":\"x\"}", "{\"net\":\"192.0.2.7\",\"left_s\":-1}",
        "{\"net\":\"192.0.2.7\",\"left_s\":99999999999}", "{\"net\":\"192.0.2.7\",\"why\":\"\\ud800\"}",
    ])
    func `not such a line`(_ text: String) { #expect(throws: (any Error).self) { try ImportLine(text[...]) } }

    /// `export tsv` of a ban whose rest is ten digits of seconds was refused by `import`.
    @Test(arguments: [Duration.forever, .seconds(7_199_999_990), .seconds(90), .milliseconds(200), .days(7)])
    func `what export writes is read again`(_ span: Duration) throws {
        let line = ImportLine(try Prefix(parsing: "192.0.2.7"), span: span, why: "a \"reason\"\n")
        let again = try #require(try ImportLine(line.text[...]))
        #expect(again.prefix == line.prefix && again.why == line.why)
        let read = try #require(again.span)
        let grain = span > .seconds(999_999_999) ? Duration.minutes(1) : .seconds(1)
        #expect(read == span || read > span - grain && read <= max(span, .seconds(1)), "\(read)")
    }

    @Test func `lines end as files of any system have it`() {
        #expect(ImportLine.lines("a\r\nb\nc\r\n") == ["a", "b", "c", ""])
    }
}
