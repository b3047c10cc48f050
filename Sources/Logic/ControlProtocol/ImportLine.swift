import Addresses
import Events

/// One line of what `import` reads: a network, how long, and what for.
///
/// Either words, as people and `export tsv` write them, or one JSON object, as `export jsonl` does.
package struct ImportLine: Equatable {
    package let prefix: Prefix
    /// `nil` when the line names none.
    package let span: Duration?
    package let why: String?

    package init(_ prefix: Prefix, span: Duration?, why: String?) {
        self.prefix = prefix
        self.span = span
        self.why = why
    }

    /// The lines of a file, whichever way they end; Swift takes a carriage return and a newline for one character.
    package static func lines(_ text: String) -> [Substring] {
        text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    }

    /// As `export tsv` writes it.
    package var text: String {
        "\(prefix.shortDescription)\t\(span.map(ImportLine.written) ?? "")\t\(Record.escaped((why ?? "").utf8))"
    }

    /// Whole seconds, at least one; minutes where seconds are more than nine digits, which nobody reads.
    private static func written(_ span: Duration) -> String {
        if span == .forever { return "forever" }
        let seconds = max(1, span.nanoseconds / 1_000_000_000)
        return seconds < 1_000_000_000 ? "\(seconds)s" : "\(seconds / 60)m"
    }

    /// `nil` for an empty line and a comment; an error (`PrefixError`, `RequestError`) for what is no such line.
    package init?(_ line: Substring) throws {
        if line.first == "{" {
            guard let fields = FlatJSON.fields(line), let net = fields["net"] ?? nil else {
                throw RequestError("no object with a \"net\": \(ImportLine.shown(line))")
            }
            prefix = try Prefix(parsing: net)
            switch fields["left_s"] {
            case .some(.some(let seconds)): span = try ImportLine.seconds(seconds)
            case .some(.none): span = .forever
            case .none: span = nil
            }
            why = fields["why"] ?? nil
            return
        }
        let words = line.split(maxSplits: 2, omittingEmptySubsequences: true) { $0 == "\t" || $0 == " " || $0 == "\r" }
        guard let first = words.first, !first.hasPrefix("#") else { return nil }
        prefix = try Prefix(parsing: String(first))
        span = words.count > 1 ? try ImportLine.span(String(words[1])) : nil
        // Escaped as a record's value is; a reason that no export wrote is taken as it stands.
        why = words.count > 2 ? Record(line: "row why=\"\(words[2])\"".utf8)?["why"] ?? String(words[2]) : nil
    }

    /// A number of JSON's, of which the centuries that a ban may take have ten digits.
    private static func seconds(_ text: String) throws -> Duration {
        guard text.utf8.count <= 10, let count = Int64(text), count >= 0 else {
            throw RequestError("no number of seconds: \(shown(text))")
        }
        return min(.seconds(max(1, count)), .forever)
    }

    private static func span(_ text: String) throws -> Duration {
        guard let span = Duration(span: text), span > .zero else {
            throw RequestError("no duration: \(ImportLine.shown(text))")
        }
        return span
    }

    private static func shown(_ text: some StringProtocol) -> String { Record.escaped(text.utf8, limit: 80) }
}

/// Reads one JSON object without anything nested (RFC 8259): what `export jsonl` writes, and no more.
private enum FlatJSON {
    /// Strings as their text, numbers and booleans as written, null as `nil`; `nil` when it is no such object.
    static func fields(_ line: Substring) -> [String: String?]? {
        var rest = line.unicodeScalars[...]
        var fields: [String: String?] = [:]
        func skip(_ scalar: Unicode.Scalar) -> Bool {
            rest = rest.drop { $0 == " " || $0 == "\t" || $0 == "\r" }
            guard rest.first == scalar else { return false }
            rest.removeFirst()
            return true
        }
        guard skip("{") else { return nil }
        repeat {
            guard skip("\""), let key = string(&rest), skip(":") else { return nil }
            if skip("\"") {
                guard let value = string(&rest) else { return nil }
                fields[key] = .some(value)
            } else {
                let word = String(String.UnicodeScalarView(rest.prefix { $0 != "," && $0 != "}" && $0 != " " }))
                rest.removeFirst(word.unicodeScalars.count)
                fields[key] = .some(word == "null" ? nil : word)
            }
        } while skip(",")
        return skip("}") && rest.allSatisfy { $0 == " " || $0 == "\r" } ? fields : nil
    }

    /// The rest of a string whose opening quote has been read.
    private static func string(_ rest: inout Substring.UnicodeScalarView) -> String? {
        var text = String.UnicodeScalarView()
        while let scalar = rest.popFirst() {
            if scalar == "\"" { return String(text) }
            guard scalar == "\\" else {
                text.append(scalar)
                continue
            }
            guard let escape = rest.popFirst() else { return nil }
            if escape == "u" {
                guard let decoded = unicodeEscape(&rest) else { return nil }
                text.append(decoded)
            } else {
                guard let meant = escapes[escape] else { return nil }
                text.append(meant)
            }
        }
        return nil
    }

    /// Four digits, or two escapes of four that are one scalar together (UTF-16).
    private static func unicodeEscape(_ rest: inout Substring.UnicodeScalarView) -> Unicode.Scalar? {
        func unit() -> UInt32? {
            guard rest.count >= 4, let value = UInt32(String(String.UnicodeScalarView(rest.prefix(4))), radix: 16)
            else { return nil }
            rest.removeFirst(4)
            return value
        }
        guard let first = unit() else { return nil }
        guard first & 0xfc00 == 0xd800 else { return Unicode.Scalar(first) }
        guard rest.popFirst() == "\\", rest.popFirst() == "u", let second = unit(), second & 0xfc00 == 0xdc00 else {
            return nil
        }
        return Unicode.Scalar(0x10000 + (first & 0x3ff) << 10 + second & 0x3ff)
    }

    private static let escapes: [Unicode.Scalar: Unicode.Scalar] = [
        "\"": "\"", "\\": "\\", "/": "/", "b": "\u{8}", "f": "\u{c}", "n": "\n", "r": "\r", "t": "\t",
    ]
}
