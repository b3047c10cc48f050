import Glibc
import Posix

/// Whose journal entries are a mail server's: those of root and of the accounts that mail systems run under.
///
/// Everybody may write to the journal under any name and facility (logger(1)), but not under another's user id: that
/// one journald takes from the kernel. So a line counts by who wrote it. With only a program's name to go by, or none,
/// the writer has to be root or one of the accounts below. Where the configuration names a unit, which journald takes
/// from the kernel too, the accounts of other packages will do; ordinary users never, since a delivery to a user's
/// program runs inside the mail server's unit.
struct MailUsers {
    private var known: Set<UInt32>
    private var readAt: Int64
    private let path: String

    /// - Parameter path: accounts are read from the file itself: a directory service may take long to say that it knows
    ///   none of these.
    init(passwords path: String = "/etc/passwd") {
        self.path = path
        known = MailUsers.read(path)
        readAt = MonotonicClock.nanoseconds()
    }

    mutating func trusts(_ user: UInt32, isUnitNamed: Bool) -> Bool {
        if user == 0 || known.contains(user) { return true }
        if isUnitNamed { return user <= MailUsers.lastSystem || MailUsers.dynamic.contains(user) }
        guard user <= MailUsers.lastSystem, MonotonicClock.nanoseconds() - readAt > MailUsers.readAgain else {
            return false
        }
        // Perhaps a mail server was installed meanwhile.
        self = MailUsers(passwords: path)
        return known.contains(user)
    }

    private static func read(_ path: String) -> Set<UInt32> {
        guard let bytes = try? contents(of: path) else { return [] }
        var users: Set<UInt32> = []
        for line in bytes.split(separator: 0x0a) {
            let fields = line.split(separator: UInt8(ascii: ":"), maxSplits: 3, omittingEmptySubsequences: false)
            guard fields.count == 4, names.contains(String(decoding: fields[0], as: UTF8.self)),
                let user = UInt32(String(decoding: fields[2], as: UTF8.self)), user <= lastSystem
            else { continue }
            users.insert(user)
        }
        return users
    }

    private static let readAgain: Int64 = 60_000_000_000
    /// login.defs(5), SYS_UID_MAX.
    private static let lastSystem: UInt32 = 999
    /// systemd.exec(5), DynamicUser.
    private static let dynamic: ClosedRange<UInt32> = 61184...65519
    /// Debian's, Fedora's and Arch's accounts of the servers whose lines are read.
    private static let names: Set<String> = [
        "postfix", "Debian-exim", "exim", "mail", "mailnull", "smmta", "smmsp", "sendmail", "opensmtpd", "opensmtpq",
        "_smtpd", "_smtpq", "smtpd", "smtpq", "courier", "qpsmtpd", "qmaild", "qmaill", "qmails", "qmailq", "qmailr",
    ]
}
