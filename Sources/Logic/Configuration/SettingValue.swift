import Events
import TOMLKit

/// A value as it stands in a file, before anything asks whether it is the right one.
indirect enum SettingValue: Equatable, Sendable {
    case text(String)
    case integer(Int)
    case number(Double)
    case flag(Bool)
    case list([SettingValue])
    /// In no particular order.
    case table([String: SettingValue])
    /// A TOML date or time: no key takes one.
    case time(String)

    /// The value of a TOML node. toml++ refuses nesting deeper than 256, which bounds this recursion.
    init(_ node: some TOMLValueConvertible) {
        switch node.type {
        case .string: self = .text(node.string ?? "")
        case .int: self = .integer(node.int ?? 0)
        case .double: self = .number(node.double ?? .nan)
        case .bool: self = .flag(node.bool ?? false)
        case .array: self = .list(node.array.map { array in array.map { SettingValue($0.tomlValue) } } ?? [])
        case .table: self = .table(node.table.map(SettingValue.members) ?? [:])
        case .date, .time, .dateTime: self = .time(node.debugDescription)
        }
    }

    /// The members of a whole file.
    static func members(_ table: TOMLTable) -> [String: SettingValue] {
        var members: [String: SettingValue] = [:]
        for key in table.keys {
            // A key cut short by TOMLKit (it holds a zero) is found under no name; `SettingsFile` refuses those first.
            guard let node = table[key] else { continue }
            members[key] = SettingValue(node.tomlValue)
        }
        return members
    }

    /// As TOML on one line, printable and cut: what a complaint quotes.
    var shown: String {
        switch self {
        case .text(let text): "\"" + Record.escaped(text.utf8, limit: 60) + "\""
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .flag(let value): "\(value)"
        case .list(let items):
            "[" + items.prefix(3).map(\.shown).joined(separator: ", ") + (items.count > 3 ? ", ...]" : "]")
        case .table: "{ ... }"
        case .time(let text): Record.escaped(text.utf8, limit: 60)
        }
    }

    /// What kind of value this is, for "expected ..., not ...".
    var kind: String {
        switch self {
        case .text: "text"
        case .integer: "an integer"
        case .number: "a number"
        case .flag: "true or false"
        case .list: "a list"
        case .table: "a table"
        case .time: "a date"
        }
    }

    /// Text as a TOML basic string (toml.io v1.0.0, String).
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
