import Addresses
import CLinux
import Glibc

/// Which sockets of a dump are wanted, in the bytecode the kernel runs for each of them (linux/inet_diag.h).
///
/// Every operation jumps forward: by `yes` bytes when it holds, by `no` bytes when not. A socket passes when the
/// jumps end exactly behind the last operation; a jump 4 bytes further rejects it.
struct SockDiagFilter {
    /// One of these local ports; empty is any. More than `portLimit` are not filtered by the kernel.
    var localPorts: [UInt16]
    var peer: Prefix?

    static let portLimit = 64

    /// The operations, or empty when everything passes.
    var bytecode: [UInt8] {
        var code: [UInt8] = []
        let tail = peerCondition
        let ports = localPorts.count <= SockDiagFilter.portLimit ? localPorts : []
        for (index, port) in ports.enumerated() {
            let later = ports.count - 1 - index
            // 20 bytes for each port but the last, which needs no jump over others.
            let behind = later == 0 ? 0 : 4 + later * 20 - 4
            let miss = later == 0 ? tail.count + 4 : 4
            append(&code, INET_DIAG_BC_S_GE, yes: 8, no: 16 + miss)
            append(&code, 0, yes: 0, no: Int(port))
            append(&code, INET_DIAG_BC_S_LE, yes: 8, no: 8 + miss)
            append(&code, 0, yes: 0, no: Int(port))
            if later > 0 { append(&code, INET_DIAG_BC_JMP, yes: 4, no: behind) }
        }
        return code + tail
    }

    /// INET_DIAG_BC_D_COND with struct inet_diag_hostcond. An IPv4 condition meets mapped peers too; a prefix
    /// shorter than the mapped space holds both families, so that one is left to the caller.
    private var peerCondition: [UInt8] {
        guard let peer, peer.isIPv4 || peer.bits > 0 && !peer.contains(IPAddress(v4: 0)) else { return [] }
        let address = peer.isIPv4 ? peer.address.networkBytes : peer.address.mappedBytes
        let length = 4 + 8 + address.count
        var code: [UInt8] = []
        append(&code, INET_DIAG_BC_D_COND, yes: length, no: length + 4)
        code += [UInt8(peer.isIPv4 ? AF_INET : AF_INET6), UInt8(peer.length), 0, 0]
        code += [0xff, 0xff, 0xff, 0xff]  // Any port is -1.
        return code + address
    }

    private func append(_ code: inout [UInt8], _ operation: Int, yes: Int, no: Int) {
        let low = UInt8(truncatingIfNeeded: no)
        let high = UInt8(truncatingIfNeeded: no >> 8)
        code += [UInt8(truncatingIfNeeded: operation), UInt8(truncatingIfNeeded: yes)]
        // The 16-bit field is in host order.
        code += UInt16(1).littleEndian == 1 ? [low, high] : [high, low]
    }
}
