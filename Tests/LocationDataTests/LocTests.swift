import Addresses
import Foundation
import LocationData
import Origins
import Testing

private let packaged = "/usr/share/libloc-location/location.db"

/// Debian's own database: `libloc-database` 0~20221029-1, which scripts/test installs with libloc1.
@Suite(.enabled(if: FileManager.default.fileExists(atPath: packaged), "libloc-database is not installed"))
struct LocTests {
    private func databases(_ path: String = packaged) throws -> LocationDatabases {
        try DatabaseDirectory().databases(configured: [path])
    }

    @Test(
        arguments: [
            ("221.216.0.1", "CN", 4808, "China Unicom Beijing", "221.216.0.0/18"),
            ("212.216.176.5", "IT", 3269, "Telecom Italia", "212.216.0.0/16"),
            ("61.128.0.1", "CN", 4134, "Chinanet Backbone", "61.128.0.0/17"),
            ("24.156.64.52", "US", 19108, "SUDDENLINK", "24.156.64.0/18"),
            ("65.214.61.100", "US", 701, "UUNET", "65.192.0.0/11"),
            ("85.92.129.231", "NL", 48635, "CLDIN", nil),
            ("66.49.190.112", "CA", 11814, "DISTRIBUTEL", nil),
            ("170.206.225.64", "US", nil, nil, "170.206.0.0/16"),
            ("2a00::1", "DE", 3209, "Vodafone", "2a00::/22"),
            ("2a00:1450:4001::1", "IE", 15169, "GOOGLE", nil),
            ("2606:4700::1111", "US", 13335, "CLOUDFLARENET", "2606:4700::/44"),
        ] as [(String, String, UInt32?, String?, String?)])
    func `country, AS number, owner and the database's network`(
        text: String, country: String, asn: UInt32?, owner: String?, network: String?
    ) throws {
        let answer = try #require(databases().answer(try address(text)))
        #expect(answer.origin == Origin(country: Country(country), asn: asn))
        #expect(answer.owner?.prefix(owner?.count ?? 0) == owner.map { $0[...] }, "\(answer.owner ?? "none")")
        if let network { #expect(answer.countryNetwork?.description == network) }
        #expect(answer.numberNetwork == answer.countryNetwork)
    }

    @Test func `private addresses have no origin, numbers given up no owner`() throws {
        let databases = try databases()
        #expect(databases.origin(of: IPAddress(v4: 0x0a00_0001)) == nil)
        for asn: UInt32 in [0, 7738, 22047, 10318] { #expect(databases.owner(of: asn) == nil) }
        #expect(databases.owner(of: 4134) == "Chinanet Backbone")
        #expect(databases.takeProblems() == [])
    }

    @Test func `the file names vendor, date and licence itself`() throws {
        #expect(
            try databases().credits.map(\.description) == ["IP location data: IPFire Project, 2022-10-29, CC BY-SA 4.0"]
        )
    }

    @Test func `MaxMind's countries and libloc's AS numbers go together`() throws {
        let directory = try DatabaseDirectory()
        try directory.put(DatabaseDirectory.fixture("GeoLite2-Country-Test.mmdb"), MaxMindTests.countryPath)
        try FileManager.default.createDirectory(
            atPath: directory.root + "/usr/share/libloc-location", withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: directory.root + packaged, withDestinationPath: packaged)
        let databases = directory.databases()
        let answer = try #require(databases.answer(IPAddress(v4: 0x59a0_1470)))
        #expect(answer.origin == Origin(country: Country("SE"), asn: 29518))
        #expect(databases.credits.count == 2)
    }

    @Test(arguments: [8, 100, 8192, 1 << 20, 30 << 20])
    func `a part of the file is broken, and nothing worse`(size: Int) throws {
        let directory = try DatabaseDirectory()
        let whole = try Data(contentsOf: URL(fileURLWithPath: packaged))
        let path = try directory.put(whole.prefix(size), "/part.db")
        let databases = directory.databases(configured: [path])
        for number in 0..<2000 { _ = databases.answer(IPAddress(v4: UInt32(truncatingIfNeeded: number &* 2_097_143))) }
        #expect(databases.isEmpty)
        #expect(databases.takeProblems().map(\.path) == [path])
    }
}
