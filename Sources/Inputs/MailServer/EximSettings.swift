/// The main section of an Exim configuration, as far as slots and logs depend on it: plain options, macros put in, and
/// `.ifdef` as Debian's files use it.
package struct EximSettings: Equatable, Sendable {
    private var options: [String: String] = [:]
    private var macros: [String: String] = [:]

    package init(_ text: String) {
        // For each `.ifdef` around: whether what follows holds.
        var conditions: [Bool] = []
        var open = ""
        for raw in text.lines {
            let line = String(raw).withoutBlanks
            if line.hasPrefix("#") { continue }
            if line.hasSuffix("\\") {
                open += line.dropLast()
                continue
            }
            let whole = open + line
            open = ""
            if whole.hasPrefix(".") {
                note(whole, &conditions)
                continue
            }
            guard !conditions.contains(false) else { continue }
            if whole == "begin" || whole.hasPrefix("begin ") { break }
            assign(whole)
        }
    }

    package func value(_ name: String) -> String? { options[name] }

    private mutating func note(_ line: String, _ conditions: inout [Bool]) {
        let words = line.split(separator: " ").map(String.init)
        let isDefined = words.count > 1 && macros[words[1]] != nil
        switch words[0] {
        case ".ifdef": conditions.append(isDefined)
        case ".ifndef": conditions.append(!isDefined)
        case ".else": if let last = conditions.popLast() { conditions.append(!last) }
        case ".elifdef", ".elifndef": if conditions.popLast() != nil { conditions.append(false) }
        case ".endif": _ = conditions.popLast()
        default: break
        }
    }

    private mutating func assign(_ line: String) {
        guard let equals = line.firstIndex(of: "=") else { return }
        let name = String(line[..<equals]).withoutBlanks
        var value = String(line[line.index(after: equals)...])
        if value.hasPrefix("=") { value.removeFirst() }
        value = value.withoutBlanks
        if name.first?.isUppercase == true {
            macros[name] = value
        } else {
            // A value that is a macro and nothing else, which is how Debian writes them.
            options[name] = macros[value] ?? value
        }
    }

    /// The number of `20`, `20K` or `1M`.
    package func number(_ name: String) -> Int? {
        guard let text = options[name] else { return nil }
        let factor = text.hasSuffix("K") ? 1024 : text.hasSuffix("M") ? 1_048_576 : 1
        return Int(factor == 1 ? text[...] : text.dropLast()).flatMap { count in
            let (product, overflow) = count.multipliedReportingOverflow(by: factor)
            return overflow ? nil : product
        }
    }
}
