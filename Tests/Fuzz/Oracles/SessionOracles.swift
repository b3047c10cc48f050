import Addresses

/// OpenSMTPD's own place: `smtp connected address=` of the same session, which is the line's first word.
struct OpenSMTPDOracle: Oracle {
    private var sessions: [[UInt8]: IPAddress] = [:]

    mutating func hear(_ line: SlowLine) -> OwnPlace {
        guard line.tag.isText("smtpd") else { return .noEvent }
        let message = line.message.first == 0x20 ? Array(line.message.dropFirst()) : line.message
        let session = Array(message.prefix { $0 != 0x20 })
        let rest = Array(message.dropFirst(session.count))
        guard session.count == 16 else { return .peer(nil) }
        if let behind = rest.behind(" smtp connected address=") {
            var text = Array(behind.prefix { $0 != 0x20 })
            if text.first == UInt8(ascii: "["), text.last == UInt8(ascii: "]") {
                text = Array(text.dropFirst().dropLast())
            }
            guard let address = slowAddress(text) else { return .peer(nil) }
            sessions[session] = address
            return .peer(address)
        }
        return .peer(sessions[session])
    }

    static var grammar: Grammar {
        let id = "99749b960b4b2be7"
        let connected = "smtpd[5915]|\(id) smtp connected address=$P host=$n\n"
        let other = "smtpd[5915]|ffff4b960b4b2be7 smtp connected address=192.0.2.66 host=x.example\n"
        return Grammar(
            [
                (
                    connected
                        + "smtpd[5915]|\(id) smtp failed-command command=\"RCPT TO:<$t>\" result=\"550 5.7.1 Service unavailable; client blocked using zen.example\"",
                    .peer
                ),
                (
                    other + connected
                        + "smtpd[5915]|\(id) smtp failed-command command=\"RCPT TO:<$t>\" result=\"550 5.7.1 blocked using zen.example\"",
                    .peer
                ),
                (
                    connected + other + "smtpd[5915]|\(id) smtp failed-command command=\"\" result=\"550 $t\"",
                    .peerOrNothing
                ),
                (
                    connected
                        + "smtpd[5915]|\(id) smtp failed-command command=\"$t\" result=\"550 Invalid recipient: <$t>\"",
                    .peerOrNothing
                ),
                (
                    connected
                        + "smtpd[5915]|\(id) smtp disconnected reason=quit\nsmtpd[5915]|\(id) smtp failed-command command=\"$t\" result=\"550 no\"",
                    .peerOrNothing
                ),
                (
                    connected + "smtpd[5915]|\(id) smtp message msgid=61e413d3 size=433 nrcpt=1 proto=ESMTP",
                    .peerOrNothing
                ),
                (
                    connected + "smtpd[5915]|\(id) smtp envelope evpid=61e413d3c98eeb3e from=<$t> to=<$t>",
                    .peerOrNothing
                ),
                (connected + "smtpd[5915]|\(id) smtp authentication user=$t result=permfail", .peerOrNothing),
                (
                    other
                        + "smtpd[5915]|99749bc3696e1679 mda delivery evpid=1 from=<$t> to=<$t> rcpt=<$t> user=bob delay=0s result=Ok stat=$t",
                    .nothing
                ),
            ], spelled: { $0.isIPv4 ? "\($0)" : "[\($0)]" }, cleaning: ["n": hostName])
    }
}

/// qpsmtpd's own place: `Connection from NAME [IP]` of the same pid.
struct QpsmtpdOracle: Oracle {
    private var processes: [[UInt8]: IPAddress] = [:]

    mutating func hear(_ line: SlowLine) -> OwnPlace {
        guard line.tag.starts(with: "qpsmtpd".utf8) || line.tag.isEmpty else { return .noEvent }
        var message = line.message
        if message.first == 0x20 { message.removeFirst() }
        var pid = line.pid ?? []
        if line.tag.count > 7 || line.pid == nil {
            // To standard error: its own pid in front, and the plugin that speaks.
            pid = Array(message.prefix { (0x30...0x39).contains($0) })
            message.removeFirst(min(pid.count + 1, message.count))
            for word in ["Accepted connection ", "Connection ", "cleaning up after ", "fail"] {
                if let place = message.place(of: word) {
                    message.removeFirst(place)
                    break
                }
            }
        }
        while pid.count > 1, pid[0] == 0x30 { pid.removeFirst() }
        if message.starts(with: "Connection from ".utf8), message.last == UInt8(ascii: "]"),
            let open = message.lastPlace(of: "["), let peer = slowAddress(Array(message[(open + 1)...].dropLast()))
        {
            processes[pid] = peer
        } else if message.starts(with: "Accepted connection ".utf8), let from = message.place(of: " from "),
            QpsmtpdOracle.isShare(message[20..<max(from, 20)]), let slash = message.place(of: " / ", from: from + 6),
            let peer = slowAddress(Array(message[(from + 6)..<slash]))
        {
            processes[pid] = peer
        } else if var ended = message.behind("cleaning up after ") {
            while ended.count > 1, ended[0] == 0x30 { ended.removeFirst() }
            return .peer(processes[ended])
        } else if let rest = message.behind("fail: too many connections from ") {
            return .peer(slowAddress(Array(rest.prefix { $0 != 0x20 })))
        }
        return .peer(processes[pid])
    }

