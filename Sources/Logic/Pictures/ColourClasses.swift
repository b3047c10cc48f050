/// Counts in classes that have a colour each, few enough to be told apart: on a continuous ramp 10,148 and 44,000 look
/// the same.
struct ColourClasses {
    /// Where each class begins, upwards; below the first there is nothing. Above zero, without a gap between.
    private let bounds: [Int]
    private let highest: Int

    static let most = 7

    private init(bounds: [Int], highest: Int) {
        self.bounds = bounds
        self.highest = highest
    }

    /// Steps 1, 3, 10, 30 ...: the seven highest that are reached, the lowest of which takes what is below as well.
    init(steps values: some Sequence<Int>) {
        let positive = values.filter { $0 > 0 }
        let highest = positive.max() ?? 0
        self.init(bounds: Self.steps(from: positive.min() ?? 0, to: highest, most: Self.most), highest: highest)
    }

    /// For values of about one size, as the hours of a week are: steps of the same factor at round numbers, from where a
    /// twentieth of the values lies below.
    init(close values: some Sequence<Int>) {
        let positive = values.filter { $0 > 0 }.sorted()
        guard let top = positive.last else {
            self.init(bounds: [], highest: 0)
            return
        }
        let low = positive[positive.count / 20]
        var all = [1]
        var power = 1
        while true {
            let (tenfold, overflow) = power.multipliedReportingOverflow(by: 10)
            // Of the last power as far as the highest value; one and a half is no count.
            all += [2, 3, 4, 6, 8].filter { $0 <= top / power }.map { $0 * power }
            if power > 1, power / 10 * 15 <= top { all.append(power / 10 * 15) }
            if overflow || tenfold > top { break }
            all.append(tenfold)
            power = tenfold
        }
        all = Set(all).sorted().filter { $0 > low || $0 == 1 }
        // Every second, every third: as few as have a colour, and the highest among them.
        let every = (all.count + Self.most - 2) / (Self.most - 1)
        let kept = all.indices.dropFirst().filter { (all.count - 1 - $0) % max(1, every) == 0 }.map { all[$0] }
        self.init(bounds: [1] + kept, highest: top)
    }

    fileprivate static func steps(from lowest: Int, to highest: Int, most: Int) -> [Int] {
        guard highest > 0 else { return [] }
        var all = [1]
        while let last = all.last {
            // 1 -> 3 by three, 3 -> 10 by ten from the step before.
            let (next, overflow) = all.count % 2 == 1 ? last.multipliedReportingOverflow(by: 3) : tenfold(last / 3)
            if overflow || next > highest { break }
            all.append(next)
        }
        // The first class that holds anything is the last to begin at or below the lowest value.
        let needed = Array(all[(all.lastIndex { $0 <= max(1, lowest) } ?? 0)...])
        return needed.count > most ? [1] + needed.suffix(most - 1) : needed
    }

    private static func tenfold(_ value: Int) -> (partialValue: Int, overflow: Bool) {
        value.multipliedReportingOverflow(by: 10)
    }

    /// The style sheet's class of a count; the highest is always the strongest colour.
    func name(_ count: Int) -> String {
        guard count > 0, let place = bounds.lastIndex(where: { $0 <= count }) else { return "q0" }
        return "q\(colour(place))"
    }

    /// Spread over the seven colours.
    private func colour(_ place: Int) -> Int {
        bounds.count == 1 ? Self.most : 1 + (place * (Self.most - 1) + (bounds.count - 1) / 2) / (bounds.count - 1)
    }

    /// From the lowest class up.
    var legend: [(name: String, label: String)] {
        [("q0", "none")]
            + bounds.indices.map { place in
                let last = place + 1 < bounds.count ? bounds[place + 1] - 1 : highest
                return ("q\(colour(place))", Self.label(bounds[place], last))
            }
    }

    fileprivate static func label(_ first: Int, _ last: Int) -> String {
        first >= last ? Wording.grouped(first) : "\(Wording.grouped(first))\u{2013}\(Wording.grouped(last))"
    }
}

/// Differences in classes: fewer to one side, more to the other, and as many alike in the same steps.
struct DifferenceClasses {
    private let bounds: [Int]
    private let lowest: Int
    private let highest: Int

    static let most = 4

    init(_ values: some Sequence<Int>) {
        let all = Array(values)
        lowest = min(0, all.min() ?? 0)
        highest = max(0, all.max() ?? 0)
        let sizes = all.map { Int(clamping: $0.magnitude) }.filter { $0 > 0 }
        bounds = ColourClasses.steps(from: sizes.min() ?? 0, to: sizes.max() ?? 0, most: Self.most)
    }

    func name(_ difference: Int) -> String {
        let size = Int(clamping: difference.magnitude)
        guard size > 0, let place = bounds.lastIndex(where: { $0 <= size }) else { return "q0" }
        return (difference < 0 ? "d" : "e") + "\(colour(place))"
    }

    private func colour(_ place: Int) -> Int { Self.most - (bounds.count - 1 - place) }

    /// From the largest fall to the largest rise; sides on which there is nothing are left out.
    var legend: [(name: String, label: String)] {
        func side(_ letter: String, _ sign: Int, _ extreme: Int) -> [(name: String, label: String)] {
            bounds.indices.filter { bounds[$0] <= extreme }.map { place in
                let last = min(extreme, place + 1 < bounds.count ? bounds[place + 1] - 1 : extreme)
                let ends = [bounds[place] * sign, last * sign].sorted().map(Wording.signed)
                return ("\(letter)\(colour(place))", bounds[place] == last ? ends[0] : "\(ends[0]) to \(ends[1])")
            }
        }
        return side("d", -1, Int(clamping: lowest.magnitude)).reversed() + [("q0", "no change")]
            + side("e", 1, highest)
    }
}
