import Bytes
import Events

/// Why submit refused: class, zone and list failure out of a reply's code and text.
extension Courier {
    struct Reply {
        var code: UInt16
        /// Behind the code and its blank or dash.
        var text: Range<Int>
        /// From `from=` to the end of `to=`: the client's.
        var envelope: Range<Int>
        /// The peer as Courier spells it.
        var address: Range<Int>
        var hasRecipient: Bool
    }

    /// Class, zone and list failure of a reply, for the peer it went to. Texts that come again are not read again.
    mutating func judge(_ reply: Reply, _ bytes: Span<UInt8>, _ event: inout Event) {
        var head: Range<Int>?
        if listTexts.hasNoSiteTexts, let peer = event.peer { head = ReplyMemory.head(reply, bytes, peer) }
        if let head, replies.recall(reply, head: head, bytes, into: &event) { return }
        var host: Int?
        let judgement = reason(for: reply, bytes, &host)
        judgement.apply(to: &event)
        if let head { replies.keep(judgement, of: reply, head: head, host: host, bytes) }
    }

    /// Courier's own texts go first: some of them quote the client, so nothing else may be looked for in those. What is
    /// left is from a DNSBL, the administrator or a mail filter. `host` is set to where the last name begins that was
    /// looked at as a zone.
    private func reason(
        for reply: Reply, _ bytes: Span<UInt8>, _ host: inout Int?
    ) -> ReplyMemory.Judgement {
        func judgement(_ rejectionClass: RejectionClass, _ zone: String? = nil, isListFailure: Bool = false)
            -> ReplyMemory.Judgement
        {
            ReplyMemory.Judgement(rejectionClass: rejectionClass, zone: zone, isListFailure: isListFailure)
        }
        if let known = Courier.knownClass(reply, bytes) { return judgement(known) }
        let signs = listTexts.signs(in: bytes, reply.text, peer: reply.address)
        host = signs.url?.lowerBound
        if let named = Courier.hostNamedByListener(reply.text, bytes) {
            host = max(host ?? 0, named.lowerBound)
            if let zone = ListTexts.zone(bytes, urlHost: named) {
                return judgement(.rbl, zone, isListFailure: signs.isListFailure)
            }
        }
        let isListed = reply.code == 511 && (signs.hasListWord || signs.namesPeer)
        let siteText =
            isListed && signs.url != nil ? nil : listTexts.siteText(in: bytes, reply.text, client: reply.envelope)
        if isListed || siteText != nil {
            let zone = signs.url.flatMap { ListTexts.zone(bytes, urlHost: $0) } ?? siteText
            return judgement(.rbl, zone, isListFailure: signs.isListFailure)
        }
        if reply.code == 511 || (reply.code >= 500 && reply.hasRecipient) {
            return judgement(.clientHost, isListFailure: signs.isListFailure)
        }
        // Without a recipient the message itself was refused, behind DATA.
        return judgement(reply.code >= 500 ? .content : .other)
    }

    /// couriertcpd's text for a list that has none of its own (`-block=zone` without TXT).
    private static func hostNamedByListener(_ text: Range<Int>, _ bytes: Span<UInt8>) -> Range<Int>? {
        var reader = Reader(text)
        return reader.skip("Blacklisted by ", in: bytes) ? reader.rest : nil
    }

    private static func knownClass(_ reply: Reply, _ bytes: Span<UInt8>) -> RejectionClass? {
        let first = reply.text.isEmpty ? 0 : bytes[reply.text.lowerBound]
        guard knownBeginnings.canBegin(reply.code, first) else { return nil }
        for known in knownTexts where known.first <= reply.code && reply.code <= known.last {
            if reply.text.count >= known.start.utf8CodeUnitCount,
                bytes.hasBytes(of: known.start, at: reply.text.lowerBound)
            {
                return known.rejectionClass
            }
        }
        return nil
    }

    /// What spares most texts, those of DNSBLs, the way through the table: codes whose every text is known, and the
    /// first letters of the others.
    private struct Beginnings {
        private var codes: Set<UInt16> = []
        private var letters: (low: UInt64, high: UInt64) = (0, 0)

        init() {
            for known in knownTexts {
                guard let letter = known.start.withUTF8Buffer({ $0.first }) else {
                    codes.formUnion(known.first...known.last)
                    continue
                }
                if letter < 64 { letters.low |= 1 << letter } else { letters.high |= 1 << (letter - 64) }
            }
        }

        func canBegin(_ code: UInt16, _ letter: UInt8) -> Bool {
            let bits = letter < 64 ? letters.low >> letter : letter < 128 ? letters.high >> (letter - 64) : 0
            return bits & 1 == 1 || codes.contains(code)
        }
    }

    private static let knownBeginnings = Beginnings()

    /// How Courier's own replies begin: submit.C and submit2.C of 1.0.16, module.esmtp/esmtp.c, module.local/local.c.
    /// Codes from `first` to `last`; `""` is every text.
    private static let knownTexts:
        [(first: UInt16, last: UInt16, start: StaticString, rejectionClass: RejectionClass)] = [
            (513, 513, "Syntax error", .recipient),
            (513, 513, "", .relayDenied),
            (517, 517, "HELO ", .helo),
            (517, 517, "", .sender),
            (417, 417, "HELO ", .helo),
            (417, 417, "DNS lookup on HELO ", .helo),
            (417, 417, "", .sender),
            (511, 511, "Unknown user.", .unknownUser),
            (511, 511, "Undeliverable address.", .recipient),
            (511, 511, "Headers specify no receipients.", .content),
            (558, 558, "", .content),
            (400, 599, "User <", .unknownUser),
            (400, 599, "<", .other),
            (400, 599, "Invalid address", .recipient),
            (400, 599, "Remote address.", .recipient),
            (400, 599, "Too many recipients.", .recipient),
            (400, 599, "Address unavailable.", .recipient),
            (400, 599, "Address temporarily unavailable.", .recipient),
            (400, 599, "You are whitelisted by this recipient", .recipient),
            (400, 599, "You are not whitelisted by this recipient", .recipient),
            (500, 599, "Spam refused.", .content),
            (500, 599, "Message ", .content),
            (500, 599, "Routing loop detected", .content),
            (500, 599, "Delivery not authorized, message refused.", .content),
        ]
}
