import Addresses
import Bytes
import CLocation
import Events
import Origins
import Posix

/// A file in MaxMind's format (MMDB 2.0), by libmaxminddb: GeoLite2, GeoIP2, DB-IP. Of what is in it the file says only
/// its type, `GeoLite2-ASN`; vendor and licence follow from that.
final class MaxMindDatabase: LocationFile {
    let hasCountries: Bool
    let hasNumbers: Bool
    let credit: Credit
    let date: Instant
    private let path: String
    private let database: OpaquePointer
    /// Filled when an owner is first asked for: the format finds addresses, not AS numbers.
    private var owners: [UInt32: String]?

    /// - Parameter copy: the file's sealed copy; needed no longer than this call.
    init(_ path: String, _ copy: borrowing Descriptor) throws(LocationProblem) {
        self.path = path
        if let reason = bw_mmdb_load() {
            throw LocationProblem(
                path: path, text: "libmaxminddb cannot be loaded: \(String(cString: reason))",
                remedy: "apt install libmaxminddb0")
        }
        var opened: OpaquePointer?
        let status = bw_mmdb_open("/proc/self/fd/\(copy.number)", &opened)
        guard status == 0, let opened else { throw MaxMindDatabase.problem(path, status) }
        let type = shownText(bw_mmdb_type(opened)) ?? ""
        func says(_ words: String...) -> Bool { words.contains { type.occurrence(of: $0) != nil } }
        hasCountries = says("Country", "City", "Enterprise")
        hasNumbers = says("ASN", "ISP", "Enterprise")
        guard hasCountries || hasNumbers else {
            bw_mmdb_close(opened)
            throw LocationProblem(
                path: path, text: "it has neither countries nor AS numbers, by its type (\(type))",
                remedy: "a Country, City, ASN, ISP or Enterprise file")
        }
        database = opened
        date = Instant(seconds: Int64(clamping: bw_mmdb_built(opened)))
        let maker = MaxMindDatabase.makers.first { type.hasPrefix($0.type) }
        credit = Credit(
            vendor: maker.map { "\($0.vendor) \(type)" } ?? type, date: date.day,
            licence: maker?.licence ?? "licence not stated in the file")
    }

    deinit { bw_mmdb_close(database) }

    func look(up address: IPAddress, withOwner: Bool) throws(LocationProblem) -> Location? {
        var found = bw_location()
        let status = bw_mmdb_look_up(database, address.high, address.low, &found)
        guard status >= 0 else { throw MaxMindDatabase.problem(path, status) }
        return status == 0 ? nil : Location(address, found, withOwner: withOwner)
    }

    func owner(of asn: UInt32) throws(LocationProblem) -> String? {
        if let owners { return owners[asn] }
        var names: [UInt32: String] = [:]
        let status = withUnsafeMutablePointer(to: &names) { names in
            bw_mmdb_owners(database, names) { context, asn, owner, size in
                let names = context?.assumingMemoryBound(to: [UInt32: String].self)
                guard let names, let owner, names.pointee[asn] == nil, names.pointee.count < MaxMindDatabase.mostOwners
                else { return }
                names.pointee[asn] = shownText(UnsafeRawBufferPointer(start: owner, count: size))
            }
        }
        guard status == 0 else { throw MaxMindDatabase.problem(path, status) }
        owners = names
        return names[asn]
    }

    /// There were 120,000 AS numbers in use in 2026.
    private static let mostOwners = 1_000_000

    private static func problem(_ path: String, _ status: Int32) -> LocationProblem {
        LocationProblem(path: path, text: "broken: \(String(cString: bw_mmdb_error(status)))", remedy: "get it again")
    }

    /// By the beginning of a file's type. Licences: maxmind.com/en/geolite2/eula, maxmind.com/en/end-user-license-agreement,
    /// db-ip.com/db/lite.php.
    private static let makers: [(type: String, vendor: String, licence: String)] = [
        ("GeoLite2", "MaxMind (www.maxmind.com)", "GeoLite2 End User License Agreement"),
        ("GeoIP2", "MaxMind (www.maxmind.com)", "MaxMind End User License Agreement"),
        ("DBIP", "DB-IP (db-ip.com)", "CC BY 4.0"),
    ]
}

extension Location {
    init(_ address: IPAddress, _ found: bw_location, withOwner: Bool) {
        let letters = (UInt8(bitPattern: found.country.0), UInt8(bitPattern: found.country.1))
        origin = Origin(country: Country(letters.0, letters.1), asn: found.asn == 0 ? nil : found.asn)
        network = Prefix(address, bits: Int(found.bits))
        owner =
            !withOwner ? nil : found.owner.map { shownText(UnsafeRawBufferPointer(start: $0, count: found.owner_size)) }
    }
}
