import Addresses

/// Exim's own place: `[IP]` behind `H=NAME (HELO)`. HELO, sender and recipient are raw, so where several groups could be
/// it the slow reading says which ones.
struct EximOracle: Oracle {
    /// Entries in pieces, by pid: the address groups of what came so far.
    private var pieces: [[UInt8]: [IPAddress]] = [:]

    mutating func hear(_ line: SlowLine) -> OwnPlace {
        let isOwnFile = line.tag.isEmpty && line.host.isEmpty
        guard isOwnFile || line.tag.starts(with: "exim".utf8) else { return .noEvent }
        let groups = EximOracle.groups(line.message)
        guard let close = EximOracle.pieceEnd(line.message) else { return .oneOf(groups) }
        let pid = line.pid ?? []
        if line.message.starts(with: "[1\\".utf8) || line.message.starts(with: "[1/".utf8) { pieces[pid] = [] }
        let before = pieces[pid] ?? []
        // A group may begin in one piece and end in the next: its joined text is not looked for here.
        pieces[pid] = before + EximOracle.groups(Array(line.message[close...]))
        return .oneOf(pieces[pid] ?? [])
    }

    /// Behind `[3\14] ` or `[14/14] `.
    private static func pieceEnd(_ message: [UInt8]) -> Int? {
        guard message.first == UInt8(ascii: "["), let close = message.prefix(12).firstIndex(of: UInt8(ascii: "]")),
            message[1..<close].contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "/") })
        else { return nil }
        return close + 1
    }

    /// Every `[ADDRESS]` of the text, but for our own end (`I=[...]`).
    private static func groups(_ text: [UInt8]) -> [IPAddress] {
        var found: [IPAddress] = []
        for open in text.indices where text[open] == UInt8(ascii: "[") {
            let inside = text[(open + 1)...].prefix(46)
            guard let close = inside.firstIndex(of: UInt8(ascii: "]")) else { continue }
            if let address = slowAddress(Array(text[(open + 1)..<close])) { found.append(address) }
        }
        return found
    }

    static var grammar: Grammar {
        let host = "exim[4408]|H=$n ($h) [$P] F=<$s> "
        let mail = "1xUXkP-0002hX-1v"
        return Grammar(
            [
                (host + "rejected RCPT <$r>: found in zen.example", .peerOrNothing),
                (host + "rejected RCPT <$r>", .peerOrNothing),
                ("exim[4408]|H=($h) [$P] F=<$s> rejected RCPT <$r>: $P is listed at zen.example", .peerOrNothing),
                ("exim[4408]|H=$n [$P] F=<> rejected RCPT <$r>: found in zen.example", .peerOrNothing),
                ("exim[4408]|H=[$P] rejected connection in \"connect\" ACL: 550 blocked using zen.example", .peer),
                (
                    "exim[4408]|[4408] H=$n ($h) [$P]:57705 I=[203.0.113.25]:25 F=<$s> rejected RCPT <$r>: found in zen.example",
                    .peerOrNothing
                ),
                ("exim[4408]|rejected EHLO from $n [$P]: syntactically invalid argument(s): $t", .peer),
                ("exim[4408]|rejected HELO from [$P]: syntactically invalid argument(s): $t", .peer),
                (
                    "exim[4408]|LOGIN authenticator failed for $n ($h) [$P]: 535 Incorrect authentication data (set_id=$t)",
                    .peerOrNothing
                ),
                ("exim[4408]|\(mail) H=($h) [$P] F=<$s> rejected after DATA: $t", .peerOrNothing),
                (
                    "exim[4408]|[1\\3] \(mail) H=$n [$P] F=<u@good.example> rejected after DATA: no\nexim[4408]|[2\\3]   X: $t\nexim[4408]|[3/3]   Y: $t",
                    .peerOrNothing
                ),
                ("exim[4408]|[2\\3]   X-C: $t", .nothing),
                (
                    "exim[4408]|[3/3]   X-C: H=(x) [192.0.2.66] F=<a@b.c> rejected RCPT <d@e.f>: found in zen.example",
                    .nothing
                ),
                ("exim[4408]|\(mail) <= $q H=$n ($h) [$P] P=esmtp S=812 id=$t", .peerOrNothing),
                ("exim[4408]|\(mail) => bob <$r> R=local T=mail H=mx.example [192.0.2.66] C=\"$t\"", .nothing),
                ("exim[4408]|\(mail) ** $r R=x T=y: $t", .nothing),
                (
                    "exim[4408]|SMTP call from ($h) [$P] dropped: too many unrecognized commands (last was \"$t\")",
                    .peerOrNothing
                ),
                ("exim[4408]|no host name found for IP address $P", .peerOrNothing),
                ("@mainlog|H=$n ($h) [$P] F=<$s> rejected RCPT <$r>: found in zen.example", .peerOrNothing),
                ("@mainlog|\(mail) <= $q H=$n ($h) [$P]:4711 P=esmtps X=TLS1.3 A=login:$t S=812", .peerOrNothing),
            ], cleaning: ["n": hostName, "q": sender], canBeCut: false)
    }

    /// An address by Exim's own parser: what is more than letters must be quoted.
    private static func sender(_ text: [UInt8]) -> [UInt8] {
        let isPlain = text.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"()<>[]:;,\\\"".utf8.contains($0) }
        let local = text.flatMap {
            $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") ? [UInt8(ascii: "\\"), $0] : [$0]
        }
        return (isPlain ? text : [0x22] + local + [0x22]) + Array("@sender.example".utf8)
    }
}
