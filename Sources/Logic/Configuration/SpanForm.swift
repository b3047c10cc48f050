import Events

/// Spans as the configuration writes them, `"10m"`, and what is wrong with those that are none.
extension SettingForm where Value == Duration {
    /// A span as people write it (`"90s"`, `"10m"`, `"1h"`, `"7d"`, `"forever"`) from `least` to `most`.
    static func span(_ least: Duration, _ most: Duration) -> Self {
        Self(
            read: { value, faults in
                guard case .text(let text) = value else {
                    var hint = ""
                    if case .integer(let count) = value, count >= 0 { hint = "; did you mean \"\(count)s\"?" }
                    faults.append(Fault("expected a span in quotes such as \"10m\"" + hint))
                    return nil
                }
                guard let span = Duration(span: text) else {
                    faults.append(wrongSpan(text))
                    return nil
                }
                // Beyond a century a number is a slip of the key; whoever means it writes "forever".
                let longest = most == .forever ? Duration.days(36_500) : most
                guard span >= least, span <= longest || span == most && (most != .forever || text == "forever") else {
                    let end = most == .forever ? "\"36500d\", or \"forever\"" : "\"\(exact(most))\""
                    faults.append(Fault("out of range: \"\(exact(least))\" to \(end)"))
                    return nil
                }
                return span
            },
            written: { "\"\(exact($0))\"" })
    }
}

/// The span in the largest unit that says it exactly.
private func exact(_ span: Duration) -> String {
    if span == .forever { return "forever" }
    let milliseconds = span.milliseconds
    for (size, unit) in units where milliseconds % size == 0 && milliseconds >= size {
        return "\(milliseconds / size)\(unit)"
    }
    return "\(milliseconds)ms"
}

/// Why a text is no span, and what was probably meant.
private func wrongSpan(_ text: String) -> Fault {
    if ["never", "permanent", "infinite", "always", "-1"].contains(text.lowercased()) {
        return Fault("unknown span; did you mean \"forever\"?")
    }
    let parts = numbersWithUnits(text)
    guard let first = parts.first else { return Fault("expected a number and a unit, such as \"10m\"") }
    if first.unit.isEmpty { return Fault("the unit is missing; did you mean \"\(first.count)s\"?") }
    var sum: Int64 = 0
    for part in parts {
        guard let (_, size) = unit(part.unit), part.count < 1_000_000_000 else {
            let shown = Record.escaped(part.unit.utf8, limit: 20)
            return Fault(
                part.unit.isEmpty || unit(part.unit) != nil
                    ? "a number of at most nine digits is expected" : "unknown unit \"\(shown)\"; one of ms s m h d w")
        }
        // At most eight parts of at most 1e9 weeks each: far below the overflow of 64 bits.
        sum += Int64(part.count) * size
    }
    let meant = exact(.milliseconds(sum))
    if parts.count > 1 { return Fault("one number and one unit are expected; did you mean \"\(meant)\"?") }
    let (name, _) = unit(first.unit) ?? (first.unit, 0)
    if name == first.unit { return Fault("blanks are not expected; did you mean \"\(first.count)\(name)\"?") }
    return Fault("unknown unit \"\(first.unit)\"; did you mean \"\(first.count)\(name)\"?")
}

/// Splits `1h 30 min` into its numbers and units; empty when the text is not of that kind or has over eight parts.
private func numbersWithUnits(_ text: String) -> [(count: Int, unit: String)] {
    var parts: [(count: Int, unit: String)] = []
    var rest = text[...]
    while true {
        rest = rest.drop { $0 == " " }
        if rest.isEmpty { return parts }
        let digits = rest.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int(digits), parts.count < 8 else { return [] }
        rest = rest.dropFirst(digits.count).drop { $0 == " " }
        let unit = rest.prefix { $0.isLetter }
        if unit.isEmpty, !rest.isEmpty { return [] }
        rest = rest.dropFirst(unit.count)
        parts.append((count, String(unit)))
    }
}

/// The unit that a person probably means, with its milliseconds.
private func unit(_ text: String) -> (name: String, milliseconds: Int64)? {
    let name: String
    switch text.lowercased() {
    case "ms", "msec", "msecs", "millis", "millisecond", "milliseconds": name = "ms"
    case "s", "sec", "secs", "second", "seconds": name = "s"
    case "m", "min", "mins", "minute", "minutes": name = "m"
    case "h", "hr", "hrs", "hour", "hours": name = "h"
    case "d", "day", "days": name = "d"
    case "w", "wk", "wks", "week", "weeks": name = "w"
    default: return nil
    }
    return units.first { $0.1 == name }.map { ($0.1, $0.0) } ?? (name == "w" ? ("w", 604_800_000) : nil)
}

/// Milliseconds of each unit that `exact` writes, largest first.
private let units: [(Int64, String)] = [
    (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms"),
]
