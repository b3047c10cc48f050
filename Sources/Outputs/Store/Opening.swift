import Events
import Glibc
import Posix

/// Brings the database into a state in which it can be written, or a broken one out of the way.
enum Opening {
    /// Creates the directory and the file where they are missing, brings the tables up to date and looks them over.
    static func open(_ directory: StateDirectory) throws(StoreError) -> Database {
        let path = directory.databasePath
        do throws(SystemError) { try directory.prepare() } catch { throw .directory(error) }
        do throws(SystemError) {
            // SQLite would create it with the umask's mode; its companions take the mode of the file.
            let file = try Descriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
            if fchmod(file.number, 0o600) != 0 { throw SystemError("fchmod 0600", path) }
        } catch {
            throw .system(error)
        }
        let database = try Database(path, .readWrite, busyTimeoutMilliseconds: 5000)
        try Schema.prepare(database)
        try Schema.check(database)
        return database
    }

    /// Moves the database aside. Returns its new name and what could be read of it.
    static func moveAside(_ directory: StateDirectory, at now: Instant) throws(StoreError) -> (
        name: String, rest: Pending
    ) {
        do throws(SystemError) {
            let name = try directory.moveDatabaseAside(at: now)
            return (name, StoreReader(damaged: directory.path + "/" + name).salvage())
        } catch {
            throw .system(error)
        }
    }
}
