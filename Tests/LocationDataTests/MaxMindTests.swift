import Addresses
import Foundation
import LocationData
import Origins
import Testing

/// MaxMind's own test files; what is in them was read with mmdblookup 1.7.1.
@Suite struct MaxMindTests {
    static let asnPath = "/usr/share/GeoIP/GeoLite2-ASN.mmdb"
    static let countryPath = "/usr/share/GeoIP/GeoLite2-Country.mmdb"

    static func both() throws -> DatabaseDirectory {
        let directory = try DatabaseDirectory()
        try directory.put(DatabaseDirectory.fixture("GeoLite2-ASN-Test.mmdb"), asnPath)
        try directory.put(DatabaseDirectory.fixture("GeoLite2-Country-Test.mmdb"), countryPath)
        return directory
    }

    @Test(
        arguments: [
            ("1.128.0.0", nil, 1221, "Telstra Pty Ltd", nil, "1.128.0.0/11"),
            ("12.81.92.1", nil, 7018, "AT&T Services", nil, "12.81.92.0/22"),
            ("89.160.20.112", "SE", 29518, "Bredband2 AB", "89.160.20.112/28", "89.160.0.0/17"),
            ("2a02:fb40::1", "GB", nil, nil, "2a02:fb40::/29", nil),
        ] as [(String, String?, UInt32?, String?, String?, String?)])
    func `country and AS number come from two files`(
        text: String, country: String?, asn: UInt32?, owner: String?, countryNetwork: String?, numberNetwork: String?
    ) throws {
        let databases = try Self.both().databases()
        let answer = try #require(databases.answer(try address(text)))
        #expect(answer.origin == Origin(country: country.flatMap { Country($0) }, asn: asn))
        #expect(answer.owner == owner)
        #expect(answer.countryNetwork?.description == countryNetwork)
        #expect(answer.numberNetwork?.description == numberNetwork)
        #expect(databases.takeProblems() == [])
    }

    @Test func `an address in neither has no origin`() throws {
        let databases = try Self.both().databases()
        #expect(databases.origin(of: IPAddress(v4: 0x0a00_0001)) == nil)
    }

    @Test func `owners are found by number, before any look-up`() throws {
        let databases = try Self.both().databases()
        #expect(databases.owner(of: 1221) == "Telstra Pty Ltd")
        #expect(databases.owner(of: 29518) == "Bredband2 AB")
        #expect(databases.owner(of: 4_000_000_000) == nil)
    }

    @Test func `both are credited`() throws {
        let databases = try Self.both().databases()
        #expect(
            databases.credits.map(\.description) == [
                "IP location data: MaxMind (www.maxmind.com) GeoLite2-Country, 2026-02-04, GeoLite2 End User License Agreement",
                "IP location data: MaxMind (www.maxmind.com) GeoLite2-ASN, 2026-02-04, GeoLite2 End User License Agreement",
            ])
        #expect(databases.sources.map(\.tellsCountry) == [true, false])
        #expect(databases.sources.map(\.tellsNumber) == [false, true])
    }

    @Test func `in a file of IPv4 alone networks have their own length, and IPv6 is not there`() throws {
        let directory = try DatabaseDirectory()
        let bytes = try DatabaseDirectory.fixture("MaxMind-DB-test-ipv4-24.mmdb", ofType: "City")
        let path = try directory.put(bytes, "/own.mmdb")
        let databases = directory.databases(configured: [path])
        let answer = try #require(databases.answer(IPAddress(v4: 0x0101_0103)))
        #expect(answer.countryNetwork?.description == "1.1.1.2/31")
        #expect(databases.answer(try address("2001:db8::1")) == nil)
        #expect(databases.takeProblems() == [])
    }

    @Test func `one that opens and fails at a look-up counts as absent, said once, and the next takes its place`()
        throws
    {
        let directory = try Self.both()
        let bytes = try DatabaseDirectory.fixture("MaxMind-DB-test-broken-pointers-24.mmdb", ofType: "City")
        let path = try directory.put(bytes, "/broken.mmdb")
        let databases = directory.databases(configured: [path])
        #expect(databases.sources.first?.path == path)
        for _ in 0..<3 { #expect(databases.origin(of: IPAddress(v4: 0x0101_0120)) == nil) }
        let problems = databases.takeProblems()
        #expect(problems.map(\.path) == [path])
        #expect(problems.first?.text.hasPrefix("broken: ") == true, "\(problems)")
        #expect(databases.sources.first?.path == directory.root + Self.countryPath)
        databases.refresh()
        #expect(databases.takeProblems() == [])
        #expect(databases.origin(of: IPAddress(v4: 0x59a0_1470))?.country == Country("SE"))
    }

    @Test func `what is no database, or has neither countries nor numbers, is said with a remedy`() throws {
        let directory = try DatabaseDirectory()
        let junk = try directory.put(Data(repeating: 0x41, count: 5000), "/junk.mmdb")
        let empty = try directory.put(Data(), "/empty.mmdb")
        let test = try directory.put(DatabaseDirectory.fixture("MaxMind-DB-test-ipv4-24.mmdb"), "/test.mmdb")
        let databases = directory.databases(configured: [junk, empty, test, directory.root + "/none"])
        #expect(databases.isEmpty)
        #expect(databases.origin(of: IPAddress(v4: 0x0101_0101)) == nil)
        #expect(databases.owner(of: 1221) == nil)
        let problems = databases.takeProblems()
        #expect(problems.map(\.path) == [junk, empty, test, directory.root + "/none"])
        #expect(
            problems.map(\.text).map { String($0.prefix(12)) } == [
                "broken: The ", "it is no fil", "it has neith", "ENOENT: No s",
            ])
    }
}
