import Events
import Testing

@Suite struct LogLineTests {
    @Test(arguments: [
        ("Nov 20 22:44:29 vm courieresmtpd: text", "vm", "courieresmtpd", "text", ""),
        ("Nov  2 22:44:29 vm courieresmtpd: text", "vm", "courieresmtpd", "text", ""),
        ("<22>Nov 20 22:44:29 vm courieresmtpd: text", "vm", "courieresmtpd", "text", ""),
        ("Jul 28 14:42:42 mx.example postfix/smtpd[123]: text", "mx.example", "postfix/smtpd", "text", "123"),
        ("2026-11-20T22:44:56.033783+00:00 vm tag: a: b", "vm", "tag", "a: b", ""),
        ("2026-11-20T22:44:56Z vm tag[7]: text", "vm", "tag", "text", "7"),
        ("<22>2026-11-20T22:44:56Z vm tag:text", "vm", "tag", "text", ""),
        ("<22>1 2026-11-20T22:44:56.1Z host.example app 99 ID47 - text", "host.example", "app", "text", "99"),
        ("<22>1 - - app - - - text", "-", "app", "text", ""),
        ("<22>1 2026-11-20T22:44:56Z h app - - [x@1 a=\"\\\"]\" b=\"\\\\\"][y] text", "h", "app", "text", ""),
        ("<22>1 2026-11-20T22:44:56Z h app - - -", "h", "app", "", ""),
        ("<22>1 2026-11-20T22:44:56Z h app - - - \u{feff}text", "h", "app", "text", ""),
        ("<22>1 2026-11-20T22:44:56Z h app 99 - -  rsyslog's own blank", "h", "app", "rsyslog's own blank", "99"),
        ("Nov 20 22:44:29 vm tag: text\r", "vm", "tag", "text", ""),
        ("Nov 20 22:44:29 vm tag:", "vm", "tag", "", ""),
        ("Nov 20 22:44:29 vm tag[abc]: text", "vm", "tag", "text", ""),
        ("Nov 20 22:44:29 vm tag[99999999999]: text", "vm", "tag", "text", ""),
        ("Nov 20 22:44:29 vm tag[4294967295]: text", "vm", "tag", "text", ""),
        ("Nov 20 22:44:29 vm tag:  two blanks", "vm", "tag", " two blanks", ""),
    ])
    func `header fields`(text: String, host: String, tag: String, message: String, pid: String) throws {
        let bytes = Array(text.utf8)
        let header = LogLine(bytes.span)
        let line = try #require(header)
        #expect(String(decoding: bytes[line.host], as: UTF8.self) == host)
        #expect(String(decoding: bytes[line.tag], as: UTF8.self) == tag)
        #expect(String(decoding: bytes[line.message], as: UTF8.self) == message)
        #expect((line.pid.map(String.init) ?? "") == pid)
    }

    @Test(arguments: [
        ("2026-11-20 22:44:56 H=x [192.0.2.7] text", LogLine.StampForm.dateTime, "", "H=x [192.0.2.7] text", ""),
        ("2026-11-20 22:44:56.123 +0100 [12] text", .dateTime, "", "[12] text", ""),
        ("@400000006740e5a80c5be0d4 rblsmtpd: text", .tai64n, "", "rblsmtpd: text", ""),
        ("rblsmtpd: text", .absent, "", "rblsmtpd: text", ""),
        ("tcpserver: text", .absent, "", "tcpserver: text", ""),
        ("Fri Nov 20 22:44:56 2026 mx1[369]: text", .ctime, "mx1", "text", "369"),
        ("Fri Nov  2 22:44:56 2026 mx1[369]: text", .ctime, "mx1", "text", "369"),
    ])
    func `what programs write to files of their own has no tag`(
        text: String, form: LogLine.StampForm, host: String, message: String, pid: String
    ) throws {
        let bytes = Array(text.utf8)
        let header = LogLine(bytes.span)
        let line = try #require(header)
        #expect(line.stampForm == form)
        #expect(line.tag.isEmpty)
        #expect(String(decoding: bytes[line.host], as: UTF8.self) == host)
        #expect(String(decoding: bytes[line.message], as: UTF8.self) == message)
        #expect((line.pid.map(String.init) ?? "") == pid)
    }