    /// `0/15`.
    private static func isShare(_ text: ArraySlice<UInt8>) -> Bool {
        let parts = text.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { (0x30...0x39).contains($0) } }
    }

    static var grammar: Grammar {
        var shapes: [(String, Grammar.Expected)] = []
        for tag in ["qpsmtpd[369]|", "@[369]|"] {
            let begin = tag + "Accepted connection 0/15 from $P / $n\n" + tag + "Connection from $n [$P]\n"
            let other = tag.replacing(369, 370) + "Connection from x.example [192.0.2.66]\n"
            shapes += [
                (begin + tag + "fail, zen.example\n" + tag + "550 $t", .peer),
                (other + begin + tag + "dispatching $t\n" + tag + "fail, zen.example\n" + tag + "550 $t", .peer),
                (
                    begin + other + tag + "fail, zen.example\n" + tag.replacing(369, 370) + "dispatching $t\n" + tag
                        + "550 $t", .peer
                ),
                (begin + tag + "dispatching $t", .peerOrNothing),
                (begin + tag + "250 $t", .peerOrNothing),
                (
                    begin + tag.replacing(369, 371) + "cleaning up after 369\n" + tag + "fail, zen.example\n" + tag
                        + "550 $t", .peerOrNothing
                ),
                (other + tag + "dispatching $t", .nothing),
            ]
        }
        return Grammar(shapes, cleaning: ["n": hostName])
    }
}

/// The qmail family's own places: the first word of rblsmtpd, and tcpserver's `pid N from IP`.
struct QmailOracle: Oracle {
    private var children: [[UInt8]: IPAddress] = [:]

    mutating func hear(_ line: SlowLine) -> OwnPlace {
        var message = line.message
        // splogger's own stamp.
        let stamp = message.prefix { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
        if !stamp.isEmpty, message.dropFirst(stamp.count).first == 0x20 { message.removeFirst(stamp.count + 1) }
        if let rest = message.behind("rblsmtpd: ") { return .peer(slowAddress(Array(rest.prefix { $0 != 0x20 }))) }
        if let rest = message.behind("tcpserver: ") {
            var words = rest.split(separator: 0x20, omittingEmptySubsequences: false).map(Array.init)
            // Pids are numbers.
            if words.count > 1 { while words[1].count > 1, words[1][0] == 0x30 { words[1].removeFirst() } }
            if words.count >= 4, words[0].isText("pid"), words[2].isText("from") {
                if let peer = slowAddress(words[3]) { children[words[1]] = peer }
                return .peer(children[words[1]])
            }
            if words.count >= 4, words[0].isText("end"), words[2].isText("status") {
                defer { children[words[1]] = nil }
                return .peer(children[words[1]])
            }
            // `ok PID LOCALNAME:LOCALIP:PORT NAME:IP:INFO:PORT`; both names are the resolver's.
            if words.count >= 2, words[0].isText("ok") || words[0].isText("deny") { return .peer(children[words[1]]) }
            return .peer(nil)
        }
        return .peer(nil)
    }

    static var grammar: Grammar {
        let tag = "@multilog|"
        let begin = tag + "tcpserver: pid 812 from $P\n"
        return Grammar(
            [
                (begin + tag + "rblsmtpd: $P pid 812: 553 http://zen.example/?$t", .peer),
                (tag + "rblsmtpd: $P pid 812: 451 $t", .peer),
                (begin + tag + "tcpserver: ok 812 mx.example:203.0.113.25:25 $n:$P::37809", .peerOrNothing),
                (begin + tag + "tcpserver: end 812 status 256", .peerOrNothing),
                ("smtpd|rblsmtpd: $P pid 812: 553 $t", .peer),
                ("qmail|123456.123456 rblsmtpd: $P pid 812: 553 $t", .peer),
                ("qmail|123456.123456 info msg 7: bytes 812 from <$t> qp 9 uid 64011", .nothing),
                (tag + "tcpserver: status: 40/40", .peerOrNothing),
                (tag + "qmail-smtpd: $t", .nothing),
            ], cleaning: ["n": hostName])
    }
}

/// The patterns of the site: `$P` stands behind fixed words and a name.
struct SiteOracle: Oracle {
    static let patterns = [
        "d: refused {name}[{peer}]: {code} {text}; from={*}", "e: {code} for {peer}:{port} by {zone}", "f: no {peer}.",
    ]

    func hear(_ line: SlowLine) -> OwnPlace {
        var message = line.message
        var tag = line.tag
        if tag.isEmpty {
            guard let name = message.before(": ") else { return .noEvent }
            tag = name
            message.removeFirst(name.count + 2)
        }
        if tag.isText("d"), let rest = message.behind("refused "), let open = rest.firstIndex(of: UInt8(ascii: "[")),
            hostName(Array(rest[..<open])).count == open || open == 0, let close = rest.place(of: "]: ")
        {
            return .named(Array(rest[(open + 1)..<close]))
        }
        if tag.isText("e"), let from = message.place(of: " for "), from == 3, let by = message.place(of: " by ") {
            let place = Array(message[(from + 5)..<max(by, from + 5)])
            return .named(place.lastPlace(of: ":").map { Array(place[..<$0]) })
        }
        if tag.isText("f"), let rest = message.behind("no "), rest.last == UInt8(ascii: ".") {
            return .named(Array(rest.dropLast()))
        }
        return .noEvent
    }

    static var grammar: Grammar {
        Grammar(
            [
                ("d[812]|refused $n[$P]: 554 $t; from=<$t>", .peer), ("d|refused [$P]: 451 $t", .peer),
                ("e|550 for $P:4711 by zen.example", .peer), ("f|no $P.", .peer), ("d|$t", .peerOrNothing),
                ("d|HELO $t", .nothing), ("g|$t", .nothing),
            ], cleaning: ["n": hostName])
    }
}

extension String {
    fileprivate func replacing(_ old: Int, _ new: Int) -> String {
        split(separator: "\(old)", omittingEmptySubsequences: false).joined(separator: "\(new)")
    }
}
