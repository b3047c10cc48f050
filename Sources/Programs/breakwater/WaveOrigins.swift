import Addresses
import Origins
import Reports

/// Where the sources of a wave belong: those that were banned in it, each once, by country and by owner.
struct WaveOrigins {
    typealias Group = (key: Key, count: Int)

    enum Key: Hashable {
        case country(Country)
        case system(UInt32, owner: String?)
        /// In no database: a line of its own, so that the lines add up.
        case unlocated
    }

    /// The largest first; `unlocated` last.
    let countries: [Group]
    let systems: [Group]
    /// Sources looked up. Networks are not among them: their hosts are.
    let count: Int
    let credits: [String]

    init(_ banned: Set<Prefix>, _ locations: Locations) {
        let sources = banned.filter { $0.isHost || !$0.isIPv4 && $0.length >= 48 }
        var (countries, systems): ([Key: Int], [Key: Int]) = ([:], [:])
        for source in sources {
            let answer = locations.databases.answer(source.address)
            countries[answer?.origin.country.map { .country($0) } ?? .unlocated, default: 0] += 1
            systems[
                answer?.origin.asn.map { .system($0, owner: answer?.owner) } ?? .unlocated, default: 0] += 1
        }
        self.countries = WaveOrigins.sorted(countries)
        self.systems = WaveOrigins.sorted(systems)
        count = sources.count
        credits = locations.credits
    }

    private static func sorted(_ groups: [Key: Int]) -> [Group] {
        groups.map { (key: $0.key, count: $0.value) }.sorted { left, right in
            if (left.key == .unlocated) != (right.key == .unlocated) { return right.key == .unlocated }
            return left.count != right.count ? left.count > right.count : left.key.text < right.key.text
        }
    }

    /// `Viet Nam 44, Germany 37, 12 others 90, unlocated 3`; `nil` for none.
    static func text(_ groups: [Group]) -> String? {
        guard !groups.isEmpty else { return nil }
        let (shown, rest) = WaveOrigins.split(groups, most: 5)
        return
            (shown.map { "\($0.key.text) \(grouped($0.count))" }
            + (rest.names > 0 ? ["\(grouped(rest.names)) others \(grouped(rest.count))"] : [])
            + (rest.unlocated > 0 ? ["unlocated \(grouped(rest.unlocated))"] : [])).joined(separator: ", ")
    }

    private static func split(_ groups: [Group], most: Int) -> (
        shown: [Group], rest: (names: Int, count: Int, unlocated: Int)
    ) {
        let known = groups.filter { $0.key != .unlocated }
        let rest = known.dropFirst(most)
        let unlocated = groups.reduce(0) { $0 + ($1.key == .unlocated ? $1.count : 0) }
        return (Array(known.prefix(most)), (rest.count, rest.reduce(0) { $0 + $1.count }, unlocated))
    }

    // MARK: - For a page

    var sections: [Report.Section] {
        [
            section("countries", "Banned in it, by country", "country", countries),
            section("systems", "Banned in it, by owner", "owner", systems),
        ].filter { !$0.rows.isEmpty }
    }

    private func section(_ key: String, _ title: String, _ column: String, _ groups: [Group]) -> Report.Section {
        let (shown, rest) = WaveOrigins.split(groups, most: 20)
        func row(_ cell: Report.Cell, _ count: Int) -> [Report.Cell] {
            [cell, .count(count), .share(Double(count) / Double(max(1, self.count)))]
        }
        return Report.Section(
            key, title,
            columns: [
                Report.Column(column, column), Report.Column("sources", "sources"), Report.Column("share", "share"),
            ],
            rows: shown.map { row($0.key.cell, $0.count) }
                + (rest.names > 0 ? [row(.text("\(rest.names) others"), rest.count)] : [])
                + (rest.unlocated > 0 ? [row(.text("unlocated"), rest.unlocated)] : []),
            picture: .bars(column: "sources"))
    }

    // MARK: - As JSON

    var countryJSON: [JSON] {
        countries.map { group in
            var country: Country?
            if case .country(let known) = group.key { country = known }
            return .object([("country", JSON(country?.description)), ("sources", JSON(group.count))])
        }
    }

    var systemJSON: [JSON] {
        systems.prefix(100).map { group in
            var (number, owner): (Int?, String?) = (nil, nil)
            if case .system(let known, let name) = group.key { (number, owner) = (Int(known), name) }
            return .object([("asn", JSON(number)), ("owner", JSON(owner)), ("sources", JSON(group.count))])
        }
    }
}

extension WaveOrigins.Key {
    var text: String {
        switch self {
        case .country(let country): country.name ?? "\(country)"
        case .system(let number, let owner): Locations.text(number, owner)
        case .unlocated: "unlocated"
        }
    }

    fileprivate var cell: Report.Cell {
        if case .country(let country) = self { .country(country) } else { .text(text) }
    }
}