    @Test(arguments: [
        // A folded line of a message's header, as Exim's rejectlog has it.
        " ov 20 22:53:24 mx1 exim[4527]: H=(x) [192.0.2.66]", "\tov 20 22:53:24 mx1 exim[4527]: x",
        "F o 20 22:53:24 mx1 exim[4527]: x", "  v 20 22:53:24 mx1 exim[4527]: x", "nov 20 22:53:24 mx1 exim[4527]: x",
        " ri Nov 20 22:44:56 2026 mx1[369]: text",
        "", "\r", "<", "<22", "<22>", "<>Nov 20 22:44:29 vm tag: x", "<2222>Nov 20 22:44:29 vm tag: x",
        "Nov 20 22:44:29",
        "Nov 20 22:44:29 ", "Nov 20 22:44:29 vm", "Nov 20 22:44:29 vm ", "Nov 20 22:44:29 vm tag",
        "Nov 20 22:44:29 vm : x",
        "Nov 20 22:44:29 vm last message repeated 2 times", "Nov 20 22:44:29 vm tag[12: x",
        "Nov 20 22:44:29 vm tag[12] x",
        "Nov 20 22:44:29  tag: x", "Nov 20 224429 vm tag: x", "2026-11-20 22-44-56 x", "2026-11-20 22:44:56",
        "2026-11-20 22:44:56text", "@400000006740e5a80c5be0d4", "@400000006740e5a80c5be0g4 text",
        "Fri Nov 20 22:44:56 2026 text", "Fri Nov 20 22:44:56 20x6 mx[12]: text",
        "2026-11-20T22:44:56 vm tag: x",
        "2026-11-20T22:44:56Z", "2026-11-20T22:44:56Z vm", "<22>1 ", "<22>1 2026-11-20T22:44:56Z h app - -",
        "<22>1 2026-11-20T22:44:56Z h app - - [x text", "<22>1 2026-11-20T22:44:56Z h app - - [x a=\"] text",
        "<22>1 2026-11-20T22:44:56Z h app - - -text", "<22>1 yesterday h app - - - text",
        "started,ip=[::ffff:192.0.2.7],port=[1]", "courieresmtpd: started,ip=[::ffff:192.0.2.7],port=[1]",
    ])
    func `what has no header is no line`(text: String) {
        let bytes = Array(text.utf8)
        let line = LogLine(bytes.span)
        #expect(line == nil)
    }
}

@Suite struct LogStampTests {
    private func time(
        _ stamp: String, reference: String = "2026-11-21T00:00:00Z", east: Int = 0, behind: String = " vm tag: x"
    )
        -> String?
    {
        let bytes = Array((stamp + behind).utf8)
        let now = Array((reference + " vm tag: x").utf8)
        guard let line = LogLine(bytes.span), let nowLine = LogLine(now.span),
            let instant = nowLine.time(in: now.span, reference: .distantPast)
        else { return nil }
        return line.time(in: bytes.span, reference: instant) { _ in east }?.rfc3339Microseconds
    }

