import Addresses
import Testing

@Suite struct IPAddressTests {
    @Test(arguments: [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::FFFF:c000:207", "192.0.2.7"),
        ("0.0.0.0", "0.0.0.0"),
        ("255.255.255.255", "255.255.255.255"),
        ("::", "::"),
        ("::1", "::1"),
        ("1::", "1::"),
        ("2001:db8:66::9", "2001:db8:66::9"),
        ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
        ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
        ("fe80::1:2:3:4", "fe80::1:2:3:4"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
    ])
    func `reads and prints canonically`(text: String, canonical: String) {
        #expect(IPAddress(text)?.description == canonical)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1..2.3", ".1.2.3.4",
        "1.2.3.4.", ":", ":::", "1:2", "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9", "::1.2.3", "::1.2.3.4.5",
        "::1.2.3.4:5",
        "fe80::1%eth0", "[::1]", "1:2:3:4:5:6:7:1.2.3.4", "g::", "1:", ":1", "1:2:3:4:5:6:7:8::", "notanip",
        "1.2.3.4/24",
        "١.٢.٣.٤",
    ])
    func `refuses what is no address`(text: String) {
        #expect(IPAddress(text) == nil)
    }
}

@Suite struct PrefixTests {
    @Test(arguments: [
        ("192.0.2.7", "192.0.2.7/32", "192.0.2.7"),
        ("192.0.2.0/24", "192.0.2.0/24", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.7/32", "192.0.2.7"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24", "192.0.2.0/24"),
        ("2001:db8::/48", "2001:db8::/48", "2001:db8::/48"),
        ("0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/0"),
        ("::/0", "::/0", "::/0"),
    ])
    func `reads and prints`(text: String, full: String, short: String) throws {
        let prefix = try Prefix(parsing: text)
        #expect(prefix.description == full)
        #expect(prefix.shortDescription == short)
    }

    @Test(arguments: [
        ("192.0.2.7/24", "192.0.2.7/24: did you mean 192.0.2.0/24?"),
        ("2001:db8::1/64", "2001:db8::1/64: did you mean 2001:db8::/64?"),
        ("192.0.2.0/33", "\"192.0.2.0/33\": the length behind the slash is 0 to 32"),
        ("192.0.2.0/", "\"192.0.2.0/\": the length behind the slash is 0 to 32"),
        ("192.0.2.0/-1", "\"192.0.2.0/-1\": the length behind the slash is 0 to 32"),
    ])
    func `says what is wrong`(text: String, message: String) {
        let error = #expect(throws: PrefixError.self) { try Prefix(parsing: text) }
        #expect(error?.description == message)
    }

    @Test func `a table finds the longest and the outermost`() throws {
        var table = PrefixTable<Int>()
        table[try Prefix(parsing: "192.0.2.0/24")] = 24
        table[try Prefix(parsing: "192.0.2.0/25")] = 25
        table[try Prefix(parsing: "2001:db8::/48")] = 48
        let inside = try #require(IPAddress("192.0.2.1"))
        #expect(table.longestMatch(inside)?.value == 25)
        #expect(table.outermost(containing: Prefix(inside))?.value == 24)
        #expect(table.longestMatch(try #require(IPAddress("192.0.2.200")))?.value == 24)
        #expect(table.longestMatch(try #require(IPAddress("192.0.3.1"))) == nil)
        #expect(table.overlaps(try Prefix(parsing: "192.0.0.0/16")))
        #expect(!table.overlaps(try Prefix(parsing: "198.51.100.0/24")))
        table[try Prefix(parsing: "192.0.2.0/25")] = nil
        #expect(table.count == 2)
        #expect(table.longestMatch(inside)?.value == 24)
    }
}
