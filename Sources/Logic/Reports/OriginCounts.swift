import Addresses
import Origins

/// What came from where, by country and by autonomous system.
struct OriginCounts {
    struct Counts: Equatable {
        var sources = 0
        var attempts = 0
        /// 5xx and 4xx.
        var turnedAway = 0
        var accepted = 0

        mutating func add(_ counts: SourceCounts) {
            sources += 1
            attempts += counts.attempts
            turnedAway += counts.rejections + Int(counts.deferred)
            accepted += Int(counts.accepted)
        }
    }
    private(set) var countries: [Country?: Counts] = [:]
    private(set) var systems: [UInt32?: Counts] = [:]
    /// By a visitor's place.
    private var known: [Country?]
    private let visitors: Visitors

    /// Each source is looked up at most once, in the order of the addresses: neighbours are often of one owner, and stand
    /// beside each other in a database.
    ///
    /// - Parameter origin: asked for those whose origin was not stored with what they did.
    init(_ visitors: Visitors, _ origin: ((IPAddress) -> Origin?)?) {
        self.visitors = visitors
        let entries = visitors.entries
        known = [Country?](repeating: nil, count: entries.count)
        var last = Origin()
        var (country, system) = (Counts(), Counts())
        for place in ReportBase.inOrder(entries) {
            let found =
                visitors.origins[entries[place].origin] ?? origin?(entries[place].address) ?? Origin()
            if found.country != last.country {
                countries[last.country, default: Counts()].add(country)
                country = Counts()
            }
            if found.asn != last.asn {
                systems[last.asn, default: Counts()].add(system)
                system = Counts()
            }
            last = found
            country.add(entries[place].counts)
            system.add(entries[place].counts)
            known[place] = found.country
        }
        countries[last.country, default: Counts()].add(country)
        systems[last.asn, default: Counts()].add(system)
        // What was begun with and did not come.
        if countries[nil]?.sources == 0 { countries[nil] = nil }
        if systems[nil]?.sources == 0 { systems[nil] = nil }
    }

    /// Of a source that did anything.
    func country(of address: IPAddress) -> Country? { visitors.table.index(of: address).flatMap { known[$0] } }
}
