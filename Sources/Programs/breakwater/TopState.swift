import Addresses
import Events

/// What `top` has been told by the daemon, and what is selected.
struct TopState {
    /// The daemon's latest account; kept while it is away.
    var status = Record("row")
    /// Why there is no daemon just now.
    var absence: String?
    /// Slots in use by sample, the newest last.
    private(set) var history: [Int] = []
    private var sampled: Instant?
    /// Decisions, the newest last.
    private(set) var events: [String] = []
    private(set) var sources: [Heavy] = []
    private(set) var networks: [Heavy] = []
    private var counters: [(time: Instant, values: [String: Int])] = []

    var pane = Pane.sources
    var order = Order.total
    private(set) var selected: [Pane: Prefix] = [:]
    /// What is to be confirmed, and the last answer.
    var question: Question?
    var message: String?

    enum Pane { case sources, networks }

    enum Order: String, CaseIterable {
        case total, last, address

        var next: Order {
            let all = Order.allCases
            return all[((all.firstIndex(of: self) ?? 0) + 1) % all.count]
        }
    }

    struct Question: Equatable {
        enum Verb: String { case ban, allow }
        let verb: Verb
        let prefix: Prefix
    }

    /// A source or network that was rejected or dropped.
    struct Heavy {
        let prefix: Prefix
        let rejected: Int
        let dropped: Int
        let sources: Int
        let last: Instant?
        let until: Instant?
        let isAllowed: Bool
        let isKnown: Bool

        init?(_ row: Record) {
            guard let prefix = row["net"].flatMap({ try? Prefix(parsing: $0) }) else { return nil }
            self.prefix = prefix
            rejected = row.integer("rejected") ?? 0
            dropped = row.integer("dropped") ?? 0
            sources = row.integer("sources") ?? 0
            last = row.instant("last")
            until = row.instant("until")
            isAllowed = row["allowed"] == "yes"
            isKnown = row["known"] == "yes"
        }

        func state(_ now: Instant, isObserving: Bool) -> String {
            if isAllowed { return "allowed" }
            if until != nil, isObserving { return "noted" }
            if let until { return until == .distantFuture ? "ban" : "ban \(max(.seconds(1), until - now).span)" }
            return isKnown ? "known" : "-"
        }
    }

    private static let mostHistory = 1000
    private static let mostEvents = 200
    /// Rates are those over this span, or what there is of it.
    private static let rateSpan = Duration.seconds(10)

    // MARK: - What comes in

    mutating func take(status row: Record, at now: Instant) {
        absence = nil
        // A daemon that has begun anew counts anew.
        if row["since"] != status["since"] { counters = [] }
        status = row
        var values: [String: Int] = [:]
        for key in ["rejections", "bans_made", "sheds", "dropped"] { values[key] = row.integer(key) }
        counters.append((now, values))
        let gone = counters.dropLast().prefix { now - $0.time > TopState.rateSpan }.count
        counters.removeFirst(gone)
        guard let time = row.instant("sampled"), time > sampled ?? .distantPast else { return }
        sampled = time
        add(sample: row.integer("slots_used") ?? 0)
    }

    mutating func take(samples: [(time: Instant, slots: Int)]) {
        history = []
        sampled = samples.last?.time
        for sample in samples.suffix(TopState.mostHistory) { history.append(sample.slots) }
    }

    private mutating func add(sample slots: Int) {
        history.append(slots)
        if history.count > TopState.mostHistory { history.removeFirst(history.count - TopState.mostHistory) }
    }

    mutating func take(worst rows: [Record]) {
        sources = rows.filter { $0.word == "source" }.compactMap(Heavy.init)
        networks = rows.filter { $0.word == "network" }.compactMap(Heavy.init)
        arrange()
    }

    mutating func take(_ decision: Decision) {
        events.append(Events.line(decision))
        if events.count > TopState.mostEvents { events.removeFirst(events.count - TopState.mostEvents) }
    }

    mutating func forgetEvents() { events = [] }

    /// Per second, over the last ten; `nil` until there are two accounts.
    func rate(_ key: String) -> Double? {
        guard let first = counters.first, let last = counters.last, last.time > first.time,
            let before = first.values[key], let after = last.values[key]
        else { return nil }
        return Double(max(0, after - before)) / (last.time - first.time).inSeconds
    }

    // MARK: - The lists

    mutating func arrange() {
        let order = self.order
        func isBefore(_ left: Heavy, _ right: Heavy) -> Bool {
            switch order {
            case .total:
                let (this, other) = (left.rejected + left.dropped, right.rejected + right.dropped)
                return this != other ? this > other : left.prefix < right.prefix
            case .last:
                let (this, other) = (left.last ?? .distantPast, right.last ?? .distantPast)
                return this != other ? this > other : left.prefix < right.prefix
            case .address: return left.prefix < right.prefix
            }
        }
        sources.sort(by: isBefore)
        networks.sort(by: isBefore)
    }

    func rows(_ pane: Pane) -> [Heavy] { pane == .sources ? sources : networks }

    /// Where the selection stands; the first row when what was selected is not in the list any more.
    func selection(_ pane: Pane) -> Int {
        selected[pane].flatMap { prefix in rows(pane).firstIndex { $0.prefix == prefix } } ?? 0
    }

    var selectedPrefix: Prefix? {
        let rows = rows(pane)
        let place = selection(pane)
        return place < rows.count ? rows[place].prefix : nil
    }

    mutating func move(by steps: Int) {
        let rows = rows(pane)
        guard !rows.isEmpty else { return }
        selected[pane] = rows[min(max(0, selection(pane) + steps), rows.count - 1)].prefix
    }
}
