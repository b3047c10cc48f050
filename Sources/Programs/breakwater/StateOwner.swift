import ControlProtocol
import Glibc
import Posix
import Store

/// Writing into the state directory as root: it belongs to the daemon's user, so what is made in it must be his, and a
/// link that he laid there must lead to nothing that he may not write himself.
enum StateOwner {
    /// Opens the history for writing, and is the directory's owner from then on where that is somebody else.
    static func openHistory(_ directory: StateDirectory) throws -> History {
        if geteuid() == 0, let owner = directory.owner, owner.user != 0 {
            try check(setgroups(0, nil), "setgroups")
            try check(setegid(owner.group), "setegid \(owner.group)")
            try check(seteuid(owner.user), "seteuid \(owner.user)")
        }
        do throws(StoreError) { return try History(directory) } catch {
            throw Failure(error.isPermission ? ExitStatus.noPermission : 74, "the history cannot be written: \(error)")
        }
    }

    /// Opens a log for reading as who started the program: the daemon's user may not.
    static func openLog(_ path: String) throws(SystemError) -> Descriptor {
        let user = geteuid()
        if user != getuid() { try check(seteuid(getuid()), "seteuid") }
        // Root becoming somebody else is never refused.
        defer { if user != geteuid() { seteuid(user) } }
        return try Descriptor.open(path, O_RDONLY | O_NOCTTY)
    }

    private static func check(_ code: Int32, _ name: String) throws(SystemError) {
        if code != 0 { throw SystemError(name) }
    }
}
