/// Listings that replies named (`SBL24651`), and how often which source met each.
struct ListingTable: Sendable {
    struct Name: Hashable, Sendable {
        /// The number of the list's label.
        var label: Int
        var id: String
    }
    struct Pair: Hashable, Sendable {
        var listing: Int32
        var source: Int32
    }
    private(set) var names: [Name] = []
    private(set) var counts: [Pair: Int] = [:]
    /// Rejections that named one when the table was full.
    var others = 0
    private var numbers: [Name: Int] = [:]
    let most: Int

    init(most: Int) { self.most = most }

    mutating func add(_ name: Name, source: Int, count: Int = 1) {
        guard let listing = number(name) else {
            others.add(count)
            return
        }
        let pair = Pair(listing: Int32(listing), source: Int32(source))
        guard counts[pair] != nil || counts.count < 16 * most else {
            others.add(count)
            return
        }
        counts[pair, default: 0].add(count)
    }

    private mutating func number(_ name: Name) -> Int? {
        if let known = numbers[name] { return known }
        guard names.count < most else { return nil }
        numbers[name] = names.count
        names.append(name)
        return names.count - 1
    }
}
