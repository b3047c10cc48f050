import Addresses
import Bytes
import Events

/// Why an ACL refused: class, zone and list failure out of the text that it gave for the log.
///
/// That text is the site's (`log_message`, else `message`), Exim's own where a verification failed, or missing.
extension Exim {
    struct Refusal {
        var stage: Stage
        /// The ACL's text; empty when it gave none, `nil` when it cannot be told from the client's words before.
        var text: Range<Int>?
        /// All that stands before it in the entry: a text that repeats some of this says what the client said.
        var client: Range<Int>
        /// The peer as Exim spells it.
        var address: Range<Int>
    }

    mutating func judge(_ refusal: Refusal, _ bytes: Span<UInt8>, _ event: inout Event) {
        event.rejectionClass = Exim.stageClass(refusal.stage)
        guard let whole = refusal.text else { return }
        var reader = Reader(whole)
        if let code = reader.skipReplyCode(in: bytes), refusal.stage != .connect { event.code = code }
        let text = reader.rest
        if text.isEmpty {
            switch refusal.stage {
            case .connect, .mail, .recipient, .data: event.rejectionClass = unexplained
            default: break
            }
            return
        }
        if refusal.stage != .content, let zone = Exim.foundZone(text, bytes) {
            event.rejectionClass = Exim.speaksOfDomain(text, bytes) ? .rhsbl : .rbl
            event.zone = zone
            return
        }
        if texts.recall(bytes, text, peer: refusal.address, into: &event) { return }
        if let known = Exim.knownClass(text, bytes) {
            event.rejectionClass = known == .other ? Exim.stageClass(refusal.stage) : known
            return
        }
        let signs = listTexts.signs(in: bytes, text, peer: refusal.address)
        event.isListFailure = signs.isListFailure
        // Filters of a message's content speak of lists, too: of those that its links and its sender are on.
        if refusal.stage == .content, !signs.namesPeer { return }
        if signs.hasListWord || Exim.begins("found in ", text, bytes) {
            let zone = zone(text, signs, bytes)
            if signs.hasListWord || zone != nil, signs.namesPeer || isOwnWords(text, zone, refusal, bytes) {
                event.rejectionClass = !signs.namesPeer && Exim.speaksOfDomain(text, bytes) ? .rhsbl : .rbl
                event.zone = zone
                if signs.namesPeer { texts.keep(event, bytes, text, peer: refusal.address) }
                return
            }
        }
        if let siteText = listTexts.siteText(in: bytes, text, client: refusal.client) {
            event.rejectionClass = .rbl
            event.zone = zone(text, signs, bytes) ?? siteText
        }
    }

    /// `listed at zen.example`, the list's URL, or any name behind such a word.
    private func zone(_ text: Range<Int>, _ signs: Signs, _ bytes: Span<UInt8>) -> String? {
        if let zone = ListTexts.namedZone(bytes, in: text) { return zone }
        if let url = signs.url { return ListTexts.zone(bytes, urlHost: url) }
        var start = text.lowerBound
        let end = min(text.upperBound, start + Exim.longestText)
        while let blank = bytes.firstIndex(of: 0x20, from: start, to: end) {
            start = blank + 1
            for word in Exim.beforeZones where ListTexts.hasFolded(word, bytes, start, end) {
                let name = (start + word.utf8CodeUnitCount)..<end
                if let zone = ListTexts.zone(bytes, urlHost: name), IPAddress(zone) == nil { return zone }
            }
        }
        return nil
    }

