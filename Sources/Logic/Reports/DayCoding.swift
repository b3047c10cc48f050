import Addresses

/// A day's counts as bytes: a version; labels and the sets of them that sources have; the sketch; origins; the sources
/// that delivered and then all others, each group in the order of its addresses, which are coded by their differences,
/// and behind it where they belong; texts; listings. For a day of 100,000 sources that is about five bytes for each of them.
struct DayEncoder {
    private let day: DayCounts
    private let labels: [Label]
    /// Places of the sources in the order they are written in.
    private var order: [Int] = []
    private var minutes: [Int: [UInt16]] = [:]
    private var masks: [UInt64: Int] = [:]
    private var renumbered: [Int] = []
    private(set) var bytes: [UInt8] = []

    /// The first had no origins.
    static let version: UInt8 = 2

    init(_ day: DayCounts, _ labels: [Label]) {
        self.day = day
        self.labels = labels
        bytes = write()
    }

    private mutating func write() -> [UInt8] {
        var writer = ByteWriter()
        writer.byte(DayEncoder.version)
        writeLabels(&writer)
        writer.number(day.sketch == nil ? 0 : 1)
        for register in day.sketch?.registers ?? [] { writer.byte(register) }
        writer.number(day.beyond)
        writer.number(day.marks.isFull ? 1 : 0)
        writeSources(&writer)
        writer.number(day.texts.entries.count)
        for entry in day.texts.entries.sorted(by: { $0.text.lexicographicallyPrecedes($1.text) }) {
            writer.text(entry.text)
            writer.number(entry.count)
        }
        writer.number(day.texts.others)
        writeListings(&writer)
        return writer.bytes
    }

    /// The labels that this day uses, by name; from then on they have these numbers.
    private mutating func writeLabels(_ writer: inout ByteWriter) {
        var used = Set(day.listings.names.map(\.label))
        var mask: UInt64 = 0
        for entry in day.sources.entries { mask |= entry.counts.labels }
        for bit in 0..<63 where mask & (1 << UInt64(bit)) != 0 { used.insert(bit) }
        let names = used.filter { $0 < labels.count }.sorted { labels[$0] < labels[$1] }
        renumbered = [Int](repeating: 0, count: labels.count)
        writer.number(names.count)
        for (number, label) in names.enumerated() {
            renumbered[label] = number
            writer.label(labels[label])
        }
        var counts: [UInt64: Int] = [:]
        for entry in day.sources.entries {
            counts[DayCounts.renumbered(entry.counts.labels, renumbered), default: 0] += 1
        }
        let sets = counts.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
        writer.number(sets.count)
        for (number, set) in sets.enumerated() {
            masks[set.key] = number
            writer.number(Int(truncatingIfNeeded: set.key & 0xffff_ffff))
            writer.number(Int(truncatingIfNeeded: set.key >> 32))
        }
    }

    private mutating func writeSources(_ writer: inout ByteWriter) {
        var marks = [[UInt16]?](repeating: nil, count: day.sources.count)
        day.marks.forEach(day.sources.count) { source, minutes in
            if !minutes.isEmpty { marks[source] = Array(minutes) }
        }
        let entries = day.sources.entries
        let places = PlaceEncoder(day, &writer)
        let sorted = ReportBase.inOrder(entries)
        for isDelivering in [true, false] {
            for isIPv4 in [true, false] {
                let group = sorted.filter {
                    entries[$0].counts.hasDelivered == isDelivering && entries[$0].address.isIPv4 == isIPv4
                }
                order += group
                writer.number(group.count)
                let values = group.map { DayEncoder.value(entries[$0].address) }
                let width = DayEncoder.width(values)
                writer.byte(UInt8(width))
                var bits = BitWriter()
                var last: UInt64 = 0
                for (index, value) in zip(group, values) {
                    bits.rice(value &- last, width)
                    last = value
                    write(entries[index].counts, &bits)
                    DayEncoder.write(marks[index] ?? [], &bits)
                }
                writer.text(bits.finish())
                places.write(group, day, &writer)
            }
        }
    }

    private func write(_ counts: SourceCounts, _ bits: inout BitWriter) {
        let isPlain =
            counts.connections == counts.disconnects && counts.rejected == 0 && counts.deferred == 0
            && counts.accepted == 0 && counts.authenticated == 0 && counts.authFailures == 0
        bits.bits(isPlain ? 1 : 0, 1)
        bits.gamma(UInt64(counts.connections))
        if isPlain {
            bits.signed(Int64(counts.refused) - Int64(counts.connections))
        } else {
            for value in [
                counts.disconnects, counts.refused, counts.rejected, counts.deferred, counts.accepted,
                counts.authenticated, counts.authFailures,
            ] { bits.gamma(UInt64(value)) }
        }
        bits.signed(counts.dwell)
        bits.gamma(UInt64(masks[DayCounts.renumbered(counts.labels, renumbered)] ?? 0))
    }

