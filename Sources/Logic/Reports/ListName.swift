/// Short names of DNSBLs, as mail administrators say them: `cbl` for `cbl.abuseat.org`.
package enum ListName {
    package static func short(_ zone: String) -> String {
        if let known = known.first(where: { zone == $0.zone || zone.hasSuffix("." + $0.zone) }) { return known.short }
        let labels = zone.split(separator: ".")
        let first = labels.first { !plain.contains(String($0)) && !$0.allSatisfy(\.isNumber) }
        guard labels.count > 1, let first else { return zone }
        return String(first)
    }

    /// What a label is called in the tables of rejections.
    package static func title(_ label: Label) -> String {
        switch label.rejectionClass {
        case .rbl, .rhsbl:
            if label.name.isEmpty { return "class bl-unnamed" }
            return label.name == Label.overflow ? "class bl-others" : "class bl-\(short(label.name))"
        default: return label.name.isEmpty ? label.rejectionClass.words : label.name
        }
    }

    /// First labels that say nothing.
    private static let plain: Set<String> = [
        "bl", "dnsbl", "rbl", "list", "lists", "relays", "db", "black", "blacklist", "b",
    ]

    /// Zones whose first label is not what they are called.
    private static let known: [(zone: String, short: String)] = [
        ("dul.dnsbl.sorbs.net", "sdul"), ("spews.dnsbl.sorbs.net", "spews"), ("spews.relays.osirusoft.com", "spews"),
        ("dnsbl.sorbs.net", "sorbs"), ("list.dsbl.org", "dsbl"), ("dnsbl.njabl.org", "njabl"),
        ("relays.ordb.org", "ordb"), ("opm.blitzed.org", "opm"), ("bl.spamcop.net", "spamcop"),
        ("b.barracudacentral.org", "barracuda"), ("dnsbl-1.uceprotect.net", "uceprotect-1"),
        ("dnsbl-2.uceprotect.net", "uceprotect-2"), ("dnsbl-3.uceprotect.net", "uceprotect-3"),
    ]
}
