import Events
import TOMLKit

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
    private var places: [String: (file: String, line: Int?)] = [:]

    package static let mostComplaints = 100
    /// A larger file is refused unread.
    package static let mostBytes = 1 << 20

    package init(_ files: [SettingsFile]) {
        for file in files { read(file) }
        compare()
        if complaints.count > SettingsReading.mostComplaints {
            let rest = complaints.count - SettingsReading.mostComplaints + 1
            complaints.removeLast(rest)
            let file = files.last?.name ?? ""
            complaints.append(Complaint(file: file, line: nil, key: "", value: nil, text: "... and \(rest) more complaints"))
        }
    }
}

// MARK: - A file

extension SettingsReading {
    private mutating func read(_ file: SettingsFile) {
        func broken(_ line: Int?, _ text: String) -> Complaint {
            Complaint(file: file.name, line: line, key: "", value: nil, text: text)
        }
        if file.text.utf8.count > SettingsReading.mostBytes {
            complaints.append(broken(nil, "larger than \(SettingsReading.mostBytes) bytes"))
            return
        }
        // TOMLKit hands text on to C, where a zero would end it early and hide the rest.
        if let line = lineOfZero(file.text) {
            complaints.append(broken(line, "a zero byte, or its escape, has no place in a configuration"))
            return
        }
        let table: TOMLTable
        do {
            table = try TOMLTable(string: file.text)
        } catch let error as TOMLParseError {
            complaints.append(broken(error.source.begin.line, syntaxText(error, in: file.text)))
            return
        } catch {
            complaints.append(broken(nil, "\(error)"))
            return
        }
        var found: [Complaint] = []
        read(SettingValue.members(table), at: [], KeyLines(file.text), file.name, &found)
        complaints += found.sorted { ($0.line ?? 0, $0.key) < ($1.line ?? 0, $1.key) }
    }

    private mutating func read(
        _ members: [String: SettingValue], at path: [String], _ lines: KeyLines, _ file: String,
        _ found: inout [Complaint]
    ) {
        for (name, value) in members {
            let path = path + [name]
            let line = lines.line(of: path)
            let fullName = path.joined(separator: ".")
            let shownName = path.map { Record.escaped($0.utf8, limit: 60) }.joined(separator: ".")
            if let key = SettingKey.named(fullName) {
                var faults: [Fault] = []
                key.read(value, &settings, &faults)
                note(key.name, file, line)
                found += faults.map { complaint($0, key.name, value, path, lines, file) }
            } else if path.count == 1, SettingKey.tables.contains(name) {
                if case .table(let inner) = value {
                    read(inner, at: path, lines, file, &found)
                } else {
                    found.append(
                        Complaint(file: file, line: line, key: shownName, value: value.shown, text: "expected a table: [\(name)]"))
                }
            } else {
                let kind = if case .table = value, path.count == 1 { "table" } else { "key" }
                found.append(
                    Complaint(
                        file: file, line: line, key: shownName, value: nil,
                        text: "unknown \(kind)" + unknownHint(path, isTable: kind == "table")))
            }
        }
    }

    private func complaint(
        _ fault: Fault, _ key: String, _ value: SettingValue, _ path: [String], _ lines: KeyLines, _ file: String
    ) -> Complaint {
        var name = key
        for part in fault.part { name += part.hasPrefix("[") ? part : "." + Record.escaped(part.utf8, limit: 60) }
        return Complaint(
            file: file, line: lines.line(of: path + fault.part), key: name, value: fault.shown ?? value.shown, text: fault.text)
    }

    private mutating func note(_ key: String, _ file: String, _ line: Int?) {
        func place(_ file: String, _ line: Int?) -> String { line.map { "\(file):\($0)" } ?? file }
        if let earlier = places[key] {
            notes.append("\(place(file, line)): \(key) replaces that of \(place(earlier.file, earlier.line))")
        }
        places[key] = (file, line)
    }
}

// MARK: - Keys that must fit each other

extension SettingsReading {
    private mutating func compare() {
        let wrong = Set(complaints.map(\.key))
        guard !wrong.contains("ban.first"), !wrong.contains("ban.max"), let fault = settings.disagreement else { return }
        // The key that was written is to blame, the later one of two.
        let place = places[fault.key] ?? places["ban.max"] ?? (file: "", line: nil)
        complaints.append(
            Complaint(file: place.file, line: place.line, key: fault.key, value: fault.value, text: fault.text))
    }
}

extension Settings {
    /// What no single key can tell: two that contradict each other.
    var disagreement: (key: String, value: String, text: String)? {
        guard ban.first > ban.max, let first = SettingKey.named("ban.first"), let max = SettingKey.named("ban.max")
        else { return nil }
        return (first.name, first.written(self), "longer than ban.max = \(max.written(self))")
    }
}

// MARK: - Hints

/// The nearest right name: the same key in another table, else the one with the fewest edits.
func unknownHint(_ path: [String], isTable: Bool) -> String {
    if isTable { return nearest(path[0], among: SettingKey.tables).map { "; did you mean [\($0)]?" } ?? "" }
    let last = path[path.count - 1]
    let elsewhere = SettingKey.all.filter { $0.lastName == last }
    if elsewhere.count == 1 { return "; did you mean \(elsewhere[0].name)?" }
    let beside = SettingKey.all.filter { $0.table == path.dropLast().first }
    if let name = nearest(last, among: beside.map(\.lastName)), let key = beside.first(where: { $0.lastName == name }) {
        return "; did you mean \(key.name)?"
    }
    let anywhere = nearest(path.joined(separator: "."), among: SettingKey.all.map(\.name))
    return anywhere.map { "; did you mean \($0)?" } ?? ""
}

/// The line of the first zero byte or escape of one, if there is any.
private func lineOfZero(_ text: String) -> Int? {
    var line = 1
    for part in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
        let found = part.contains(0) || text[part.startIndex..<part.endIndex].contains("\\u0000")
            || text[part.startIndex..<part.endIndex].contains("\\U00000000")
        if found { return line }
        line += 1
    }
    return nil
}

/// The parser's words, and before them what is most often the cause: text without quotes.
private func syntaxText(_ error: TOMLParseError, in text: String) -> String {
    let said = Record.escaped(error.description.utf8, limit: 200)
    let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let number = error.source.begin.line
    guard number >= 1, number <= lines.count else { return said }
    let parts = lines[number - 1].split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let beforeComment = parts[1].split(separator: UInt8(ascii: "#")).first else { return said }
    let value = String(decoding: beforeComment.filter { $0 != 0x20 && $0 != 0x09 && $0 != 0x0d }, as: UTF8.self)
    let isBareText = !value.isEmpty && value.utf8.count <= 100
        && value.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
            default: "_-./:%".utf8.contains(byte)
            }
        }
    return isBareText ? "text stands in quotes: \"\(value)\" (\(said))" : said
}
