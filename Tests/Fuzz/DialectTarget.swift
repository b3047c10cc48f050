import Addresses
import Dialects
import Events

/// Where the MTA itself writes the peer, read a second way: one for each dialect.
protocol Oracle {
    /// What the line, whose header is read, says at the MTA's own place. Lines come in their order, each once.
    mutating func hear(_ line: SlowLine) -> OwnPlace
}

/// What an event of a line may name.
enum OwnPlace {
    /// The line is none of this MTA's that names a peer: no event may come of it.
    case noEvent
    /// An event may come of it, and its peer is this one or unknown.
    case peer(IPAddress?)
    /// Which of several the slow reading cannot tell; whom the MTA meant is then seen in lines of its grammar only.
    case oneOf([IPAddress])

    func allows(_ event: Event) -> Bool {
        switch self {
        case .noEvent: false
        case .peer(let own): event.peer == nil || event.peer == own
        case .oneOf(let addresses): (event.candidates + (event.peer.map { [$0] } ?? [])).allSatisfy(addresses.contains)
        }
    }

    /// The address that `text` is, or that it cannot be an event.
    static func named(_ text: [UInt8]?) -> OwnPlace {
        guard let text, let peer = slowAddress(text) else { return .noEvent }
        return .peer(peer)
    }
}

/// A dialect, fed with lines as they come (mutations of real ones), or with lines of its MTA's grammar in which only
/// what foreigners write is made up (an input that begins with `F`).
struct DialectTarget<D: Dialect, O: Oracle>: Target {
    let dialect: D
    let oracle: O
    let grammar: Grammar
    let memory = GuardedMemory()

    mutating func run(_ input: [UInt8]) {
        if input.first == UInt8(ascii: "F"), let made = grammar.line(from: Array(input.dropFirst())) {
            check(made)
        } else {
            let first = events(of: input, checked: true)
            // Reading the same again gives the same; one input in eight will do.
            if input.count % 8 == 0 {
                require(events(of: input, checked: false) == first, "another event: \(shown(input))")
            }
        }
    }

    private func read(_ line: ArraySlice<UInt8>, _ dialect: inout D) -> Event? {
        let place = memory.place(line.prefix(65536))
        return dialect.read(UnsafeRawBufferPointer(place).bindMemory(to: UInt8.self).span)
    }

    private func events(of input: [UInt8], checked: Bool) -> [Event?] {
        var dialect = dialect
        let lines = input.split(separator: 0x0a, maxSplits: 64, omittingEmptySubsequences: true)
        let events = lines.map { read($0, &dialect) }
        // Most inputs are no event at all; the slow reading is for the others.
        if checked, let last = events.lastIndex(where: { $0 != nil }) {
            var oracle = oracle
            for (line, event) in zip(lines, events).prefix(last + 1) { compare(event, line, &oracle) }
        }
        return events
    }

    private func compare(_ event: Event?, _ line: ArraySlice<UInt8>, _ oracle: inout O) {
        // What has no header for the reader is no line for the oracle either; headers have a target of their own.
        let header = LogLine(Array(line).span) == nil ? nil : SlowLine(line)
        let place = header.map { oracle.hear($0) } ?? .noEvent
        guard let event else { return }
        if let port = event.port { require(port > 0 || event.peer != nil, "a port without a peer: \(shown(line))") }
        if let code = event.code { require((400...599).contains(code), "code \(code): \(shown(line))") }
        require(
            place.allows(event),
            "an event \(event.kind) of \(event.peer?.description ?? "nobody") \(event.candidates), not \(place): \(shown(line))"
        )
        require(event.candidates.count <= 40, "\(event.candidates.count) candidates: \(shown(line))")
    }

    private func check(_ made: Grammar.Made) {
        var dialect = dialect
        var oracle = oracle
        var last: Event?
        for line in made.lines {
            last = read(line[...], &dialect)
            compare(last, line[...], &oracle)
        }
        func told() -> String { made.lines.map { shown($0) }.joined(separator: "\n") }
        switch made.expected {
        case .nothing: require(last == nil, "an event of foreign words: \(told())")
        case .peerOrNothing:
            require(
                last?.peer == nil || last?.peer == made.peer,
                "\(last?.peer?.description ?? ""), not \(made.peer): \(told())")
            // Whom the kernel is asked about: the true one among them, unless the line was cut.
            let candidates = last?.candidates ?? []
            require(
                candidates.isEmpty || candidates.contains(made.peer) || made.isCut,
                "\(candidates), not \(made.peer): \(told())")
        case .peer:
            require(last?.peer == made.peer, "\(last?.peer?.description ?? "nobody"), not \(made.peer): \(told())")
        }
    }
}
