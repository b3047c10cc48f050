import Addresses

/// Where a message came from, by the `Received` lines of its header (RFC 5321, 4.4).
///
/// Every server puts its line on top, and only those of the site's own servers are believed: the first line is one, and
/// so is the next as long as the peer of the one above is the site's own. What is below that was written by others.
///
/// Known are the lines of Courier, Postfix, Exim, Sendmail, OpenSMTPD, qpsmtpd and qmail. A client chooses its HELO,
/// which stands beside the address: where more than one address could be the peer's, none is taken.
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
        if let by = lines.firstIndex(where: { $0.lowercased().hasPrefix("by ") }) {
            return peer(in: lines[..<by].joined(separator: " "))
        }
        let parts = split(lines.joined(separator: " "), at: " by ")
        return parts.count == 2 ? peer(in: String(parts[0])) : .ambiguous
    }

    /// Of `from HELO (name [address])`, `from name ([address] helo=HELO)`, `from [address] (helo=HELO)`,
    /// `from name (HELO HELO) (address)`.
    private static func peer(in text: String) -> Peer {
        let words = text.split(separator: " ", omittingEmptySubsequences: true).dropFirst()
        let places = words.map { addresses(in: $0) }
        let all = Set(places.joined())
        if all.count < 2 { return all.first.map { .address($0) } ?? .local }
        // Exim names the HELO: the peer stands in another word, alone.
        if let helo = words.firstIndex(where: { $0.hasPrefix("helo=") || $0.hasPrefix("(helo=") }) {
            let others = Set(zip(words.indices, places).filter { $0.0 < helo }.flatMap(\.1))
            return others.count == 1 ? others.first.map { .address($0) } ?? .ambiguous : .ambiguous
        }
        // qmail's may be anything; the address is the last word.
        if words.contains("(HELO") {
            let last = Set(addresses(in: words.last ?? ""))
            return last.count == 1 ? last.first.map { .address($0) } ?? .ambiguous : .ambiguous
        }
        // The others give the HELO first, one word, and the address behind it.
        let behind = Set(places.dropFirst().joined())
        return behind.count == 1 ? behind.first.map { .address($0) } ?? .ambiguous : .ambiguous
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
