import Addresses

/// Where a message came from, by the `Received` lines of its header (RFC 5321, 4.4).
///
/// Every server puts its line on top, and only those of the site's own servers are believed: the first line is one, and
/// so is the next as long as the peer of the one above is the site's own. What is below that was written by others.
///
/// Known are the lines of Courier, Postfix, Exim, Sendmail, OpenSMTPD, qpsmtpd and qmail. A client chooses its HELO,
/// which stands beside the address and may hold brackets and blanks: only the place counts that the server wrote last,
/// or first in Exim's lines, and where both could be the peer's, none is taken.
package struct ReceivedTrace: Equatable, Sendable {
    package enum Peer: Equatable, Sendable {
        case address(IPAddress)
        /// Handed over on the same host: no line with an address.
        case local
        /// More than one address could be the peer's.
        case ambiguous
    }
    package struct Hop: Equatable, Sendable {
        package var peer: Peer
        /// What stands behind the last semicolon: when the server had it. The server's words.
        package var date: String
    }
    /// From the top down.
    package let hops: [Hop]

    private static let mostHops = 100
    private static let mostHeaderBytes = 1 << 18

    package init(_ message: [UInt8]) {
        var hops: [Hop] = []
        for header in ReceivedTrace.headers(message.prefix(ReceivedTrace.mostHeaderBytes)) {
            hops.append(ReceivedTrace.hop(header))
        }
        self.hops = hops
    }

    /// The first hop whose peer is not the site's own: the source, with its address if it is certain; `nil` when there
    /// is no such hop.
    package func source(isOwn: (IPAddress) -> Bool) -> Hop? {
        hops.first { hop in
            switch hop.peer {
            case .address(let address): !isOwn(address)
            case .local: false
            case .ambiguous: true
            }
        }
    }

    /// The lines of each `Received` field, its name cut off, those of continuation without their blanks.
    private static func headers(_ message: ArraySlice<UInt8>) -> [[Substring]] {
        var found: [[Substring]] = []
        var isReceived = false
        for raw in message.split(separator: 0x0a, omittingEmptySubsequences: false) {
            let line = Substring(decoding: raw.last == 0x0d ? raw.dropLast() : raw, as: UTF8.self)
            if line.isEmpty { break }
            if line.first == " " || line.first == "\t" {
                if isReceived { found[found.count - 1].append(line.drop { $0 == " " || $0 == "\t" }) }
                continue
            }
            isReceived = line.utf8.count >= name.utf8.count && line.prefix(name.count).lowercased() == name
            guard isReceived else { continue }
            if found.count == mostHops { break }
            found.append([line.dropFirst(name.count).drop { $0 == " " || $0 == "\t" }])
        }
        return found
    }

    private static func hop(_ lines: [Substring]) -> Hop {
        let text = lines.joined(separator: " ")
        let date = text.lastIndex(of: ";").map { text[text.index(after: $0)...].drop { $0 == " " } } ?? ""
        return Hop(peer: peer(lines), date: String(date))
    }

    private static func peer(_ lines: [Substring]) -> Peer {
        guard lines.first?.lowercased().hasPrefix("from ") == true else { return .local }
        // Every server begins a new line with `by`, and no HELO has a line's end in it.
        if let by = lines.firstIndex(where: { $0.hasPrefix("by ") }) {
            // Exim has its address on a line of its own when there is a name, a HELO and an ident.
            let isDivided = by > 1 && lines[1].hasPrefix("([")
            let words = isDivided ? lines[0] + " " + lines[1] : lines[0]
            return peer(in: Array(words.utf8)[...], isExim: lines[by...].contains(where: isExims))
        }
        let parts = split(lines.joined(separator: " "), at: " by ")
        return parts.count == 2
            ? peer(in: Array(parts[0].utf8)[...], isExim: isExims("by " + parts[1])) : .ambiguous
    }

    /// `by NAME with esmtp (Exim 4.96)`, the last of it on a line of its own when that is long.
    private static func isExims(_ line: Substring) -> Bool {
        if line.hasPrefix("(Exim ") { return true }
        let words = line.split(separator: " ", maxSplits: 3)
        return words.count == 4 && words[0] == "by" && words[2] == "with"
            && split(" " + words[3], at: " (Exim ").count > 1
    }

    /// The address at the end where the server wrote it: what is nearer to the other end are words of the client.
    private static func peer(in line: ArraySlice<UInt8>, isExim: Bool) -> Peer {
        let (first, last) = (peer(atBeginOf: line), peer(atEndOf: line))
        let found = isExim ? first : first == nil || last == nil ? first ?? last : first == last ? last : nil
        if let found { return .address(found) }
        let words = line.split(separator: 0x20).map { Substring(decoding: $0, as: UTF8.self) }
        return words.allSatisfy { addresses(in: $0).isEmpty } ? .local : .ambiguous
    }

    /// Exim's: `from [192.0.2.7]:4711 (helo=`, `from NAME ([192.0.2.7] helo=`, or with nothing more behind.
    private static func peer(atBeginOf line: ArraySlice<UInt8>) -> IPAddress? {
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
        if rest.first == UInt8(ascii: ":") { rest = rest.dropFirst().drop { (0x30...0x39).contains($0) } }
        let fields = isNamed ? [" helo=", " ident="] : [" (helo=", " (port=", " (ident="]
        let isEnd = isNamed ? rest.elementsEqual(")".utf8) : rest.isEmpty
        return isEnd || fields.contains(where: { rest.starts(with: $0.utf8) }) ? address : nil
    }

    /// The others': `[192.0.2.7])`, Sendmail's `[192.0.2.7] (may be forged))`, `(192.0.2.7)` or `(ident@192.0.2.7)`.
    private static func peer(atEndOf line: ArraySlice<UInt8>) -> IPAddress? {
        guard line.last == UInt8(ascii: ")") else { return nil }
        var rest = line.dropLast()
        let forged = " (may be forged)".utf8
        if rest.suffix(forged.count).elementsEqual(forged) { rest = rest.dropLast(forged.count) }
        let isBracketed = rest.last == UInt8(ascii: "]")
        guard
            let open = rest.lastIndex(where: {
                isBracketed ? $0 == UInt8(ascii: "[") : $0 == UInt8(ascii: "(") || $0 == UInt8(ascii: "@")
            }), open > rest.startIndex
        else { return nil }
        // Exim's `helo=[192.0.2.66])`.
        if isBracketed, rest[open - 1] != 0x20, rest[open - 1] != UInt8(ascii: "(") { return nil }
        return address(isBracketed ? rest[(open + 1)...].dropLast() : rest[(open + 1)...])
    }

    private static func address(_ text: ArraySlice<UInt8>) -> IPAddress? {
        let text = Substring(decoding: text, as: UTF8.self)
        return IPAddress(text.lowercased().hasPrefix("ipv6:") ? text.dropFirst(5) : text)
    }

    /// The addresses that stand in brackets or parentheses in a word.
    private static func addresses(in word: Substring) -> [IPAddress] {
        var found: [IPAddress] = []
        var start: String.Index?
        for index in word.indices {
            switch word[index] {
            case "[", "(": start = word.index(after: index)
            case "]", ")":
                guard let from = start else { continue }
                start = nil
                let text = word[from..<index]
                let bare = text.lowercased().hasPrefix("ipv6:") ? text.dropFirst(5) : text
                if let address = IPAddress(bare) { found.append(address) }
            default: break
            }
        }
        return found
    }

    private static func split(_ text: String, at separator: String) -> [Substring] {
        var parts: [Substring] = []
        var rest = text[...]
        while let index = rest.indices.first(where: { rest[$0...].hasPrefix(separator) }) {
            parts.append(rest[..<index])
            rest = rest[index...].dropFirst(separator.count)
        }
        return parts + [rest]
    }

    private static let name = "received:"
}
