import Glibc
import Posix

/// A request that the kernel refused: operation, subject, errno by name, the kernel's own words where it gave any, and
/// what an administrator can do about it.
package struct FirewallError: Error, Equatable, CustomStringConvertible {
    package enum Kind: Sendable {
        /// CAP_NET_ADMIN is missing.
        case notPermitted
        /// The table, a set or a chain is gone: somebody deleted it.
        case missing
        case setFull
        /// The prefix shares addresses with a range in the set that is not ours.
        case overlap
        /// The kernel dropped an answer, or had no memory.
        case noRoom
        case unsupported
        /// This form of firewall cannot hold such a prefix.
        case notHeld
        /// Another daemon that lives has the table.
        case inUse
        case other
    }

    package let kind: Kind
    package let operation: String
    package let subject: String
    package let code: Int32
    package let detail: String?

    init(_ operation: String, _ subject: String, code: Int32, detail: String? = nil) {
        kind = Kind(code: code)
        self.operation = operation
        self.subject = subject
        self.code = code
        self.detail = detail
    }

    init(_ operation: String, _ subject: String, notHeld detail: String) {
        kind = .notHeld
        self.operation = operation
        self.subject = subject
        code = 0
        self.detail = detail
    }

    /// The table is another daemon's, which lives.
    package init(inUseBy owner: String) {
        kind = .inUse
        operation = "take up"
        subject = "table \(tableName)"
        code = 0
        detail = "another breakwaterd enforces with it, of state directory \(owner)"
    }

    init(_ operation: String, _ error: SystemError) {
        self.init(operation, error.subject, code: error.code, detail: error.call)
    }

    package var description: String {
        var text = "\(operation) \(subject)"
        if code != 0 { text += ": \(errnoText(code))" }
        if let detail { text += code == 0 ? ": \(detail)" : " (\(detail))" }
        if let remedy { text += " -> \(remedy)" }
        return text
    }

    package var remedy: String? {
        switch kind {
        case .notPermitted: "run as root or with CAP_NET_ADMIN, see breakwaterd(8)"
        case .missing: "the table was changed by others; it is put back at the next check"
        case .setFull: "the set is full; ban networks in place of single hosts, or for a shorter time"
        case .overlap: "a range put in by somebody else covers part of it: nft list table inet breakwater"
        case .noRoom: "the kernel is short of memory or of socket buffers; tried again at the next check"
        case .unsupported: "this kernel lacks a part of nftables: breakwater doctor says which"
        case .inUse: "end that one first, or enforce by it"
        case .notHeld, .other: nil
        }
    }
}

extension FirewallError.Kind {
    init(code: Int32) {
        switch code {
        case EPERM, EACCES: self = .notPermitted
        case ENOENT: self = .missing
        case ENFILE: self = .setFull
        case EEXIST, ENOTEMPTY: self = .overlap
        case ENOBUFS, ENOMEM: self = .noRoom
        case EOPNOTSUPP, EPROTONOSUPPORT, EAFNOSUPPORT: self = .unsupported
        default: self = .other
        }
    }
}
