import Addresses
import Bytes
import Events

/// `error,relay=...`: a reply of 4xx or 5xx that courieresmtpd gave, or the connection's end in the middle of one.
///
/// Two shapes: `,msg="TEXT",cmd: CLIENT` for what courieresmtpd says itself, a closed set of texts, and
/// `,from=<...>[,to=<...>]: CODE TEXT` for what its submit says, where TEXT may be a DNSBL's or the administrator's.
/// The line is written just before the reply goes out.
extension Courier {
    /// What the inner lines of a reply said, for its last line. One at a time: Courier writes the lines of a reply
    /// together, and where two processes mix theirs the reply is judged by its last line alone.
    struct OpenReply {
        var peer: IPAddress
        var port: UInt16?
        var code: UInt16
        var zone: String?
        var isListFailure: Bool
    }

    mutating func failure(_ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event) -> Bool {
        let addressStart = reader.position
        guard let peer = reader.address(upTo: UInt8(ascii: ","), in: bytes) else { return false }
        let address = addressStart..<reader.position
        event.peer = peer
        if reader.skip(",port=", in: bytes) {
            guard let number = reader.port(in: bytes) else { return false }
            event.port = number
        }
        if reader.skip(",from=", in: bytes) { return submitReply(bytes, &reader, address, &event) }
        if reader.skip(",msg=\"", in: bytes) { return ownReply(bytes, &reader, &event) }
        // The answer of an ident server (couriertcpd without -noidentlookup) is the peer's to choose. In this shape it
        // holds no comma; in the other it is raw and could hold a reply of its own, so nothing behind it counts.
        if reader.skip(",ident=\"", in: bytes) {
            event.rejectionClass = .other
            return true
        }
        guard reader.skip(",ident=", in: bytes),
            let comma = reader.find(UInt8(ascii: ","), within: Courier.longestText + 4, in: bytes)
        else { return false }
        reader.move(to: comma)
        return reader.skip(",from=", in: bytes) && submitReply(bytes, &reader, address, &event)
    }

    /// Behind `,msg="`. No quote can stand in these texts.
    private func ownReply(_ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event) -> Bool {
        let start = reader.position
        guard let quote = reader.find(UInt8(ascii: "\""), within: Courier.longestText + 4, in: bytes) else {
            return false
        }
        let text = start..<quote
        reader.move(to: quote)
        guard reader.skip("\",cmd: ", in: bytes) else { return false }
        guard let code = Courier.replyCode(bytes, text), text.count == 3 || bytes[start + 3] == 0x20 else {
            event.kind = .disconnect
            return bytes.hasBytes(of: "writev: ", at: start)
        }
        event.code = code
        var words = Reader(text)
        words.move(to: start + 4)
        switch code {
        case 535:
            event.kind = .authFailure
            event.rejectionClass = .auth
        case 502 where words.skip("Polite people say HELO first", in: bytes): event.rejectionClass = .helo
        case 534: event.rejectionClass = .content
        default:
            event.kind = code < 500 ? .deferral : .rejection
            event.rejectionClass = .other
        }
        return true
    }

    /// Behind `,from=`.
    private mutating func submitReply(
        _ bytes: Span<UInt8>, _ reader: inout Reader, _ address: Range<Int>, _ event: inout Event
    ) -> Bool {
        let envelopeStart = reader.position
        var hasRecipient = false
        guard Courier.skipBracketed(bytes, &reader) else { return false }
        if reader.skip(",to=", in: bytes) {
            hasRecipient = true
            guard Courier.skipBracketed(bytes, &reader) else { return false }
        }
        let envelope = envelopeStart..<reader.position
        guard reader.skip(": ", in: bytes), let code = Courier.replyCode(bytes, reader.rest) else {
            // A bare carriage return in the client's command makes Courier log what stood behind the address in
            // memory. It is an error of this peer's; which one cannot be told.
            event.rejectionClass = .other
            return true
        }
        reader.move(to: reader.position + 3)
        event.isContinuation = reader.skip("-", in: bytes)
        guard event.isContinuation || reader.skip(" ", in: bytes) || reader.isAtEnd else { return false }

        event.kind = code < 500 ? .deferral : .rejection
        event.code = code
        judge(
            Reply(code: code, text: reader.rest, envelope: envelope, address: address, hasRecipient: hasRecipient),
            bytes, &event)
        if event.isContinuation || openReply != nil { joinLines(&event, code) }
        return true
    }

    /// The last line of a reply has what its inner lines said of a list.
    private mutating func joinLines(_ event: inout Event, _ code: UInt16) {
        guard let peer = event.peer else { return }
        let before = openReply.flatMap { $0.peer == peer && $0.port == event.port && $0.code == code ? $0 : nil }
        if event.isContinuation {
            guard event.rejectionClass == .rbl || event.isListFailure || before != nil else { return }
            openReply = OpenReply(
                peer: peer, port: event.port, code: code, zone: event.zone ?? before?.zone,
                isListFailure: event.isListFailure || before?.isListFailure == true)
        } else if let before {
            openReply = nil
            event.rejectionClass = .rbl
            event.zone = event.zone ?? before.zone
            event.isListFailure = event.isListFailure || before.isListFailure
        }
    }

    /// `<...>` as Courier logs an address: inside, `<`, `>` and `:` are blanks; 128 bytes, then `...` for the rest.
    private static func skipBracketed(_ bytes: Span<UInt8>, _ reader: inout Reader) -> Bool {
        let start = reader.position
        guard reader.skip("<", in: bytes) else { return false }
        if let closing = reader.find(UInt8(ascii: ">"), within: longestText - 1, in: bytes) {
            reader.move(to: closing + 1)
            return true
        }
        reader.move(to: start + longestText)
        return reader.skip("...", in: bytes)
    }

    /// 400...599 in the first three bytes.
    private static func replyCode(_ bytes: Span<UInt8>, _ text: Range<Int>) -> UInt16? {
        guard text.count >= 3, let value = decimal(bytes, text.lowerBound..<(text.lowerBound + 3)),
            (400...599).contains(value)
        else { return nil }
        return UInt16(value)
    }

    /// clog_msg_str in libs/lcclog.c cuts every piece there and adds three dots.
    private static let longestText = 128
}
