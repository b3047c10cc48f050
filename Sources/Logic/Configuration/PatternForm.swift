import Events

/// `[mta] patterns`: lines of a site's own programs, each a text, or a table where the class is not `rbl`.
///
///     patterns = ["rejectd: refused [{peer}]: {code} {text}", { line = "x: no {peer}", class = "client-host" }]
extension SettingForm where Value == [SitePattern] {
    static var patterns: Self {
        Self(
            read: { value, faults in
                readList(value, 0...16, "a list of patterns", &faults) { item, fault in
                    var members: [String: SettingNode] = [:]
                    switch item {
                    case .text(let line): members["line"] = SettingNode(value: .text(line), line: 0)
                    case .table(let table): members = table
                    default: break
                    }
                    guard case .text(let line) = members["line"]?.value, members.keys.allSatisfy(keys.contains) else {
                        fault = "expected \"program: text with {peer}\" or { line = \"...\", class = \"client-host\" }"
                        return nil
                    }
                    var rejectionClass = RejectionClass.rbl
                    if let given = members["class"]?.value {
                        guard case .text(let word) = given, let known = RejectionClass(rawValue: word) else {
                            fault = "class: " + wrongWord(given, RejectionClass.allCases.map(\.rawValue)).text
                            return nil
                        }
                        rejectionClass = known
                    }
                    do throws(SitePatternError) {
                        return try SitePattern(line, class: rejectionClass)
                    } catch {
                        fault = error.description
                        return nil
                    }
                }
            },
            written: { patterns in
                let items = patterns.map { pattern in
                    let line = SettingValue.quoted(pattern.line)
                    return pattern.rejectionClass == .rbl
                        ? line : "{ line = \(line), class = \"\(pattern.rejectionClass.rawValue)\" }"
                }
                return "[" + items.joined(separator: ", ") + "]"
            })
    }

    private static var keys: [String] { ["line", "class"] }
}
