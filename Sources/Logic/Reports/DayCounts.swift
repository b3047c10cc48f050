import Addresses
import Events

/// What one host's log told of one day: who came, and what was said to them.
struct DayCounts: Sendable {
    var sources = SourceTable()
    var origins = PlaceTable()
    var marks = MinuteMarks()
    var texts: TextTable
    var listings: ListingTable
    /// Of all addresses, once there are more than are kept.
    var sketch: DistinctSketch?
    /// Events of sources that are not kept.
    var beyond = 0
    private let most: Int

    init(_ bounds: Tally.Bounds) {
        most = bounds.sources
        texts = TextTable(most: bounds.texts)
        listings = ListingTable(most: bounds.listings)
    }

    /// The place of a source, a new one where there is room.
    @inline(__always)
    mutating func place(of address: IPAddress) -> Int? {
        if let known = sources.index(of: address) { return known }
        return newPlace(of: address)
    }

    private mutating func newPlace(of address: IPAddress) -> Int? {
        if sources.count < most {
            sketch?.add(address)
            return sources.append(address)
        }
        if sketch == nil { sketch = exactSketch }
        sketch?.add(address)
        return nil
    }

    var exactSketch: DistinctSketch {
        var sketch = DistinctSketch()
        for entry in sources.entries { sketch.add(entry.address) }
        return sketch
    }

    /// How many sources there were; an estimate when not all of them are kept.
    var distinct: (count: Int, isEstimate: Bool) {
        guard let sketch else { return (sources.count, false) }
        return (max(sketch.estimate, sources.count), true)
    }

    /// What is no rejection.
    mutating func count(_ event: Event, _ peer: IPAddress, _ second: Int64) {
        guard let place = place(of: source(of: peer)) else {
            beyond += 1
            return
        }
        let minute = UInt16(second / 60)
        let isNewMinute = sources[place].count(event, second, minute)
        if isNewMinute { marks.add(place, minute, isConnect: event.kind == .connect) }
    }

    /// The source's place, `nil` when it is one too many.
    mutating func reject(_ event: Event, _ peer: IPAddress, _ second: Int64, _ label: Int) -> Int? {
        guard let place = place(of: source(of: peer)) else {
            beyond += 1
            return nil
        }
        let minute = UInt16(second / 60)
        let isNewMinute = sources[place].reject(event, minute, DayCounts.bit(label))
        if isNewMinute { marks.add(place, minute, isConnect: false) }
        return place
    }

    mutating func mark(_ source: Int, minute: UInt16, isConnect: Bool) {
        if sources[source].isNew(minute, isConnect: isConnect) { marks.add(source, minute, isConnect: isConnect) }
    }

    /// Adds another's counts, whose labels have these numbers here.
    mutating func merge(_ other: DayCounts, labels: [Int]) {
        let numbers = origins.take(other.origins)
        let places = other.sources.entries.map { entry -> Int? in
            guard let place = place(of: entry.address) else {
                beyond.add(entry.counts.attempts)
                return nil
            }
            var counts = entry.counts
            counts.labels = DayCounts.renumbered(counts.labels, labels)
            sources[place].counts += counts
            if sources[place].origin == 0 { sources[place].origin = numbers[Int(entry.origin)] }
            return place
        }
        marks.merge(other.marks, places)
        for entry in other.texts.entries { _ = texts.add(entry.text, count: entry.count) }
        texts.others.add(other.texts.others)
        for (pair, count) in other.listings.counts {
            guard let place = places[Int(pair.source)] else {
                listings.others.add(count)
                continue
            }
            let name = other.listings.names[Int(pair.listing)]
            listings.add(ListingTable.Name(label: labels[name.label], id: name.id), source: place, count: count)
        }
        listings.others.add(other.listings.others)
        beyond.add(other.beyond)
        if let more = other.sketch { add(more) }
    }

    mutating func add(_ more: DistinctSketch) {
        var sum = sketch ?? exactSketch
        sum.add(more)
        sketch = sum
    }

    static func renumbered(_ mask: UInt64, _ labels: [Int]) -> UInt64 {
        var (rest, result) = (mask & ~(1 << 63), mask & (1 << 63))
        while rest != 0 {
            let bit = rest.trailingZeroBitCount
            rest &= rest - 1
            result |= bit < labels.count ? DayCounts.bit(labels[bit]) : 1 << 63
        }
        return result
    }

    @inline(__always)
    static func bit(_ label: Int) -> UInt64 { 1 << UInt64(min(label, 63)) }
}
