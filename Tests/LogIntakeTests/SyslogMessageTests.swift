import Addresses
import Events
import LogIntake
import Testing

@Suite struct SyslogMessageTests {
    private static let reject = "NOQUEUE: reject: RCPT from unknown[192.0.2.7]: 554 5.7.1 x"

    @Test(arguments: [
        (
            "RFC 3164", "<22>Nov 20 22:44:29 mx postfix/smtpd[12]: text",
            "<22>Nov 20 22:44:29 mx postfix/smtpd[12]: text"
        ),
        (
            "as rsyslog sends it", "<22>2026-11-20T22:44:56.033783+00:00 mx.example postfix/smtpd[12]: text\n",
            "<22>2026-11-20T22:44:56.033783+00:00 mx.example postfix/smtpd[12]: text"
        ),
        (
            "RFC 5424", "<22>1 2026-11-20T22:44:56Z mx postfix 12 - [a b=\"c\"] text",
            "<22>1 2026-11-20T22:44:56Z mx postfix 12 - [a b=\"c\"] text"
        ),
        (
            "no host: what a program sends to its own syslog daemon", "<22>Nov 20 22:44:29 postfix/smtpd[12]: text",
            "<22>Nov 20 22:44:29 198.51.100.9 postfix/smtpd[12]: text"
        ),
        (
            "no host, no pid", "<22>Nov 20 22:44:29 courieresmtpd: error,relay=::ffff:192.0.2.7",
            "<22>Nov 20 22:44:29 198.51.100.9 courieresmtpd: error,relay=::ffff:192.0.2.7"
        ),
        (
            "no host, and text that would be a tag behind it",
            "<22>Nov 20 22:44:29 qpsmtpd[12]: postfix/smtpd[1]: \(reject)",
            "<22>Nov 20 22:44:29 198.51.100.9 qpsmtpd[12]: postfix/smtpd[1]: \(reject)"
        ),
        (
            "RFC 5424 without a host", "<22>1 2026-11-20T22:44:56Z - postfix 12 - - text",
            "<22>1 2026-11-20T22:44:56Z 198.51.100.9 postfix 12 - - text"
        ),
        (
            "an address as the host", "<22>Nov 20 22:44:29 2001:db8::25 postfix/smtpd[12]: text",
            "<22>Nov 20 22:44:29 2001:db8::25 postfix/smtpd[12]: text"
        ),
        (
            "another host in our name", "<22>Nov 20 22:44:29 OURS.example postfix/smtpd[12]: text",
            "<22>Nov 20 22:44:29 198.51.100.9 postfix/smtpd[12]: text"
        ),
        (
            "another host in our name, RFC 5424", "<22>1 2026-11-20T22:44:56Z ours postfix 12 - - text",
            "<22>1 2026-11-20T22:44:56Z 198.51.100.9 postfix 12 - - text"
        ),
        (
            "line breaks inside", "<22>Nov 20 22:44:29 mx a: b\n<22>Nov 20 22:44:29 mx postfix/smtpd[1]: \(reject)\r\n",
            "<22>Nov 20 22:44:29 mx a: b#012<22>Nov 20 22:44:29 mx postfix/smtpd[1]: \(reject)"
        ),
        ("zero bytes inside", "<22>Nov 20 22:44:29 mx a: b\0c\0\0", "<22>Nov 20 22:44:29 mx a: b#000c"),
        ("no priority", "Nov 20 22:44:29 mx postfix/smtpd[12]: text", nil),
        ("a priority too high", "<192>Nov 20 22:44:29 mx postfix/smtpd[12]: text", nil),
        ("a priority without an end", "<22", nil),
        ("no stamp", "<22>postfix/smtpd[12]: \(reject)", nil),
        ("a stamp of a file without hosts", "<22>2026-11-20 22:44:56 H=(x) [192.0.2.7] rejected RCPT", nil),
        ("a multilog stamp", "<22>@400000006920a1b20000000000 tcpserver: pid 1 from 192.0.2.7", nil),
        (
            "a stamp that is of two forms, with a host of its own in each",
            "<22>Nov 20  x: x::x :xx 2026 ours[1]: Connection from x [192.0.2.66]", nil
        ),
        ("nothing behind the host", "<22>Nov 20 22:44:29 mx", nil),
        ("a stamp only", "<22>2026-11-20T22:44:56.033783+00:00", nil),
        ("RFC 5424, cut", "<22>1 2026-11-20T22:44:56Z", nil),
        ("empty", "", nil),
        ("zero bytes", "\0\0\0\0", nil),
    ])
    func `a message becomes a line with a host`(name: String, text: String, line: String?) {
        var message = SyslogMessage(ownHost: "ours.example")
        let sender = SyslogMessage.Sender(IPAddress(v4: 0xc633_6409), isOwn: false)
        let bytes = Array(text.utf8)
        let isRead = bytes.withUnsafeBufferPointer { message.read($0, from: sender) }
        #expect((isRead ? String(decoding: message.line, as: UTF8.self) : nil) == line)
        #expect(message.isMisnamed == name.contains("our name"))
    }

