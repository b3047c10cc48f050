import Addresses
import Events

/// A configuration file as the caller read it.
package struct SettingsFile: Sendable {
    /// What complaints call it: `breakwater.toml`, `conf.d/20-site.toml`.
    package var name: String
    package var text: String

    package init(name: String, text: String) {
        self.name = name
        self.text = text
    }
}

/// Settings read from files, with everything that is wrong in them.
///
/// Files count in the order given and the last that names a key wins, key by key; `allow.nets` and `ban.classes` are one
/// key each and replaced as a whole. With a complaint the settings are not to be used.
package struct SettingsReading: Sendable {
    package private(set) var settings = Settings()
    /// In the order of the files and their lines; at most `mostComplaints`, the last of which then says so.
    package private(set) var complaints: [Complaint] = []
    /// One sentence for each key of an earlier file that a later one replaced.
    package private(set) var notes: [String] = []

    /// Where each key that was set stands.
    private var places: [String: (file: String, line: Int)] = [:]

    package static let mostComplaints = 100
    /// A larger file is refused unread.
    package static let mostBytes = 1 << 20

    package init(_ files: [SettingsFile]) {
        for file in files { read(file) }
        compare()
        if complaints.count > SettingsReading.mostComplaints {
            let rest = complaints.count - SettingsReading.mostComplaints + 1
            complaints.removeLast(rest)
            complaints.append(Complaint(file: files.last?.name ?? "", text: "... and \(rest) more complaints"))
        }
    }

    private mutating func read(_ file: SettingsFile) {
        if file.text.utf8.count > SettingsReading.mostBytes {
            complaints.append(Complaint(file: file.name, text: "larger than \(SettingsReading.mostBytes) bytes"))
            return
        }
        var reader = TOMLReader(file.text)
        let members = reader.read()
        var found = reader.faults.map { Complaint(file: file.name, line: $0.line, text: $0.text) }
        for (name, node) in members {
            if SettingKey.tables.contains(name) {
                if case .table(let inner) = node.value {
                    for (innerName, innerNode) in inner { take([name, innerName], innerNode, file.name, &found) }
                } else {
                    let text = "expected a table: [\(name)]"
                    found.append(
                        Complaint(file: file.name, line: node.line, key: name, value: node.value.shown, text: text))
                }
            } else {
                take([name], node, file.name, &found)
            }
        }
        complaints += found.sorted { ($0.line ?? 0, $0.key) < ($1.line ?? 0, $1.key) }
    }

    private mutating func take(_ path: [String], _ node: SettingNode, _ file: String, _ found: inout [Complaint]) {
        guard let key = SettingKey.all.first(where: { $0.path == path }) else {
            let isTable = if case .table = node.value { path.count == 1 } else { false }
            let text = "unknown \(isTable ? "table" : "key")" + unknownHint(path, isTable: isTable)
            let name = path.map { Record.escaped($0.utf8, limit: 60) }.joined(separator: ".")
            found.append(Complaint(file: file, line: node.line, key: name, text: text))
            return
        }
        var faults: [Fault] = []
        key.read(node.value, &settings, &faults)
        for fault in faults {
            let wrong = fault.node ?? node
            found.append(
                Complaint(
                    file: file, line: wrong.line, key: key.name + fault.part, value: wrong.value.shown, text: fault.text
                ))
        }
        if let earlier = places[key.name], earlier.file != file {
            notes.append("\(file):\(node.line): \(key.name) replaces that of \(earlier.file):\(earlier.line)")
        }
        places[key.name] = (file, node.line)
    }

    /// Keys that must fit each other; only when all of them were understood.
    private mutating func compare() {
        let wrong = Set(complaints.map { String($0.key.prefix { $0 != "[" }) })
        for fault in settings.disagreements where wrong.isDisjoint(with: [fault.key, fault.other]) {
            // Of two, the one that was written is to blame.
            let place = places[fault.key] ?? places[fault.other]
            complaints.append(
                Complaint(
                    file: place?.file ?? "", line: place?.line, key: fault.key, value: fault.value, text: fault.text))
        }
    }
}

extension Settings {
    /// What no single key can tell: one that contradicts another.
    var disagreements: [(key: String, other: String, value: String, text: String)] {
        var found: [(key: String, other: String, value: String, text: String)] = []
        func complain(_ key: String, _ other: String, _ text: (String) -> String) {
            guard let first = SettingKey.named(key), let second = SettingKey.named(other) else { return }
            found.append((key, other, first.written(self), text(second.written(self))))
        }
        if ban.first > ban.max { complain("ban.first", "ban.max") { "longer than ban.max = \($0)" } }
        if case .places(let places) = mta.log, places.contains(where: isOpenToNobody) {
            complain("mta.log", "mta.senders") {
                "reachable by other hosts, of which mta.senders = \($0) names none; "
                    + "set mta.senders, as in [\"192.0.2.25\"], or listen on 127.0.0.1"
            }
        }
        return found
    }

    private func isOpenToNobody(_ place: LogPlace) -> Bool {
        guard case .syslog(let address) = place, !address.address.isLoopback else { return false }
        return mta.senders.allSatisfy { $0.address.isLoopback }
    }
}

/// The nearest right name: the same key in another table, else the one with the fewest edits.
func unknownHint(_ path: [String], isTable: Bool) -> String {
    guard let last = path.last else { return "" }
    if isTable { return nearest(last, among: SettingKey.tables).map { "; did you mean [\($0)]?" } ?? "" }
    let elsewhere = SettingKey.all.filter { $0.path.last == last }
    if elsewhere.count == 1 { return "; did you mean \(elsewhere[0].name)?" }
    let beside = SettingKey.all.filter { $0.path.dropLast() == path.dropLast() }
    let name = nearest(last, among: beside.compactMap(\.path.last)).map {
        (path.dropLast() + [$0]).joined(separator: ".")
    }
    return (name ?? nearest(path.joined(separator: "."), among: SettingKey.all.map(\.name))).map {
        "; did you mean \($0)?"
    } ?? ""
}
