import Events

/// What is wrong with a configuration, and where: one line for the administrator.
///
///     breakwater.toml:14: ban.first = "1hr": unknown unit "hr"; did you mean "1h"?
package struct Complaint: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file as the caller named it, or `--set`.
    package var file: String
    /// Counted from 1; `nil` where no line is known.
    package var line: Int?
    /// `ban.first`; empty when the file itself is broken.
    package var key: String
    /// The value as written, when the complaint is about a value.
    package var value: String?
    package var text: String

    init(file: String, line: Int? = nil, key: String = "", value: String? = nil, text: String) {
        self.file = file
        self.line = line
        self.key = key
        self.value = value
        self.text = text
    }

    package var description: String {
        let place = line.map { "\(file):\($0): " } ?? "\(file): "
        guard !key.isEmpty else { return place + text }
        return place + (value.map { "\(key) = \($0): " } ?? "\(key): ") + text
    }
}

/// A complaint about one value, before it is known in which file and under which key it stands.
struct Fault {
    var text: String
    /// Which part of a list (`[2]`) or table (`.rbl`) is wrong; empty for the whole value.
    var part = ""
    /// That part and its line, when it is not the whole value.
    var node: SettingNode?

    init(_ text: String) { self.text = text }

    init(_ text: String, part: String, _ node: SettingNode) {
        self.text = text
        self.part = part
        self.node = node
    }
}

/// `; did you mean "x"?` for the nearest of `words`, or nothing when none is near.
func nearestHint(_ given: String, among words: some Sequence<String>) -> String {
    nearest(given, among: words).map { "; did you mean \"\($0)\"?" } ?? ""
}

/// The word with the fewest edits from `given`: at most one for every three bytes, at least one allowed.
package func nearest(_ given: String, among words: some Sequence<String>) -> String? {
    let given = given.lowercased()
    guard !given.isEmpty, given.utf8.count <= 64 else { return nil }
    let letters = Array(given.utf8)
    let limit = max(1, letters.count / 3)
    var best: (word: String, distance: Int)?
    // Words whose lengths alone lie further apart are not worth the count.
    for word in words where abs(word.utf8.count - letters.count) <= limit {
        let distance = editDistance(letters, Array(word.lowercased().utf8))
        if distance <= limit, distance < best?.distance ?? .max { best = (word, distance) }
    }
    return best?.word
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for i in left.indices {
        var row = [i + 1]
        for j in right.indices {
            var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (left[i] == right[j] ? 0 : 1))
            if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                cost = min(cost, beforeLast[j - 1] + 1)
            }
            row.append(cost)
        }
        beforeLast = last
        last = row
    }
    return last[right.count]
}
