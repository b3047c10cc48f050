import CSQLite
import Glibc
import Posix

/// Why the store could not do something: operation, subject, cause.
package enum StoreError: Error, Equatable, CustomStringConvertible {
    case sqlite(SQLiteError)
    case system(SystemError)
    /// The directory cannot be used, as it is another one's: what is in it is not ours to judge.
    case directory(SystemError)
    /// The file is a database, but not one of ours, or not whole.
    case wrongContent(String)
    /// A later breakwater wrote it.
    case newer(version: Int, known: Int)

    package var description: String {
        switch self {
        case .sqlite(let error): error.description
        case .system(let error), .directory(let error): error.description
        case .wrongContent(let text): text
        case .newer(let version, let known):
            "the database has schema version \(version) of a later breakwater; this one knows \(known) and does not write to it"
        }
    }

    /// The caller may not.
    package var isPermission: Bool {
        switch self {
        case .system(let error), .directory(let error): [EACCES, EPERM].contains(error.code)
        case .sqlite(let error): error.code & 0xff == SQLITE_PERM || [EACCES, EPERM].contains(error.systemCode)
        case .wrongContent, .newer: false
        }
    }

    /// What helps.
    enum Remedy {
        /// The file is beyond use: move it aside and begin afresh.
        case moveAside
        /// The file is sound, its surroundings are not (disk full, input/output error, locked): try again later.
        case tryLater
        /// Only a person can tell.
        case leaveAlone
        /// The records are at fault, not the file: a mistake of ours. They are dropped.
        case dropRecords
    }

    var remedy: Remedy {
        switch self {
        case .wrongContent: return .moveAside
        case .newer: return .leaveAlone
        case .directory: return .tryLater
        case .system(let error): return StoreError.isAboutThisFile(error.code) ? .moveAside : .tryLater
        case .sqlite(let error):
            switch error.code & 0xff {
            case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_SCHEMA, SQLITE_FORMAT: return .moveAside
            case SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH:
                // SQLite says CANTOPEN for want of descriptors too, and then the file is as good as ever.
                return StoreError.isAboutThisFile(error.systemCode) ? .moveAside : .tryLater
            case SQLITE_FULL, SQLITE_IOERR, SQLITE_BUSY, SQLITE_LOCKED, SQLITE_NOMEM, SQLITE_INTERRUPT, SQLITE_PROTOCOL:
                return .tryLater
            default: return .dropRecords
            }
        }
    }

    /// Causes that another file in its place would not have.
    private static func isAboutThisFile(_ code: Int32) -> Bool {
        [EACCES, EPERM, EISDIR, ELOOP, EROFS].contains(code)
    }
}

/// A result code of SQLite other than OK, ROW and DONE.
package struct SQLiteError: Error, Equatable, CustomStringConvertible {
    package let operation: String
    package let subject: String
    /// An extended result code (sqlite.org/rescode.html).
    package let code: Int32
    package let message: String
    /// errno of the system call behind it, or 0.
    package let systemCode: Int32

    package var description: String {
        let system = systemCode == 0 ? "" : " (\(errnoText(systemCode)))"
        return "\(operation) \(subject): \(message), SQLite code \(code)\(system)"
    }
}
