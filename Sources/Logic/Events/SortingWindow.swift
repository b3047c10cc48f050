/// Puts events that come roughly in the order of their time into that order: those of several hosts, each with a clock
/// and a way of its own.
///
/// An event waits until another one is `span` newer, or `most` are waiting; what is older than one that has been handed
/// out comes too late for its place, and is counted. Nearly all come in order: those wait in a queue, and only the
/// others in a heap.
package struct SortingWindow {
    package private(set) var late = 0
    private let span: Duration
    private let most: Int
    private typealias Entry = (time: Instant, number: UInt64, event: Event)
    /// Those from `head` on wait, each at least as late as the one before.
    private var queue: [Entry] = []
    private var head = 0
    /// A binary heap, the oldest first; of two with the same time the one that came first.
    private var heap: [Entry] = []
    private var added: UInt64 = 0
    /// What is as old as this waits no longer.
    private var ripe = Instant.distantPast
    private var newest = Instant.distantPast
    private var handedOut = Instant.distantPast

    package init(span: Duration, most: Int) {
        self.span = span
        self.most = most
    }

    package mutating func add(_ event: Event, at time: Instant) {
        if time < handedOut { late += 1 }
        if time > newest {
            newest = time
            ripe = time - span
        }
        // Whoever is late takes the place that there still is.
        let entry = (max(time, handedOut), added, event)
        added &+= 1
        if head == queue.count || queue[queue.count - 1].time <= entry.0 {
            queue.append(entry)
        } else {
            heap.append(entry)
            var index = heap.count - 1
            while index > 0, isBefore(heap[index], heap[(index - 1) / 2]) {
                heap.swapAt(index, (index - 1) / 2)
                index = (index - 1) / 2
            }
        }
    }

    /// The oldest event whose turn it is; at the end of everything it is everybody's.
    package mutating func next(isEnd: Bool = false) -> (time: Instant, event: Event)? {
        if heap.isEmpty {
            guard head < queue.count, isEnd || queue[head].time <= ripe || queue.count - head > most else { return nil }
            return takeFirst()
        }
        let isQueued = head < queue.count && isBefore(queue[head], heap[0])
        let time = isQueued ? queue[head].time : heap[0].time
        guard isEnd || time <= ripe || queue.count - head + heap.count > most else { return nil }
        return isQueued ? takeFirst() : takeTop()
    }

    private mutating func takeFirst() -> (time: Instant, event: Event) {
        let first = queue[head]
        handedOut = first.time
        head += 1
        // Half of the queue at a time, so that each event is moved about once.
        if head >= 512, head * 2 >= queue.count {
            queue.removeFirst(head)
            head = 0
        }
        return (first.time, first.event)
    }

    private mutating func takeTop() -> (time: Instant, event: Event) {
        let first = heap[0]
        handedOut = first.time
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count && isBefore(heap[child], heap[least]) {
                least = child
            }
            guard least != index else { break }
            heap.swapAt(index, least)
            index = least
        }
        return (first.time, first.event)
    }

    private func isBefore(_ left: Entry, _ right: Entry) -> Bool {
        left.time != right.time ? left.time < right.time : left.number < right.number
    }
}
