import Addresses
import Events

/// The sources of a span of days on all hosts, each once, with all that it did.
struct Visitors: Sendable {
    private(set) var table = SourceTable()
    /// As it was stored on the last day that has it.
    private(set) var origins = PlaceTable()
    private(set) var events = Beyond()
    private(set) var sketch: DistinctSketch?
    private let parts: [Part]

    /// What is not kept by source.
    struct Beyond: Equatable, Sendable {
        var events = 0
        var isMinuteless = false
    }

    private struct Part: Sendable {
        var day: Int
        var index: Int
        /// Where each of its sources stands here; `nil` when it is where it was.
        var places: [Int32]?
    }

    init(_ tally: Tally, _ days: Range<Int>, host: String? = nil) {
        let keys = tally.dayKeys.filter { days.contains($0.key.number) && (host == nil || host == $0.key.host) }
            .sorted { $0.key < $1.key }
        // What is not kept anywhere has to be estimated for all.
        let needsSketch = keys.contains { tally.dayCounts[$0.value].sketch != nil }
        if needsSketch { sketch = DistinctSketch() }
        // Of one day the table is taken as it is.
        if keys.count > 1 { table.reserve(keys.reduce(0) { $0 + tally.dayCounts[$1.value].sources.count }) }
        var parts: [Part] = []
        for (key, index) in keys {
            let day = tally.dayCounts[index]
            events.events.add(day.beyond)
            events.isMinuteless = events.isMinuteless || day.marks.isFull
            if needsSketch { sketch?.add(day.sketch ?? day.exactSketch) }
            if keys.count == 1 {
                table = day.sources
                origins = day.origins
                parts.append(Part(day: key.number, index: index, places: nil))
                break
            }
            let numbers = origins.take(day.origins)
            var places: [Int32] = []
            places.reserveCapacity(day.sources.count)
            for entry in day.sources.entries {
                var place = table.index(of: entry.address) ?? -1
                if place < 0 { place = table.append(entry.address) }
                var counts = entry.counts
                // From seconds of the day to seconds since 1970, so that a connection may end on another day.
                counts.dwell &+= (Int64(counts.disconnects) - Int64(counts.connections)) &* Int64(key.number) &* 86400
                table[place].counts += counts
                if entry.origin != 0 { table[place].origin = numbers[Int(entry.origin)] }
                places.append(Int32(place))
            }
            parts.append(Part(day: key.number, index: index, places: places))
        }
        self.parts = parts
    }

    /// Of the sources those that delivered, and none of their minutes.
    init(delivering tally: Tally, _ days: Range<Int>) {
        parts = []
        for (key, index) in tally.dayKeys where days.contains(key.number) {
            let day = tally.dayCounts[index]
            events.events.add(day.beyond)
            for entry in day.sources.entries where entry.counts.hasDelivered {
                let place = table.index(of: entry.address) ?? table.append(entry.address)
                table[place].counts += entry.counts
            }
        }
    }

    var entries: [SourceTable.Entry] { table.entries }

    /// How many sources there were; an estimate when not all of them are kept.
    var distinct: Report.Cell { cell(table.count, estimate: sketch?.estimate) }

    /// How many of the sources are of a kind: at least so many when not all are kept.
    func count(_ isWanted: (SourceCounts) -> Bool) -> Report.Cell {
        let count = entries.reduce(0) { $0 + (isWanted($1.counts) ? 1 : 0) }
        return events.events > 0 ? .atLeast(count) : .count(count)
    }

    private func cell(_ count: Int, estimate: Int?) -> Report.Cell {
        estimate.map { .estimate(max($0, count)) } ?? .count(count)
    }

    /// `source << 32 | minute since 1970 by the local clock`, sorted, each once: when each source came.
    func minutes(_ tally: Tally) -> [UInt64] {
        var result: [UInt64] = []
        for part in parts {
            let day = tally.dayCounts[part.index]
            let first = UInt64(max(0, part.day)) * 1440
            day.marks.forEach(day.sources.count) { source, minutes in
                let place = UInt64(part.places.map { Int($0[source]) } ?? source) << 32
                for minute in minutes { result.append(place | (first + UInt64(minute))) }
            }
        }
        guard parts.count > 1 else { return result }
        result.sort()
        var kept = 0
        for index in result.indices where index == 0 || result[index] != result[kept - 1] {
            result[kept] = result[index]
            kept += 1
        }
        result.removeLast(result.count - kept)
        return result
    }
}
