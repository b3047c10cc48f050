import Events

/// What all hosts' logs told of a span of hours, summed.
package struct Totals: Equatable, Sendable {
    package private(set) var counts = HourCounts()
    package let labels: [Label]
    /// The last hour with a rejection of each label, by its number.
    private(set) var lastHours: [Int: Int] = [:]
    /// How many hours anything was counted in.
    package private(set) var recordedHours = 0

    init(_ tally: Tally, _ hours: Range<Int>, host: String? = nil) {
        labels = tally.labels.labels
        let same = Array(labels.indices)
        var seen: Set<Int> = []
        for (key, index) in tally.hourKeys where hours.contains(key.number) && (host == nil || host == key.host) {
            let hour = tally.hourCounts[index]
            counts.add(hour, labels: same)
            seen.insert(key.number)
            for (label, row) in hour.rejections.enumerated() where row != HourCounts.Rejections() {
                lastHours[label] = max(lastHours[label] ?? .min, key.number)
            }
        }
        recordedHours = seen.count
    }

    /// With their labels, those that came.
    package var rejections: [(label: Label, counts: HourCounts.Rejections)] {
        counts.rejections.enumerated().filter { $0.element != HourCounts.Rejections() }
            .map { (labels[$0.offset], $0.element) }
    }

    package func permanent(_ rejectionClass: RejectionClass) -> Int {
        rejections.lazy.filter { $0.label.rejectionClass == rejectionClass }.map(\.counts.permanent).sum
    }
    package func temporary(_ rejectionClass: RejectionClass) -> Int {
        rejections.lazy.filter { $0.label.rejectionClass == rejectionClass }.map(\.counts.temporary).sum
    }
    package var rejected: Int { counts.rejections.lazy.map(\.permanent).sum }
    package var deferred: Int { counts.rejections.lazy.map(\.temporary).sum }
}

extension HourCounts {
    /// How often somebody came: the connections, or what became of them where the log tells of none.
    package var attempts: Int {
        connections > 0
            ? connections : accepted.plus(rejections.lazy.map(\.all).sum)
    }
    var isEmpty: Bool { self == HourCounts() }
}

extension RejectionClass {
    /// In the order and words of LogWatch's Postfix report, the six of them that it has for most sites first.
    package static let reported: [(rejectionClass: RejectionClass, words: String)] = [
        (.relayDenied, "relay denied"), (.helo, "HELO/EHLO"), (.unknownUser, "unknown user"),
        (.recipient, "recipient address"), (.sender, "sender address"), (.clientHost, "client host"), (.rbl, "RBL"),
        (.rhsbl, "RHSBL"), (.content, "content"), (.auth, "authentication"), (.connLimit, "connection limit"),
        (.other, "other"),
    ]

    package var words: String { RejectionClass.reported.first { $0.rejectionClass == self }?.words ?? rawValue }
}
