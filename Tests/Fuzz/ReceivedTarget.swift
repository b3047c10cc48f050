import Addresses
import Dialects

/// The topmost Received line of a message, as each server writes it around words of its peer: the address is that of
/// the peer, whatever he says.
struct ReceivedTarget: Target {
    /// `$P` is the peer; `$` with another letter is foreign text: `h` HELO, `n` name, `i` ident, `t` other.
    private static let shapes = [
        "from $h ($n [$P])\n\tby mx.example (Postfix) with ESMTP id 4F1\n\tfor <$t>; Fri, 20 Nov 2026 22:44:56 +0000",
        "from $h ($n [$P])\n\t(using TLSv1.3 with cipher X (256/256 bits))\n\t(Client CN \"$t\", Issuer \"$t\" (not verified))"
            + "\n\tby mx.example (Postfix) with ESMTPS id 4F1; Fri, 20 Nov 2026 22:44:56 +0000",
        "from $h ($n [$P])\n  (TLS: TLSv1.3,256bits,X)\n  by mx.example with ESMTPS\n  id 0000.0000; Fri, 20 Nov 2026",
        "from $h ($n [$P] (may be forged))\n\tby mx.example (8.17.1/8.17.1) with ESMTP id 4F1\n\tfor <$t>; Fri",
        "from $h ($i@$n [$P])\n\tby mx.example (8.17.1/8.17.1) with ESMTP id 4F1;\n\tFri, 20 Nov 2026 22:44:56 GMT",
        "from $h ($n [$P])\n\tby mx.example (OpenSMTPD) with ESMTP id 4f1\n\tfor <$t>;\n\tFri, 20 Nov 2026",
        "from [$P] (helo=$h)\n\tby mx.example with esmtp (Exim 4.96)\n\t(envelope-from <$t>)\n\tid 1-2-3",
        "from [$P] (port=4711 helo=$h ident=$i)\n\tby mx.example with esmtps (TLS1.3) tls X\n\t(Exim 4.96)\n\tid 1-2-3",
        "from [$P]\n\tby mx.example with smtp (Exim 4.96)\n\tid 1-2-3",
        "from $n ([$P] helo=$h)\n\tby mx.example with esmtp (Exim 4.96)\n\tid 1-2-3",
        "from $n ([$P]:4711 ident=$i)\n\tby mx.example with esmtp (Exim 4.96)\n\tid 1-2-3",
        "from $n\n\t([$P] helo=$h ident=$i)\n\tby mx.example with esmtp (Exim 4.96)\n\t(envelope-from <$t>)",
        "from $n (HELO $h) ($i@$P)\n  by mx.example with SMTP; 20 Nov 2026 22:44:56 -0000",
        "from $n (HELO $h) ($P)\n  by mx.example (qpsmtpd/0.96) with ESMTP; Fri, 20 Nov 2026 22:44:56 +0000",
    ]
    private static let peers = ["198.51.100.9", "203.0.113.255", "2001:db8::9"].compactMap { IPAddress($0) }

    mutating func run(_ input: [UInt8]) {
        guard input.first == UInt8(ascii: "F"), input.count > 3 else { return raw(input) }
        let shape = ReceivedTarget.shapes[Int(input[1]) % ReceivedTarget.shapes.count]
        let peer = ReceivedTarget.peers[Int(input[2]) % ReceivedTarget.peers.count]
        let isTagged = input[3] & 1 != 0 && !shape.contains("(Exim")
        let fields = input.dropFirst(4).split(separator: 0, omittingEmptySubsequences: false).map(Array.init)
        let made = ReceivedTarget.header(shape, isTagged && !peer.isIPv4 ? "IPv6:\(peer)" : "\(peer)", fields)
        let end: [UInt8] = input[3] & 2 != 0 ? [0x0d, 0x0a] : [0x0a]
        var message = Array("Return-Path: <x@sender.example>\n".utf8) + made
        // What is below is the peer's own.
        message += Array("\nReceived: from [192.0.2.66] (x [192.0.2.66])\n\tby y\n".utf8) + (fields.last ?? [])
        message = message.flatMap { $0 == 0x0a ? end : [$0] }
        let found = ReceivedTrace(message).hops.first?.peer
        // Words that look like another server's shape may leave it open.
        let isOpen = found == .ambiguous && fields.contains { $0.contains(UInt8(ascii: "[")) }
        require(found == .address(peer) || isOpen, "\(String(describing: found)), not \(peer): \(shown(message))")
    }

    private static func header(_ shape: String, _ peer: String, _ fields: [[UInt8]]) -> [UInt8] {
        var fields = fields[...]
        var made = Array("Received: ".utf8)
        var isField = false
        for byte in shape.utf8 {
            guard isField else {
                isField = byte == UInt8(ascii: "$")
                if !isField { made.append(byte) }
                continue
            }
            isField = false
            guard byte != UInt8(ascii: "P") else {
                made += Array(peer.utf8)
                continue
            }
            let text = (fields.popFirst() ?? []).filter { $0 != 0x0a && $0 != 0x0d }
            switch byte {
            // A name from the DNS, as every server takes care that it is one.
            case UInt8(ascii: "n"): made += hostName(text)
            // qmail writes nothing else of it.
            case UInt8(ascii: "h") where shape.contains("(HELO"):
                made += text.map { $0 > 0x2c && $0 < 0x7b && $0 != 0x5b && $0 != 0x5d ? $0 : UInt8(ascii: "?") }
            default: made += text
            }
        }
        return made
    }

    /// Any message: what is found stands in it between signs that no address has, and what comes behind the head of
    /// the message counts for nothing.
    private func raw(_ input: [UInt8]) {
        let trace = ReceivedTrace(input)
        let longer = input + Array("\n\nReceived: from x (x [192.0.2.66])\n\tby y\n".utf8)
        require(ReceivedTrace(longer) == trace, "the body counts: \(shown(input))")
        let words = input.split { $0 != 0x2e && $0 != 0x3a && !isHex($0) }.map(Array.init)
        for case .address(let found) in trace.hops.map(\.peer) {
            // Of `IPv6:` the last digit is one of an address, too.
            let isThere = words.contains { slowAddress($0) == found || slowAddress($0.behind("6:") ?? []) == found }
            require(isThere, "\(found) is not in it: \(shown(input))")
        }
        if let own = trace.hops.first?.peer, case .address(let address) = own {
            require(trace.source { $0 == address }?.peer != own, "the source is its own: \(shown(input))")
        }
    }

    private func isHex(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20) }
}
