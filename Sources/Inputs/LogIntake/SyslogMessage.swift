import Addresses

/// One message as it came over the network, made into a line of a form that `LogLine` reads, with a host name in it.
///
/// Read are RFC 5424 and RFC 3164, the latter also with an RFC 3339 stamp (what rsyslog sends), each with its priority
/// in front. Control characters become `#012` as rsyslog writes them, so that one message is one line.
///
/// The host's name is the sender's word. It is taken for what it is, so that a relay can send for many, with two
/// exceptions: where there is none, or what is there cannot be one, the sender's address stands in its place; and so it
/// does when another host calls itself by our own name, as only our own lines may end connections of ours.
package struct SyslogMessage {
    /// The line of the message read last, without the priority's meaning: nothing here depends on it.
    package private(set) var line: [UInt8] = []
    package private(set) var isCut = false
    /// The message claimed to be of this host and was sent by another.
    package private(set) var isMisnamed = false
    /// The first label of this host's name, lower case.
    private let ownLabel: [UInt8]

    package init(ownHost: String) { ownLabel = Array(SyslogMessage.label(ownHost.utf8)) }

    /// False when the bytes are no syslog message; then there is no line.
    package mutating func read(_ message: UnsafeBufferPointer<UInt8>, from sender: Sender) -> Bool {
        line.removeAll(keepingCapacity: line.capacity <= 8192)
        isCut = false
        isMisnamed = false
        var end = message.count
        while end > 0, message[end - 1] == 0x0a || message[end - 1] == 0x0d || message[end - 1] == 0 { end -= 1 }
        guard let start = SyslogMessage.priorityEnd(message, end) else { return false }
        // RFC 5424, 6: version, stamp, host.
        let isVersioned = end - start > 2 && message[start] == UInt8(ascii: "1") && message[start + 1] == 0x20
        guard
            let stampEnd = isVersioned
                ? SyslogMessage.blank(message, start + 2, end) : SyslogMessage.stampEnd(message, start, end),
            let hostEnd = SyslogMessage.blank(message, stampEnd + 1, end)
        else { return false }
        append(message[...stampEnd])
        let host = UnsafeBufferPointer(rebasing: message[(stampEnd + 1)..<hostEnd])
        let isName = SyslogMessage.isName(host)
        isMisnamed = isName && !sender.isOwn && SyslogMessage.label(host).elementsEqual(ownLabel)
        if isName, !isMisnamed { append(host[...]) } else { line.append(contentsOf: sender.name) }
        // What is no name may be the tag already, `postfix/smtpd[12]:`; but RFC 5424 has a field for the host always.
        append(message[(isName || isVersioned ? hostEnd : stampEnd)..<end])
        return true
    }

    private mutating func append(_ part: Slice<UnsafeBufferPointer<UInt8>>) {
        line.appendEscaped(UnsafeBufferPointer(rebasing: part), limit: LineSplitter.longestLine, isCut: &isCut)
    }

    /// Who sent a message.
    package struct Sender {
        let address: IPAddress
        let isOwn: Bool
        let name: [UInt8]

        package init(_ address: IPAddress, isOwn: Bool) {
            self.address = address
            self.isOwn = isOwn
            name = Array("\(address)".utf8)
        }
    }
}

extension SyslogMessage {
    /// Behind `<0>` to `<191>` (RFC 5424, 6.2.1).
    private static func priorityEnd(_ message: UnsafeBufferPointer<UInt8>, _ end: Int) -> Int? {
        guard end > 2, message[0] == UInt8(ascii: "<") else { return nil }
        var value = 0
        var index = 1
        while index < min(end, 4), (0x30...0x39).contains(message[index]) {
            value = value * 10 + Int(message[index] - 0x30)
            index += 1
        }
        guard index > 1, index < end, message[index] == UInt8(ascii: ">"), value <= 191 else { return nil }
        return index + 1
    }

    /// Where the blank behind `Nov 20 22:44:29` or `2026-11-20T22:44:56.033783+00:00` is.
    private static func stampEnd(_ message: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> Int? {
        guard end - start > 20 else { return nil }
        if (0x30...0x39).contains(message[start]) {
            guard message[start + 10] | 0x20 == UInt8(ascii: "t") else { return nil }
            return blank(message, start, end)
        }
        // The hour tells it from ctime(3)'s stamp, behind which `LogLine` reads the host elsewhere.
        guard message[start + 3] == 0x20, message[start + 6] == 0x20, (0x30...0x39).contains(message[start + 7]),
            message[start + 9] == UInt8(ascii: ":"),
            message[start + 12] == UInt8(ascii: ":"), message[start + 15] == 0x20
        else { return nil }
        return start + 15
    }

    /// The blank that ends a field of 1 to 255 bytes.
    private static func blank(_ message: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> Int? {
        guard start < end, let found = message[start..<min(end, start + 256)].firstIndex(of: 0x20), found > start else {
            return nil
        }
        return found
    }

    /// Letters, digits and `.-_:`, the last for an address of IPv6; one at the end makes it a tag.
    private static func isName(_ host: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let last = host.last, last != UInt8(ascii: ":"), !(host.count == 1 && last == UInt8(ascii: "-")) else {
            return false
        }
        return host.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: ":"):
                true
            default: false
            }
        }
    }

    /// What stands before the first dot, in lower case.
    private static func label(_ host: some Sequence<UInt8>) -> some Sequence<UInt8> {
        host.prefix { $0 != UInt8(ascii: ".") }.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
    }
}