    private static func write(_ minutes: [UInt16], _ bits: inout BitWriter) {
        bits.gamma(UInt64(minutes.count))
        guard let first = minutes.first else { return }
        bits.bits(UInt64(first), 11)
        var last = first
        for minute in minutes.dropFirst() {
            bits.gamma(UInt64(minute - last - 1))
            last = minute
        }
    }

    private func writeListings(_ writer: inout ByteWriter) {
        var places = [Int](repeating: 0, count: order.count)
        for (number, place) in order.enumerated() { places[place] = number }
        var rows: [Int32: [(source: Int, count: Int)]] = [:]
        for (pair, count) in day.listings.counts {
            rows[pair.listing, default: []].append((places[Int(pair.source)], count))
        }
        let names = day.listings.names
        let sorted = rows.sorted { left, right in
            let (first, second) = (names[Int(left.key)], names[Int(right.key)])
            return (renumbered[first.label], first.id) < (renumbered[second.label], second.id)
        }
        writer.number(sorted.count)
        for (listing, sources) in sorted {
            writer.number(renumbered[names[Int(listing)].label])
            writer.text(names[Int(listing)].id.utf8)
            writer.number(sources.count)
            for row in sources.sorted(by: { $0.source < $1.source }) {
                writer.number(row.source)
                writer.number(row.count)
            }
        }
        writer.number(day.listings.others)
    }

    /// IPv4's 32 bits, or the first 64 of IPv6: what is behind them is zero.
    private static func value(_ address: IPAddress) -> UInt64 {
        address.isIPv4 ? address.low & 0xffff_ffff : address.high
    }

    /// The width for Rice's code that fits the mean difference.
    private static func width(_ values: [UInt64]) -> Int {
        guard let last = values.last else { return 0 }
        let mean = last / UInt64(values.count)
        return max(0, 63 - mean.leadingZeroBitCount)
    }
}

/// Reads a day's bytes. Numbers of labels become those of the table it is given.
struct DayDecoder {
    private var reader: ByteReader
    private let bounds: Tally.Bounds
    private let onlyDelivering: Bool

    init(_ bytes: [UInt8], _ bounds: Tally.Bounds, onlyDelivering: Bool = false) {
        reader = ByteReader(bytes)
        self.bounds = bounds
        self.onlyDelivering = onlyDelivering
    }

    consuming func read(_ labels: inout LabelTable) throws(RollupError) -> DayCounts {
        var decoder = self
        return try decoder.readAll(&labels)
    }

    private mutating func readAll(_ labels: inout LabelTable) throws(RollupError) -> DayCounts {
        let version = try reader.byte()
        guard (1...DayEncoder.version).contains(version) else { throw RollupError(description: "of another version") }
        var numbers: [Int] = []
        var seen: Set<Label> = []
        for _ in 0..<(try reader.count(most: bounds.labels + 16)) {
            let label = try reader.label()
            guard seen.insert(label).inserted else { throw RollupError(description: "has a label twice") }
            numbers.append(labels.number(label))
        }
        var masks: [UInt64] = []
        for _ in 0..<(try reader.count(most: 1 << 20)) {
            let low = UInt64(try reader.number()) & 0xffff_ffff
            let high = UInt64(try reader.number()) & 0xffff_ffff
            masks.append(DayCounts.renumbered(low | high << 32, numbers))
        }
        var day = DayCounts(bounds)
        if try reader.number() != 0 {
            var registers: [UInt8] = []
            for _ in 0..<DistinctSketch.places { registers.append(try reader.byte()) }
            guard let sketch = DistinctSketch(registers: registers) else {
                throw RollupError(description: "has a sketch that is none")
            }
            day.sketch = sketch
        }
        day.beyond = try reader.number()
        if try reader.number() != 0 { day.marks.setFull() }
        let places = version > 1 ? try PlaceDecoder(&reader, into: &day) : nil
        // IPv4 and IPv6 of those that delivered, then of the others.
        var groups: [Range<Int>] = []
        for number in 0..<4 {
            let first = day.sources.count
            try readGroup(number % 2 == 0, masks, &day, except: number < 2 ? 0..<0 : groups[number - 2])
            try places?.read(&reader, from: first, of: &day)
            groups.append(first..<day.sources.count)
            if onlyDelivering, number == 1 { return day }
        }
        for _ in 0..<(try reader.count(most: bounds.texts)) {
            let text = Array(try reader.text(longest: ReplyText.longest))
            let known = day.texts.entries.count
            _ = day.texts.add(text, count: try reader.number())
            guard day.texts.entries.count > known else { throw RollupError(description: "has a text twice") }
        }
        day.texts.others = try reader.number()
        try readListings(numbers, &day)
        guard reader.isAtEnd else { throw RollupError(description: "goes on behind its end") }
        return day
    }

