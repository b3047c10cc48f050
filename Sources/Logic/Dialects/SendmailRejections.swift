import Addresses
import Bytes
import Events

/// `ruleset=CHECK, arg1=CLIENT, [arg2=ADDRESS,] relay=PEER, reject=CODE TEXT`: a ruleset refused.
///
/// `arg1=` is the client's from check_mail on, and TEXT as a rule repeats it. It may hold the words of the line, so
/// neither the first `, relay=` nor the last is sure to be Sendmail's. All places that read `, relay=PEER, reject=CODE`
/// are taken: when they name one address it is the peer; when they name several, the kernel is to say which.
extension Sendmail {
    /// Reads behind `ruleset=`; false when it should have been a rejection, `nil` when it is another verdict.
    func ruleset(_ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event) -> Bool? {
        let name = reader.position
        guard let comma = reader.find(UInt8(ascii: ","), within: 64, in: bytes) else { return nil }
        var index = name
        while index < comma {
            let word = bytes.word(at: index)
            let inside = Words.wordBytes(word) | Words.within(UInt8(ascii: "_"), UInt8(ascii: "_"), word)
            guard ~inside & Words.mask(comma - index) & Words.highs == 0 else { return nil }
            index += 8
        }
        reader.move(to: comma)
        guard reader.skip(", arg1=", in: bytes) else { return nil }
        let argument = reader.position
        let stage = Stage(bytes, name..<comma)

        var found = Found()
        while reader.moveBehind(", relay=", within: reader.end - reader.position, in: bytes) {
            let relay = reader.position
            var inside = reader
            guard let peer = inside.relay(in: bytes), inside.skip(", reject=", in: bytes),
                let reply = Reply(bytes, inside.rest)
            else {
                found.isSure = false
                continue
            }
            found.add(
                Place(
                    peer: peer, address: Sendmail.address(bytes, relay, inside.position),
                    argument: argument..<(relay - 8), reply: reply))
        }
        guard !found.isFull, let first = found.first else {
            return Sendmail.hasReject(bytes, argument..<reader.end) ? false : nil
        }
        event.precedesReply = stage == .connection
        if found.isSure, found.others.isEmpty {
            event.peer = first.peer
            event.take(judge(first, stage, bytes))
        } else {
            tell(found, stage, bytes, &event)
        }
        // It closes at once with 421; any other code waits for MAIL.
        if event.code == 421 { event.precedesReply = false }
        return true
    }

    /// Each address with what the line says if that is the peer.
    ///
    /// Of several places with the same address the last whose reply repeats its own argument is the true one: a client
    /// would have to foresee in its address all that Sendmail writes behind it. Where none does, a list has spoken only
    /// if every place says so.
    private func tell(_ found: Found, _ stage: Stage, _ bytes: Span<UInt8>, _ event: inout Event) {
        var told: [(peer: IPAddress, reading: Event.Reading, repeats: Bool)] = []
        for place in found.all {
            let repeats = Sendmail.behindRepeated(bytes, place.argument, place.reply.text) != nil
            guard let known = told.firstIndex(where: { $0.peer == place.peer }) else {
                if told.count == Found.most { told.removeFirst() }
                told.append((place.peer, judge(place, stage, bytes), repeats))
                continue
            }
            if repeats {
                told[known] = (place.peer, judge(place, stage, bytes), true)
            } else if !told[known].repeats, told[known].reading.rejectionClass == .rbl {
                let reading = judge(place, stage, bytes)
                if reading.rejectionClass != .rbl { told[known].reading = reading }
            }
        }
        if found.isSure, told.count == 1 {
            event.peer = told[0].peer
            event.take(told[0].reading)
        } else {
            event.candidates = told.map(\.peer)
            event.readings = told.map(\.reading)
        }
    }

    /// One reading of a line.
    struct Place {
        var peer: IPAddress
        /// Where the address stands.
        var address: Range<Int>
        var argument: Range<Int>
        var reply: Reply
    }

    /// All readings of a line. An address has at most 255 bytes, and the shortest reading has 26: nine can stand in
    /// `arg1=`, then comes the true one, and behind it the same again. So the last eight that are new hold the true
    /// one.
    struct Found {
        static let most = 8
        private(set) var first: Place?
        private(set) var others: [Place] = []
        /// Every `, relay=` names an address. Mail from this host itself has none, and then only the client's do.
        var isSure = true
        /// There were more than a line of Sendmail's can have.
        private(set) var isFull = false

        mutating func add(_ place: Place) {
            if first == nil {
                first = place
            } else if others.count < 32 {
                others.append(place)
            } else {
                isFull = true
            }
        }

        var all: [Place] { (first.map { [$0] } ?? []) + others }
    }

    /// Discarded and quarantined mail is told in lines of the same shape.
    private static func hasReject(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var reader = Reader(range)
        return reader.moveBehind(", reject=", within: range.count, in: bytes)
    }

    /// Between the bracket in front of the address and that behind it.
    private static func address(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Range<Int> {
        var reader = Reader(start..<end)
        guard let bracket = reader.find(UInt8(ascii: "["), within: end - start, in: bytes) else { return start..<start }
        reader.move(to: bracket + 1)
        _ = reader.skip("IPv6:", in: bytes)
        let first = reader.position
        return first..<(reader.find(UInt8(ascii: "]"), within: 46, in: bytes) ?? first)
    }

}

/// The reply in a line: `CODE [x.y.z ]TEXT`.
struct SendmailReply {
    var code: UInt16
    var text: Range<Int>

    init?(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        let start = range.lowerBound
        guard range.count >= 3, let value = decimal(bytes, start..<(start + 3)), (400...599).contains(value) else {
            return nil
        }
        code = UInt16(value)
        var reader = Reader(range)
        reader.move(to: start + 3)
        guard reader.isAtEnd || reader.skip(" ", in: bytes) || reader.skip("-", in: bytes) else { return nil }
        text = reader.rest
        // The enhanced status code (RFC 3463).
        if let first = reader.number(in: bytes), first == 4 || first == 5, reader.skip(".", in: bytes),
            reader.number(in: bytes) != nil, reader.skip(".", in: bytes), reader.number(in: bytes) != nil,
            reader.isAtEnd || reader.skip(" ", in: bytes)
        {
            text = reader.rest
        }
    }
}

extension Sendmail {
    typealias Reply = SendmailReply

    /// At what the client was refused.
    enum Stage {
        case connection, sender, recipient, content

        /// By the ruleset's name.
        init(_ bytes: Span<UInt8>, _ name: Range<Int>) {
            switch name.count {
            case 11 where bytes.hasBytes(of: "check_relay", at: name.lowerBound): self = .connection
            case 10 where bytes.hasBytes(of: "check_mail", at: name.lowerBound): self = .sender
            case 10 where bytes.hasBytes(of: "check_rcpt", at: name.lowerBound): self = .recipient
            default: self = .content
            }
        }

        /// The class of a rejection that gives no other reason.
        var rejectionClass: RejectionClass {
            switch self {
            case .connection: .clientHost
            case .sender: .sender
            case .recipient: .recipient
            case .content: .content
            }
        }
    }
}
