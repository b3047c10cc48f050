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

    func judge(_ refusal: Refusal, _ bytes: Span<UInt8>, _ reading: inout Event.Reading) {
        reading.rejectionClass = Exim.stageClass(refusal.stage)
        guard let whole = refusal.text else { return }
        var reader = Reader(whole)
        if let code = reader.skipReplyCode(in: bytes), refusal.stage != .connect { reading.code = code }
        let text = reader.rest
        if text.isEmpty {
            switch refusal.stage {
            case .connect, .mail, .recipient, .data: reading.rejectionClass = unexplained
            default: break
            }
            return
        }
        if let known = Exim.knownClass(text, bytes) {
            reading.rejectionClass = known == .other ? Exim.stageClass(refusal.stage) : known
            return
        }
        let signs = listTexts.signs(in: bytes, text, peer: refusal.address)
        reading.isListFailure = signs.isListFailure
        // Filters of a message's content speak of lists, too: of those that its links and its sender are on.
        if refusal.stage == .content, !signs.namesPeer { return }
        if signs.hasListWord || Exim.beginsWithFound(text, bytes) {
            if signs.namesPeer || isOwnWords(text, refusal, bytes) {
                let isOfDomain = !signs.namesPeer && Exim.speaksOfDomain(text, bytes)
                reading.rejectionClass = isOfDomain ? .rhsbl : .rbl
                reading.zone = zone(text, signs, bytes)
                return
            }
        }
        if let siteText = listTexts.siteText(in: bytes, text, client: refusal.client) {
            reading.rejectionClass = .rbl
            reading.zone = zone(text, signs, bytes) ?? siteText
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
    private func isOwnWords(_ text: Range<Int>, _ refusal: Refusal, _ bytes: Span<UInt8>) -> Bool {
        if Exim.beginsWithFound(text, bytes) { return true }
        let nobody = text.lowerBound..<text.lowerBound
        guard listTexts.signs(in: bytes, refusal.client, peer: nobody).hasListWord else { return true }
        guard refusal.client.count <= Exim.longestClient else { return false }
        if let zone = ListTexts.namedZone(bytes, in: text), !Exim.contains(Array(zone.utf8), bytes, in: refusal.client)
        {
            return true
        }
        var start = text.lowerBound
        var segment = start
        let end = min(text.upperBound, start + Exim.longestText)
        while start < end {
            let blank = bytes.firstIndex(of: 0x20, from: start, to: end) ?? end
            if Exim.contains(Exim.trimmed(bytes, start..<blank), bytes, in: refusal.client) {
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

    /// Whether the client said `word`: as a name, an address, or one's half.
    private static func contains(_ word: [UInt8], _ bytes: Span<UInt8>, in client: Range<Int>) -> Bool {
        // Short words are no list's.
        guard word.count >= 3 else { return false }
        var place = client.lowerBound
        while client.upperBound - place >= word.count {
            var same = 0
            while same < word.count, lowercased(bytes[place + same]) == word[same] { same += 1 }
            let end = place + same
            if same == word.count, place == client.lowerBound || !isNameByte(bytes[place - 1]),
                end == client.upperBound || !isNameByte(bytes[end])
            {
                return true
            }
            place += 1
        }
        return false
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        SignIndex.isWordByte(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "_")
    }

    /// `found in zen.example`, a common `log_message`; in other texts the word says nothing.
    private static func beginsWithFound(_ text: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        ListTexts.hasFolded("found in ", bytes, text.lowerBound, text.upperBound)
            && ListTexts.namedZone(bytes, in: text.lowerBound..<min(text.upperBound, text.lowerBound + 300)) != nil
    }

    /// Lists of domains say nothing about the peer.
    private static func speaksOfDomain(_ text: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        let end = min(text.upperBound, text.lowerBound + longestText)
        var isInWord = false
        for index in text.lowerBound..<end {
            let isStart = !isInWord
            isInWord = SignIndex.isWordByte(bytes[index])
            guard isStart, isInWord else { continue }
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
        for known in knownTexts where known.first == first {
            if ListTexts.hasFolded(known.start, bytes, text.lowerBound, text.upperBound) { return known.rejectionClass }
        }
        return nil
    }

    private static let longestText = 512
    private static let longestClient = 2048

    private static let beforeZones: [StaticString] = ["at ", "in ", "by ", "using ", "on "]

    private static let domainWords: [StaticString] = [
        "domain", "helo", "ehlo", "url", "uri", "link", "sender address", "from address", "mail from", "envelope",
        "dbl.", "surbl", "rhsbl",
    ]

    /// How texts begin, in lower case, that are Exim's own (acl.c, verify.c, route.c), those of its example
    /// configuration, of Debian's, and the words most often given. They quote other servers or the client, so nothing
    /// is looked for in them. `.other` is the stage's own class.
    private static let knownTexts: [(first: UInt8, start: StaticString, rejectionClass: RejectionClass)] = [
        (UInt8(ascii: "r"), "relay not permitted", .relayDenied),
        (UInt8(ascii: "r"), "relaying denied", .relayDenied),
        (UInt8(ascii: "r"), "relay access denied", .relayDenied),
        (UInt8(ascii: "a"), "authentication required", .relayDenied),
        (UInt8(ascii: "u"), "unrouteable address", .unknownUser),
        (UInt8(ascii: "u"), "unrouteable mail domain", .recipient),
        (UInt8(ascii: "u"), "unknown user", .unknownUser),
        (UInt8(ascii: "u"), "user unknown", .unknownUser),
        (UInt8(ascii: "n"), "no such user", .unknownUser),
        (UInt8(ascii: "n"), "no such person", .unknownUser),
        (UInt8(ascii: "s"), "sender verify failed", .sender),
        (UInt8(ascii: "c"), "could not complete sender verify", .sender),
        (UInt8(ascii: "c"), "could not complete recipient verify", .recipient),
        (UInt8(ascii: "r"), "response to \"", .recipient),
        (UInt8(ascii: "r"), "restricted characters in address", .recipient),
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
