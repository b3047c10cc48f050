import Addresses

/// What a DNSBL answered to questions that have one right answer (RFC 5782, section 5), and what follows from it.
package struct ListTest: Equatable, Sendable {
    /// What a list is asked about.
    package struct Kinds: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        package static let addresses = Kinds(rawValue: 1)
        package static let names = Kinds(rawValue: 2)
    }

    package enum Question: CaseIterable, Sendable {
        /// A list of addresses lists 127.0.0.2 and never 127.0.0.1; one of IPv6 ::FFFF:7F00:2 and not ::FFFF:7F00:1.
        case address, noAddress, address6, noAddress6
        /// A list of names lists TEST and never INVALID.
        case name, noName
        /// The text to the entries that are listed.
        case addressText, nameText

        package var kind: Kinds {
            switch self {
            case .name, .noName, .nameText: .names
            default: .addresses
            }
        }

        package func name(in zone: String) -> String {
            let zeros = String(repeating: "0.", count: 20)
            return switch self {
            case .address, .addressText: "2.0.0.127.\(zone)"
            case .noAddress: "1.0.0.127.\(zone)"
            case .address6: "2.0.0.0.0.0.f.7.f.f.f.f.\(zeros)\(zone)"
            case .noAddress6: "1.0.0.0.0.0.f.7.f.f.f.f.\(zeros)\(zone)"
            case .name, .nameText: "test.\(zone)"
            case .noName: "invalid.\(zone)"
            }
        }

        package var isText: Bool { self == .addressText || self == .nameText }

        /// What is asked about, for a person.
        var subject: String {
            switch self {
            case .address, .addressText: "127.0.0.2"
            case .noAddress: "127.0.0.1"
            case .address6: "::ffff:7f00:2"
            case .noAddress6: "::ffff:7f00:1"
            case .name, .nameText: "TEST"
            case .noName: "INVALID"
            }
        }
    }

    package enum Answer: Equatable, Sendable {
        case addresses([IPAddress])
        case texts([[UInt8]])
        /// Not listed.
        case nothing
        case failed(String)
    }

    package enum State: String, Comparable, Sendable {
        case listsTheWorld = "lists the world"
        case refused = "refused to us"
        case silent, useless, healthy

        /// An MTA that goes by such answers turns everybody away.
        package var isDangerous: Bool { self == .listsTheWorld || self == .refused }

        private var order: Int {
            switch self {
            case .listsTheWorld: 0
            case .refused: 1
            case .silent: 2
            case .useless: 3
            case .healthy: 4
            }
        }
        package static func < (left: State, right: State) -> Bool { left.order < right.order }
    }

    package let zone: String
    package let kinds: Kinds
    package let answers: [Question: Answer]

    package init(_ zone: String, _ kinds: Kinds, _ answers: [Question: Answer]) {
        self.zone = zone
        self.kinds = kinds
        self.answers = answers
    }

    /// What it is, and why, as the end of a sentence that begins with the zone.
    ///
    /// - Parameter hits: what the log had of it in 28 days; `nil` when it does not reach back so far.
    package func finding(hits: Int?) -> (state: State, text: String) {
        if let world { return (.listsTheWorld, world) }
        if let refusal { return (.refused, refusal) }
        let tests = [Question.address, .name].filter { isListed($0) }
        guard !tests.isEmpty else { return (.silent, silence) }
        let opposites = [Question.noAddress, .noName].filter { tests.map(\.kind).contains($0.kind) }
        if let open = opposites.first(where: { failure($0) != nil }), let why = failure(open) {
            return (.silent, "the test entry is listed, but whether \(open.subject) is was not answered: \(why)")
        }
        let entries = tests.map(\.subject).joined(separator: " and ")
        let others = opposites.map(\.subject).joined(separator: " and ")
        if hits == 0 {
            return (.useless, "answers as it must, and rejected nobody in 28 days: it costs a question for each client")
        }
        return (.healthy, "\(entries) is listed and \(others) is not" + (isListed(.address6) ? ", IPv6 likewise" : ""))
    }
}

