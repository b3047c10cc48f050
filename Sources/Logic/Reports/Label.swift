import Events

/// What a rejection is counted under: its class, and the zone that listed the peer or the kind of reason the words give.
package struct Label: Hashable, Comparable, Sendable {
    package var rejectionClass: RejectionClass
    /// A zone in lower case, one of `Label.badReverseDNS` and its like, or nothing.
    package var name: String

    package init(_ rejectionClass: RejectionClass, _ name: String = "") {
        self.rejectionClass = rejectionClass
        self.name = name
    }

    package static let badReverseDNS = "bad or no reverse DNS"
    package static let dynamicAddress = "dynamic IP"
    /// What came when the table was full.
    package static let overflow = "(others)"

    package static func < (left: Label, right: Label) -> Bool {
        left.rejectionClass != right.rejectionClass
            ? left.rejectionClass.number < right.rejectionClass.number : left.name < right.name
    }
}

/// Labels by small numbers, so that what is counted a million times is an index.
struct LabelTable: Sendable {
    private(set) var labels: [Label] = []
    private var numbers: [Label: Int] = [:]
    /// By class: the number of the label without a name, as most have none; and the label that was asked for last.
    private var plain = [Int](repeating: -1, count: RejectionClass.allCases.count)
    private var recent = [Int](repeating: -1, count: RejectionClass.allCases.count)
    private let most: Int

    init(most: Int) { self.most = most }

    @inline(__always)
    mutating func number(_ rejectionClass: RejectionClass, _ name: String?) -> Int {
        let place = Int(rejectionClass.number)
        guard let name, !name.isEmpty else {
            if plain[place] < 0 { plain[place] = number(Label(rejectionClass)) }
            return plain[place]
        }
        let last = recent[place]
        if last >= 0, labels[last].name == name { return last }
        let found = number(Label(rejectionClass, name))
        recent[place] = found
        return found
    }

    /// Beyond the bound names fall together, one label for each class.
    mutating func number(_ label: Label) -> Int {
        if let known = numbers[label] { return known }
        var label = label
        if labels.count >= most, !label.name.isEmpty, label.name != Label.overflow {
            label.name = Label.overflow
            if let known = numbers[label] { return known }
        }
        numbers[label] = labels.count
        labels.append(label)
        return labels.count - 1
    }
}

extension RejectionClass {
    /// Its number in what is kept on disk; these do not change.
    var number: UInt8 {
        switch self {
        case .rbl: 0
        case .rhsbl: 1
        case .relayDenied: 2
        case .helo: 3
        case .unknownUser: 4
        case .recipient: 5
        case .clientHost: 6
        case .sender: 7
        case .auth: 8
        case .content: 9
        case .connLimit: 10
        case .other: 11
        }
    }

    init?(number: UInt8) {
        guard let known = RejectionClass.allCases.first(where: { $0.number == number }) else { return nil }
        self = known
    }

    /// Refused for its address alone, before it said anything that counts.
    package var concernsClient: Bool { self == .rbl || self == .clientHost || self == .connLimit }
}
