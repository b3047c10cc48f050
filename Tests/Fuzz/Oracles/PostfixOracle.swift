import Addresses

/// smtpd's and postscreen's own place: the first bracket of the line, behind words of Postfix's own and a verified name.
struct PostfixOracle: Oracle {
    /// Whose message a queue id is, from `QUEUEID: client=NAME[IP]`.
    private var clients: [[UInt8]: IPAddress] = [:]
    /// Who was named last by which smtpd, for what the filter before the queue says.
    private var processes: [[UInt8]: IPAddress] = [:]

    mutating func hear(_ line: SlowLine) -> OwnPlace {
        let programs = ["smtpd", "postscreen", "master", "cleanup", "qmgr", "submission", "dnsblog"]
        let isPostfix = line.tag.place(of: "postfix") != nil || programs.contains { line.tag.lastPlace(of: $0) != nil }
        guard isPostfix else { return .noEvent }
        var message = line.message
        if message.starts(with: "proxy-".utf8) { return .peer(line.pid.flatMap { processes[$0] }) }
        var queueID: [UInt8]?
        let first = message.prefix { (0x30...0x39).contains($0) || (0x61...0x7a).contains($0 | 0x20) }
        if !first.isEmpty, message.dropFirst(first.count).starts(with: ": ".utf8), !first.elementsEqual("warning".utf8)
        {
            queueID = Array(first)
            message.removeFirst(first.count + 2)
        }
        guard let open = message.firstIndex(of: UInt8(ascii: "[")),
            let close = message[open...].firstIndex(of: UInt8(ascii: "]"))
        else { return .peer(queueID.flatMap { clients[$0] }) }
        let words = message[..<open].split(separator: 0x20, omittingEmptySubsequences: false).map(Array.init)
        guard let name = words.last, let address = slowAddress(Array(message[(open + 1)..<close])),
            PostfixOracle.leads.contains(where: { PostfixOracle.isLead($0, Array(words.dropLast())) })
                || (words.count == 1 && name.starts(with: "client=".utf8))
        else { return .peer(queueID.flatMap { clients[$0] }) }
        // smtpd's own word, also where the tag is cut at the slash.
        let isCut = line.tag.starts(with: "postfix".utf8) && !line.tag.contains(UInt8(ascii: "/"))
        if isCut || line.tag.suffix(6).elementsEqual("/smtpd".utf8) {
            if let queueID, name.starts(with: "client=".utf8) { clients[queueID] = address }
            if let pid = line.pid { processes[pid] = address }
        }
        return .peer(address)
    }

    private static func isLead(_ lead: [String], _ words: [[UInt8]]) -> Bool {
        lead.count == words.count
            && zip(lead, words).allSatisfy { lead, word in
                switch lead {
                case "*": !word.isEmpty
                case "^": word.allSatisfy { (0x41...0x5a).contains($0) || $0 == UInt8(ascii: "-") }
                default: word.isText(lead)
                }
            }
    }

    /// What stands before `NAME[IP]`, word by word; `*` is any one word, `^` one in capitals.
    private static let leads: [[String]] = [
        "connect from", "disconnect from", "lost connection after * from", "lost connection after * (* bytes) from",
        "timeout after * from", "timeout after * (* bytes) from", "too many errors after * from",
        "too many errors after * (* bytes) from",
        "improper command pipelining after * from", "reject: ^ from", "reject: ^ content from", "milter-reject: ^ from",
        "reject_warning: * from", "warning:", "warning: Connection concurrency limit exceeded: * from",
        "warning: Connection rate limit exceeded: * from",
        "warning: Message delivery request rate limit exceeded: * from",
        "warning: Recipient address rate limit exceeded: * from",
        "warning: New TLS session rate limit exceeded: * from",
        "warning: AUTH command rate limit exceeded: * from", "warning: Auth rate limit exceeded: * from",
        "warning: non-SMTP command from", "warning: Illegal address syntax from",
        "warning: dnsblog reply timeout * for",
        "CONNECT from", "DISCONNECT", "PASS NEW", "PASS OLD", "ALLOWLISTED", "DENYLISTED", "WHITELISTED", "BLACKLISTED",
        "ALLOWLIST VETO", "WHITELIST VETO",
        "HANGUP after * from", "PREGREET * after * from", "DNSBL rank * for", "COMMAND TIME LIMIT from",
        "COMMAND COUNT LIMIT from", "COMMAND LENGTH LIMIT from", "COMMAND PIPELINING from", "BARE NEWLINE from",
        "NON-SMTP COMMAND from", "SSL_accept error from",
    ].map { $0.split(separator: " ").map(String.init) }