    /// Whether a list still speaks when the words that the client said, too, are left out: a text may repeat its HELO,
    /// sender or recipient, and those can be `listed.spamhaus.example`.
    private func isOwnWords(_ text: Range<Int>, _ zone: String?, _ refusal: Refusal, _ bytes: Span<UInt8>) -> Bool {
        let nobody = text.lowerBound..<text.lowerBound
        guard listTexts.signs(in: bytes, refusal.client, peer: nobody).hasListWord else { return true }
        guard let client = ClientWords(bytes, refusal.client) else { return false }
        if Exim.begins("found in ", text, bytes) { return true }
        if let zone, !client.hold(Array(zone.utf8), bytes) { return true }
        var start = text.lowerBound
        var segment = start
        let end = min(text.upperBound, start + Exim.longestText)
        while start < end {
            let blank = bytes.firstIndex(of: 0x20, from: start, to: end) ?? end
            if client.hold(Exim.trimmed(bytes, start..<blank), bytes) {
                if listTexts.signs(in: bytes, segment..<start, peer: nobody).hasListWord { return true }
                segment = min(blank + 1, end)
            }
            start = min(blank + 1, end)
        }
        return listTexts.signs(in: bytes, segment..<end, peer: nobody).hasListWord
    }

    /// A word of a text without the marks around it, in small letters.
    private static func trimmed(_ bytes: Span<UInt8>, _ word: Range<Int>) -> [UInt8] {
        var (start, end) = (word.lowerBound, word.upperBound)
        while start < end, !SignIndex.isWordByte(bytes[start]) { start += 1 }
        while end > start, !SignIndex.isWordByte(bytes[end - 1]) { end -= 1 }
        return (start..<end).map { lowercased(bytes[$0]) }
    }

    /// What the client said, as names, addresses and their halves. Where each begins is found once: a HELO of 2,000
    /// letters was compared with every word of a text at each of its letters, which took milliseconds a line.
    private struct ClientWords {
        private let range: Range<Int>
        private var starts: [Int] = []

        /// `nil` when there are more than any client needs.
        init?(_ bytes: Span<UInt8>, _ client: Range<Int>) {
            range = client
            var isInName = false
            for place in client {
                if !isInName {
                    guard starts.count < Exim.mostClientWords else { return nil }
                    starts.append(place)
                }
                isInName = Exim.isNameByte(bytes[place])
            }
        }

        /// Whether the client said `word`, which is in small letters. Short words are no list's.
        func hold(_ word: [UInt8], _ bytes: Span<UInt8>) -> Bool {
            guard word.count >= 3 else { return false }
            for place in starts {
                guard range.upperBound - place >= word.count else { return false }
                var same = 0
                while same < word.count, lowercased(bytes[place + same]) == word[same] { same += 1 }
                let end = place + same
                if same == word.count, end == range.upperBound || !Exim.isNameByte(bytes[end]) { return true }
            }
            return false
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        SignIndex.isWordByte(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "_")
    }

    /// `found in zen.example`, a common `log_message`, and nothing behind.
    private static func foundZone(_ text: Range<Int>, _ bytes: Span<UInt8>) -> String? {
        begins("found in ", text, bytes)
            ? ListTexts.wholeZone(bytes, (text.lowerBound + 9)..<text.upperBound) : nil
    }

    private static func begins(_ words: StaticString, _ text: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        ListTexts.hasFolded(words, bytes, text.lowerBound, text.upperBound)
    }

    /// Lists of domains say nothing about the peer.
    private static func speaksOfDomain(_ text: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        let end = min(text.upperBound, text.lowerBound + longestText)
        var isInWord = false
        for index in text.lowerBound..<end {
            let isStart = !isInWord
            isInWord = SignIndex.isWordByte(bytes[index])
            guard isStart, isInWord, domainFirsts.has(lowercased(bytes[index])) else { continue }
            for word in domainWords where ListTexts.hasFolded(word, bytes, index, end) { return true }
        }
        return false
    }

    /// The class that a refusal has when its text says no more.
    private static func stageClass(_ stage: Stage) -> RejectionClass {
        switch stage {
        case .connect: .clientHost
        case .helo: .helo
        case .auth: .auth
        case .mail: .sender
        case .content: .content
        case .recipient, .data, .startTLS, .expand: .other
        }
    }

    private static func knownClass(_ text: Range<Int>, _ bytes: Span<UInt8>) -> RejectionClass? {
        let first = lowercased(bytes[text.lowerBound])
        guard knownFirsts.has(first) else { return nil }
        for known in knownTexts where known.first == first {
            if begins(known.start, text, bytes) { return known.rejectionClass }
        }
        for known in wholeTexts where known.text.utf8CodeUnitCount == text.count {
            if begins(known.text, text, bytes) { return known.rejectionClass }
        }
        return nil
    }

