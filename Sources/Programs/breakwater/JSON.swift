import Addresses
import Events

/// A JSON value, written on one line with keys in the order given (RFC 8259). `ImportLine` reads some.
enum JSON: CustomStringConvertible {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([(String, JSON)])

    init(_ value: Int) { self = .integer(Int64(value)) }
    init(_ value: Int?) { self = value.map { .integer(Int64($0)) } ?? .null }
    init(_ value: String?) { self = value.map { .string($0) } ?? .null }

    /// A document of a verb: its schema first.
    static func document(_ verb: String, _ fields: [(String, JSON)]) -> JSON {
        .object([("schema", .string("breakwater.\(verb)/1"))] + fields)
    }

    var description: String {
        var text = ""
        write(to: &text)
        return text
    }

    private func write(to text: inout String) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .number(let value): text += value.isFinite ? String(value) : "null"
        case .string(let value): JSON.quote(value, to: &text)
        case .array(let values):
            text += "["
            for (index, value) in values.enumerated() {
                if index > 0 { text += "," }
                value.write(to: &text)
            }
            text += "]"
        case .object(let fields):
            text += "{"
            for (index, (key, value)) in fields.enumerated() {
                if index > 0 { text += "," }
                JSON.quote(key, to: &text)
                text += ":"
                value.write(to: &text)
            }
            text += "}"
        }
    }

    private static func quote(_ value: String, to text: inout String) {
        text += "\""
        defer { text += "\"" }
        let isPlain = value.utf8.allSatisfy {
            $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        if isPlain {
            text += value
            return
        }
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            default:
                if isHidden(scalar.value) {
                    let digits = String(scalar.value, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                } else {
                    text.unicodeScalars.append(scalar)
                }
            }
        }
    }

    /// What a terminal obeys and does not show: control characters, those of ISO 6429's second set (U+009B is `ESC [`)
    /// included, and the marks that turn the direction of writing. And line separators: they end a line for some who
    /// read JSON lines.
    private static func isHidden(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0..<0x20, 0x7f...0x9f, 0x061c, 0x200e...0x200f, 0x2028...0x202e, 0x2066...0x2069: true
        default: false
        }
    }
}

/// A document written while its one list is still being read: `{"schema":"breakwater.events/1","events":[...]}`.
///
/// Nothing is written before the list is long or at its end, so that what fails at once leaves no half document.
struct JSONListing {
    private var text: String
    private var isEmpty = true

    init(_ verb: String, _ key: String) { text = "{\"schema\":\"breakwater.\(verb)/1\",\"\(key)\":[" }

    mutating func add(_ value: JSON) {
        text += isEmpty ? value.description : "," + value.description
        isEmpty = false
        guard text.utf8.count > 65536 else { return }
        Terminal.write(text, to: 1)
        text = ""
    }

    /// Closes the list; `fields` come behind it.
    func end(_ fields: [(String, JSON)] = []) {
        let more = fields.map { "," + JSON.string($0.0).description + ":" + $0.1.description }.joined()
        Terminal.write(text + "]" + more + "}\n", to: 1)
    }
}
