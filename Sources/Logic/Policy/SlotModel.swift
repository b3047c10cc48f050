import Addresses
import Events

/// The slots that rejected connections hold: as a log has them, and as they would be under a policy.
///
/// A model, since no log tells everything. A connection begins when its line says so, else with its first rejection. It
/// ends when a line says so, at the latest when its server gives it up after its rejection. Under the policy none of a banned source begins,
/// and one that is shed ends with its rejection. A rejection that names neither port nor process is a connection of its
/// own, unless one of the same second.
///
/// Instants must not go back. In bounded memory: the connections that began last, and of the course of slots over time
/// an hour, in which whole seconds are told apart.
package struct SlotModel: Sendable {
    /// What the slots of rejected connections came to.
    package struct Figures: Equatable, Sendable {
        package var secondsBefore = 0
        package var secondsAfter = 0
        package var peakBefore = 0
        package var peakAfter = 0
        package var connections = 0
        /// Of those: never begun under the policy, as their source was banned.
        package var refused = 0
        /// Of those: ended with their rejection.
        package var ended = 0

        package init() {}
    }

    private struct Key: Scattered {
        var peer: IPAddress
        var mark: UInt32

        @inline(__always)
        static func == (left: Key, right: Key) -> Bool { left.peer == right.peer && left.mark == right.mark }

        var scatter: UInt64 { Scatter.fold(peer.scatter ^ UInt64(mark), Scatter.secrets.2) }
    }
    private struct Connection: Sendable {
        var key: Key
        var begin: Instant
        var rejected: Instant?
        /// Since its rejection: when its server gives it up.
        var latestEnd = Instant.distantFuture
        var isRefused: Bool
        var isEnded = false
        var isOpen = true
    }
    /// Rejected connections by number that wait equally long: the first to end first; those from `head` on wait.
    private struct Waiting: Sendable {
        let hold: Duration
        var numbers: [Int] = []
        var head = 0
    }

    private let hold: Duration?
    private let longestHold: Duration
    private let most: Int
    /// A ring once it is full; a connection's number, modulo `most`, is its place.
    private var connections: [Connection] = []
    private var begun = 0
    private var index = PlaceIndex<Key>()
    private var waiting: [Waiting] = []
    private var course: SlotCourse
    private var now = Instant.distantPast
    private var figures = Figures()
    private var millisecondsBefore: Int64 = 0
    private var millisecondsAfter: Int64 = 0

    /// - Parameters:
    ///   - hold: how long a rejected connection keeps its slot when no line tells of its end, at most a day; `nil` for as
    ///     long as each server lets it.
    ///   - most: connections remembered at once.
    package init(hold: Duration? = nil, most: Int = 100_000) {
        self.hold = hold.map { min(max($0, .zero), .days(1)) }
        longestHold = self.hold ?? MTA.allCases.map(\.usualHold).max() ?? .zero
        self.most = max(1, most)
        course = SlotCourse(ahead: longestHold)
    }

    /// What `now` is to an event that names neither port nor process.
    package static func mark(port: UInt16?, pid: Int32?, at now: Instant) -> UInt32 {
        if let port { return UInt32(port) }
        if let pid { return 0x8000_0000 | UInt32(truncatingIfNeeded: pid) }
        return 0x4000_0000 | UInt32(truncatingIfNeeded: now.seconds) & 0x3fff_ffff
    }

    package mutating func begin(_ peer: IPAddress, _ mark: UInt32, at time: Instant, isRefused: Bool) {
        advance(to: time)
        let key = Key(peer: peer, mark: mark)
        if let place = place(of: key) { close(place, at: now) }
        remember(Connection(key: key, begin: now, rejected: nil, isRefused: isRefused))
    }

    /// Counts a connection at its first rejection. `isRefused`: if it had to begin just now, it could not have.
    package mutating func reject(
        _ peer: IPAddress, _ mark: UInt32, by mta: MTA = .courier, at time: Instant, isRefused: Bool
    ) {
        advance(to: time)
        let key = Key(peer: peer, mark: mark)
        let place =
            place(of: key) ?? remember(Connection(key: key, begin: now, rejected: nil, isRefused: isRefused))
        guard connections[place].rejected == nil else { return }
        connections[place].rejected = now
        figures.connections += 1
        if connections[place].isRefused { figures.refused += 1 }
        course.add(at: connections[place].begin.seconds, before: 1, after: connections[place].isRefused ? 0 : 1)
        let hold = self.hold ?? mta.usualHold
        connections[place].latestEnd = now + hold
        wait(numberOf(place), hold)
    }

    /// A rejected connection is ended by the policy.
    package mutating func shed(_ peer: IPAddress, _ mark: UInt32, at time: Instant) {
        advance(to: time)
        guard let place = place(of: Key(peer: peer, mark: mark)), connections[place].rejected != nil,
            !connections[place].isRefused, !connections[place].isEnded
        else { return }
        connections[place].isEnded = true
        figures.ended += 1
        millisecondsAfter += (now - connections[place].begin).milliseconds
        course.add(at: now.seconds, before: 0, after: -1)
    }

    /// A line says that it is over.
    package mutating func end(_ peer: IPAddress, _ mark: UInt32, at time: Instant) {
        advance(to: time)
        if let place = place(of: Key(peer: peer, mark: mark)) { close(place, at: now) }
    }

    /// What it comes to at `instant`; what is still held then counts up to then.
    package func figures(at instant: Instant) -> Figures {
        var copy = self
        copy.advance(to: instant)
        for queue in copy.waiting {
            for number in queue.numbers[queue.head...] {
                guard let place = copy.placeOf(number), copy.connections[place].isOpen else { continue }
                copy.count(place, until: copy.now)
            }
        }
        var figures = copy.figures
        figures.secondsBefore = Int(copy.millisecondsBefore / 1000)
        figures.secondsAfter = Int(copy.millisecondsAfter / 1000)
        (figures.peakBefore, figures.peakAfter) = copy.course.peaks
        return figures
    }

    /// When all that was rejected has ended, unless a line has yet to come.
    package var allEnded: Instant { now == .distantPast ? now : now + longestHold }
}