    @Test func `our own lines keep our name`() {
        var message = SyslogMessage(ownHost: "ours.example")
        let bytes = Array("<22>Nov 20 22:44:29 ours postfix/smtpd[12]: text".utf8)
        let isRead = bytes.withUnsafeBufferPointer {
            message.read($0, from: SyslogMessage.Sender(IPAddress(v4: 0x7f00_0001), isOwn: true))
        }
        #expect(isRead)
        #expect(message.line == bytes)
    }

    @Test func `no message makes more than one bounded line`() {
        var message = SyslogMessage(ownHost: "ours")
        let sender = SyslogMessage.Sender(IPAddress(v4: 0xc633_6409), isOwn: false)
        var lottery = Lottery(4)
        let seeds = [
            "<22>Nov 20 22:44:29 mx postfix/smtpd[12]: text", "<22>1 2026-11-20T22:44:56Z mx postfix 12 - - text", "<",
        ].map { Array($0.utf8) }
        for round in 0..<20_000 {
            var bytes = seeds[lottery.next(seeds.count)]
            for _ in 0..<lottery.next(4) where !bytes.isEmpty {
                bytes[lottery.next(bytes.count)] = UInt8(lottery.next(256))
            }
            bytes.removeLast(lottery.next(bytes.count + 1))
            if round % 100 == 0 { bytes += [UInt8](repeating: 10, count: 70_000) + [65] }
            let isRead = bytes.withUnsafeBufferPointer { message.read($0, from: sender) }
            guard isRead else { continue }
            #expect(message.line.count <= 65536)
            #expect(!message.line.contains { $0 < 0x20 || $0 == 0x7f })
        }
    }
}

@Suite struct SyslogFramingTests {
    /// All messages of a stream that arrives in pieces of `step` bytes; `nil` at the end when its frames are broken.
    private func messages(_ bytes: [UInt8], step: Int) -> [String?] {
        var framing = SyslogFraming()
        var found: [String?] = []
        for start in stride(from: 0, to: bytes.count, by: step) {
            let piece = Array(bytes[start..<min(start + step, bytes.count)])
            let isSound = piece.withUnsafeBufferPointer { piece in
                framing.feed(piece) { message, isCut in
                    found.append((isCut ? "CUT:" : "") + String(decoding: message, as: UTF8.self))
                }
            }
            if !isSound { return found + [nil] }
        }
        if framing.unfinishedBytes > 0 { found.append("...") }
        return found
    }

    @Test(
        arguments: [
            ("lines", "<1>a\n<2>bc\n", ["<1>a", "<2>bc"]),
            ("lines, empty ones", "<1>a\n\n\n<2>bc\n", ["<1>a", "<2>bc"]),
            ("lines, the last unfinished", "<1>a\n<2>b", ["<1>a", "..."]),
            ("lines, in one that looks counted", "<1>a\n5 <2>bc\n", ["<1>a", "5 <2>bc"]),
            ("counted", "4 <1>a5 <2>bc", ["<1>a", "<2>bc"]),
            ("counted, newlines inside", "9 <1>a\n<2>b4 <3>c", ["<1>a\n<2>b", "<3>c"]),
            ("counted, unfinished", "4 <1>a9 <2>", ["<1>a", "..."]),
            ("counted, cut inside the length", "4 <1>a12", ["<1>a", "..."]),
            ("counted, then lines", "4 <1>a<2>b\n", ["<1>a", nil]),
            ("a length of zero", "0 <1>a", [nil]),
            ("a length with a leading zero", "04 <1>a", [nil]),
            ("a length beyond the bound", "99999999 <1>a", [nil]),
            ("a length without an end", "18446744073709551616", [nil]),
            ("no syslog at all", "GET / HTTP/1.1\r\n\r\n", [nil]),
            ("nothing", "", []),
        ] as [(String, String, [String?])])
    func `messages out of a stream, whatever the pieces`(name: String, text: String, expected: [String?]) {
        for step in 1...max(1, text.utf8.count) {
            #expect(messages(Array(text.utf8), step: step) == expected, "\(step)")
        }
    }

    @Test(arguments: [true, false], [1000, 65536, 200_000])
    func `a message beyond the bound is cut, the next one is whole`(isCounted: Bool, step: Int) {
        let long = "<1>" + String(repeating: "x", count: 100_000)
        let stream = isCounted ? "\(long.utf8.count) \(long)4 <2>b" : "\(long)\n<2>b\n"
        let found = messages(Array(stream.utf8), step: step)
        #expect(found.count == 2)
        #expect(found.first??.hasPrefix("CUT:<1>xxx") == true)
        #expect(found.first??.utf8.count == 65536 + 4)
        #expect(found.last == "<2>b")
    }
}
