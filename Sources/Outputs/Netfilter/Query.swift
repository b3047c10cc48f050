import CLinux
import CNetfilter
import Glibc
import Netlink
import Posix

/// Questions to nf_tables: they change nothing and need no transaction.
final class Query {
    private let socket: NetlinkSocket
    private let memory = UnsafeMutableRawPointer.allocate(byteCount: Batch.messageLimit, alignment: 8)

    init(over socket: NetlinkSocket) { self.socket = socket }
    deinit { memory.deallocate() }

    /// Asks, and visits every message of the answer.
    ///
    /// - Parameter flags: `NLM_F_DUMP` for everything there is, else `NLM_F_ACK`, so that the end is seen.
    /// - Returns: false when a dump saw the tables change meanwhile and may be incomplete.
    @discardableResult
    func ask(
        _ type: nf_tables_msg_types, _ subject: String, flags: Int32, family: Int = NFPROTO_INET,
        _ fill: (UnsafeMutablePointer<nlmsghdr>) -> Void, _ visit: (UnsafePointer<nlmsghdr>) -> Void
    ) throws(FirewallError) -> Bool {
        let sequence = try send(type, subject, flags: flags, family: family, fill)
        var code: Int32 = 0
        var detail: String?
        var isAnswered = false
        var isWhole = true
        while !isAnswered {
            let hasMore: Bool
            do {
                hasMore = try socket.receive { header in
                    guard header.pointee.nlmsg_seq == sequence else { return }
                    if header.pointee.nlmsg_flags & UInt16(NLM_F_DUMP_INTR) != 0 { isWhole = false }
                    if let answer = Acknowledgement(header) {
                        code = answer.code
                        detail = answer.text
                        isAnswered = true
                    } else if header.pointee.nlmsg_type == UInt16(NLMSG_DONE) {
                        isAnswered = true
                    } else {
                        visit(header)
                    }
                }
            } catch {
                throw FirewallError("look up", error)
            }
            if !hasMore, !isAnswered { throw FirewallError("look up", subject, code: ENOBUFS, detail: "no answer") }
        }
        if code != 0 { throw FirewallError("look up", subject, code: code, detail: detail) }
        return isWhole
    }

    /// Returns the sequence number that the answer will bear.
    private func send(
        _ type: nf_tables_msg_types, _ subject: String, flags: Int32, family: Int = NFPROTO_INET,
        _ fill: (UnsafeMutablePointer<nlmsghdr>) -> Void
    ) throws(FirewallError) -> UInt32 {
        let sequence = socket.nextSequence()
        guard
            let header = nftnl_nlmsg_build_hdr(
                memory.assumingMemoryBound(to: CChar.self), UInt16(type.rawValue), UInt16(family), UInt16(flags),
                sequence)
        else { throw FirewallError("look up", subject, code: ENOMEM) }
        fill(header)
        let count = Int(header.pointee.nlmsg_len)
        precondition(count <= Batch.messageLimit)
        do {
            try socket.send(UnsafeRawBufferPointer(start: memory, count: count))
        } catch {
            throw FirewallError("look up", error)
        }
        return sequence
    }
}