extension ListTest {
    /// Why it lists everybody; `nil` when it does not.
    private var world: String? {
        for question in Question.allCases {
            if let address = addresses(question).first(where: { !ListTest.isOfLists($0) }) {
                return
                    "answers \(address) for \(question.subject), which is no address of a list's: the domain is parked or "
                    + "taken over, or it is a page about the list. \(ListTest.remedy)"
            }
        }
        for question in [Question.noAddress, .noAddress6, .noName] {
            if let address = addresses(question).first(where: { !ListTest.isRefusal($0, question) }) {
                return "lists \(question.subject), which no list may list, as \(address). \(ListTest.remedy)"
            }
        }
        return nil
    }

    private static let remedy =
        "Take it out of the mail server's settings at once; who was banned on its word may be innocent"

    private var refusal: String? {
        for question in Question.allCases {
            guard let code = addresses(question).first(where: { ListTest.isRefusal($0, question) }) else { continue }
            return
                "answers \(code) to everything\(ListTest.meaning(code)). A mail server that takes this for a listing "
                + "rejects everybody: ask by a resolver of your own, and let only 127.0.0.0/24 count as a listing"
        }
        return nil
    }

    private var silence: String {
        for question in [Question.address, .name] where kinds.contains(question.kind) {
            if let why = failure(question) { return "does not answer: \(why)" }
        }
        return "answers, but lists no test entry: ended, or without one, as old lists are. Only its hits can tell"
    }

    private func failure(_ question: Question) -> String? {
        if case .failed(let why) = answers[question] { why } else { nil }
    }

    /// Without what a list of names says to an address where both were asked, as nobody knew which kind it is.
    private func addresses(_ question: Question) -> [IPAddress] {
        guard case .addresses(let addresses) = answers[question] else { return [] }
        let isOther = question.kind == .addresses && kinds.contains(.names) && isListed(.name)
        return isOther ? addresses.filter { $0.v4 != ListTest.wrongKind } : addresses
    }

    package func isListed(_ question: Question) -> Bool {
        addresses(question).contains { ListTest.isOfLists($0) && !ListTest.isRefusal($0, question) }
    }

    /// 127.0.0.0/8, RFC 5782, 2.1.
    private static func isOfLists(_ address: IPAddress) -> Bool { address.v4.map { $0 >> 24 == 127 } ?? false }

    /// 127.255.255.0/24 is what Spamhaus and others refuse with.
    private static func isRefusal(_ address: IPAddress, _ question: Question) -> Bool {
        address.v4.map { $0 >> 8 == 0x7fff_ff } ?? false || (address.v4 == wrongKind && question.kind == .addresses)
    }

    /// 127.0.1.255: what a list of names says to an address.
    private static let wrongKind: UInt32 = 0x7f00_01ff

    /// As Spamhaus documents them.
    private static func meaning(_ code: IPAddress) -> String {
        switch code.v4.map({ $0 & 0xffff }) {
        case 0xfffc: " (the zone's name is mistyped)"
        case 0xfffe: " (asked through a public resolver)"
        case 0xffff: " (too many questions)"
        case 0x01ff: " (it lists names, and was asked about an address)"
        default: ""
        }
    }

    /// Its own words to the test entry.
    package var words: [UInt8]? {
        for question in [Question.addressText, .nameText] {
            if case .texts(let texts) = answers[question], let first = texts.first { return first }
        }
        return nil
    }

    /// What it answered to one question, for a table.
    package func cell(_ question: Question) -> Report.Cell {
        switch answers[question] {
        case .addresses(let addresses):
            let shown = addresses.prefix(3).map(\.description).joined(separator: " ")
            return .text(shown + (addresses.count > 3 ? " ..." : ""))
        case .nothing: return .text("not listed")
        // SERVFAIL and the like; more words have room in the note on the list.
        case .failed(let why): return .text(why.utf8.count <= 12 ? why : "no answer")
        case .texts, nil: return .none
        }
    }
}
