import Events

/// Settings as text: the TOML that gives them, and `key=value` as typed after `--set`.
extension Settings {
    /// The settings in force as the text of a file: reading it gives these settings.
    package var toml: String {
        var text = ""
        var table: ArraySlice<String> = []
        for key in SettingKey.all {
            if key.path.dropLast() != table {
                table = key.path.dropLast()
                text += "\n[\(table.joined(separator: "."))]\n"
            }
            text += "\(key.path.last ?? "") = \(key.written(self))\n"
        }
        return text
    }

    /// The names of all keys, with their tables.
    package static var keyNames: [String] { SettingKey.all.map(\.name) }

    /// Sets one key from the words of `--set key=value`, with the complaint that a file would get.
    ///
    /// Text needs no quotes here: `ban.first`, `1h`. One weight alone can be set as `ban.classes.helo`; the others stay.
    package mutating func set(_ name: String, _ text: String) throws(Complaint) {
        let path = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        var node = SettingNode(value: SettingValue(argument: text), line: 1)
        var complaint = Complaint(
            file: "--set", key: Record.escaped(name.utf8, limit: 60), value: node.value.shown, text: "")
        var keyPath = path
        if path.count == 3, let classes = path.last, path.dropLast() == ["ban", "classes"] {
            var members = ban.classes.reduce(into: [:]) { members, weight in
                members[weight.key.rawValue] = SettingNode(value: .number(weight.value), line: 1)
            }
            members[classes] = node
            node.value = .table(members)
            keyPath.removeLast()
        }
        guard let key = SettingKey.all.first(where: { $0.path == keyPath }) else {
            complaint.value = nil
            complaint.text = "unknown key" + unknownHint(path, isTable: false)
            throw complaint
        }
        var changed = self
        var faults: [Fault] = []
        key.read(node.value, &changed, &faults)
        if let fault = faults.first {
            if let part = fault.node { complaint.value = part.value.shown }
            complaint.text = fault.text
            throw complaint
        }
        let before = Set(disagreements.map(\.key))
        if let fault = changed.disagreements.first(where: { !before.contains($0.key) }) {
            complaint.text = "\(fault.key) = \(fault.value) is " + fault.text
            throw complaint
        }
        self = changed
    }
}

extension SettingValue {
    /// A value from the command line: what TOML reads as a value is that; all else is text.
    fileprivate init(argument text: String) {
        var reader = TOMLReader("value = " + text)
        let members = reader.read()
        if reader.faults.isEmpty, members.count == 1, let node = members["value"] {
            self = node.value
        } else {
            self = .text(text)
        }
    }
}
