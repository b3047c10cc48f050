/// Puts what comes roughly in the order of its time into that order: records of several hosts, each with a clock and a
/// way of its own.
///
/// A value waits until another one is `span` newer, or `most` are waiting; what is older than one that has been handed
/// out comes too late for its place, and is counted.
package struct SortingWindow<Value> {
    package private(set) var late = 0
    private let span: Duration
    private let most: Int
    /// A binary heap, the oldest first; of two with the same time the one that came first.
    private var heap: [(time: Instant, number: UInt64, value: Value)] = []
    private var added: UInt64 = 0
    private var newest = Instant.distantPast
    private var handedOut = Instant.distantPast

    package init(span: Duration, most: Int) {
        self.span = span
        self.most = most
    }

    package mutating func add(_ value: Value, at time: Instant) {
        if time < handedOut { late += 1 }
        newest = max(newest, time)
        // Whoever is late takes the place that there still is.
        heap.append((max(time, handedOut), added, value))
        added &+= 1
        var index = heap.count - 1
        while index > 0, isBefore(index, (index - 1) / 2) {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    /// The oldest value whose turn it is; at the end of everything it is everybody's.
    package mutating func next(isEnd: Bool = false) -> (time: Instant, value: Value)? {
        guard let first = heap.first, isEnd || heap.count > most || newest - first.time >= span else { return nil }
        handedOut = first.time
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count && isBefore(child, least) {
                least = child
            }
            guard least != index else { break }
            heap.swapAt(index, least)
            index = least
        }
        return (first.time, first.value)
    }

    private func isBefore(_ left: Int, _ right: Int) -> Bool {
        (heap[left].time, heap[left].number) < (heap[right].time, heap[right].number)
    }
}
