import Addresses

/// Courier's own places: `error,relay=`, `started,ip=[`, couriertcpd's words, the end of `newmsg,id=`.
struct CourierOracle: Oracle {
    func hear(_ line: SlowLine) -> OwnPlace {
        let message = line.message
        if line.tag.isText("courierd") {
            guard message.starts(with: "newmsg,id=".utf8) else { return .noEvent }
            guard let open = message.lastPlace(of: "["), message.suffix(2).elementsEqual("])".utf8) else {
                return .peer(nil)
            }
            return .peer(slowAddress(Array(message[(open + 1)...].dropLast(2))))
        }
        guard ["courieresmtpd", "esmtpd", "esmtpd-ssl", "esmtpd-msa"].contains(where: { line.tag.isText($0) }) else {
            return .noEvent
        }
        if let rest = message.behind("error,relay=") { return .named(rest.before(",")) }
        if let rest = message.behind("started,ip=[") { return .named(rest.before("]")) }
        if let rest = message.behind("dropped blocked connection from ") { return .named(rest) }
        if let rest = message.behind("Maximum connection limit reached for ") { return .named(rest) }
        if let rest = message.behind("[") {
            return rest.place(of: "]: Connection timed out") == nil ? .noEvent : .named(rest.before("]"))
        }
        let digits = message.prefix { (0x30...0x39).contains($0) }
        let words = Array(message.dropFirst(digits.count))
        guard !digits.isEmpty, line.tag.isText("courieresmtpd") || line.tag.isText("esmtpd") else { return .noEvent }
        return words.isText(" active connections.") || words.isText(" maximum active connections.")
            ? .peer(nil) : .noEvent
    }

    static var grammar: Grammar {
        let relay = "courieresmtpd|error,relay=$P,port=4711,"
        return Grammar(
            [
                (relay + "msg=\"502 ESMTP command error\",cmd: $c", .peer),
                (relay + "msg=\"535 Authentication failed.\",cmd: $c", .peer),
                (relay + "from=$a,to=$a: 511 http://www.spamhaus.org/query/bl?ip=$P", .peer),
                (relay + "from=$a,to=$a: 550 User $u unknown", .peer),
                (relay + "from=$a,to=$a: 511 $t", .peer),
                (relay + "from=$a: 517 HELO $t does not exist.", .peer),
                (relay + "from=$a,to=$a: 511-$t\n" + relay + "from=$a,to=$a: 511 $t", .peer),
                (relay + "ident=\"$t", .peerOrNothing),
                (relay + "ident=$t,from=$a,to=$a: 511 $t", .peerOrNothing),
                ("courieresmtpd|started,ip=[$P],port=[37809]", .peer),
                ("courierd|newmsg,id=0000000000F460EB.000000006B00CEB9.0000025C: dns; $t ($t [$P])", .peer),
                ("courierd|newmsg,id=0000000000F460EB.000000006B00CEB9.0000025C, auth=$t: dns; $t ($t [$P])", .peer),
                ("courierd|started,id=1.2.3,from=$a,module=local,host=$t,addr=$a", .nothing),
                ("courierlocal|id=1.2.3,from=$a,addr=$a,size=233,success: $t", .nothing),
                ("imapd|LOGIN FAILED, user=$t, ip=[$P]", .nothing),
                ("courieresmtp|id=1.2.3,from=$a,addr=$a: 550 $t", .nothing),
            ], spelled: { $0.isIPv4 ? "::ffff:\($0)" : "\($0)" },
            cleaning: [
                "a": { cut([0x3c] + $0.map { [0x3c, 0x3e, 0x3a].contains($0) ? 0x20 : $0 } + [0x3e]) },
                "u": { [0x3c] + $0 + [0x3e] },
                "c": cut,
            ])
    }

    /// As Courier logs a piece of text: 128 bytes, then three dots.
    private static func cut(_ text: [UInt8]) -> [UInt8] {
        text.count > 128 ? Array(text.prefix(128)) + Array("...".utf8) : text
    }
}
