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

    /// Of every source that did anything; each is looked up once.
    private(set) var known: [IPAddress: Country] = [:]

    /// - Parameter origin: asked for those whose origin was not stored with what they did.
    init(_ visitors: Visitors, _ origin: ((IPAddress) -> Origin?)?) {
        for entry in visitors.entries {
            let found = visitors.origins[entry.origin] ?? origin?(entry.address)
            countries[found?.country, default: Counts()].add(entry.counts)
            systems[found?.asn, default: Counts()].add(entry.counts)
            if let country = found?.country { known[entry.address] = country }
        }
    }
}
