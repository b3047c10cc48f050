import CLinux
import CNetfilter
import Glibc
import Netlink
import Posix

/// One nf_tables transaction: what is in it takes effect together, or not at all.
///
/// A transaction that fails costs 8 to 16 ms in the kernel, so nothing is put in here in the hope that it may work.
final class Batch {
    /// Room for three messages each for 1,000 elements of 80 bytes, four times over.
    private static let capacity = 1 << 20
    /// The most that one message needs; the length of a nest is a 16-bit number.
    static let messageLimit = 1 << 16

    private let memory = UnsafeMutableRawPointer.allocate(byteCount: Batch.capacity, alignment: 8)
    private var used = 0
    private var sequence: UInt32 = 0
    private var messages: [Message] = []

    private struct Message {
        let operation: StaticString
        let subject: String
        /// Where each element begins in the message, and whose it is.
        let elements: [(start: Int, owner: Int)]
    }

    init() {}
    deinit { memory.deallocate() }

    var isEmpty: Bool { messages.isEmpty }

    /// Adds one message; `fill` writes its attributes, at most `messageLimit` bytes, and says where elements begin.
    func add(
        _ type: nf_tables_msg_types, _ operation: StaticString, _ subject: String, flags: Int32 = 0,
        _ fill: (UnsafeMutablePointer<nlmsghdr>) -> [(start: Int, owner: Int)]
    ) {
        if messages.isEmpty { used = 0; append { nftnl_batch_begin($0, 0) } }
        precondition(Batch.capacity - used >= 2 * Batch.messageLimit, "a transaction of more than 1,000 elements")
        var starts: [(start: Int, owner: Int)] = []
        append {
            guard
                let header = nftnl_nlmsg_build_hdr(
                    $0, UInt16(type.rawValue), UInt16(NFPROTO_INET), UInt16(flags), 0)
            else { return nil }
            starts = fill(header)
            return header
        }
        messages.append(Message(operation: operation, subject: subject, elements: starts))
    }

    private func append(_ build: (UnsafeMutablePointer<CChar>) -> UnsafeMutablePointer<nlmsghdr>?) {
        guard let header = build((memory + used).assumingMemoryBound(to: CChar.self)) else { return }
        used += (Int(header.pointee.nlmsg_len) + 3) & ~3
        precondition(used <= Batch.capacity)
    }

    /// Sends the transaction and reads its answer; the batch is empty afterwards, whatever came of it.
    func commit(over socket: NetlinkSocket) throws(Failure) {
        guard !messages.isEmpty else { return }
        append { nftnl_batch_end($0, 0) }
        let sent = messages
        messages = []
        number(sent.count, from: socket)
        do {
            try socket.send(UnsafeRawBufferPointer(start: memory, count: used))
        } catch {
            throw Failure(error: FirewallError("send", error), owner: nil)
        }
        try readAnswer(to: sent, over: socket)
    }

    /// Gives every message its sequence number, and asks the last one before the end for an acknowledgement.
    private func number(_ count: Int, from socket: NetlinkSocket) {
        var offset = 0
        var index = 0
        while offset < used {
            let header = (memory + offset).assumingMemoryBound(to: nlmsghdr.self)
            header.pointee.nlmsg_seq = socket.nextSequence()
            if index == 0 { sequence = header.pointee.nlmsg_seq }
            if index == count { header.pointee.nlmsg_flags |= UInt16(NLM_F_ACK) }
            offset += (Int(header.pointee.nlmsg_len) + 3) & ~3
            index += 1
        }
    }

    /// The kernel has answered by the time that `send` returns: one error for each message that failed, then the
    /// acknowledgement of the last. An error of the whole transaction bears the number of its first message.
    private func readAnswer(to sent: [Message], over socket: NetlinkSocket) throws(Failure) {
        var failure: Failure?
        var isAnswered = false
        while !isAnswered {
            let hasMore: Bool
            do {
                hasMore = try socket.receive { header in
                    guard let answer = Acknowledgement(header) else { return }
                    let index = Int(answer.sequence &- sequence)
                    guard index <= sent.count else { return }
                    isAnswered = isAnswered || index == sent.count || (index == 0 && answer.code != 0)
                    if answer.code != 0, failure == nil {
                        failure = self.failure(answer, in: index == 0 ? nil : sent[index - 1])
                    }
                }
            } catch {
                throw Failure(error: FirewallError("receive", error), owner: nil)
            }
            if !hasMore { break }
        }
        if let failure { throw failure }
        if !isAnswered {
            throw Failure(error: FirewallError("commit", "transaction", code: ENOBUFS, detail: "no answer"), owner: nil)
        }
    }

    private func failure(_ answer: Acknowledgement, in message: Message?) -> Failure {
        let owner = answer.offset.flatMap { offset in message?.elements.last { $0.start <= offset }?.owner }
        return Failure(
            error: FirewallError(
                message.map { "\($0.operation)" } ?? "commit", message?.subject ?? "transaction", code: answer.code,
                detail: answer.text),
            owner: owner, isOfElements: !(message?.elements.isEmpty ?? true))
    }

    /// Why a transaction was refused, and on whose account when the kernel says which element it was.
    struct Failure: Error {
        let error: FirewallError
        let owner: Int?
        var isOfElements = false
    }
}

/// An NLMSG_ERROR message; code 0 is an acknowledgement.
struct Acknowledgement {
    let sequence: UInt32
    let code: Int32
    /// Where in the request the attribute at fault begins.
    private(set) var offset: Int?
    /// The kernel's own words.
    private(set) var text: String?

    init?(_ header: UnsafePointer<nlmsghdr>) {
        let fixed = 4 + MemoryLayout<nlmsghdr>.size
        guard header.pointee.nlmsg_type == UInt16(NLMSG_ERROR),
            Int(header.pointee.nlmsg_len) >= MemoryLayout<nlmsghdr>.size + fixed
        else { return nil }
        sequence = header.pointee.nlmsg_seq
        let code = (UnsafeRawPointer(header) + MemoryLayout<nlmsghdr>.size).loadUnaligned(as: Int32.self)
        self.code = code == .min ? .max : -code
        guard header.pointee.nlmsg_flags & UInt16(NLM_F_ACK_TLVS) != 0,
            header.pointee.nlmsg_flags & UInt16(NLM_F_CAPPED) != 0
        else { return }
        for attribute in Attributes(of: header, after: fixed) {
            if attribute.type == Int(NLMSGERR_ATTR_OFFS.rawValue) { offset = attribute.hostU32.map(Int.init) }
            if attribute.type == Int(NLMSGERR_ATTR_MSG.rawValue) { text = String(attribute.string.prefix(200)) }
        }
    }
}
