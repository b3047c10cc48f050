import Addresses
import Foundation
import LocationData
import Origins
import Testing

/// Files that change while they are in use.
@Suite struct ReplacedFileTests {
    private let sweden = IPAddress(v4: 0x59a0_1470)
    private let path = MaxMindTests.countryPath

    @Test func `a file that is replaced is read anew`() throws {
        let directory = try DatabaseDirectory()
        try directory.put(DatabaseDirectory.fixture("MaxMind-DB-test-ipv4-24.mmdb", ofType: "City"), path)
        let databases = directory.databases()
        #expect(databases.origin(of: sweden)?.country == nil)
        try directory.put(DatabaseDirectory.fixture("GeoLite2-Country-Test.mmdb"), path)
        #expect(databases.origin(of: sweden)?.country == nil)
        databases.refresh()
        #expect(databases.origin(of: sweden)?.country == Country("SE"))
    }

    @Test func `one that is cut or overwritten in place goes on as it was until it is looked at`() throws {
        let directory = try DatabaseDirectory()
        let good = try DatabaseDirectory.fixture("GeoLite2-Country-Test.mmdb")
        try directory.put(good, path)
        let databases = directory.databases()
        #expect(databases.origin(of: sweden)?.country == Country("SE"))
        // A map of the file itself would end the process here.
        try directory.overwrite(path, Data())
        #expect(databases.origin(of: sweden)?.country == Country("SE"))
        try directory.overwrite(path, Data(repeating: 0, count: good.count))
        #expect(databases.origin(of: sweden)?.country == Country("SE"))
        databases.refresh()
        #expect(databases.origin(of: sweden) == nil)
        #expect(databases.takeProblems().count == 1)
        databases.refresh()
        #expect(databases.takeProblems().isEmpty)
        try directory.overwrite(path, good)
        databases.refresh()
        #expect(databases.origin(of: sweden)?.country == Country("SE"))
    }

    @Test func `a better one that comes, and goes, is taken up`() throws {
        let directory = try DatabaseDirectory()
        let databases = directory.databases(configured: [directory.root + "/own.mmdb"])
        #expect(databases.isEmpty)
        try directory.put(DatabaseDirectory.fixture("GeoLite2-Country-Test.mmdb"), path)
        databases.refresh()
        #expect(databases.sources.map(\.path) == [directory.root + path])
        try directory.put(DatabaseDirectory.fixture("GeoLite2-Country-Test.mmdb"), "/own.mmdb")
        databases.refresh()
        #expect(databases.sources.map(\.path) == [directory.root + "/own.mmdb"])
        try FileManager.default.removeItem(atPath: directory.root + "/own.mmdb")
        databases.refresh()
        #expect(databases.sources.map(\.path) == [directory.root + path])
    }

    @Test func `usual places in their order, DB-IP's newest month first, the packaged file last`() throws {
        let directory = try DatabaseDirectory()
        for name in [
            "/usr/share/libloc-location/location.db", "/var/lib/location/database.db",
            "/usr/share/GeoIP/dbip-country-lite-2026-09.mmdb", "/usr/share/GeoIP/dbip-country-lite-2026-10.mmdb",
            "/usr/share/GeoIP/GeoIP2-ISP.mmdb", "/usr/share/GeoIP/GeoLite2-ASN.mmdb", "/usr/share/GeoIP/other.mmdb",
            "/usr/share/GeoIP/GeoIP.dat", "/var/lib/GeoIP/GeoLite2-City.mmdb",
            "/var/lib/crowdsec/data/GeoLite2-ASN.mmdb",
        ] { try directory.put(Data([0]), name) }
        let places = LocationPlaces(configured: ["/var/own.mmdb"], in: directory.root)
        #expect(
            places.candidates.map { $0.hasPrefix("/var/own") ? $0 : String($0.dropFirst(directory.root.count)) } == [
                "/var/own.mmdb", "/var/lib/GeoIP/GeoLite2-City.mmdb", "/usr/share/GeoIP/GeoLite2-ASN.mmdb",
                "/usr/share/GeoIP/GeoIP2-ISP.mmdb", "/usr/share/GeoIP/dbip-country-lite-2026-10.mmdb",
                "/usr/share/GeoIP/dbip-country-lite-2026-09.mmdb", "/var/lib/crowdsec/data/GeoLite2-ASN.mmdb",
                "/var/lib/location/database.db",
            ])
    }
}
