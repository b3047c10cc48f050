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
        var ordered = self
        ordered.sort()
        let marks = ordered.marks
        var minutes: [UInt16] = []
        var index = 0
        for source in 0..<count {
            minutes.removeAll(keepingCapacity: true)
            var acts = 0
            while index < marks.count, Int(marks[index] >> 16) == source {
                let isConnect = marks[index] & MinuteMarks.connect != 0
                // Acts stand before connections, as their bit is not set.
                if !isConnect { acts += 1 }
                if !isConnect || acts == 0 { minutes.append(UInt16(marks[index] & 0x7fff)) }
                index += 1
            }
            body(source, minutes[...])
        }
    }
}
