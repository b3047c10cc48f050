import Bytes

/// A DNSBL that a mail server's settings have it ask.
package struct AskedList: Hashable, Sendable {
    /// As written, but for what stands behind it: filters, weights, texts.
    package var zone: String
    /// It is asked about names in place of addresses.
    package var isOfNames = false

    package init(_ zone: String, isOfNames: Bool = false) {
        self.zone = zone
        self.isOfNames = isOfNames
    }

    static let most = 64

    /// In the order found, each once, and only what may be a domain name.
    static func distinct(_ lists: [AskedList]) -> [AskedList] {
        var seen: Set<AskedList> = []
        return Array(
            lists.filter { list in
                let isName =
                    list.zone.contains(".") && !list.zone.hasPrefix(".") && list.zone.utf8.count <= 253
                    && list.zone.utf8.allSatisfy(isNameByte)
                return isName && seen.insert(list).inserted
            }.prefix(most))
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x61...0x7a).contains(byte | 0x20) || (0x30...0x39).contains(byte) || [0x2d, 0x2e, 0x5f].contains(byte)
    }
}

extension CourierSettings {
    /// `-block=zone[/answer][,VAR[,text]]` (couriertcpd(8)).
    package var lists: [AskedList] {
        AskedList.distinct(
            blocks.map { AskedList(String($0.dropFirst("-block=".count).prefix { $0 != "," && $0 != "/" })) })
    }
}

extension PostfixSettings {
    /// Of the services on these ports and of postscreen: `reject_rbl_client zone[=answers]` and its like among the
    /// restrictions and their classes, `zone[=answers][*weight]` of postscreen_dnsbl_sites (postconf(5)). Lists that let
    /// somebody in, by their name or a weight below zero, are none of ours.
    package func lists(of services: [Service]) -> [AskedList] {
        var lists: [AskedList] = []
        for service in services {
            let classes = PostfixSettings.words(value("smtpd_restriction_classes", of: service)).prefix(32)
            for name in PostfixSettings.restrictions + classes {
                var form: Substring?
                for word in PostfixSettings.words(value(name, of: service)) {
                    if let before = form {
                        let zone = String(word.prefix { $0 != "=" })
                        lists.append(AskedList(zone, isOfNames: before.hasPrefix("reject_rhsbl_")))
                        form = nil
                    } else if word == "reject_rbl_client" || word.hasPrefix("reject_rhsbl_") {
                        form = word[...]
                    }
                }
            }
            for word in PostfixSettings.words(value("postscreen_dnsbl_sites", of: service)) {
                if let star = word.lastIndex(of: "*"), word[star...].hasPrefix("*-") { continue }
                lists.append(AskedList(String(word.prefix { $0 != "=" && $0 != "*" })))
            }
        }
        return AskedList.distinct(lists)
    }

    private static func words(_ text: String) -> [String] {
        text.split { $0 == "," || $0 == " " || $0 == "\t" || $0 == "{" || $0 == "}" }.map(String.init)
    }

    private static let restrictions = ["client", "helo", "sender", "relay", "recipient", "data", "end_of_data"].map {
        "smtpd_\($0)_restrictions"
    }
}

/// The `dnslists` conditions of Exim's ACLs: zones with a colon between them, each with answers (`=`, `&`, `!`) or a key
/// (`/`) behind it perhaps; a key that names the sender's domain is one of names (spec.txt, 44.33). A value that is a macro
/// and nothing else is put in, as Debian's files have it; other expansions are only known when mail comes.
package func eximLists(_ text: String) -> [AskedList] {
    var macros: [String: String] = [:]
    var lists: [AskedList] = []
    for raw in text.lines {
        let line = String(raw).withoutBlanks
        guard !line.hasPrefix("#"), let equals = line.firstIndex(of: "=") else { continue }
        let name = String(line[..<equals]).withoutBlanks
        let value = String(line[line.index(after: equals)...]).withoutBlanks
        if name.first?.isUppercase == true, name.utf8.allSatisfy({ $0 != 0x20 && $0 < 0x80 }) {
            if macros.count < 1000 { macros[name] = value }
            continue
        }
        guard let word = name.split(separator: " ").last, word == "dnslists" || word == "!dnslists" else { continue }
        for item in (macros[value] ?? value).split(separator: ":") {
            let item = String(item).withoutBlanks
            let isOfNames = item.occurrence(of: "domain") != nil
            let zones = item.prefix { $0 != "=" && $0 != "&" && $0 != "!" && $0 != "/" }
            for zone in zones.split(separator: ",") {
                lists.append(AskedList(String(zone).withoutBlanks, isOfNames: isOfNames))
            }
        }
    }
    return AskedList.distinct(lists)
}

/// What FEATURE(`dnsbl') and FEATURE(`enhdnsbl') make of a zone in sendmail.cf: `$4.$3.$2.$1.zone. $: OK`.
package func sendmailLists(_ text: String) -> [AskedList] {
    var lists: [AskedList] = []
    for line in text.lines where line.hasPrefix("R") {
        guard let sign = line.occurrence(of: "$4.$3.$2.$1.") else { continue }
        var zone = String(line[sign.upperBound...].prefix { $0 != " " && $0 != "\t" && $0 != "$" })
        if zone.hasSuffix(".") { zone.removeLast() }
        lists.append(AskedList(zone))
    }
    return AskedList.distinct(lists)
}

/// qpsmtpd's config/dnsbl_zones and rhsbl_zones: a zone a line, a colon and a text behind it perhaps.
package func qpsmtpdLists(_ text: String, isOfNames: Bool) -> [AskedList] {
    AskedList.distinct(
        text.lines.map { line in
            AskedList(String(line.prefix { $0 != ":" && $0 != "#" }).withoutBlanks, isOfNames: isOfNames)
        })
}

/// rblsmtpd's `-r zone:text` among the arguments of whatever starts it; its `-a` lets somebody in.
package func rblsmtpdLists(_ arguments: [String]) -> [AskedList] {
    guard let start = arguments.firstIndex(where: { $0.hasSuffix("rblsmtpd") }) else { return [] }
    var lists: [AskedList] = []
    for (index, word) in arguments.enumerated().dropFirst(start + 1) {
        guard word.hasPrefix("-") else { continue }
        // Its other options may stand before it in one word: -cr.
        guard let sign = word.firstIndex(of: "r") else { continue }
        let rest = word[word.index(after: sign)...]
        let zone = rest.isEmpty ? (index + 1 < arguments.count ? arguments[index + 1][...] : "") : rest
        lists.append(AskedList(String(zone.prefix { $0 != ":" })))
    }
    return AskedList.distinct(lists)
}
