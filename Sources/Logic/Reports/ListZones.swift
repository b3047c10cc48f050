/// Which zones to ask whether they are alive: those named on the command line, those of the mail server's settings, and
/// those of the log, whose replies often name a list's web page in place of the zone.
package struct ListZones: Equatable, Sendable {
    package struct Zone: Equatable, Sendable {
        package var name: String
        package var kinds: ListTest.Kinds
        /// `named`, `log`, or the mail server whose settings have it.
        package var origins: [String]
        /// What the log calls it.
        var labels: Set<String> = []
    }
    /// Most wanted first.
    package private(set) var zones: [Zone] = []
    /// Names in the log that are no zone's: a site's own words.
    package private(set) var others: [String] = []

    package init() {}

    /// Of the command line or of settings; what is no domain name is left out, and `false`.
    @discardableResult
    package mutating func add(_ name: String, _ kinds: ListTest.Kinds, from origin: String) -> Bool {
        guard let name = ListZones.zone(name) else { return false }
        if let known = zones.firstIndex(where: { $0.name == name }) {
            zones[known].kinds.formUnion(kinds)
            if !zones[known].origins.contains(origin) { zones[known].origins.append(origin) }
        } else {
            zones.append(Zone(name: name, kinds: kinds, origins: [origin]))
        }
        return true
    }

    /// What the log calls a list. It is a zone that is there already, one below it (the page of `spamhaus.org` speaks for
    /// `zen.spamhaus.org`), the zone that is known to belong to such a page, or the name itself.
    package mutating func add(label: String, _ kinds: ListTest.Kinds) {
        guard let name = ListZones.zone(label) else {
            if !label.isEmpty, label != Label.overflow { others.append(label) }
            return
        }
        let known = zones.indices.filter {
            zones[$0].origins != ["log"] && (zones[$0].name == name || zones[$0].name.hasSuffix("." + name))
        }
        let exact = known.filter { zones[$0].name == name }
        for place in exact.isEmpty ? known : exact {
            zones[place].labels.insert(label)
            if !zones[place].origins.contains("log") { zones[place].origins.append("log") }
        }
        guard known.isEmpty else { return }
        let zone = ListZones.pages[name] ?? name
        add(zone, kinds, from: "log")
        if let place = zones.firstIndex(where: { $0.name == zone }) { zones[place].labels.insert(label) }
    }

    /// A domain name of at least two labels in small letters, short enough for an IPv6 address before it.
    package static func zone(_ text: String) -> String? {
        var name = text.lowercased()
        if name.hasSuffix(".") { name.removeLast() }
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.count >= 2, name.utf8.count <= 180 else { return nil }
        for label in labels {
            let isPlain = label.utf8.allSatisfy {
                (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-")
                    || $0 == UInt8(ascii: "_")
            }
            guard isPlain, (1...63).contains(label.utf8.count) else { return nil }
        }
        guard let last = labels.last, !last.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return name
    }

    /// The pages that lists send rejected senders to, and the zones that mail servers ask.
    private static let pages = [
        "spamhaus.org": "zen.spamhaus.org", "spamcop.net": "bl.spamcop.net", "abuseat.org": "cbl.abuseat.org",
        "barracudacentral.org": "b.barracudacentral.org", "sorbs.net": "dnsbl.sorbs.net",
        "uceprotect.net": "dnsbl-1.uceprotect.net", "psbl.org": "psbl.surriel.com", "mailspike.org": "bl.mailspike.net",
        "mailspike.net": "bl.mailspike.net", "dronebl.org": "dnsbl.dronebl.org", "spamrats.com": "all.spamrats.com",
        "surbl.org": "multi.surbl.org", "uribl.com": "multi.uribl.com", "njabl.org": "dnsbl.njabl.org",
        "ordb.org": "relays.ordb.org", "dsbl.org": "list.dsbl.org", "blitzed.org": "opm.blitzed.org",
    ]
}
