import Addresses
import Bytes
import Events

/// Why Sendmail refused: class, zone and list failure out of a reply's text.
///
/// For 450, 550 and 553 Sendmail puts the client's address in front of the text, `<rcpt>... Rejected: ...`, and some of
/// its own texts quote it once more. Nothing that the client wrote may speak for a list: a good sender that relays for
/// others must not be banned for their addresses. So the address is taken off by comparing it with `arg1=`, Sendmail's
/// own texts go first, and only what is left is from a DNSBL or the administrator.
extension Sendmail {
    func judge(_ place: Place, _ stage: Stage, _ bytes: Span<UInt8>) -> Event.Reading {
        judge(place.reply, stage, argument: place.argument, peer: place.address, bytes)
    }

    func judge(_ reply: Reply, _ stage: Stage, argument: Range<Int>?, peer: Range<Int>, _ bytes: Span<UInt8>)
        -> Event.Reading
    {
        var reading = Event.Reading()
        reading.kind = reply.code < 500 ? .deferral : .rejection
        reading.code = reply.code
        reading.rejectionClass = stage.rejectionClass
        var text = reply.text
        if let argument {
            if let own = Sendmail.behindRepeated(bytes, argument, text) {
                text = own
            } else if stage != .connection, !text.isEmpty, Sendmail.quotes.contains(bytes[text.lowerBound]) {
                // It begins with an address, and not with the one that is known: nothing in it is sure to be ours.
                return reading
            }
        }
        if let zone = Sendmail.usualZone(bytes, text, peer) {
            reading.rejectionClass = .rbl
            reading.zone = zone
            return reading
        }
        if let known = Sendmail.knownClass(bytes, text) {
            reading.rejectionClass = known
            return reading
        }
        let signs = listTexts.signs(in: bytes, text, peer: peer)
        let named = ListTexts.namedZone(bytes, in: text)
        // A recipient may be "not listed here": behind MAIL a list's word alone is not enough.
        let isWord = signs.hasListWord && (stage == .connection || signs.url != nil)
        let isListed = signs.namesPeer || named != nil || isWord
        let client = argument ?? text.lowerBound..<text.lowerBound
        let siteText = isListed ? nil : listTexts.siteText(in: bytes, text, client: client)
        guard isListed || siteText != nil else { return reading }
        reading.rejectionClass = .rbl
        reading.zone = named ?? signs.url.flatMap { ListTexts.zone(bytes, urlHost: $0) } ?? siteText
        reading.isListFailure = signs.isListFailure || Sendmail.isLookupFailure(bytes, text)
        return reading
    }

    /// The text behind `ADDRESS... ` if the address is that of `arg1=`.
    ///
    /// Sendmail shortens an address of 203 bytes and more to its first and last hundred before it writes it into a
    /// reply (`shortenstring`), and takes the eighth bit off; only then both are made printable (`str2prt`).
    static func behindRepeated(_ bytes: Span<UInt8>, _ argument: Range<Int>, _ text: Range<Int>) -> Range<Int>? {
        guard !argument.isEmpty, argument.count <= longestArgument else { return nil }
        if let behind = behindSame(bytes, argument, text) { return behind }
        var wanted = Printable(argument)
        var given = Printable(text)
        // As a rule it is seen by the first byte.
        guard let one = wanted.next(bytes), let another = given.next(bytes), one & 0x7f == another & 0x7f else {
            return nil
        }
        wanted = Printable(argument)
        var length = 0
        while wanted.next(bytes) != nil { length += 1 }
        wanted = Printable(argument)
        given = Printable(text)
        for index in 0..<length {
            guard let byte = wanted.next(bytes) else { return nil }
            if length >= 203 {
                if index == 100 { guard given.skip("...", bytes) else { return nil } }
                if index >= 100, index < length - 100 { continue }
            }
            guard let other = given.next(bytes), other & 0x7f == byte & 0x7f else { return nil }
        }
        guard given.skip("... ", bytes) else { return nil }
        return given.position..<text.upperBound
    }

    /// The same for most addresses, which stand there byte for byte.
    private static func behindSame(_ bytes: Span<UInt8>, _ argument: Range<Int>, _ text: Range<Int>) -> Range<Int>? {
        let length = argument.count
        guard length < 203, text.count >= length + 4, bytes.hasBytes(of: "... ", at: text.lowerBound + length) else {
            return nil
        }
        guard bytes.hasBytes(length, of: bytes, from: argument.lowerBound, at: text.lowerBound) else { return nil }
        return (text.lowerBound + length + 4)..<text.upperBound
    }

