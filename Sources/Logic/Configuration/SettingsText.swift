import Events
import TOMLKit

extension Settings {
    /// The settings in force as the text of a file: reading it gives these settings.
    package var toml: String {
        var text = ""
        var table: String?
        for key in SettingKey.all {
            if key.table != table, let name = key.table { text += "\n[\(name)]\n" }
            table = key.table
            text += "\(key.lastName) = \(key.written(self))\n"
        }
        return text
    }

    /// The names of all keys, with their tables.
    package static var keyNames: [String] { SettingKey.all.map(\.name) }

    /// Sets one key from the words of `--set key=value`, with the complaints that a file would get.
    ///
    /// Text needs no quotes here: `ban.first`, `1h`. One weight alone can be set as `ban.classes.helo`; the others stay.
    package mutating func set(_ name: String, _ text: String) throws(Complaint) {
        func complaint(_ text: String, value: SettingValue? = nil) -> Complaint {
            Complaint(file: "--set", line: nil, key: Record.escaped(name.utf8, limit: 60), value: value?.shown, text: text)
        }
        var value = SettingValue(argument: text)
        var name = name
        let weights = "ban.classes."
        if name.hasPrefix(weights) {
            var members: [String: SettingValue] = [:]
            for (rejectionClass, weight) in ban.classes { members[rejectionClass.rawValue] = .number(weight) }
            members[String(name.dropFirst(weights.count))] = value
            value = .table(members)
            name = "ban.classes"
        }
        guard let key = SettingKey.named(name) else {
            throw complaint("unknown key" + unknownHint(name.split(separator: ".").map(String.init).nonEmpty, isTable: false))
        }
        var changed = self
        var faults: [Fault] = []
        key.read(value, &changed, &faults)
        if let fault = faults.first {
            var wrong = complaint(fault.text, value: value)
            if let shown = fault.shown { wrong.value = shown }
            throw wrong
        }
        if let fault = changed.disagreement, disagreement == nil {
            throw complaint("\(fault.key) = \(fault.value) is " + fault.text, value: value)
        }
        self = changed
    }
}

extension SettingValue {
    /// A value from the command line: what TOML reads as a number, a flag, a list or a table is that; all else is text.
    fileprivate init(argument text: String) {
        let isOneLine = text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
        if isOneLine, let table = try? TOMLTable(string: "value = " + text), let value = SettingValue.members(table)["value"],
            table.count == 1
        {
            self = value
        } else {
            self = .text(text)
        }
    }
}

extension [String] {
    /// Never empty, as a path of keys must be.
    fileprivate var nonEmpty: [String] { isEmpty ? [""] : self }
}
