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

    struct Reason {
        var rejectionClass: RejectionClass
        var zone: String?
        var isListFailure = false
    }

    /// Courier's own texts go first: some of them quote the client, so nothing else may be looked for in those. What is
    /// left is from a DNSBL, the administrator or a mail filter.
    func reason(for reply: Reply, _ bytes: Span<UInt8>) -> Reason {
        if let known = Courier.knownClass(reply, bytes) { return Reason(rejectionClass: known) }
        let signs = listTexts.signs(in: bytes, reply.text, peer: reply.address)
        if let zone = Courier.zoneNamedByListener(reply.text, bytes) {
            return Reason(rejectionClass: .rbl, zone: zone, isListFailure: signs.isListFailure)
        }
        let isListed = reply.code == 511 && (signs.hasListWord || signs.namesPeer)
        let siteText =
            isListed && signs.url != nil ? nil : listTexts.siteText(in: bytes, reply.text, client: reply.envelope)
        if isListed || siteText != nil {
            return Reason(
                rejectionClass: .rbl, zone: signs.url.flatMap { ListTexts.zone(bytes, urlHost: $0) } ?? siteText,
                isListFailure: signs.isListFailure)
        }
        if reply.code == 511 || (reply.code >= 500 && reply.hasRecipient) {
            return Reason(rejectionClass: .clientHost, isListFailure: signs.isListFailure)
        }
        // Without a recipient the message itself was refused, behind DATA.
        return Reason(rejectionClass: reply.code >= 500 ? .content : .other)
    }

    /// couriertcpd's text for a list that has none of its own (`-block=zone` without TXT).
    private static func zoneNamedByListener(_ text: Range<Int>, _ bytes: Span<UInt8>) -> String? {
        var reader = Reader(text)
        guard reader.skip("Blacklisted by ", in: bytes) else { return nil }
        return ListTexts.zone(bytes, urlHost: reader.rest)
    }

    private static func knownClass(_ reply: Reply, _ bytes: Span<UInt8>) -> RejectionClass? {
        for known in knownTexts where known.first <= reply.code && reply.code <= known.last {
            if reply.text.count >= known.start.utf8CodeUnitCount,
                bytes.hasBytes(of: known.start, at: reply.text.lowerBound)
            {
                return known.rejectionClass
            }
        }
        return nil
    }

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
