/// In which minutes of the day each source came: what it did, and its bare connections, which count where it did nothing
/// else. A set, so that the same marks from several files or hosts are the same set in any order; the times first and
/// last seen and the gaps between attempts follow from it, to the minute.
struct MinuteMarks: Sendable {
    /// `source << 16 | connect << 15 | minute`, each perhaps more than once.
    private var marks: [UInt64] = []
    /// Beyond these nothing more is marked.
    private static let most = 4_000_000
    private(set) var isFull = false
    private var isSorted = true

    private static let connect: UInt64 = 1 << 15

    @inline(__always)
    mutating func add(_ source: Int, _ minute: UInt16, isConnect: Bool) {
        if marks.count >= MinuteMarks.most { compact() }
        guard !isFull else { return }
        marks.append(UInt64(source) << 16 | (isConnect ? MinuteMarks.connect : 0) | UInt64(minute))
        isSorted = false
    }

    private mutating func compact() {
        sort()
        isFull = marks.count > MinuteMarks.most * 3 / 4
    }

    mutating func setFull() { isFull = true }

    /// Forgets all minutes: those that come later are no whole set either.
    mutating func forget() {
        marks = []
        isSorted = true
        isFull = true
    }

    /// By source, each mark once.
    mutating func sort() {
        guard !isSorted else { return }
        marks.sort()
        var (kept, last) = (0, UInt64.max)
        for mark in marks where mark != last {
            last = mark
            marks[kept] = mark
            kept += 1
        }
        marks.removeLast(marks.count - kept)
        isSorted = true
    }

    mutating func merge(_ other: MinuteMarks, _ places: [Int?]) {
        isFull = isFull || other.isFull
        for mark in other.marks {
            guard let place = places[Int(mark >> 16)] else { continue }
            add(place, UInt16(mark & 0x7fff), isConnect: mark & MinuteMarks.connect != 0)
        }
    }

    /// Sorted, the minutes of each of `count` sources: what it did, or its connections when that is nothing.
    func forEach(_ count: Int, _ body: (_ source: Int, _ minutes: ArraySlice<UInt16>) -> Void) {
        // Each source's marks side by side, by counting how many it has; and a day's minutes are few enough for a bit each.
        var ends = [Int](repeating: 0, count: count + 1)
        for mark in marks where mark >> 16 < UInt64(count) { ends[Int(mark >> 16) + 1] += 1 }
        for source in 0..<count { ends[source + 1] += ends[source] }
        var grouped = [UInt16](repeating: 0, count: ends[count])
        var places = ends
        for mark in marks where mark >> 16 < UInt64(count) {
            grouped[places[Int(mark >> 16)]] = UInt16(truncatingIfNeeded: mark)
            places[Int(mark >> 16)] += 1
        }
        var (acts, connects) = (MinuteSet(), MinuteSet())
        var minutes: [UInt16] = []
        for source in 0..<count {
            minutes.removeAll(keepingCapacity: true)
            for mark in grouped[ends[source]..<ends[source + 1]] {
                if mark & UInt16(MinuteMarks.connect) == 0 {
                    acts.insert(mark)
                } else {
                    connects.insert(mark & ~UInt16(MinuteMarks.connect))
                }
            }
            if acts.isEmpty { connects.take(into: &minutes) } else { acts.take(into: &minutes) }
            connects.clear()
            body(source, minutes[...])
        }
    }
}

/// Minutes of a day.
private struct MinuteSet {
    private var words = [UInt64](repeating: 0, count: MinuteSet.count)
    /// The words that may hold any.
    private var used = 0..<0
    /// More than the 1,500 minutes of the longest day.
    private static let count = 32

    var isEmpty: Bool { used.isEmpty }

    mutating func insert(_ minute: UInt16) {
        let word = Int(minute >> 6)
        guard word < MinuteSet.count else { return }
        words[word] |= 1 << UInt64(minute & 63)
        used = used.isEmpty ? word..<(word + 1) : min(used.lowerBound, word)..<max(used.upperBound, word + 1)
    }

    /// Appends them in their order, and forgets them.
    mutating func take(into minutes: inout [UInt16]) {
        for word in used {
            var rest = words[word]
            words[word] = 0
            while rest != 0 {
                minutes.append(UInt16(word << 6 + rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
        used = 0..<0
    }

    mutating func clear() {
        for word in used { words[word] = 0 }
        used = 0..<0
    }
}
