import Events

/// A value as it stands in a file, before anything asks whether it is the right one.
indirect enum SettingValue: Sendable {
    case text(String)
    case integer(Int)
    case number(Double)
    case flag(Bool)
    /// A TOML date or time, as written: no key takes one.
    case time(String)
    case list([SettingNode])
    case table([String: SettingNode])
}

/// A value and the line it begins in, counted from 1.
struct SettingNode: Sendable {
    var value: SettingValue
    var line: Int
}

extension SettingValue {
    /// As TOML on one line, printable and cut: what a complaint quotes.
    var shown: String {
        switch self {
        case .text(let text): "\"" + Record.escaped(text.utf8, limit: 60) + "\""
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .flag(let value): "\(value)"
        case .time(let text): Record.escaped(text.utf8, limit: 60)
        case .list(let items):
            "[" + items.prefix(3).map { $0.value.shownAsItem }.joined(separator: ", ")
                + (items.count > 3 ? ", ...]" : "]")
        case .table: "{ ... }"
        }
    }

    func isText(_ word: String) -> Bool { if case .text(word) = self { true } else { false } }

    private var shownAsItem: String {
        if case .list = self { "[ ... ]" } else { shown }
    }

    /// Text as a TOML basic string (toml.io v1.0.0, String).
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                result += "\\u00" + (scalar.value < 0x10 ? "0" : "") + String(scalar.value, radix: 16)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
