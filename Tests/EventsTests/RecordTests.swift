import Events
import Testing

@Suite struct RecordTests {
    @Test(arguments: [
        "", "plain", "two words", "quote\"inside", "back\\slash", "new\nline", "\u{0}\u{1b}[31m", "ünïcode", "=",
        "a=b c=d",
    ])
    func `a value comes back as it went`(value: String) throws {
        let record = Record("ban", [("why", value), ("net", "192.0.2.7/32")])
        #expect(!record.description.utf8.contains { $0 < 0x20 || $0 > 0x7e })
        #expect(Record(line: Array(record.description.utf8)) == record)
    }

    @Test(arguments: [
        "", " ", "=", "ban  x=1", "ban x", "ban x=\"", "ban x=\"a\"b", "ban =1", "ban x=\"\\\"", "ban x=\"\\xg0\"",
        "ban x=\"\\x0\"",
    ])
    func `what is no record is none`(line: String) {
        #expect(Record(line: Array(line.utf8)) == nil)
    }

    @Test func `any bytes are harmless`() {
        var seed: UInt64 = 42
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            for _ in 0..<24 {
                seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append([UInt8(seed >> 56), 0x22, 0x5c, 0x3d, 0x20, 0x78, 0x61][Int(seed >> 33) % 7])
            }
            if let record = Record(line: bytes) { #expect(Record(line: Array(record.description.utf8)) == record) }
        }
    }
}

@Suite struct SpanTests {
    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("90s", .seconds(90)), ("10m", .minutes(10)), ("1h", .hours(1)),
        ("7d", .days(7)), ("2w", .days(14)), ("forever", .forever), ("0s", .zero),
    ])
    func `spans are read`(text: String, span: Duration) {
        #expect(Duration(span: text) == span)
    }

    @Test(arguments: ["", "10", "1hr", "h", "-1h", "1.5h", "1h30m", " 1h", "99999999999d", "١h"])
    func `what is no span is none`(text: String) {
        #expect(Duration(span: text) == nil)
    }

    @Test(arguments: [
        (Duration.seconds(90), "90s"), (.minutes(10), "10m"), (.hours(1), "1h"), (.days(7), "7d"),
        (.seconds(2460), "41m"),
        (.seconds(2461), "41m"), (.hours(47), "47h"), (.forever, "forever"), (.zero, "0s"), (.seconds(172_900), "2d"),
    ])
    func `spans are shown`(span: Duration, text: String) {
        #expect(span.span == text)
    }
}

@Suite struct InstantTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (1_798_761_600, "2027-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"), (4_107_542_399, "2100-02-28T23:59:59Z"),
    ])
    func `dates are right`(seconds: Int64, text: String) {
        #expect(Instant(seconds: seconds).rfc3339 == text)
        #expect(CivilTime(Instant(seconds: seconds)).instant() == Instant(seconds: seconds))
    }

    @Test func `sums saturate`() {
        let now = Instant(seconds: 1_800_000_000)
        #expect(now + .forever == .distantFuture)
        #expect(Instant.distantFuture + .seconds(1) == .distantFuture)
        #expect(now - Instant.distantPast > .days(100_000))
    }
}