    private static let longestText = 512
    private static let mostClientWords = 512

    private static let beforeZones: [StaticString] = ["at ", "in ", "by ", "using ", "on "]

    private static let domainWords: [StaticString] = [
        "domain", "helo", "ehlo", "url", "uri", "link", "sender address", "from address", "mail from", "envelope",
        "dbl.", "surbl", "rhsbl",
    ]

    private static let domainFirsts = Letters(domainWords.compactMap { $0.withUTF8Buffer(\.first) })
    private static let knownFirsts = Letters(
        knownTexts.map(\.first) + wholeTexts.compactMap { $0.text.withUTF8Buffer(\.first) })

    /// Small letters, for a quick no.
    private struct Letters {
        private var bits: UInt32 = 0

        init(_ letters: [UInt8]) { for letter in letters { bits |= 1 << UInt32(letter & 31) } }

        func has(_ letter: UInt8) -> Bool { letter &- 0x60 < 32 && bits >> UInt32(letter & 31) & 1 == 1 }
    }

    /// Exim's own texts, in lower case, and those of its example configuration, when they stand alone.
    private static let wholeTexts: [(text: StaticString, rejectionClass: RejectionClass)] = [
        ("relay not permitted", .relayDenied),
        ("unrouteable address", .unknownUser),
        ("sender verify failed", .sender),
        ("restricted characters in address", .recipient),
    ]

    /// How texts begin that are Exim's own (acl.c, verify.c, route.c), Debian's, or most often given. They quote other
    /// servers or the client, so nothing is looked for in them. `.other` is the stage's own class.
    private static let knownTexts: [(first: UInt8, start: StaticString, rejectionClass: RejectionClass)] = [
        (UInt8(ascii: "r"), "relaying denied", .relayDenied),
        (UInt8(ascii: "r"), "relay access denied", .relayDenied),
        (UInt8(ascii: "a"), "authentication required", .relayDenied),
        (UInt8(ascii: "u"), "unrouteable mail domain", .recipient),
        (UInt8(ascii: "u"), "unknown user", .unknownUser),
        (UInt8(ascii: "u"), "user unknown", .unknownUser),
        (UInt8(ascii: "n"), "no such user", .unknownUser),
        (UInt8(ascii: "n"), "no such person", .unknownUser),
        (UInt8(ascii: "c"), "could not complete sender verify", .sender),
        (UInt8(ascii: "c"), "could not complete recipient verify", .recipient),
        (UInt8(ascii: "r"), "response to \"", .recipient),
        (UInt8(ascii: "a"), "all relevant mx records point to non-existent hosts", .recipient),
        (UInt8(ascii: "l"), "lowest numbered mx record points to local host", .recipient),
        (UInt8(ascii: "h"), "host lookup failed", .clientHost),
        (UInt8(ascii: "h"), "host lookup deferred", .clientHost),
        (UInt8(ascii: "s"), "sender envelope address ", .sender),
        (UInt8(ascii: "s"), "sender ip address ", .clientHost),
        (UInt8(ascii: "m"), "message header", .other),
        (UInt8(ascii: "n"), "no verifiable sender address in message headers", .other),
        (UInt8(ascii: "t"), "this message ", .other),
    ]
}

extension Reader {
    /// `550 ` and, if there is one, `5.7.1 `; what stands behind is the text.
    fileprivate mutating func skipReplyCode(in bytes: Span<UInt8>) -> UInt16? {
        var next = self
        guard end - position >= 3, let code = decimal(bytes, position..<(position + 3)), (400...599).contains(code)
        else { return nil }
        next.move(to: position + 3)
        guard next.isAtEnd || next.skip(" ", in: bytes) else { return nil }
        self = next
        for stop: StaticString in [".", ".", " "] {
            guard next.number(in: bytes) != nil, next.skip(stop, in: bytes) else { return UInt16(code) }
        }
        self = next
        return UInt16(code)
    }
}