extension SlotModel {
    @inline(__always)
    private func place(of key: Key) -> Int? { index.position(of: key) { connections[$0].key } }

    /// The number of the connection that has this place now.
    private func numberOf(_ place: Int) -> Int {
        let newest = begun - 1
        return newest - (newest - place) % most
    }

    /// `nil` when another has taken its place.
    private func placeOf(_ number: Int) -> Int? { begun - number <= most ? number % most : nil }

    @discardableResult
    private mutating func remember(_ connection: Connection) -> Int {
        let place = begun % most
        if place < connections.count {
            if connections[place].isOpen { close(place, at: now) }
            connections[place] = connection
        } else {
            connections.append(connection)
        }
        begun += 1
        index.insert(connection.key, at: place) { connections[$0].key }
        return place
    }

    private mutating func advance(to time: Instant) {
        if time <= now { return }
        for index in waiting.indices { endDue(index, at: time) }
        now = time
        course.advance(to: now.seconds)
    }

    private mutating func endDue(_ index: Int, at time: Instant) {
        var head = waiting[index].head
        let count = waiting[index].numbers.count
        while head < count {
            if let place = placeOf(waiting[index].numbers[head]), connections[place].isOpen {
                guard connections[place].latestEnd <= time else { break }
                close(place, at: connections[place].latestEnd)
            }
            head += 1
        }
        waiting[index].head = head
        if head >= 1024, head * 2 >= count {
            waiting[index].numbers.removeFirst(head)
            waiting[index].head = 0
        }
    }

    private mutating func wait(_ number: Int, _ hold: Duration) {
        guard let index = waiting.firstIndex(where: { $0.hold == hold }) else {
            waiting.append(Waiting(hold: hold, numbers: [number]))
            return
        }
        // A number whose place was taken is of no use, so that no more than this can be.
        if waiting[index].numbers.count - waiting[index].head > 2 * most {
            waiting[index].numbers = waiting[index].numbers[waiting[index].head...].filter { placeOf($0) != nil }
            waiting[index].head = 0
        }
        waiting[index].numbers.append(number)
    }

    private mutating func close(_ place: Int, at end: Instant) {
        index.remove(connections[place].key) { connections[$0].key }
        connections[place].isOpen = false
        guard connections[place].rejected != nil else { return }
        count(place, until: end)
        course.add(at: end.seconds, before: -1, after: 0)
        if !connections[place].isRefused, !connections[place].isEnded {
            course.add(at: end.seconds, before: 0, after: -1)
        }
    }

    private mutating func count(_ place: Int, until end: Instant) {
        let held = (end - connections[place].begin).milliseconds
        millisecondsBefore += held
        if !connections[place].isRefused, !connections[place].isEnded { millisecondsAfter += held }
    }
}

/// How many slots are held, second by second, and the most of them; a begin may be told up to an hour late.
private struct SlotCourse: Sendable {
    private var steps: [(before: Int32, after: Int32)]
    /// Of the seconds before this one the course is known for good.
    private var first: Int64?
    private var held = (before: 0, after: 0)
    private var most = (before: 0, after: 0)
    private static let late: Int64 = 3600

    init(ahead: Duration) {
        steps = Array(repeating: (0, 0), count: Int(SlotCourse.late + ahead.nanoseconds / 1_000_000_000 + 2))
    }

    mutating func add(at second: Int64, before: Int32, after: Int32) {
        let place = place(max(second, first ?? second))
        steps[place].before += before
        steps[place].after += after
    }

    mutating func advance(to second: Int64) {
        guard let known = first else {
            first = second - SlotCourse.late
            return
        }
        let next = second - SlotCourse.late
        guard next > known else { return }
        for passed in known..<min(next, known + Int64(steps.count)) {
            let place = place(passed)
            settle(steps[place])
            steps[place] = (0, 0)
        }
        first = next
    }

    var peaks: (before: Int, after: Int) {
        guard let first else { return (0, 0) }
        var rest = self
        for second in first..<(first + Int64(steps.count)) { rest.settle(steps[place(second)]) }
        return (rest.most.before, rest.most.after)
    }

    private mutating func settle(_ step: (before: Int32, after: Int32)) {
        held.before += Int(step.before)
        held.after += Int(step.after)
        most.before = max(most.before, held.before)
        most.after = max(most.after, held.after)
    }

    private func place(_ second: Int64) -> Int {
        let count = Int64(steps.count)
        return Int((second % count + count) % count)
    }
}