    static var grammar: Grammar {
        let reject = "postfix/smtpd[812]|NOQUEUE: reject: RCPT from $n[$P]: "
        let behind = "; from=<$s> to=<$r> proto=ESMTP helo=<$h>"
        return Grammar(
            [
                (reject + "554 5.7.1 Service unavailable; Client host [$P] blocked using zen.example" + behind, .peer),
                (
                    reject + "554 5.7.1 Service unavailable; Client host [$P] blocked using zen.example; $t" + behind,
                    .peer
                ),
                (
                    "postfix/mx27/smtpd[812]|A3CD4142255: reject: RCPT from $n[$P]: 554 5.7.1 Service unavailable; Client host "
                        + "[$P] blocked using zen.example; $t" + behind, .peer
                ),
                (reject + "554 5.7.1 <$n[$P]>: Client host rejected: $t" + behind, .peer),
                (
                    reject + "550 5.1.1 <$r>: Recipient address rejected: User unknown in local recipient table"
                        + behind, .peer
                ),
                (
                    reject + "554 5.7.1 Service unavailable; Sender address [$s] blocked using dbl.example; $t"
                        + behind, .peer
                ),
                (
                    reject + "554 5.7.1 Service unavailable; Helo command [$h] blocked using dbl.example; $t" + behind,
                    .peer
                ),
                (reject + "504 5.5.2 <$h>: Helo command rejected: need fully-qualified hostname" + behind, .peer),
                (reject + "450 4.1.8 <$s>: Sender address rejected: Domain not found" + behind, .peer),
                (
                    "postfix/postscreen[387]|NOQUEUE: reject: RCPT from [$P]:36679: 550 5.7.1 Service unavailable; client [$P] "
                        + "blocked using zen.example; from=<$s>, to=<$r>, proto=ESMTP, helo=<$h>", .peer
                ),
                ("postfix/smtpd[812]|warning: $n[$P]: SASL LOGIN authentication failed: $t, sasl_username=$t", .peer),
                ("postfix/smtpd[812]|connect from $n[$P]", .peerOrNothing),
                ("postfix/smtpd[812]|A3CD4142255: client=$n[$P], sasl_method=PLAIN, sasl_username=$t", .peerOrNothing),
                ("postfix/smtpd[812]|warning: Illegal address syntax from $n[$P] in MAIL command: $t", .peerOrNothing),
                ("postfix/postscreen[387]|PREGREET 11 after 0.05 from [$P]:36679: $t", .peerOrNothing),
                (
                    "postfix/smtpd[812]|A3CD4142255: client=$n[$P]\npostfix/cleanup[813]|A3CD4142255: message-id=<$t>",
                    .peerOrNothing
                ),
                ("postfix/cleanup[813]|A3CD4142299: message-id=<$t>", .nothing),
                ("postfix/cleanup[813]|A3CD4142299: warning: header Subject: $t", .nothing),
                (
                    "postfix/smtp[814]|A3CD4142299: to=<$r>, relay=mx.example[$P]:25, status=bounced (host said: $t)",
                    .nothing
                ),
                ("postfix/qmgr[815]|A3CD4142299: from=<$s>, size=1, nrcpt=1 (queue active)", .nothing),
            ],
            cleaning: [
                "h": {
                    $0.map { " \t\r\"'<>();".utf8.contains($0) || $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: "?") : $0 }
                },
                "s": printable, "r": printable, "t": printable, "n": hostName,
            ])
    }

    /// Control bytes are question marks in what Postfix logs.
    static func printable(_ text: [UInt8]) -> [UInt8] {
        text.map { $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: "?") : $0 }
    }
}

/// A name that the resolver let pass: letters, digits and `.-_`, here with an empty one as `unknown`.
func hostName(_ text: [UInt8]) -> [UInt8] {
    let name = text.filter { byte in
        (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20) || [0x2d, 0x2e, 0x5f].contains(byte)
    }
    return name.isEmpty ? Array("unknown".utf8) : Array(name.prefix(255))
}
