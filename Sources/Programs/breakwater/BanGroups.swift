import Addresses
import Events
import Origins

/// Bans counted by what they have in common: `list --by`.
struct BanGroups {
    private struct Group {
        var bans = 0
        var hits = 0
        var shed = 0
        /// Why all of it is banned, when it is.
        var why: String?
    }

    private let by: List.Grouping
    private var groups: [String: Group] = [:]
    /// What names a group for machines, as fields.
    private var names: [String: [(String, JSON)]] = [:]
    private var credits: [String] = []

    init(_ rows: [BanRow], _ by: List.Grouping, _ common: CommonOptions) throws {
        self.by = by
        switch by {
        case .net:
            var networks = PrefixTable<String>()
            for row in rows where !row.prefix.isHost { networks[row.prefix] = row.why }
            for row in rows {
                let net = BanGroups.net(row.prefix, networks)
                count(row, net.description)
                groups[net.description]?.why = networks[net]
            }
        case .class:
            for row in rows { count(row, row.why) }
        case .asn, .country:
            let locations = Locations(common)
            try locations.require()
            credits = locations.credits
            for row in rows {
                let answer = locations.databases.answer(row.prefix.address)
                if by == .country {
                    let country = answer?.origin.country
                    count(row, country.map(Locations.text) ?? BanGroups.unlocated) {
                        [("country", JSON(country?.description)), ("name", JSON(country?.name))]
                    }
                } else {
                    let asn = answer?.origin.asn
                    count(row, asn.map { Locations.text($0, answer?.owner) } ?? BanGroups.unlocated) {
                        [("asn", JSON(asn.map { Int($0) })), ("owner", JSON(answer?.owner))]
                    }
                }
            }
        }
    }

    /// Never left out: a table whose lines do not add up to the whole is not believed.
    private static let unlocated = "unlocated"

    /// The widest network that is banned as a whole around a ban, or its /24 or /48.
    private static func net(_ prefix: Prefix, _ networks: PrefixTable<String>) -> Prefix {
        let usual = Prefix(prefix.address, bits: min(Int(prefix.bits), prefix.isIPv4 ? 120 : 48))
        guard let widest = networks.outermost(containing: prefix)?.prefix, widest.bits < usual.bits else {
            return usual
        }
        return widest
    }

    private mutating func count(_ row: BanRow, _ key: String, _ fields: () -> [(String, JSON)] = { [] }) {
        groups[key, default: Group()].bans += 1
        groups[key]?.hits += row.hits
        groups[key]?.shed += row.shed
        if names[key] == nil { names[key] = fields() }
    }

    func say(_ common: CommonOptions, jsonl: Bool) {
        let sorted = groups.sorted { $0.value.bans != $1.value.bans ? $0.value.bans > $1.value.bans : $0.key < $1.key }
        if common.json || jsonl {
            let credit: [(String, JSON)] = credits.isEmpty ? [] : [("credits", .array(credits.map { .string($0) }))]
            let values = sorted.map { key, group in
                (by == .net || by == .class ? [(by.rawValue, .string(key))] : names[key] ?? [])
                    + [("bans", JSON(group.bans)), ("hits", JSON(group.hits)), ("shed", JSON(group.shed))]
                    + (by == .net ? [("why", JSON(group.why))] : [])
            }
            if jsonl {
                for value in values { common.say(JSON.object(value + credit).description) }
                return
            }
            return common.say(
                JSON.document("list", [("groups", .array(values.map { .object($0) }))] + credit).description)
        }
        guard !sorted.isEmpty else { return common.say("no bans") }
        // Names of countries and owners are fit to be shown, and are not all ASCII.
        let cells = sorted.map { key, group in
            [
                by == .class ? Record.escaped(key.utf8, limit: 60) : String(key.prefix(60)), "\(group.bans)",
                "\(group.hits)", "\(group.shed)",
            ] + (by == .net ? [Record.escaped((group.why ?? "").utf8, limit: 60)] : [])
        }
        let heads: [List.Grouping: String] = [.net: "NET", .class: "WHY", .asn: "AS", .country: "COUNTRY"]
        let head = heads[by] ?? ""
        let titles = [head, "BANS", "HITS", "SHED"] + (by == .net ? ["BANNED AS A WHOLE"] : [])
        common.say(table([titles] + cells, rightAligned: [1, 2, 3]).joined(separator: "\n"))
        for credit in credits { common.say(credit) }
    }
}
