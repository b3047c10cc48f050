import Addresses

/// Sendmail's own place: `NAME [IP]` behind the `, relay=` that sendmail itself wrote. Which of several that is, is seen
/// in lines of its grammar only.
struct SendmailOracle: Oracle {
    /// The addresses named under a queue id or a pid.
    private var known: [[UInt8]: [IPAddress]] = [:]

    mutating func hear(_ line: SlowLine) -> OwnPlace {
        guard line.tag.lastPlace(of: "sendmail") != nil || line.tag.starts(with: "sm-".utf8) else { return .noEvent }
        var addresses = SendmailOracle.groups(line.message)
        let key = (line.message.before(":") ?? []) + [0]
        addresses += known[key] ?? []
        known[key] = addresses
        return .oneOf(addresses)
    }

    private static func groups(_ text: [UInt8]) -> [IPAddress] {
        var found: [IPAddress] = []
        for open in text.indices where text[open] == UInt8(ascii: "[") {
            guard let close = text[open...].prefix(56).firstIndex(of: UInt8(ascii: "]")) else { continue }
            let inside = Array(text[(open + 1)..<close])
            if let address = slowAddress(inside.behind("IPv6:") ?? inside) { found.append(address) }
        }
        return found
    }

    static var grammar: Grammar {
        let id = "6AKNALRr009406"
        let tag = "sendmail[9406]|"
        return Grammar(
            [
                (
                    tag
                        + "ruleset=check_relay, arg1=$n, arg2=127.0.0.2, relay=$n [$P], reject=550 5.7.1 Rejected: $P listed at zen.example",
                    .peer
                ),
                (
                    tag
                        + "ruleset=check_relay, arg1=[$P], arg2=127.0.0.4, relay=[$P], reject=554 5.7.1 see https://zen.example/$t",
                    .peerOrNothing
                ),
                (
                    tag
                        + "\(id): ruleset=check_rcpt, arg1=<$r>, relay=$n [$P], reject=550 5.7.1 <$r>... Rejected: $P listed at zen.example",
                    .peerOrNothing
                ),
                (
                    tag
                        + "\(id): ruleset=check_rcpt, arg1=<$r>, relay=$n [$P] (may be forged), reject=550 5.7.1 <$r>... Relaying denied. IP name possibly forged [$P]",
                    .peerOrNothing
                ),
                (
                    tag
                        + "\(id): ruleset=check_mail, arg1=<$s>, relay=$n [$P], reject=553 5.1.8 <$s>... Domain of sender address $s does not exist",
                    .peerOrNothing
                ),
                (
                    tag
                        + "\(id): from=<$s>, size=87, class=0, nrcpts=1, msgid=<$m>, proto=ESMTP, daemon=MTA-v4, relay=$n [$P]",
                    .peerOrNothing
                ),
                (
                    tag + "\(id): from=<$s>, size=0, class=0, nrcpts=0, proto=ESMTP, daemon=MTA-v4, relay=[$P]\n" + tag
                        + "\(id): <$r>... User unknown", .peerOrNothing
                ),
                (
                    tag + "\(id): <$r>... User unknown\n" + tag
                        + "\(id): from=<$s>, size=0, class=0, nrcpts=0, proto=ESMTP, daemon=MTA-v4, relay=[$P]",
                    .peerOrNothing
                ),
                (
                    tag
                        + "\(id): to=<$r>, delay=00:00:01, mailer=esmtp, relay=mx.example. [192.0.2.66], dsn=5.1.1, stat=User unknown $t",
                    .nothing
                ),
                ("sm-mta[9406]|AUTH=server, relay=$n [$P], authid=$t, mech=LOGIN, bits=0", .peerOrNothing),
                ("sm-mta[9406]|\(id): AUTH failure (LOGIN): user not found: $t, relay=$n [$P]", .peerOrNothing),
                ("sm-mta[9406]|$n [$P] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA-v4", .peerOrNothing),
                ("sm-mta[9406]|\(id): lost input channel from $n [$P] to MTA-v4 after rcpt", .peerOrNothing),
            ], spelled: { $0.isIPv4 ? "\($0)" : "IPv6:\($0)" },
            cleaning: ["n": hostName, "r": clean, "s": clean, "t": clean, "m": { Array(clean($0).prefix(100)) }],
            canBeCut: false)
    }

    /// Seven bits, control characters as `^X`.
    private static func clean(_ text: [UInt8]) -> [UInt8] {
        text.flatMap { byte -> [UInt8] in
            let low = byte & 0x7f
            return low < 0x20 || low == 0x7f ? [UInt8(ascii: "^"), low ^ 0x40] : [low]
        }
    }
}
