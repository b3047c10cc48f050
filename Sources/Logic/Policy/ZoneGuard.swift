import Events

/// Watches whether a DNSBL has broken: a list that suddenly lists everybody also lists the senders we know.
///
/// For each zone it counts, in a sliding window, the sources that the zone rejected and how many of them are known
/// senders, each source once a window. Above the allowed share the zone is suspended, and stays so until a whole
/// window shows no more than half the share.
struct ZoneGuard {
    enum Change: Equatable { case suspended(known: Int, total: Int), resumed }

    /// Zones watched at once; a reply text that invents zones does not get past it.
    static let maxZones = 1000
    /// Fewer known senders than this say nothing about a list: one customer's relay may well be listed.
    static let minKnown = 3
    /// Fewer sources than this are no sample of what a list does.
    static let minTotal = 20

    private struct Zone {
        var buckets = InlineArray<10, Bucket>(repeating: Bucket())
        /// Of all buckets together.
        var sum = Bucket()
        /// The number, since 1970, of the bucket written last.
        var current: Int64 = 0
        var suspendedSince: Instant?

        var isQuiet: Bool { suspendedSince == nil && sum.total == 0 }
    }
    private struct Bucket {
        var total = 0
        var known = 0
    }
    private static let bucketCount = 10

    private let share: Double
    private let window: Duration
    private var zones: [Zone] = []
    /// Of the zones, in their order.
    private var names: [String] = []
    private var places: [String: Int] = [:]
    /// Of the zone that was counted last: most are counted many times in a row.
    private var last = 0

    init(share: Double, window: Duration) {
        self.share = share
        self.window = window
    }

    private var bucketSpan: Int64 { max(1, window.nanoseconds / Int64(ZoneGuard.bucketCount)) }

    func isSuspended(_ zone: String) -> Bool {
        place(of: zone).map { zones[$0].suspendedSince != nil } ?? false
    }

    var suspendedZones: [String] { zones.indices.filter { zones[$0].suspendedSince != nil }.map { names[$0] }.sorted() }

    private func place(of zone: String) -> Int? {
        last < names.count && names[last] == zone ? last : places[zone]
    }

    /// Counts a source that `zone` rejected. The caller sees to it that a source counts once a window.
    mutating func count(_ zone: String, isKnown: Bool, at now: Instant) -> Change? {
        if let place = place(of: zone) {
            last = place
        } else {
            guard zones.count < ZoneGuard.maxZones else { return nil }
            last = zones.count
            places[zone] = last
            zones.append(Zone())
            names.append(zone)
        }
        advance(&zones[last], to: now)
        let slot = Int(zones[last].current % Int64(ZoneGuard.bucketCount))
        zones[last].buckets[slot].total += 1
        zones[last].sum.total += 1
        if isKnown {
            zones[last].buckets[slot].known += 1
            zones[last].sum.known += 1
        }
        return judge(&zones[last], at: now)
    }

    /// Lets time pass: zones that have become sane, in name order. Zones without a recent rejection are forgotten.
    mutating func advance(to now: Instant) -> [String] {
        var resumed: [String] = []
        var isQuiet = false
        for place in zones.indices {
            advance(&zones[place], to: now)
            if judge(&zones[place], at: now) == .resumed { resumed.append(names[place]) }
            if zones[place].isQuiet { isQuiet = true }
        }
        if isQuiet {
            let left = zones.indices.filter { !zones[$0].isQuiet }
            names = left.map { names[$0] }
            zones = left.map { zones[$0] }
            places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        }
        return resumed.sorted()
    }

    private func judge(_ state: inout Zone, at now: Instant) -> Change? {
        let (total, known) = (state.sum.total, state.sum.known)
        if let since = state.suspendedSince {
            guard now - since >= window, Double(known) <= Double(total) * share / 2 else { return nil }
            state.suspendedSince = nil
            return .resumed
        }
        guard known >= ZoneGuard.minKnown, total >= ZoneGuard.minTotal, Double(known) > Double(total) * share else {
            return nil
        }
        state.suspendedSince = now
        return .suspended(known: known, total: total)
    }

    private func advance(_ state: inout Zone, to now: Instant) {
        let number = now.nanoseconds / bucketSpan
        guard number > state.current else { return }
        let passed = min(Int64(ZoneGuard.bucketCount), number - state.current)
        for step in 0..<passed {
            let slot = Int((number - step) % Int64(ZoneGuard.bucketCount))
            state.sum.total -= state.buckets[slot].total
            state.sum.known -= state.buckets[slot].known
            state.buckets[slot] = Bucket()
        }
        state.current = number
    }
}
