import CSQLite
import Glibc
import Posix

/// A connection to a SQLite file, owned by one thread.
///
/// Statements are kept prepared. Their text is a `StaticString`: no value can get into it.
final class Database {
    let path: String
    fileprivate let handle: OpaquePointer
    private var statements: [UnsafePointer<UInt8>: Statement] = [:]

    enum Access { case readOnly, readWrite }

    /// Opens a file that is there; it is created elsewhere, with its mode.
    ///
    /// - Parameter busyTimeoutMilliseconds: how long to wait for a lock that somebody else holds.
    init(_ path: String, _ access: Access, busyTimeoutMilliseconds: Int32) throws(StoreError) {
        var opened: OpaquePointer?
        var status = stat()
        // A link would be followed, and the open of a fifo waits for ever.
        if lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            throw .system(SystemError("open", path, code: ELOOP))
        }
        let flags =
            SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
            | (access == .readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE)
        let code = sqlite3_open_v2(path, &opened, flags, nil)
        guard let opened else { throw .system(SystemError("open", path, code: ENOMEM)) }
        guard code == SQLITE_OK else {
            let error = Database.error(opened, "open", path, code)
            sqlite3_close_v2(opened)
            throw .sqlite(error)
        }
        handle = opened
        self.path = path
        sqlite3_busy_timeout(handle, busyTimeoutMilliseconds)
    }

    deinit {
        for statement in statements.values { statement.end() }
        sqlite3_close_v2(handle)
    }

    /// The prepared statement of this text, ready for its bindings. One at a time: it is the same object each time.
    func statement(_ sql: StaticString) throws(StoreError) -> Statement {
        if let known = statements[sql.utf8Start] {
            known.reset()
            return known
        }
        var prepared: OpaquePointer?
        let code = sql.utf8Start.withMemoryRebound(to: CChar.self, capacity: sql.utf8CodeUnitCount) {
            sqlite3_prepare_v2(handle, $0, Int32(sql.utf8CodeUnitCount), &prepared, nil)
        }
        guard code == SQLITE_OK, let prepared else {
            throw .sqlite(Database.error(handle, "prepare", "\(sql)", code))
        }
        let statement = Statement(prepared, of: self)
        statements[sql.utf8Start] = statement
        return statement
    }

    /// Runs statements without bindings and without results.
    func execute(_ sql: StaticString) throws(StoreError) {
        let code = sql.utf8Start.withMemoryRebound(to: CChar.self, capacity: sql.utf8CodeUnitCount) {
            sqlite3_exec(handle, $0, nil, nil, nil)
        }
        if code != SQLITE_OK { throw .sqlite(Database.error(handle, "execute", "\(sql)".firstLine, code)) }
    }

    /// The first column of the first row.
    func integer(_ sql: StaticString) throws(StoreError) -> Int {
        let statement = try statement(sql)
        let value = try statement.step() ? statement.integer(0) : 0
        statement.reset()
        return value
    }

    /// Rows that the last statement changed.
    var changes: Int { Int(sqlite3_changes64(handle)) }

    /// All or nothing, in one commit.
    func transaction(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        try execute("BEGIN IMMEDIATE")
        do throws(StoreError) {
            try body()
            try execute("COMMIT")
        } catch {
            // After some errors SQLite has rolled back by itself, and then this one fails: no loss.
            try? execute("ROLLBACK")
            throw error
        }
    }

    fileprivate func error(_ operation: String, _ code: Int32) -> StoreError {
        .sqlite(Database.error(handle, operation, path, code))
    }

    private static func error(_ handle: OpaquePointer, _ operation: String, _ subject: String, _ code: Int32)
        -> SQLiteError
    {
        let message = sqlite3_errmsg(handle).map { String(cString: $0) } ?? ""
        return SQLiteError(
            operation: operation, subject: subject, code: code, message: message,
            systemCode: sqlite3_system_errno(handle))
    }
}

/// A prepared statement: values in by position from 1, columns out by position from 0.
final class Statement {
    private let handle: OpaquePointer
    private unowned let database: Database

    fileprivate init(_ handle: OpaquePointer, of database: Database) {
        self.handle = handle
        self.database = database
    }

    fileprivate func end() { sqlite3_finalize(handle) }

    func reset() {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }

    /// Goes to the next row; false at the end.
    func step() throws(StoreError) -> Bool {
        let code = sqlite3_step(handle)
        if code == SQLITE_ROW { return true }
        if code == SQLITE_DONE { return false }
        let error = database.error("step", code)
        reset()
        throw error
    }

    /// Runs it to its end, and makes it ready again.
    func run() throws(StoreError) {
        while try step() {}
        reset()
    }

    // MARK: Values in. A failure (out of memory) leaves NULL, which a NOT NULL column then refuses.

    func bind(_ index: Int32, _ value: Int64) { sqlite3_bind_int64(handle, index, value) }
    func bind(_ index: Int32, _ value: Int) { bind(index, Int64(value)) }
    func bind(_ index: Int32, _ value: Bool) { bind(index, value ? Int64(1) : 0) }
    func bind(_ index: Int32, _ value: Int64?) { if let value { bind(index, value) } }
    func bind(_ index: Int32, _ value: String) {
        var value = value
        _ = value.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                sqlite3_bind_text(
                    handle, index, $0.baseAddress ?? emptyText, Int32(clamping: $0.count), bw_sqlite_transient())
            }
        }
    }
    func bind(_ index: Int32, bytes: [UInt8]) {
        _ = bytes.withUnsafeBytes {
            sqlite3_bind_blob(handle, index, $0.baseAddress, Int32(clamping: $0.count), bw_sqlite_transient())
        }
    }

    // MARK: Columns out

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }
    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
    func integer(_ column: Int32) -> Int { Int(integer(column) as Int64) }
    func text(_ column: Int32) -> String {
        guard let start = sqlite3_column_text(handle, column) else { return "" }
        let count = Int(sqlite3_column_bytes(handle, column))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }
    /// Calls `body` with the bytes where they stand; they are gone after it.
    func withBytes<Result>(_ column: Int32, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let start = sqlite3_column_blob(handle, column)
        return body(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }
}

/// A null pointer would bind NULL; an empty text has to point somewhere.
private nonisolated(unsafe) let emptyText: UnsafePointer<CChar> = {
    StaticString("").utf8Start.withMemoryRebound(to: CChar.self, capacity: 1) { $0 }
}()

extension String {
    fileprivate var firstLine: String { String(prefix { $0 != "\n" }) }
}
