import Bytes
import Glibc

/// Where location databases lie, best first: those the configuration names, those that an administrator fetched from
/// MaxMind or DB-IP, those of Debian's packages.
package struct LocationPlaces: Sendable {
    /// From the configuration; tried before all others.
    package var configured: [String]
    /// In front of every usual place: another root, for tests.
    private let root: String

    package init(configured: [String] = [], in root: String = "") {
        self.configured = configured
        self.root = root
    }

    /// Files that there are, in the order in which they are to be tried; the configured ones whether they are there or not.
    package var candidates: [String] {
        let found = LocationPlaces.directories.flatMap { databases(in: root + $0) }
        // The updater's file is the packaged one until its first update.
        let packaged = LocationPlaces.packaged.map { root + $0 }.filter { access($0, F_OK) == 0 }.prefix(1)
        var seen: Set<String> = []
        return (configured + found + packaged).filter { seen.insert($0).inserted }
    }

    /// geoipupdate's, MaxMind's package's, one built from source's, CrowdSec's.
    private static let directories = [
        "/var/lib/GeoIP", "/usr/share/GeoIP", "/usr/local/share/GeoIP", "/var/lib/crowdsec/data",
    ]
    /// That of the package `location`, which keeps itself up to date, and that of `libloc-database`.
    private static let packaged = ["/var/lib/location/database.db", "/usr/share/libloc-location/location.db"]

    /// More files than this in one directory are not what it is meant for.
    private static let mostNames = 4096

    private func databases(in directory: String) -> [String] {
        guard let listing = opendir(directory) else { return [] }
        defer { closedir(listing) }
        var names: [String] = []
        while names.count < LocationPlaces.mostNames, let entry = readdir(listing) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if LocationPlaces.rank(name) != nil { names.append(name) }
        }
        // Of DB-IP's files, which have their month in the name, the newest first.
        return names.sorted {
            let (left, right) = (LocationPlaces.rank($0) ?? 0, LocationPlaces.rank($1) ?? 0)
            return left != right ? left < right : $0 > $1
        }.map { directory + "/" + $0 }
    }

    private static func rank(_ name: String) -> Int? {
        if let place = ["GeoLite2-Country.mmdb", "GeoLite2-City.mmdb", "GeoLite2-ASN.mmdb"].firstIndex(of: name) {
            return place
        }
        guard name.hasSuffix(".mmdb") else { return nil }
        if name.hasPrefix("GeoIP2-") { return 3 }
        return name.hasPrefix("dbip-") && name.occurrence(of: "-lite-") != nil ? 4 : nil
    }
}
