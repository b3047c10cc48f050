import Addresses
import CLocation
import Events
import Glibc
import Origins
import Posix

/// One database file in one of the two formats. Not `Sendable`, for one thread.
protocol LocationFile: AnyObject {
    var hasCountries: Bool { get }
    var hasNumbers: Bool { get }
    var credit: Credit { get }
    /// When its data was put together.
    var date: Instant { get }
    /// What it says of an address, `nil` when it is not in it; an error when the file is broken. `withOwner`: also the
    /// owner's name, where it stands beside the address.
    func look(up address: IPAddress, withOwner: Bool) throws(LocationProblem) -> Location?
    /// The name of an AS's owner.
    func owner(of asn: UInt32) throws(LocationProblem) -> String?
}

/// What one database says of an address.
struct Location {
    var origin: Origin
    /// The database's own network around the address: never by itself a reason to ban that.
    var network: Prefix
    var owner: String?
}

/// Why a database is not used.
package struct LocationProblem: Error, Equatable, Sendable, CustomStringConvertible {
    package var path: String
    package var text: String
    package var remedy: String?

    package var description: String { "\(Record.escaped(path.utf8, limit: 200)): \(text)" }
}

/// A file as it was when it was copied: another one, or the same with other bytes, is to be read again.
struct FileIdentity: Equatable {
    private let device: UInt64
    private let inode: UInt64
    let size: Int
    private let changed: Int64

    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        self.init(status)
    }

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int(status.st_size)
        changed = Int64(status.st_ctim.tv_sec) * 1_000_000_000 + Int64(status.st_ctim.tv_nsec)
    }
}

/// Opening a database, whichever format it has.
enum LocationOpening {
    /// GeoIP2's largest files have a few hundred megabytes; libloc's 55.
    private static let largest = 1 << 30
    /// `struct loc_database_magic`, libloc/format.h.
    private static let locMagic = Array("LOCDBXX".utf8)

    static func open(_ path: String) throws(LocationProblem) -> (file: any LocationFile, identity: FileIdentity) {
        let copy = try sealedCopy(of: path)
        if copy.isLoc { return (try LocDatabase(path, copy.descriptor), copy.identity) }
        return (try MaxMindDatabase(path, copy.descriptor), copy.identity)
    }

    private struct SealedCopy: ~Copyable {
        let descriptor: Descriptor
        let identity: FileIdentity
        let isLoc: Bool
    }

    private static func sealedCopy(of path: String) throws(LocationProblem) -> SealedCopy {
        do throws(SystemError) {
            let file = try Descriptor.open(path, O_RDONLY | O_NONBLOCK)
            var status = stat()
            guard fstat(file.number, &status) == 0 else { throw SystemError("fstat", path) }
            guard status.st_mode & S_IFMT == S_IFREG, status.st_size > 0, status.st_size <= largest else {
                throw SystemError("open", path, code: status.st_size > largest ? EFBIG : EINVAL)
            }
            let identity = FileIdentity(status)
            var begin = [UInt8](repeating: 0, count: locMagic.count)
            _ = pread(file.number, &begin, begin.count, 0)
            let copy = try Descriptor("copy", path, bw_sealed_copy(file.number, identity.size))
            guard fstat(file.number, &status) == 0, FileIdentity(status) == identity else {
                throw SystemError("copy", path, code: EAGAIN)
            }
            return SealedCopy(descriptor: copy, identity: identity, isLoc: begin == locMagic)
        } catch {
            let text =
                switch error.code {
                case EAGAIN, ENODATA: "it is being written"
                case EINVAL: "it is no file, or empty"
                default: errnoText(error.code)
                }
            throw LocationProblem(path: path, text: text)
        }
    }
}

extension Instant {
    /// The day in UTC: `2022-10-29`.
    var day: String { String(rfc3339.prefix(10)) }
}

/// Text of a database as it may be shown: a stranger did not write it, but nobody checked it either.
func shownText(_ bytes: UnsafeRawBufferPointer) -> String {
    let text = String(decoding: bytes.prefix(120), as: UTF8.self)
    return String(
        String.UnicodeScalarView(
            text.unicodeScalars.map { $0.properties.generalCategory.isShown ? $0 : "?" }))
}

func shownText(_ text: UnsafePointer<CChar>?) -> String? {
    text.map { shownText(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
}

extension Unicode.GeneralCategory {
    /// Neither obeyed by a terminal nor without a shape.
    fileprivate var isShown: Bool {
        switch self {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}