    @Test(arguments: [
        ("2026-11-20T22:44:56Z", "2026-11-20T22:44:56.000000Z"),
        ("2026-11-20T22:44:56.033783+00:00", "2026-11-20T22:44:56.033783Z"),
        ("2026-11-20T22:44:56.5+01:30", "2026-11-20T21:14:56.500000Z"),
        ("2026-11-20T22:44:56.123456789123-05:00", "2026-11-21T03:44:56.123456Z"),
        ("2026-11-20t22:44:56z", "2026-11-20T22:44:56.000000Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
    ])
    func `RFC 3339 stamps`(stamp: String, expected: String) { #expect(time(stamp) == expected) }

    @Test(arguments: [
        ("2026-11-20 22:44:56", 3600, "2026-11-20T21:44:56.000000Z"),
        ("2026-11-20 22:44:56.250", 0, "2026-11-20T22:44:56.250000Z"),
        ("2026-11-20 22:44:56 -0130", 3600, "2026-11-21T00:14:56.000000Z"),
        ("@400000006740e5a80c5be0d4", 3600, "2024-11-22T20:12:14.207347Z"),
        ("Fri Nov 20 22:44:56 2026", 3600, "2026-11-20T21:44:56.000000Z"),
    ])
    func `stamps of files of their own`(stamp: String, east: Int, expected: String) {
        #expect(time(stamp, east: east, behind: " vm[1]: x") == expected)
    }

    @Test(arguments: [
        "2026-02-30 22:44:56", "2026-11-20 24:44:56", "2026-11-20 22:44:56 +0199", "@c00000006740e5a80c5be0d4",
        "@3fffffff6740e5a80c5be0d4", "@400000006740e5a8ffffffff", "Fri Nov 31 22:44:56 2026",
    ])
    func `no date in a file of its own, no instant`(stamp: String) { #expect(time(stamp, behind: " vm[1]: x") == nil) }

    @Test(arguments: [
        "2026-13-20T22:44:56Z", "2026-00-20T22:44:56Z", "2026-02-29T22:44:56Z", "2026-11-31T22:44:56Z",
        "2026-11-00T22:44:56Z",
        "2026-11-20T24:44:56Z", "2026-11-20T22:60:56Z", "2026-11-20T22:44:61Z", "2026-11-20T22:44:56.Z",
        "2026-11-20T22:44:56.1",
        "2026-11-20T22:44:56+0100", "2026-11-20T22:44:56+24:00", "2026-11-20T22:44:56+01:60", "2026-11-20T22:44:56Zx",
        "9999-11-20T22:44:56Z", "0000-11-20T22:44:56Z", "2o26-11-20T22:44:56Z",
        "Abc 20 22:44:29", "Nov 31 22:44:29", "Nov  0 22:44:29", "Nov 20 25:44:29", "Nov 20 22:61:29",
    ])
    func `no date, no instant`(stamp: String) { #expect(time(stamp) == nil) }

    @Test(arguments: [
        ("Nov 20 22:44:29", "2026-11-21T00:00:00Z", 0, "2026-11-20T22:44:29.000000Z"),
        ("Nov  2 22:44:29", "2026-11-21T00:00:00Z", 0, "2026-11-02T22:44:29.000000Z"),
        // A clock may run ahead by up to a day.
        ("Nov 21 23:59:59", "2026-11-21T00:00:00Z", 0, "2026-11-21T23:59:59.000000Z"),
        ("Nov 22 00:00:00", "2026-11-21T00:00:00Z", 0, "2026-11-22T00:00:00.000000Z"),
        ("Nov 22 00:00:01", "2026-11-21T00:00:00Z", 0, "2025-11-22T00:00:01.000000Z"),
        // Around new year.
        ("Dec 31 23:59:59", "2027-01-01T00:00:10Z", 0, "2026-12-31T23:59:59.000000Z"),
        ("Jan  1 00:00:01", "2026-12-31T23:59:50Z", 0, "2027-01-01T00:00:01.000000Z"),
        ("Jan  1 00:00:01", "2027-01-01T00:00:10Z", 0, "2027-01-01T00:00:01.000000Z"),
        // A leap day is of the last leap year.
        ("Feb 29 12:00:00", "2026-11-21T00:00:00Z", 0, "2024-02-29T12:00:00.000000Z"),
        ("Feb 29 12:00:00", "2024-02-28T12:00:00Z", 0, "2024-02-29T12:00:00.000000Z"),
        ("Feb 29 12:00:00", "2024-02-28T11:00:00Z", 0, "2020-02-29T12:00:00.000000Z"),
        ("Feb 29 12:00:00", "1903-12-31T11:00:00Z", 0, "1896-02-29T12:00:00.000000Z"),
        // Local time of a host east of UTC.
        ("Nov 20 22:44:29", "2026-11-21T00:00:00Z", 3600, "2026-11-20T21:44:29.000000Z"),
        ("Jan  1 00:30:00", "2026-12-31T23:40:00Z", 3600, "2026-12-31T23:30:00.000000Z"),
    ])
    func `RFC 3164 stamps get the year that fits`(stamp: String, reference: String, east: Int, expected: String) {
        #expect(time(stamp, reference: reference, east: east) == expected)
    }
}
