import ControlProtocol
import Glibc
import Posix
import Store

/// Root at the state directory, which belongs to the daemon's user: what is made in it must be his, and a link that he
/// laid there must lead to nothing that he may not read or write himself.
enum StateOwner {
    /// Is the directory's owner from now on, where root started the program and that is somebody else.
    static func become(of directory: StateDirectory) throws(SystemError) {
        guard geteuid() == 0, let owner = directory.owner, owner.user != 0 else { return }
        try check(setgroups(0, nil), "setgroups")
        try check(setegid(owner.group), "setegid \(owner.group)")
        try check(seteuid(owner.user), "seteuid \(owner.user)")
    }

    /// Is who started the program again.
    static func resign() {
        // Root is never refused, and nobody else ever became another.
        if geteuid() != getuid() { seteuid(getuid()) }
        if getegid() != getgid() { setegid(getgid()) }
    }

    /// Does as who started the program what the daemon's user may not: reading logs, writing where he was told to.
    static func asCaller<Value>(_ body: () throws -> Value) rethrows -> Value {
        let (user, group) = (geteuid(), getegid())
        resign()
        defer {
            if group != getegid() { setegid(group) }
            if user != geteuid() { seteuid(user) }
        }
        return try body()
    }

    static func openLog(_ path: String) throws(SystemError) -> Descriptor {
        let (user, group) = (geteuid(), getegid())
        resign()
        defer {
            if group != getegid() { setegid(group) }
            if user != geteuid() { seteuid(user) }
        }
        return try Descriptor.open(path, O_RDONLY | O_NOCTTY)
    }

    /// Opens the history as its owner: for writing, or for reading, `nil` when there is none.
    static func openHistory(_ directory: StateDirectory, forWriting: Bool) throws -> History? {
        try become(of: directory)
        do throws(StoreError) {
            return forWriting ? try History(directory) : try History(reading: directory)
        } catch {
            let what = forWriting ? "written" : "read"
            throw Failure(error.isPermission ? ExitStatus.noPermission : 74, "the history cannot be \(what): \(error)")
        }
    }

    private static func check(_ code: Int32, _ name: String) throws(SystemError) {
        if code != 0 { throw SystemError(name) }
    }
}
