/// A rejection's line as a site's own program writes it: fixed words with named fields between them.
///
///     rejectd: refused {name}[{peer}]: {code} listed at {zone}; {text}
///
/// The program's name comes first, then its message. Matching never turns back, and never asks anything of what the
/// peer could have written: fields before that have an end that nobody can move, `{text}` and `{*}` come last. So a
/// pattern that matches a line matches it in one way, and whatever a peer says, the line is about that peer. A pattern
/// that cannot promise this is refused.
package struct SitePattern: Equatable, Sendable {
    package enum Step: Equatable, Sendable {
        case words([UInt8])
        case field(Field)
        /// `{text}`, up to the first of these words where there are any, and whatever is behind.
        case text(stop: [UInt8])
    }

    package enum Field: String, CaseIterable, Sendable {
        case peer
        case port
        /// Three digits, 400 to 599.
        case code
        /// The DNSBL.
        case zone
        /// Letters, digits and `.`, `_`, `-`, or nothing: a host name, a queue id, a number.
        case name
        /// The reply's text: a list that fails, or names itself, is told by it.
        case text
        /// Anything.
        case rest = "*"

        /// Whether a peer may choose its bytes freely.
        var isFree: Bool { self == .text || self == .rest }
        var shown: String { "{\(rawValue)}" }

        /// Whether `byte` could be one more of this field, so that nobody could tell where it ends. A colon or full stop
        /// behind an address is told from those inside, since it is the last.
        func couldHold(_ byte: UInt8) -> Bool {
            let letter = byte | 0x20
            let isDigit = (0x30...0x39).contains(byte)
            switch self {
            case .peer: return isDigit || (0x61...0x66).contains(letter)
            case .port, .code: return isDigit
            case .zone, .name: return SitePattern.isNameByte(byte)
            case .text, .rest: return false
            }
        }
    }

    /// As it was written.
    package let line: String
    package let rejectionClass: RejectionClass
    /// The program's name.
    package let tag: [UInt8]
    package let steps: [Step]
    /// Nothing may follow the last step.
    package let endsTheLine: Bool

    package static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20) || [0x2d, 0x2e, 0x5f].contains(byte)
    }
}

/// Why a text is no pattern, and what to write.
package struct SitePatternError: Error, Equatable, CustomStringConvertible {
    package let description: String

    init(_ text: String) { description = text }
}

extension SitePattern {
    package init(_ line: String, class rejectionClass: RejectionClass = .rbl) throws(SitePatternError) {
        guard line.utf8.count <= SitePattern.longest else {
            throw SitePatternError("longer than \(SitePattern.longest) bytes")
        }
        guard line.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
            throw SitePatternError("a pattern without control characters is expected")
        }
        var parts = try SitePattern.parts(line)
        tag = try SitePattern.takeTag(&parts)
        try SitePattern.check(parts)
        self.line = line
        self.rejectionClass = rejectionClass
        steps = SitePattern.steps(parts)
        endsTheLine = !parts.contains { $0.field?.isFree == true }
    }

    private static let longest = 500

    /// A piece of a pattern: words, or one field.
    private struct Part {
        var words: [UInt8] = []
        var field: Field?
    }

    private static func parts(_ line: String) throws(SitePatternError) -> [Part] {
        var parts: [Part] = []
        var rest = Array(line.utf8)[...]
        while let open = rest.firstIndex(of: UInt8(ascii: "{")) {
            guard let close = rest[open...].firstIndex(of: UInt8(ascii: "}")) else {
                throw SitePatternError("{ without its }; fields are \(fieldNames), and no other brace can be written")
            }
            let name = String(decoding: rest[(open + 1)..<close], as: UTF8.self)
            guard let field = Field(rawValue: name) else {
                throw SitePatternError(
                    "there is no field {\(Record.escaped(name.utf8, limit: 40))}; expected one of \(fieldNames)")
            }
            if rest.startIndex < open { parts.append(Part(words: Array(rest[..<open]))) }
            parts.append(Part(field: field))
            rest = rest[(close + 1)...]
        }
        if !rest.isEmpty { parts.append(Part(words: Array(rest))) }
        return parts
    }

    private static var fieldNames: String { Field.allCases.map(\.shown).joined(separator: " ") }

    /// The fixed `name: ` that everything begins with.
    private static func takeTag(_ parts: inout [Part]) throws(SitePatternError) -> [UInt8] {
        let words = parts.first?.words ?? []
        guard let colon = words.indices.dropLast().first(where: { words[$0] == 0x3a && words[$0 + 1] == 0x20 }),
            colon > 0, words[..<colon].allSatisfy({ $0 > 0x20 && $0 != 0x5b })
        else {
            throw SitePatternError(
                "no program's name in front; expected \"name: text\" as it stands behind the host in the log, "
                    + "without the [pid]")
        }
        parts[0].words = Array(words[(colon + 2)...])
        if parts[0].words.isEmpty { parts.removeFirst() }
        return Array(words[..<colon])
    }

    private static func check(_ parts: [Part]) throws(SitePatternError) {
        let fields = parts.compactMap(\.field)
        guard fields.contains(.peer) else { throw SitePatternError("no {peer}: it would not say who was rejected") }
        for field in Field.allCases where field != .name && fields.count(where: { $0 == field }) > 1 {
            throw SitePatternError("\(field.shown) stands twice")
        }
        for (index, part) in parts.enumerated() {
            guard let field = part.field else { continue }
            let behind = parts[(index + 1)...]
            if field.isFree {
                if behind.contains(where: { $0.field == .peer }) {
                    throw SitePatternError(
                        "{peer} stands behind \(field.shown), where a peer can write another's address; before it only "
                            + "fixed words, {name}, {port}, {code} and {zone} may stand. Have the program log the "
                            + "address first")
                }
                let isLast = behind.isEmpty || (field == .text && behind.count == 2 && behind.last?.field == .rest)
                guard isLast else {
                    throw SitePatternError(
                        "what stands behind \(field.shown) can be the peer's own words; end the pattern with {*}, or with "
                            + "{text}, or with {text}, fixed words and {*}")
                }
            } else if let next = behind.first {
                if let other = next.field {
                    throw SitePatternError("\(field.shown)\(other.shown): fixed words must stand between them")
                }
                if let byte = next.words.first, field.couldHold(byte) {
                    throw SitePatternError(
                        "\"\(Character(UnicodeScalar(byte)))\" behind \(field.shown) could be a part of it; a blank, a "
                            + "bracket or a comma tells where it ends")
                }
            }
        }
        let letters = parts.prefix { $0.field?.isFree != true }.reduce(0) { count, part in
            count + part.words.count { (0x61...0x7a).contains($0 | 0x20) }
        }
        guard letters >= 2 || fields.contains(.code) || fields.contains(.zone) else {
            throw SitePatternError("nothing in it says rejected: every line of the program would match; add its words")
        }
    }

    private static func steps(_ parts: [Part]) -> [Step] {
        var steps: [Step] = []
        for (index, part) in parts.enumerated() {
            switch part.field {
            case .text: return steps + [.text(stop: index + 1 < parts.count ? parts[index + 1].words : [])]
            case .rest: return steps
            case .some(let field): steps.append(.field(field))
            case nil: steps.append(.words(part.words))
            }
        }
        return steps
    }
}