    /// - Parameter except: the places of those of this family that were read before, in the order of their addresses.
    private mutating func readGroup(
        _ isIPv4: Bool, _ masks: [UInt64], _ day: inout DayCounts, except: Range<Int>
    ) throws(RollupError) {
        let count = try reader.number()
        let width = Int(try reader.byte())
        let text = try reader.text(longest: .max)
        // Each takes four bits at the least.
        day.sources.reserve(day.sources.count + min(count, bounds.sources, 2 * text.count))
        var bits = BitReader(text)
        var other = except.lowerBound
        guard width < 64 else { throw RollupError(description: "has a width that is none") }
        var value: UInt64 = 0
        var index = 0
        // However many are said to follow, each takes bits that must be there.
        while index < count {
            let step = try bits.rice(width)
            guard index == 0 || step > 0, !isIPv4 || value &+ step <= UInt32.max, value &+ step >= value else {
                throw RollupError(description: "has addresses out of order")
            }
            value &+= step
            let address = isIPv4 ? IPAddress(v4: UInt32(value)) : IPAddress(high: value, low: 0)
            guard address.isIPv4 == isIPv4, day.sources.count < bounds.sources else {
                throw RollupError(description: "has more sources than there may be")
            }
            while other < except.upperBound, day.sources[other].address < address { other += 1 }
            guard other == except.upperBound || day.sources[other].address != address else {
                throw RollupError(description: "has a source twice")
            }
            let place = day.sources.append(address)
            day.sources[place].counts = try DayDecoder.counts(&bits, masks)
            try DayDecoder.readMinutes(&bits, place, &day)
            index += 1
        }
    }

    private static func counts(_ bits: inout BitReader, _ masks: [UInt64]) throws(RollupError) -> SourceCounts {
        var counts = SourceCounts()
        let isPlain = try bits.bits(1) == 1
        counts.connections = UInt32(clamping: try bits.gamma())
        if isPlain {
            counts.disconnects = counts.connections
            let difference = try bits.signed()
            guard difference >= -Int64(counts.connections), difference <= Int64(UInt32.max) else {
                throw RollupError(description: "has a count that is none")
            }
            counts.refused = UInt32(clamping: Int64(counts.connections) + difference)
        } else {
            counts.disconnects = UInt32(clamping: try bits.gamma())
            counts.refused = UInt32(clamping: try bits.gamma())
            counts.rejected = UInt32(clamping: try bits.gamma())
            counts.deferred = UInt32(clamping: try bits.gamma())
            counts.accepted = UInt32(clamping: try bits.gamma())
            counts.authenticated = UInt32(clamping: try bits.gamma())
            counts.authFailures = UInt32(clamping: try bits.gamma())
        }
        counts.dwell = try bits.signed()
        let mask = try bits.gamma()
        guard mask < UInt64(masks.count) else { throw RollupError(description: "has labels that are none") }
        counts.labels = masks[Int(mask)]
        return counts
    }

    private static func readMinutes(_ bits: inout BitReader, _ place: Int, _ day: inout DayCounts) throws(RollupError) {
        let count = try bits.gamma()
        guard count <= 1500 else { throw RollupError(description: "has a day of too many minutes") }
        guard count > 0 else { return }
        let isConnect = day.sources[place].counts.isConnectionOnly
        var minute = try bits.bits(11)
        for index in 0..<count {
            if index > 0 { minute += 1 + min(try bits.gamma(), 2000) }
            guard minute < 1500 else { throw RollupError(description: "has a day of too many minutes") }
            day.mark(place, minute: UInt16(minute), isConnect: isConnect)
        }
    }

    private mutating func readListings(_ numbers: [Int], _ day: inout DayCounts) throws(RollupError) {
        var seen: Set<ListingTable.Name> = []
        for _ in 0..<(try reader.count(most: bounds.listings)) {
            let label = try reader.number()
            let id = try reader.name(longest: 64)
            guard label < numbers.count else { throw RollupError(description: "has labels that are none") }
            guard seen.insert(ListingTable.Name(label: label, id: id)).inserted else {
                throw RollupError(description: "has a listing twice")
            }
            var last = -1
            for _ in 0..<(try reader.count(most: 16 * bounds.listings)) {
                let source = try reader.number()
                let count = try reader.number()
                guard source > last, source < day.sources.count else {
                    throw RollupError(description: "has a source that is none")
                }
                last = source
                day.listings.add(ListingTable.Name(label: numbers[label], id: id), source: source, count: count)
            }
        }
        day.listings.others = try reader.number()
    }
}
