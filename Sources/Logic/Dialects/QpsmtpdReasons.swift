import Bytes
import Events

/// Why qpsmtpd refused: class, zone and list failure of a reply, by what the plugins said before it and by its text.
extension Qpsmtpd {
    /// Before the greeting only plugins speak, and a list's words in a reply are a list's. Behind it many replies repeat
    /// what the client wrote, so there a list must have been named before (by the dnsbl plugin, for the naughty plugin
    /// to act upon), or the site's own words must show it.
    func judge(_ text: Range<Int>, _ session: Session, _ bytes: Span<UInt8>, _ event: inout Event) {
        if case .authFailure = event.kind {
            event.rejectionClass = .auth
            return
        }
        let isEarly = !session.isGreeted && session.stage == .start
        let signs =
            isEarly || session.isNaughty
            ? listTexts.signs(in: bytes, text, peer: text.lowerBound..<text.lowerBound) : Signs()
        event.isListFailure = signs.isListFailure
        let named = isEarly ? session.zone : session.isNaughty ? session.laterZone : nil
        let siteText =
            named == nil ? listTexts.siteText(in: bytes, text, client: text.lowerBound..<text.lowerBound) : nil
        if named != nil || siteText != nil || (isEarly && signs.hasListWord) {
            event.rejectionClass = .rbl
            event.zone =
                named ?? ListTexts.namedZone(bytes, in: text) ?? signs.url.flatMap {
                    ListTexts.zone(bytes, urlHost: $0)
                }
                ?? siteText
            return
        }
        var reader = Reader(text)
        let known = Qpsmtpd.knownTexts.first { reader.skip($0.text, in: bytes) }?.rejectionClass
        event.rejectionClass = known ?? Qpsmtpd.stageClass(session.stage, event.code)
    }

    private static func stageClass(_ stage: Stage, _ code: UInt16?) -> RejectionClass {
        // Unknown commands, and those out of order, at any stage.
        if let code, (500...504).contains(code) { return .other }
        switch stage {
        case .start: return .clientHost
        case .hello: return .helo
        case .sender: return .sender
        case .recipient: return .recipient
        case .data: return .content
        }
    }

    /// How replies of qpsmtpd 0.94 and its plugins begin. Qpsmtpd::DSN adds a code behind the text.
    private static let knownTexts: [(text: StaticString, rejectionClass: RejectionClass)] = [
        ("relaying denied", .relayDenied),
        ("Relaying denied", .relayDenied),
        ("No plugin decided if relaying is allowed", .relayDenied),
        ("Mail from ", .rhsbl),
        ("mail to ", .unknownUser),
        ("Sorry, no mailbox by that name", .unknownUser),
        ("Unrecognized command", .other),
        ("Closing connection, ", .other),
        ("command unrecognized: ", .other),
    ]
}
