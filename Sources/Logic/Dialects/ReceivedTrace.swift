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

    // A line is bytes here: of text, a blank and a combining mark behind it would be one letter, and no blank.
    private typealias Line = ArraySlice<UInt8>

    /// The lines of each `Received` field, its name cut off, those of continuation without their blanks.
    private static func headers(_ message: Line) -> [[Line]] {
        var found: [[Line]] = []
        var isReceived = false
        for raw in message.split(separator: 0x0a, omittingEmptySubsequences: false) {
            let line = raw.last == 0x0d ? raw.dropLast() : raw
            guard let first = line.first else { break }
            if isBlank(first) {
                if isReceived { found[found.count - 1].append(line.drop { isBlank($0) }) }
                continue
            }
            isReceived = begins(line, "received:")
            guard isReceived else { continue }
            if found.count == mostHops { break }
            found.append([line.dropFirst("received:".utf8.count).drop { isBlank($0) }])
        }
        return found
    }

    private static func hop(_ lines: [Line]) -> Hop {
        let text = joined(lines)
        let date = text.lastIndex(of: UInt8(ascii: ";")).map { text[($0 + 1)...].drop { $0 == 0x20 } } ?? []
        return Hop(peer: peer(lines), date: String(decoding: date, as: UTF8.self))
    }

    private static func peer(_ lines: [Line]) -> Peer {
        guard let first = lines.first, begins(first, "from ") else { return .local }
        // Every server begins a new line with `by`, and no HELO has a line's end in it.
        if let by = lines.firstIndex(where: { $0.starts(with: "by ".utf8) }) {
            // Exim has its address on a line of its own when there is a name, a HELO and an ident.
            let isDivided = by > 1 && lines[1].starts(with: "([".utf8)
            return peer(in: joined(lines[..<(isDivided ? 2 : 1)]), isExim: lines[by...].contains(where: isExims))
        }
        let text = joined(lines)
        let places = places(of: " by ", in: text)
        guard let place = places.first, places.count == 1 else { return .ambiguous }
        return peer(in: text[..<place], isExim: isExims(text[(place + 1)...]))
    }

    /// `by NAME with esmtp (Exim 4.96)`, the last of it on a line of its own when that is long.
    private static func isExims(_ line: Line) -> Bool {
        if line.starts(with: "(Exim ".utf8) { return true }
        let words = line.split(separator: 0x20, maxSplits: 3)
        return words.count == 4 && words[0].elementsEqual("by".utf8) && words[2].elementsEqual("with".utf8)
            && !places(of: " (Exim ", in: words[3]).isEmpty
    }

    /// The address at the end where the server wrote it: what is nearer to the other end are words of the client.
    private static func peer(in line: Line, isExim: Bool) -> Peer {
        let (first, last) = (peer(atBeginOf: line), peer(atEndOf: line))
        let found = isExim ? first : first == nil || last == nil ? first ?? last : first == last ? last : nil
        if let found { return .address(found) }
        return line.split(separator: 0x20).contains(where: hasAddress) ? .ambiguous : .local
    }

    /// Exim's: `from [192.0.2.7]:4711 (helo=`, `from NAME ([192.0.2.7] helo=`, or with nothing more behind.
    private static func peer(atBeginOf line: Line) -> IPAddress? {
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
    private static func peer(atEndOf line: Line) -> IPAddress? {
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

    private static func address(_ text: Line) -> IPAddress? {
        let bare = begins(text, "ipv6:") ? text.dropFirst("ipv6:".utf8.count) : text
        return bare.count > 45 ? nil : IPAddress(String(decoding: bare, as: UTF8.self))
    }

    /// Whether an address stands in brackets or parentheses in a word.
    private static func hasAddress(_ word: Line) -> Bool {
        var start: Int?
        for index in word.indices {
            switch word[index] {
            case UInt8(ascii: "["), UInt8(ascii: "("): start = index + 1
            case UInt8(ascii: "]"), UInt8(ascii: ")"):
                if let start, address(word[start..<index]) != nil { return true }
                start = nil
            default: break
            }
        }
        return false
    }

    /// Where `part` begins; places do not overlap.
    private static func places(of part: StaticString, in text: Line) -> [Int] {
        part.withUTF8Buffer { part in
            var places: [Int] = []
            var index = text.startIndex
            while index + part.count <= text.endIndex {
                let isPlace = text[index..<(index + part.count)].elementsEqual(part)
                if isPlace { places.append(index) }
                index += isPlace ? part.count : 1
            }
            return places
        }
    }

    /// Without regard to case; `part` is in lower case.
    private static func begins(_ line: Line, _ part: StaticString) -> Bool {
        part.withUTF8Buffer { part in
            line.prefix(part.count).elementsEqual(part) { (0x41...0x5a).contains($0) ? $0 | 0x20 == $1 : $0 == $1 }
        }
    }

    private static func joined(_ lines: some Collection<Line>) -> Line { Array(lines.joined(separator: [0x20]))[...] }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
