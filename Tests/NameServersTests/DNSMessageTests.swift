import Addresses
import Testing

@testable import NameServers

@Suite struct DNSMessageTests {
    private static let question = DNSQuestion("2.0.0.127.zen.example", .address)

    /// Labels with their lengths, and the root.
    private static func name(_ text: String) -> [UInt8] {
        text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    private static let asked = name("2.0.0.127.zen.example") + [0, 1, 0, 1]

    /// A header with id 0x1234, one question and `count` answers; then the question.
    private static func answer(
        flags: (UInt8, UInt8) = (0x81, 0x80), count: UInt8 = 0, asked: [UInt8] = asked, _ records: [UInt8] = []
    ) -> [UInt8] {
        [0x12, 0x34, flags.0, flags.1, 0, 1, 0, count, 0, 0, 0, 0] + asked + records
    }

    /// A record of the question's own name, by a pointer to it.
    private static func record(_ type: UInt8, _ data: [UInt8], owner: [UInt8] = [0xc0, 12]) -> [UInt8] {
        owner + [0, type, 0, 1, 0, 0, 1, 0x2c, UInt8(data.count >> 8), UInt8(data.count & 0xff)] + data
    }

    @Test func `the question as it goes out`() throws {
        let message = try #require(Self.question).message(id: 0x1234)
        #expect(message == [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + Self.asked)
    }

    @Test(arguments: ["", "a..b", ".a", "a.", String(repeating: "a", count: 64) + ".example"])
    func `what is no name is not asked`(name: String) {
        #expect(DNSQuestion(name, .address) == nil)
        #expect(DNSQuestion(String(repeating: "a.", count: 127) + "aa", .address) == nil)
        #expect(DNSQuestion(String(repeating: "a.", count: 126) + "a", .address) != nil)
    }

    private static let two = IPAddress(v4: 0x7f00_0002)
    private static let cases: [(name: String, message: [UInt8], answer: DNSAnswer?)] = [
        ("one address", answer(count: 1, record(1, [127, 0, 0, 2])), .addresses([two])),
        (
            "two addresses, the second of a name written out",
            answer(
                count: 2,
                record(1, [127, 0, 0, 2]) + record(1, [127, 0, 0, 4], owner: name("2.0.0.127.ZEN.example"))),
            .addresses([two, IPAddress(v4: 0x7f00_0004)])
        ),
        (
            "through a CNAME",
            answer(count: 2, record(5, name("x.example")) + record(1, [127, 0, 0, 2], owner: name("X.example"))),
            .addresses([two])
        ),
        ("a name that was not asked", answer(count: 1, record(1, [127, 0, 0, 2], owner: name("x.example"))), .nothing),
        ("another type", answer(count: 1, record(16, [1, 0x61])), .nothing),
        ("NXDOMAIN", answer(flags: (0x81, 0x83)), .nothing),
        ("no record", answer(), .nothing),
        ("SERVFAIL", answer(flags: (0x81, 0x82)), .failed("SERVFAIL")),
        ("REFUSED", answer(flags: (0x81, 0x85)), .failed("REFUSED")),
        ("cut off", answer(flags: (0x83, 0x80), count: 2, record(1, [127, 0, 0, 2])), .failed("cut off")),
        ("fewer records than it says", answer(count: 2, record(1, [127, 0, 0, 2])), .failed("broken")),
        ("an address of five bytes", answer(count: 1, record(1, [127, 0, 0, 2, 9])), .failed("broken")),
        ("a pointer to itself", answer(count: 1, record(1, [127, 0, 0, 2], owner: [0xc0, 39])), .failed("broken")),
        (
            "two pointers that turn in a circle",
            answer(count: 1, record(5, [1, 0x61, 0xc0, 51])), .failed("broken")
        ),
        ("another id", [0x12, 0x35] + answer().dropFirst(2), nil),
        ("no answer but a question", answer(flags: (0x01, 0)), nil),
        ("another question", answer(asked: name("1.0.0.127.zen.example") + [0, 1, 0, 1]), nil),
        ("another type asked", answer(asked: name("2.0.0.127.zen.example") + [0, 16, 0, 1]), nil),
        ("half a header", [0x12, 0x34, 0x81, 0x80, 0, 1], nil),
        ("nothing", [], nil),
    ]

    @Test(arguments: cases.indices)
    func `what an answer says`(index: Int) throws {
        let row = Self.cases[index]
        #expect(try #require(Self.question).answer(in: row.message, id: 0x1234) == row.answer, "\(row.name)")
    }

    @Test func `texts are joined within a record`() throws {
        let question = try #require(DNSQuestion("2.0.0.127.zen.example", .text))
        let message = Self.answer(
            count: 2, asked: Self.name("2.0.0.127.zen.example") + [0, 16, 0, 1],
            Self.record(16, [1, 0x61, 2, 0x62, 0xff]) + Self.record(16, [0]))
        #expect(question.answer(in: message, id: 0x1234) == .texts([[0x61, 0x62, 0xff], []]))
    }

    @Test(
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("127.0.0.1:5353", "127.0.0.1:5353"), ("2001:db8::53", "2001:db8::53"),
            ("[2001:db8::53]:5353", "[2001:db8::53]:5353"), ("127.0.0.1:0", nil), ("dns.example", nil), ("", nil),
        ] as [(String, String?)])
    func `a name server as it is written`(text: String, shown: String?) {
        #expect(NameServer(text)?.description == shown)
    }

    @Test func `the resolvers of a host`() {
        let file = "# nameserver 192.0.2.1\nsearch example\nnameserver 192.0.2.2\n\tnameserver\t2001:db8::3 \n"
        #expect(NameServer.configured(file).map(\.description) == ["192.0.2.2", "2001:db8::3"])
        #expect(NameServer.configured("nameserver fe80::1%eth0\n").map(\.description) == ["127.0.0.1"])
        let many = (1...5).map { "nameserver 192.0.2.\($0)" }.joined(separator: "\r\n")
        #expect(NameServer.configured(many).count == 3)
    }
}
