import Events

/// An hour's counts as bytes: a version, the counts, and the rejections of each label by name.
extension Tally {
    static let version: UInt8 = 1

    /// The bytes of one hour or one day, `nil` when nothing was counted in it. Two tallies that counted the same, in
    /// whatever order, give the same bytes.
    package func encoded(_ key: Key) -> [UInt8]? {
        switch key.span {
        case .hour: return hourKeys[key].map { encoded(hourCounts[$0]) }
        case .day: return dayKeys[key].map { DayEncoder(dayCounts[$0], labels.labels).bytes }
        }
    }

    /// Adds what `encoded` gave of an hour or a day. Bytes that are none leave the tally as it was, but for labels.
    ///
    /// - Parameter onlyDelivering: of a day the sources that delivered mail alone. They come first in its bytes: a year of
    ///   days is read so in a fraction of the time, for how many senders there are.
    package mutating func merge(_ key: Key, _ bytes: [UInt8], onlyDelivering: Bool = false) throws(RollupError) {
        guard key.isPossible else { throw RollupError(description: "is of no day that can be") }
        switch key.span {
        case .hour:
            let counts = try decodedHour(bytes)
            hourCounts[hourIndex(key)].add(counts, labels: Array(counts.rejections.indices))
        case .day:
            let counts = try DayDecoder(bytes, bounds, onlyDelivering: onlyDelivering).read(&labels)
            guard dayKeys[key] != nil else { return begin(key, with: counts) }
            dayCounts[dayIndex(key)].merge(counts, labels: Array(labels.labels.indices))
        }
    }

    private func encoded(_ counts: HourCounts) -> [UInt8] {
        var writer = ByteWriter()
        writer.byte(Tally.version)
        for value in [
            counts.connections, counts.disconnects, counts.accepted, counts.authenticated, counts.authFailures,
            counts.saturations, counts.mostConnections, counts.withoutPeer,
        ] { writer.number(value) }
        let used = counts.rejections.indices.filter { counts.rejections[$0] != HourCounts.Rejections() }
            .sorted { labels.labels[$0] < labels.labels[$1] }
        writer.number(used.count)
        for index in used {
            writer.label(labels.labels[index])
            writer.number(counts.rejections[index].permanent)
            writer.number(counts.rejections[index].temporary)
            writer.number(counts.rejections[index].listFailures)
        }
        return writer.bytes
    }

    private mutating func decodedHour(_ bytes: [UInt8]) throws(RollupError) -> HourCounts {
        var reader = ByteReader(bytes)
        guard try reader.byte() == Tally.version else { throw RollupError(description: "of another version") }
        var counts = HourCounts()
        counts.connections = try reader.number()
        counts.disconnects = try reader.number()
        counts.accepted = try reader.number()
        counts.authenticated = try reader.number()
        counts.authFailures = try reader.number()
        counts.saturations = try reader.number()
        counts.mostConnections = try reader.number()
        counts.withoutPeer = try reader.number()
        var rows: [(label: Label, counts: HourCounts.Rejections)] = []
        var seen: Set<Label> = []
        for _ in 0..<(try reader.count(most: bounds.labels + 16)) {
            let label = try reader.label()
            guard seen.insert(label).inserted else { throw RollupError(description: "has a label twice") }
            var row = HourCounts.Rejections()
            row.permanent = try reader.number()
            row.temporary = try reader.number()
            row.listFailures = try reader.number()
            rows.append((label, row))
        }
        guard reader.isAtEnd else { throw RollupError(description: "goes on behind its end") }
        for row in rows {
            let number = labels.number(row.label)
            while counts.rejections.count <= number { counts.rejections.append(HourCounts.Rejections()) }
            counts.rejections[number] += row.counts
        }
        return counts
    }
}

extension ByteWriter {
    mutating func label(_ label: Label) {
        byte(label.rejectionClass.number)
        text(label.name.utf8)
    }
}

extension ByteReader {
    mutating func label() throws(RollupError) -> Label {
        guard let rejectionClass = RejectionClass(number: try byte()) else {
            throw RollupError(description: "has an unknown class")
        }
        return Label(rejectionClass, try name(longest: 255))
    }
}
