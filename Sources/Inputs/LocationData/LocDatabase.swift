import Addresses
import CLocation
import Events
import Glibc
import Origins
import Posix

/// IPFire's location database, by libloc: countries, AS numbers and their owners in one file, which names its vendor and
/// licence itself. Its signature is for the updater to check (location(8)); it is not checked again here.
final class LocDatabase: LocationFile {
    let hasCountries = true
    let hasNumbers = true
    let credit: Credit
    let date: Instant
    private let path: String
    private let database: OpaquePointer

    /// - Parameter copy: the file's sealed copy; needed no longer than this call.
    init(_ path: String, _ copy: borrowing Descriptor) throws(LocationProblem) {
        self.path = path
        if let reason = bw_loc_load() {
            throw LocationProblem(
                path: path, text: "libloc cannot be loaded: \(String(cString: reason))",
                remedy: "apt install libloc1")
        }
        guard LocDatabase.isWhole(copy) else {
            throw LocationProblem(
                path: path, text: "broken: its header and its size do not agree", remedy: "get it again")
        }
        var opened: OpaquePointer?
        let status = bw_loc_open(copy.number, &opened)
        guard status == 0, let opened else { throw LocDatabase.problem(path, status) }
        database = opened
        date = Instant(seconds: bw_loc_built(opened))
        credit = Credit(
            vendor: shownText(bw_loc_vendor(opened)) ?? "vendor not stated", date: date.day,
            licence: shownText(bw_loc_licence(opened)) ?? "licence not stated")
    }

    deinit { bw_loc_close(database) }

    func look(up address: IPAddress, withOwner: Bool) throws(LocationProblem) -> Location? {
        var found = bw_location()
        let status = bw_loc_look_up(database, address.high, address.low, &found)
        guard status >= 0 else { throw LocDatabase.problem(path, status) }
        return status == 0 ? nil : Location(address, found, withOwner: false)
    }

    func owner(of asn: UInt32) throws(LocationProblem) -> String? {
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer in
            guard let base = buffer.baseAddress else { return nil }
            let length = bw_loc_owner(database, asn, base.assumingMemoryBound(to: CChar.self), buffer.count)
            return length == 0 ? nil : shownText(UnsafeRawBufferPointer(rebasing: buffer[..<min(length, buffer.count)]))
        }
    }

    /// libloc 0.9.16 follows the offsets in the header wherever they lead: of a file that was cut it would read beyond the
    /// end. `struct loc_database_header_v1`, libloc/format.h: numbers are big-endian.
    private static func isWhole(_ copy: borrowing Descriptor) -> Bool {
        let size = Int(lseek(copy.number, 0, SEEK_END))
        var header = [UInt8](repeating: 0, count: 68)
        guard pread(copy.number, &header, header.count, 0) == header.count, header[7] == 1 else { return false }
        func number(_ offset: Int) -> Int { header[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) } }
        // AS numbers, networks, tree, countries, pool: an offset and a length each.
        let sections = stride(from: 28, to: 68, by: 8).map { (number($0), number($0 + 4)) }
        guard sections.allSatisfy({ $0 + $1 <= size }), let pool = sections.last, pool.1 > 0 else { return false }
        // Vendor, description and licence begin in the pool, and its last text ends there.
        var end: UInt8 = 1
        return [16, 20, 24].allSatisfy { number($0) < pool.1 }
            && pread(copy.number, &end, 1, off_t(pool.0 + pool.1 - 1)) == 1 && end == 0
    }

    private static func problem(_ path: String, _ status: Int32) -> LocationProblem {
        LocationProblem(path: path, text: "broken: \(errnoText(-status))", remedy: "get it again")
    }
}
