import Addresses
import Events

/// Counts what logs tell, by hour and by day of each host, in sums and sets that add up: a tally of a whole log equals
/// those of its pieces merged, in any order.
///
/// Hours and days are those of the local clocks, so that a day's hours are a day's whatever the zone. Every table is
/// bounded; what a bound cut off is counted, and a figure that is an estimate says so. To add an event takes about as
/// long as to read its line, and asks for memory only when something comes for the first time.
package struct Tally: Sendable {
    /// The most of each thing that is kept, for each day and host or for the whole.
    package struct Bounds: Sendable {
        package var hosts = 64
        package var labels = 1024
        /// Sources of a day and host.
        package var sources = 400_000
        /// Normalised texts of a day and host.
        package var texts = 512
        /// Listings of a day and host.
        package var listings = 4096

        package init() {}
    }

    /// One hour or one day of one host.
    package struct Key: Hashable, Comparable, Sendable {
        package enum Span: UInt8, Sendable {
            case hour
            case day
        }
        package var span: Span
        /// Hours or days since 1970 began, by the local clock.
        package var number: Int
        package var host: String

        package init(_ span: Span, _ number: Int, _ host: String) {
            self.span = span
            self.number = number
            self.host = host
        }

        /// Of a day that an `Instant` can be in; what is stored may say any number.
        var isPossible: Bool {
            switch span {
            case .hour: LocalDay.possible.contains(Int(Int64(number).quotient(24)))
            case .day: LocalDay.possible.contains(number)
            }
        }

        package static func < (left: Key, right: Key) -> Bool {
            (left.span.rawValue, left.number, left.host) < (right.span.rawValue, right.number, right.host)
        }
    }

    package let bounds: Bounds
    var labels: LabelTable
    /// Events whose host was one too many: they count under no name.
    package private(set) var isHostsFull = false

    private var hosts: [Host] = []
    private var current = -1
    private(set) var hourKeys: [Key: Int] = [:]
    var hourCounts: [HourCounts] = []
    private(set) var dayKeys: [Key: Int] = [:]
    var dayCounts: [DayCounts] = []
    private var clock: LocalClock
    private var text = ReplyText()

    private struct Host: Sendable {
        var bytes: [UInt8]
        var name: String
        var hour = (number: Int.min, index: 0)
        var day = (number: Int.min, index: 0)
    }

    /// - Parameter offsetSeconds: how far the local clock is east of UTC at an instant.
    package init(
        bounds: Bounds = Bounds(), offsetSeconds: @escaping @Sendable (Instant) -> Int = { _ in 0 }
    ) {
        self.bounds = bounds
        labels = LabelTable(most: bounds.labels)
        clock = LocalClock(offsetSeconds)
    }

    package var isEmpty: Bool { hourCounts.isEmpty && dayCounts.isEmpty }
    package var keys: [Key] { (Array(hourKeys.keys) + Array(dayKeys.keys)).sorted() }
}

extension Tally {
    /// Counts an event that happened at `time`, said by the line in `bytes`.
    package mutating func add(_ event: Event, at time: Instant, header: LogLine, in bytes: Span<UInt8>) {
        if event.isContinuation || (event.kind == .acceptance && event.precedesReply) { return }
        let seconds = clock.localSeconds(time)
        let hourNumber = Int(seconds.quotient(3600))
        let dayNumber = Int(seconds.quotient(86400))
        let secondOfDay = seconds - Int64(dayNumber) * 86400
        findHost(header, bytes)
        findPlace(hourNumber, dayNumber)
        let hour = hosts[current].hour.index
        let day = hosts[current].day.index

        guard let peer = event.peer else {
            if event.kind == .rejection || event.kind == .deferral { _ = label(event, day, header, bytes, hour) }
            hourCounts[hour].count(event)
            if event.kind != .saturation { hourCounts[hour].withoutPeer += 1 }
            return
        }
        hourCounts[hour].count(event)
        switch event.kind {
        case .rejection, .deferral:
            let label = label(event, day, header, bytes, hour)
            let place = dayCounts[day].reject(event, peer, secondOfDay, label)
            if let place, !text.listing.isEmpty, event.rejectionClass == .rbl || event.rejectionClass == .rhsbl {
                addListing(label, place, day, bytes)
            }
        default: dayCounts[day].count(event, peer, secondOfDay)
        }
    }

    /// Counts a rejection's words and label, and tells the label's number.
    private mutating func label(
        _ event: Event, _ day: Int, _ header: LogLine, _ bytes: Span<UInt8>, _ hour: Int
    ) -> Int {
        let rejectionClass = event.rejectionClass ?? .other
        text.read(bytes, header.message, code: event.code)
        let known = dayCounts[day].texts.add(text.buffer.span.extracting(0..<text.count))
        var name = event.zone
        if rejectionClass == .clientHost, name == nil {
            name = known.map { dayCounts[day].texts.entries[$0].reason } ?? ReplyText.reason(text.bytes)
        }
        let label = labels.number(rejectionClass, name)
        hourCounts[hour].reject(
            label, isPermanent: event.kind == .rejection, isListFailure: event.isListFailure)
        return label
    }

    private mutating func addListing(_ label: Int, _ place: Int, _ day: Int, _ bytes: Span<UInt8>) {
        let id = String(unsafeUninitializedCapacity: text.listing.count) { buffer in
            for (offset, index) in text.listing.enumerated() { buffer[offset] = bytes[index] }
            return text.listing.count
        }
        dayCounts[day].listings.add(ListingTable.Name(label: label, id: id), source: place)
    }

