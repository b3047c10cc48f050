import CLinux
import CNetfilter
import Netlink
import Posix

/// Tells when somebody else changed our table, so that a check costs nothing while nobody does.
///
/// Our own messages are filtered out in the kernel, by the port of the socket that writes. The kernel tells nothing
/// when an element expires by itself.
package final class TableMonitor {
    private static let perCall = 64

    private let socket: NetlinkSocket
    /// Set when our table was changed, or when messages were lost; the owner clears it before it checks.
    package var isDisturbed = false
    /// Messages about our table, and losses, for `status`.
    package private(set) var disturbances = 0

    package init(passingOver portID: UInt32) throws(FirewallError) {
        do throws(SystemError) {
            socket = try NetlinkSocket(family: NETLINK_NETFILTER, isNonblocking: true)
            guard bw_netlink_ignore_sender(socket.descriptor, portID) == 0 else { throw SystemError("netlink filter") }
            socket.setReceiveQueue(bytes: 1 << 20)
            try socket.join(group: UInt32(NFNLGRP_NFTABLES.rawValue))
        } catch {
            throw FirewallError("monitor", error)
        }
    }

    package var descriptor: Int32 { socket.descriptor }

    /// Reads what has come, at most 64 datagrams; call it when the descriptor is readable.
    package func receive() {
        for _ in 0..<TableMonitor.perCall {
            do {
                let hasMore = try socket.receive { header in
                    if TableMonitor.isOfOurTable(header) { disturb() }
                }
                if !hasMore { return }
            } catch {
                // ENOBUFS: messages were dropped, ours may have been among them.
                disturb()
            }
        }
    }

    /// Every nf_tables message but that of a new generation begins with its table's name.
    static func isOfOurTable(_ message: UnsafePointer<nlmsghdr>) -> Bool {
        guard message.pointee.nlmsg_type != MessageType(NFT_MSG_NEWGEN) else { return false }
        let name = Attributes(of: message, after: familyHeaderBytes).first(NFTA_TABLE_NAME.rawValue)
        return name?.isString(tableName) ?? false
    }

    private func disturb() {
        isDisturbed = true
        disturbances += 1
    }
}
