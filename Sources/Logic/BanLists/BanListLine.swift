import Addresses
import Events

/// One line of a list of networks to ban: a network, how long, and what for.
///
/// Read are the words of people and of `export tsv`, the objects of `export jsonl`, and published lists: an address or
/// network a line, Spamhaus DROP as text (`1.10.16.0/20 ; SBL256894`) and as JSON lines (`{"cidr":...,"sblid":...}`).
package struct BanListLine: Equatable, Sendable {
    package var prefix: Prefix
    /// `nil` when the line names none.
    package var span: Duration?
    package var why: String?
    /// What is behind a comment's sign, such as the number of a listing.
    package var comment: String?

    package init(_ prefix: Prefix, span: Duration?, why: String?) {
        self.prefix = prefix
        self.span = span
        self.why = why
    }

    /// The lines of a file, whichever way they end; Swift takes a carriage return and a newline for one character.
    package static func lines(_ text: String) -> [Substring] {
        text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    }

    /// As `export tsv` has it.
    package var text: String {
        "\(prefix.shortDescription)\t\(span.map(BanListLine.written) ?? "")\t\(Record.escaped((why ?? "").utf8))"
    }

    /// Whole seconds, at least one; minutes where seconds have more than nine digits, which nobody reads.
    private static func written(_ span: Duration) -> String {
        if span == .forever { return "forever" }
        let seconds = max(1, span.nanoseconds / 1_000_000_000)
        return seconds < 1_000_000_000 ? "\(seconds)s" : "\(seconds / 60)m"
    }

    /// `nil` for an empty line, a comment, and the line about the list itself that ends a DROP list in JSON.
    package init?(_ line: Substring) throws(BanListError) {
        if line.first == "{" {
            guard let fields = FlatJSON.fields(line) else { throw .notALine(String(line)) }
            if fields["type"] == "metadata" { return nil }
            self = try BanListLine(fields, line)
            return
        }
        let words = line.split(maxSplits: 2, omittingEmptySubsequences: true) { $0 == "\t" || $0 == " " || $0 == "\r" }
        guard let first = words.first, !BanListLine.beginsComment(first) else { return nil }
        prefix = try BanListLine.prefix(String(first))
        guard words.count > 1 else { return }
        if BanListLine.beginsComment(words[1]) {
            let text = words[1...].joined(separator: " ").drop { $0 == ";" || $0 == "#" || $0 == " " }
            comment = text.isEmpty ? nil : String(text)
            return
        }
        span = try BanListLine.span(String(words[1]))
        // Escaped as a record's value is; a reason that no export wrote is taken as it stands.
        why = words.count > 2 ? Record(line: "row why=\"\(words[2])\"".utf8)?["why"] ?? String(words[2]) : nil
    }

    private init(_ fields: [String: String?], _ line: Substring) throws(BanListError) {
        guard let net = (fields["net"] ?? nil) ?? (fields["cidr"] ?? nil) else { throw .notALine(String(line)) }
        prefix = try BanListLine.prefix(net)
        switch fields["left_s"] {
        case .some(.some(let seconds)): span = try BanListLine.seconds(seconds)
        case .some(.none): span = .forever
        case .none: span = nil
        }
        why = fields["why"] ?? nil
        comment = fields["sblid"] ?? nil
    }

    private static func beginsComment(_ word: Substring) -> Bool { word.hasPrefix("#") || word.hasPrefix(";") }

    private static func prefix(_ text: String) throws(BanListError) -> Prefix {
        let prefix: Prefix
        do throws(PrefixError) { prefix = try Prefix(parsing: text) } catch { throw .notANet(error) }
        if let special = SpecialNetworks.all.first(where: { $0.overlaps(prefix) }) { throw .special(prefix, special) }
        return prefix
    }

    /// A number of JSON's: a ban of centuries has ten digits left, one that ends within this second none.
    private static func seconds(_ text: String) throws(BanListError) -> Duration {
        guard text.utf8.count <= 10, let count = Int64(text), count >= 0 else { throw .notASpan(text) }
        return min(.seconds(max(1, count)), .forever)
    }

    private static func span(_ text: String) throws(BanListError) -> Duration {
        guard let span = Duration(span: text), span > .zero else { throw .notASpan(text) }
        return span
    }
}

/// Why a line of a list cannot be taken, in words; text of the line is escaped and cut.
package enum BanListError: Error, Equatable, CustomStringConvertible {
    case notALine(String)
    case notANet(PrefixError)
    case notASpan(String)
    /// No host on the internet has such an address, or the network holds such addresses.
    case special(Prefix, Prefix)

    package var description: String {
        switch self {
        case .notALine(let line): "no object with a \"net\" or \"cidr\": \(Record.escaped(line.utf8, limit: 80))"
        case .notANet(let error): error.description
        case .notASpan(let text): "no duration: \(Record.escaped(text.utf8, limit: 80))"
        case .special(let prefix, let special):
            prefix == special
                ? "\(prefix) is no network of the internet's"
                : "\(prefix) meets \(special), which is no network of the internet's"
        }
    }
}

/// Networks that no list of senders names with reason (IANA's special-purpose registries, RFC 6890): local ones,
/// multicast, the reserved. Documentation's are left out: nothing real has such an address.
package enum SpecialNetworks {
    package static let all: [Prefix] =
        v4.map { Prefix(IPAddress(v4: $0), bits: 96 + $1) } + v6.map { Prefix(IPAddress(high: $0, low: $1), bits: $2) }

    /// Whether hosts of a site use such addresses among themselves: loopback, private, link-local, shared.
    package static func isLocal(_ address: IPAddress) -> Bool { all.contains { $0.contains(address) } }

    private static let v4: [(UInt32, Int)] = [
        (0x0000_0000, 8), (0x0a00_0000, 8), (0x6440_0000, 10), (0x7f00_0000, 8), (0xa9fe_0000, 16), (0xac10_0000, 12),
        (0xc000_0000, 24), (0xc0a8_0000, 16), (0xe000_0000, 4), (0xf000_0000, 4),
    ]
    private static let v6: [(UInt64, UInt64, Int)] = [
        (0, 0, 127), (0xfc00_0000_0000_0000, 0, 7), (0xfe80_0000_0000_0000, 0, 10), (0xff00_0000_0000_0000, 0, 8),
    ]
}