    @inline(__always)
    private mutating func findHost(_ header: LogLine, _ bytes: Span<UInt8>) {
        if current >= 0, Tally.isSame(hosts[current].bytes, bytes, header.host) { return }
        if let known = hosts.firstIndex(where: { Tally.isSame($0.bytes, bytes, header.host) }) {
            current = known
            return
        }
        current = host(header.host.map { bytes[$0] })
    }

    /// A host's place; beyond the bound they share one without a name.
    private mutating func host(_ name: [UInt8]) -> Int {
        if let known = hosts.firstIndex(where: { $0.bytes == name }) { return known }
        var name = name
        if hosts.count >= bounds.hosts {
            isHostsFull = true
            name = Array("(others)".utf8)
            if let known = hosts.firstIndex(where: { $0.bytes == name }) { return known }
        }
        hosts.append(Host(bytes: name, name: String(decoding: name, as: UTF8.self)))
        return hosts.count - 1
    }

    @inline(__always)
    private mutating func findPlace(_ hour: Int, _ day: Int) {
        if hosts[current].hour.number != hour {
            hosts[current].hour = (hour, hourIndex(Key(.hour, hour, hosts[current].name)))
        }
        if hosts[current].day.number != day {
            hosts[current].day = (day, dayIndex(Key(.day, day, hosts[current].name)))
        }
    }

    mutating func hourIndex(_ key: Key) -> Int {
        if let known = hourKeys[key] { return known }
        hourKeys[key] = hourCounts.count
        hourCounts.append(HourCounts())
        return hourCounts.count - 1
    }

    mutating func dayIndex(_ key: Key) -> Int {
        if let known = dayKeys[key] { return known }
        begin(key, with: DayCounts(bounds))
        return dayCounts.count - 1
    }

    /// Begins a day of which nothing is known yet with counts whose labels are numbered as they are here.
    mutating func begin(_ key: Key, with counts: DayCounts) {
        dayKeys[key] = dayCounts.count
        dayCounts.append(counts)
    }

    private static func isSame(_ name: [UInt8], _ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard name.count == range.count else { return false }
        for index in name.indices where name[index] != bytes[range.lowerBound + index] { return false }
        return true
    }
}

extension Tally {
    /// Adds all that another counted.
    package mutating func merge(_ other: Tally) {
        let numbers = other.labels.labels.map { labels.number($0) }
        for (key, index) in other.hourKeys {
            let place = hourIndex(key)
            hourCounts[place].add(other.hourCounts[index], labels: numbers)
        }
        for (key, index) in other.dayKeys {
            let place = dayIndex(key)
            dayCounts[place].merge(other.dayCounts[index], labels: numbers)
        }
        isHostsFull = isHostsFull || other.isHostsFull
    }

    /// When the local clock showed this; of an hour that comes twice, the first.
    package func instant(localSeconds: Int64) -> Instant {
        var clock = clock
        let guess = localSeconds - (clock.localSeconds(Instant(seconds: localSeconds)) - localSeconds)
        return Instant(seconds: localSeconds - (clock.localSeconds(Instant(seconds: guess)) - guess))
    }

    /// Minutes since 1970 by the local clock.
    func localMinute(_ time: Instant) -> Int64 {
        var clock = clock
        return clock.localSeconds(time).quotient(60)
    }

    /// Forgets an hour or a day, for whoever has stored it and does not come back to it.
    package mutating func remove(_ key: Key) {
        switch key.span {
        case .hour:
            guard let index = hourKeys.removeValue(forKey: key) else { return }
            hourCounts[index] = HourCounts()
            removeLast(&hourKeys, &hourCounts, index)
        case .day:
            guard let index = dayKeys.removeValue(forKey: key) else { return }
            dayCounts[index] = DayCounts(bounds)
            removeLast(&dayKeys, &dayCounts, index)
        }
        for host in hosts.indices {
            hosts[host].hour.number = .min
            hosts[host].day.number = .min
        }
    }

    /// The last one takes the place of the one that is gone.
    private func removeLast<Counts>(_ keys: inout [Key: Int], _ counts: inout [Counts], _ index: Int) {
        let last = counts.count - 1
        if index != last, let moved = keys.first(where: { $0.value == last })?.key {
            counts.swapAt(index, last)
            keys[moved] = index
        }
        counts.removeLast()
    }
}

/// Local seconds since 1970 began. The offset is asked once for a quarter of an hour: zones change at no other time.
struct LocalClock: Sendable {
    private let offsetSeconds: @Sendable (Instant) -> Int
    private var quarter = Int64.min
    private var offset: Int64 = 0

    init(_ offsetSeconds: @escaping @Sendable (Instant) -> Int) { self.offsetSeconds = offsetSeconds }

    @inline(__always)
    mutating func localSeconds(_ time: Instant) -> Int64 {
        let seconds = time.seconds
        let now = seconds.quotient(900)
        if now != quarter {
            quarter = now
            offset = Int64(offsetSeconds(Instant(seconds: now * 900)))
        }
        return seconds + offset
    }
}

extension Int64 {
    /// Rounded down.
    @inline(__always)
    func quotient(_ divisor: Int64) -> Int64 { self >= 0 ? self / divisor : (self + 1) / divisor - 1 }
}
