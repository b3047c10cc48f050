import Addresses
import Bytes

/// The peer that a stored message came from, as the server that took it wrote it into the topmost Received line
/// (RFC 5321, 4.4). Lines below were written by others.
///
///     from HELO (NAME [192.0.2.7])                  Postfix, Courier, OpenSMTPD
///     from HELO (NAME [192.0.2.7] (may be forged))  Sendmail
///     from NAME (HELO x) (ident@192.0.2.7)          qmail, qpsmtpd
///     from NAME ([192.0.2.7]:4711 helo=x ident=y)   Exim
///     from [192.0.2.7] (helo=x)                     Exim, without a name
///
/// HELO, name and ident are the peer's and may hold brackets, parentheses and ` by `, but no newline: all of these
/// servers go on with `by` on a line of its own, and the address stands at that end of the first line, or with Exim at
/// its begin, that the peer cannot write. A line that was folded anew is not believed, nor one that can be read both
/// ways.
package enum ReceivedHeader {
    /// The headers of a message are looked through so far.
    private static let longestHead = 262_144

    package static func peer(ofTopmost message: [UInt8]) -> IPAddress? {
        let lines = topmost(message.prefix(longestHead))
        guard let first = lines.first, lines.dropFirst().contains(where: { $0.starts(with: "by ".utf8) }) else {
            return nil
        }
        // With a name, a HELO and an ident, Exim begins a new line before the parenthesis.
        let isDivided = lines[1].starts(with: "([".utf8)
        let atBegin = peer(atBeginOf: isDivided ? first + [0x20] + lines[1] : first)
        if lines.dropFirst().contains(where: isExims) { return atBegin }
        let atEnd = peer(atEndOf: first)
        return atBegin == nil || atBegin == atEnd ? atEnd : nil
    }

    /// The first Received header as it was folded: what stands behind its name, then each further line, without the
    /// blanks around it.
    private static func topmost(_ message: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        for line in message.split(separator: 0x0a, omittingEmptySubsequences: false) {
            let bare = trimmed(line)
            if !lines.isEmpty {
                guard line.first == 0x20 || line.first == 0x09 else { break }
                lines.append(bare)
            } else if bare.isEmpty {
                break
            } else if isLabel(line, "received:") {
                lines.append(trimmed(line.dropFirst(9)))
            }
        }
        return lines
    }

    /// Behind `with`, where the server writes itself down, or on a line of its own when that one is long.
    private static func isExims(_ line: ArraySlice<UInt8>) -> Bool {
        if line.starts(with: "(Exim ".utf8) { return true }
        guard line.starts(with: "by ".utf8) else { return false }
        return line.indices.contains { line[$0...].starts(with: " (Exim ".utf8) }
    }

    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d }
        var line = line.drop(while: isBlank)
        while let last = line.last, isBlank(last) { line.removeLast() }
        return line
    }

    /// `from [192.0.2.7] (helo=`, `from NAME ([192.0.2.7] helo=`, or with nothing more behind.
    private static func peer(atBeginOf line: ArraySlice<UInt8>) -> IPAddress? {
        guard line.starts(with: "from ".utf8) else { return nil }
        var rest = line.dropFirst(5)
        let isNamed = rest.first != UInt8(ascii: "[")
        if isNamed {
            rest = rest.drop { $0 != 0x20 }
            guard rest.starts(with: " ([".utf8) else { return nil }
            rest = rest.dropFirst(2)
        }
        guard let close = rest.firstIndex(of: UInt8(ascii: "]")) else { return nil }
        let address = address(rest[..<close].dropFirst())
        rest = rest[(close + 1)...]
        if isNamed, rest.first == UInt8(ascii: ":") { rest = rest.dropFirst().drop(while: isDigit) }
        if isNamed { return rest.first == 0x20 || rest.elementsEqual(")".utf8) ? address : nil }
        let fields = [" (helo=", " (port=", " (ident="]
        return rest.isEmpty || fields.contains(where: { rest.starts(with: $0.utf8) }) ? address : nil
    }

    /// `[192.0.2.7])`, `[192.0.2.7] (may be forged))`, `(192.0.2.7)` or `(ident@192.0.2.7)`.
    private static func peer(atEndOf line: ArraySlice<UInt8>) -> IPAddress? {
        guard line.starts(with: "from ".utf8), line.last == UInt8(ascii: ")") else { return nil }
        var rest = line.dropLast()
        let forged = " (may be forged)".utf8
        if rest.suffix(forged.count).elementsEqual(forged) { rest = rest.dropLast(forged.count) }
        if rest.last == UInt8(ascii: "]") {
            guard let open = rest.lastIndex(of: UInt8(ascii: "[")), open > rest.startIndex,
                rest[open - 1] == 0x20 || rest[open - 1] == UInt8(ascii: "(")
            else { return nil }
            return address(rest[(open + 1)...].dropLast())
        }
        guard let open = rest.lastIndex(where: { $0 == UInt8(ascii: "(") || $0 == UInt8(ascii: "@") }) else {
            return nil
        }
        return address(rest[(open + 1)...])
    }

    /// An address, of which some write `IPv6:` in front (RFC 5321, 4.1.3).
    private static func address(_ text: ArraySlice<UInt8>) -> IPAddress? {
        IPAddress(String(decoding: isLabel(text, "ipv6:") ? text.dropFirst(5) : text, as: UTF8.self))
    }

    /// Whether it begins with this in letters of either case.
    private static func isLabel(_ text: ArraySlice<UInt8>, _ label: String) -> Bool {
        text.prefix(label.utf8.count).elementsEqual(label.utf8) { byte, wanted in
            byte == wanted || (0x41...0x5a).contains(byte) && byte + 0x20 == wanted
        }
    }
}
