import Bytes
import Events

/// Why smtpd refused: class, zone and list failure out of a reply's text.
///
/// OpenSMTPD asks no DNSBL itself: filters do, and a rejection's words are the site's.
extension OpenSMTPD {
    /// smtpd's own texts go first, as some of them repeat what the client wrote; then the words of a list; and for a
    /// text that says neither, the command that was refused.
    func judge(_ text: Range<Int>, _ command: Range<Int>, _ bytes: Span<UInt8>, _ event: inout Event) {
        if let known = OpenSMTPD.knownClass(text, event.code, bytes) {
            event.rejectionClass = known
            return
        }
        // Behind a bracket or a quote a filter repeats the client.
        var end = bytes.firstIndex(of: UInt8(ascii: "<"), from: text.lowerBound, to: text.upperBound) ?? text.upperBound
        end = bytes.firstIndex(of: UInt8(ascii: "\""), from: text.lowerBound, to: end) ?? end
        let words = text.lowerBound..<end
        let signs = listTexts.signs(in: bytes, words, peer: words.lowerBound..<words.lowerBound)
        let siteText = listTexts.siteText(in: bytes, words, client: command)
        event.isListFailure = signs.isListFailure
        guard signs.hasListWord || siteText != nil else {
            event.rejectionClass = OpenSMTPD.commandClass(command, bytes)
            return
        }
        event.rejectionClass = .rbl
        event.zone =
            ListTexts.namedZone(bytes, in: words) ?? signs.url.flatMap { ListTexts.zone(bytes, urlHost: $0) }
            ?? siteText
    }

    private static func knownClass(_ text: Range<Int>, _ code: UInt16?, _ bytes: Span<UInt8>) -> RejectionClass? {
        var reader = Reader(text)
        reader.skipEnhancedCode(in: bytes)
        guard !reader.isAtEnd else { return nil }
        for place in knownByLetter[Int(bytes[reader.position] & 31)]
        where knownTexts[place].code == code && reader.skip(knownTexts[place].text, in: bytes) {
            return knownTexts[place].rejectionClass
        }
        return nil
    }

    /// The places of the known texts by the low bits of their first byte.
    private static let knownByLetter: [[Int]] = {
        var places = Array(repeating: [Int](), count: 32)
        for (place, known) in knownTexts.enumerated() {
            places[known.text.withUTF8Buffer { Int(($0.first ?? 0) & 31) }].append(place)
        }
        return places
    }()

    /// There is no command yet when a filter refuses the connection itself.
    private static func commandClass(_ command: Range<Int>, _ bytes: Span<UInt8>) -> RejectionClass {
        if command.isEmpty { return .clientHost }
        return commands.first { ListTexts.hasFolded($0.verb, bytes, command.lowerBound, command.upperBound) }?
            .rejectionClass ?? .other
    }

    /// smtpd's own replies behind their enhanced code: smtp_session.c and lka_session.c of 6.8.0p2.
    private static let knownTexts: [(code: UInt16, text: StaticString, rejectionClass: RejectionClass)] = [
        (550, "Invalid recipient: <", .unknownUser),
        (501, "Recipient address syntax error", .recipient),
        (524, "Mailing list expansion problem: <", .recipient),
        (424, "Mailing list expansion problem: <", .recipient),
        (451, "Temporary failure: <", .recipient),
        (553, "Sender address syntax error", .sender),
        (530, "Sender rejected", .sender),
        (501, "Invalid command arguments: ", .helo),
        (535, "Authentication failed", .auth),
        (500, "Invalid command: ", .other),
        (501, "Invalid command: ", .other),
        (503, "Invalid command: ", .other),
        (530, "Invalid command: ", .other),
        (503, "Unsupported option ", .other),
        (501, "Syntax error: ", .other),
        (504, "Security features not supported: ", .other),
        (554, "Message integrity failure: ", .content),
        (554, "Message too big for system: ", .content),
        (550, "Delivery not authorized, message refused: ", .content),
        (500, "Routing loop detected: ", .content),
    ]

    private static let commands: [(verb: StaticString, rejectionClass: RejectionClass)] = [
        ("rcpt to:", .recipient), ("mail from:", .sender), ("ehlo", .helo), ("helo", .helo), ("data", .content),
        ("auth", .auth),
    ]
}
