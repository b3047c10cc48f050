/// Reads one JSON object without anything nested (RFC 8259): what `export jsonl` and published lists hold.
package enum FlatJSON {
    /// Strings as their text, numbers and booleans as written, null as `nil`; `nil` when it is no such object.
    ///
    /// - Parameter passesNested: objects and lists of plain values are passed over and count as null.
    package static func fields(_ line: Substring, passesNested: Bool = false) -> [String: String?]? {
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
            } else if passesNested, let open = rest.first, open == "{" || open == "[" {
                guard pass(&rest, open == "{" ? "}" : "]") else { return nil }
                fields[key] = .some(nil)
            } else {
                let word = String(String.UnicodeScalarView(rest.prefix { $0 != "," && $0 != "}" && $0 != " " }))
                rest.removeFirst(word.unicodeScalars.count)
                fields[key] = .some(word == "null" ? nil : word)
            }
        } while skip(",")
        return skip("}") && rest.allSatisfy { $0 == " " || $0 == "\r" } ? fields : nil
    }

    /// Behind the next `end` outside of strings.
    private static func pass(_ rest: inout Substring.UnicodeScalarView, _ end: Unicode.Scalar) -> Bool {
        while let scalar = rest.popFirst() {
            if scalar == end { return true }
            if scalar == "\"", string(&rest) == nil { return false }
        }
        return false
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
            // A whole string can be escapes: what is behind these four must not be counted for each.
            let digits = rest.prefix(4)
            guard digits.count == 4, let value = UInt32(String(String.UnicodeScalarView(digits)), radix: 16)
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
