import Addresses
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

    mutating func failure(_ bytes: Span<UInt8>, _ reader: inout Reader) -> Event? {
        let addressStart = reader.position
        guard let peer = reader.address(upTo: UInt8(ascii: ","), in: bytes) else { return nil }
        let address = addressStart..<reader.position
        var port: UInt16?
        if reader.skip(",port=", in: bytes) {
            guard let number = reader.port(in: bytes) else { return nil }
            port = number
        }
        if reader.skip(",msg=\"", in: bytes) { return ownReply(bytes, &reader, peer, port) }
        // The answer of an ident server (couriertcpd without -noidentlookup) is the peer's to choose. In this shape it
        // holds no comma; in the other it is raw and could hold a reply of its own, so nothing behind it counts.
        if reader.skip(",ident=\"", in: bytes) { return Event(.rejection, class: .other, peer: peer, port: port) }
        if reader.skip(",ident=", in: bytes) {
            guard let comma = reader.find(UInt8(ascii: ","), within: Courier.longestText + 4, in: bytes) else {
                return nil
            }
            reader.move(to: comma)
        }
        guard reader.skip(",from=", in: bytes) else { return nil }
        return submitReply(bytes, &reader, address, peer, port)
    }

    /// Behind `,msg="`. No quote can stand in these texts.
    private func ownReply(_ bytes: Span<UInt8>, _ reader: inout Reader, _ peer: IPAddress, _ port: UInt16?) -> Event? {
        let start = reader.position
        guard let quote = reader.find(UInt8(ascii: "\""), within: Courier.longestText + 4, in: bytes) else {
            return nil
        }
        let text = start..<quote
        reader.move(to: quote)
        guard reader.skip("\",cmd: ", in: bytes) else { return nil }
        guard let code = Courier.replyCode(bytes, text), text.count == 3 || bytes[start + 3] == 0x20 else {
            return bytes.hasBytes(of: "writev: ", at: start) ? Event(.disconnect, peer: peer, port: port) : nil
        }
        var words = Reader(text)
        words.move(to: start + 4)
        switch code {
        case 535: return Event(.authFailure, class: .auth, code: code, peer: peer, port: port)
        case 502 where words.skip("Polite people say HELO first", in: bytes):
            return Event(.rejection, class: .helo, code: code, peer: peer, port: port)
        case 534: return Event(.rejection, class: .content, code: code, peer: peer, port: port)
        default: return Event(code < 500 ? .deferral : .rejection, class: .other, code: code, peer: peer, port: port)
        }
    }

    /// Behind `,from=`.
    private mutating func submitReply(
        _ bytes: Span<UInt8>, _ reader: inout Reader, _ address: Range<Int>, _ peer: IPAddress, _ port: UInt16?
    ) -> Event? {
        let envelopeStart = reader.position
        var hasRecipient = false
        guard Courier.skipBracketed(bytes, &reader) else { return nil }
        if reader.skip(",to=", in: bytes) {
            hasRecipient = true
            guard Courier.skipBracketed(bytes, &reader) else { return nil }
        }
        let envelope = envelopeStart..<reader.position
        guard reader.skip(": ", in: bytes), let code = Courier.replyCode(bytes, reader.rest) else {
            // A bare carriage return in the client's command makes Courier log what stood behind the address in
            // memory. It is an error of this peer's; which one cannot be told.
            return Event(.rejection, class: .other, peer: peer, port: port)
        }
        reader.move(to: reader.position + 3)
        let isContinuation = reader.skip("-", in: bytes)
        guard isContinuation || reader.skip(" ", in: bytes) || reader.isAtEnd else { return nil }

        let reply = Reply(
            code: code, text: reader.rest, envelope: envelope, address: address, hasRecipient: hasRecipient)
        let finding = reason(for: reply, bytes)
        var event = Event(
            code < 500 ? .deferral : .rejection, class: finding.rejectionClass, code: code, peer: peer, port: port,
            zone: finding.zone)
        event.isListFailure = finding.isListFailure
        event.isContinuation = isContinuation
        joinLines(&event, peer, code)
        return event
    }

    /// The last line of a reply has what its inner lines said of a list.
    private mutating func joinLines(_ event: inout Event, _ peer: IPAddress, _ code: UInt16) {
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