    /// The zone of `Rejected: PEER listed at ZONE`, FEATURE(`dnsbl') as it comes, which most lists' replies are.
    private static func usualZone(_ bytes: Span<UInt8>, _ text: Range<Int>, _ peer: Range<Int>) -> String? {
        var reader = Reader(text)
        guard text.count > peer.count + 21, reader.skip("Rejected: ", in: bytes) else { return nil }
        guard bytes.hasBytes(peer.count, of: bytes, from: peer.lowerBound, at: reader.position) else { return nil }
        reader.move(to: reader.position + peer.count)
        guard reader.skip(" listed at ", in: bytes) else { return nil }
        return ListTexts.wholeZone(bytes, reader.rest)
    }

    /// Bytes as Sendmail makes them printable: `\\`, `\t`, `\n`, `\r`, `\ooo`.
    private struct Printable {
        private(set) var position: Int
        private let end: Int

        init(_ range: Range<Int>) {
            position = range.lowerBound
            end = range.upperBound
        }

        mutating func next(_ bytes: Span<UInt8>) -> UInt8? {
            guard position < end else { return nil }
            let byte = bytes[position]
            position += 1
            guard byte == UInt8(ascii: "\\"), position < end else { return byte }
            let escaped = bytes[position]
            position += 1
            switch escaped {
            case UInt8(ascii: "t"): return 0x09
            case UInt8(ascii: "n"): return 0x0a
            case UInt8(ascii: "r"): return 0x0d
            case UInt8(ascii: "0")...UInt8(ascii: "3") where end - position >= 2:
                let octal = (escaped & 3) << 6 | (bytes[position] & 7) << 3 | bytes[position + 1] & 7
                position += 2
                return octal
            default: return escaped
            }
        }

        mutating func skip(_ text: StaticString, _ bytes: Span<UInt8>) -> Bool {
            guard end - position >= text.utf8CodeUnitCount, bytes.hasBytes(of: text, at: position) else { return false }
            position += text.utf8CodeUnitCount
            return true
        }
    }

    /// More than any address of 255 bytes takes, escaped to four each.
    private static let longestArgument = 2048

    /// How an address of the client's may begin.
    private static let quotes = Array("<\"(".utf8)

    private static func knownClass(_ bytes: Span<UInt8>, _ text: Range<Int>) -> RejectionClass? {
        guard !text.isEmpty else { return nil }
        // Most texts are a list's: the first letter leaves one or two to compare.
        for place in knownByLetter[Int(bytes[text.lowerBound] & 0x1f)]
        where ListTexts.hasFolded(knownTexts[place].start, bytes, text.lowerBound, text.upperBound) {
            return knownTexts[place].rejectionClass
        }
        return nil
    }

    /// The places of the known texts by the low bits of their first byte, in which capitals and small letters agree.
    private static let knownByLetter: [[Int]] = {
        var places = Array(repeating: [Int](), count: 32)
        for (place, known) in knownTexts.enumerated() {
            let first = known.start.withUTF8Buffer { $0.first ?? 0 }
            places[Int(first & 0x1f)].append(place)
        }
        return places
    }()

    /// How Sendmail's own replies begin, in small letters: cf/m4/proto.m4, cf/feature/*.m4 and srvrsmtp.c of 8.17.
    /// Those of FEATURE(`dnsbl') and its kin are not here: they name the list.
    private static let knownTexts: [(start: StaticString, rejectionClass: RejectionClass)] = [
        ("relaying denied", .relayDenied),
        ("relaying temporarily denied", .relayDenied),
        ("user unknown", .unknownUser),
        ("addressee unknown", .unknownUser),
        ("user has moved", .unknownUser),
        ("mailbox disabled", .recipient),
        ("recipient address required", .recipient),
        ("user address required", .recipient),
        ("hostname required", .recipient),
        ("list:;", .recipient),
        ("colon illegal", .recipient),
        ("invalid address", .recipient),
        ("invalid host name", .recipient),
        ("invalid route address", .recipient),
        ("local part must not", .recipient),
        ("unrecognized host name", .recipient),
        ("address \"", .recipient),
        ("domain of sender address", .sender),
        ("domain name required", .sender),
        ("real domain name required", .sender),
        ("fully qualified domain name required", .sender),
        ("mx lookup failure", .sender),
        ("illegal mx record", .sender),
        ("invalid mx record", .sender),
        ("access denied", .clientHost),
        ("fix reverse dns", .clientHost),
        ("client ip address ", .clientHost),
        ("possibly forged hostname", .clientHost),
        ("bogus helo name", .helo),
        ("not authenticated", .auth),
        ("authentication ", .auth),
        ("cn ", .other),
        ("cert ", .other),
        ("encryption too weak", .other),
        ("connection rate limit exceeded", .connLimit),
        ("too many open connections", .connLimit),
        ("<", .other),
    ]

    /// `Temporary lookup failure of PEER at ZONE`: the list did not answer.
    private static func isLookupFailure(_ bytes: Span<UInt8>, _ text: Range<Int>) -> Bool {
        text.count >= 24 && bytes.hasBytes(of: "Temporary lookup failure", at: text.lowerBound)
    }
}
