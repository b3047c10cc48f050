import Addresses
import Events

/// How the values of one kind of key are read and written.
struct SettingForm<Value>: Sendable {
    /// `nil` or a fault means the value is wrong; several wrong parts are several faults.
    let read: @Sendable (SettingValue, inout [Fault]) -> Value?
    /// As TOML, exactly: reading it back gives the same value.
    let written: @Sendable (Value) -> String
}

// MARK: - Plain values

extension SettingForm where Value == Bool {
    static var flag: Self {
        Self(
            read: { value, faults in
                if case .flag(let flag) = value { return flag }
                var hint = ""
                if case .text("true") = value { hint = " without quotes" }
                if case .text("false") = value { hint = " without quotes" }
                faults.append(Fault("expected true or false" + hint))
                return nil
            },
            written: { "\($0)" })
    }
}

extension SettingForm where Value: RawRepresentable & CaseIterable & Sendable, Value.RawValue == String {
    /// One of a few words.
    static func word() -> Self {
        Self(
            read: { value, faults in
                let words = Value.allCases.map(\.rawValue)
                guard case .text(let text) = value, let word = Value(rawValue: text) else {
                    faults.append(wrongWord(value, words))
                    return nil
                }
                return word
            },
            written: { SettingValue.quoted($0.rawValue) })
    }
}

extension SettingForm where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> Self {
        Self(
            read: { value, faults in
                guard case .integer(let number) = value else {
                    faults.append(Fault("expected an integer, \(range.lowerBound) to \(range.upperBound)"))
                    return nil
                }
                guard range.contains(number) else {
                    faults.append(Fault("out of range: \(range.lowerBound) to \(range.upperBound)"))
                    return nil
                }
                return number
            },
            written: { "\($0)" })
    }
}

extension SettingForm where Value == Double {
    static func number(above lower: Double, upTo upper: Double) -> Self {
        Self(
            read: { value, faults in
                guard let number = plainNumber(value) else {
                    faults.append(Fault("expected a number above \(brief(lower))"))
                    return nil
                }
                guard number > lower, number <= upper else {
                    faults.append(Fault("out of range: above \(brief(lower)), up to \(brief(upper))"))
                    return nil
                }
                return number
            },
            written: { "\($0)" })
    }

    /// A share as people write it, `"5%"`; kept as 0...1.
    static var share: Self {
        Self(
            read: { value, faults in
                guard case .text(let text) = value, text.last == "%", let percent = Double(text.dropLast()),
                    percent.isFinite
                else {
                    let hint = plainNumber(value).map { "; did you mean \"\(brief($0 < 1 ? $0 * 100 : $0))%\"?" } ?? ""
                    faults.append(Fault("expected a share such as \"5%\"" + hint))
                    return nil
                }
                guard (0...100).contains(percent) else {
                    faults.append(Fault("out of range: \"0%\" to \"100%\""))
                    return nil
                }
                return percent / 100
            },
            written: { "\"\(brief($0 * 100))%\"" })
    }
}

// MARK: - Names and paths

extension SettingForm where Value == String {
    static func path(longest: Int = 4095) -> Self {
        Self(
            read: { value, faults in
                guard case .text(let text) = value else {
                    faults.append(Fault("expected an absolute path in quotes"))
                    return nil
                }
                if let fault = wrongPath(text, longest: longest) {
                    faults.append(fault)
                    return nil
                }
                return text
            },
            written: SettingValue.quoted)
    }

    /// A group as group(5) takes it; empty means none.
    static var groupName: Self {
        Self(
            read: { value, faults in
                guard case .text(let text) = value, text.utf8.count <= 32, text.first != "-",
                    text.utf8.allSatisfy({ isNameByte($0) })
                else {
                    faults.append(Fault("expected the name of a group, or \"\" for root alone"))
                    return nil
                }
                return text
            },
            written: SettingValue.quoted)
    }
}

extension SettingForm where Value == [String] {
    /// Wordings looked for in a reply: a short one would be found everywhere and ban everybody.
    static var phrases: Self {
        Self(
            read: { value, faults in
                readList(value, 0...64, "a list of texts", &faults) { item, fault in
                    guard case .text(let text) = item, (4...200).contains(text.utf8.count) else {
                        fault = "expected a text of 4 to 200 bytes"
                        return nil
                    }
                    return text
                }
            },
            written: { "[" + $0.map(SettingValue.quoted).joined(separator: ", ") + "]" })
    }

    static var paths: Self {
        Self(
            read: { value, faults in
                readList(value, 0...16, "a list of absolute paths", &faults) { item, fault in
                    guard case .text(let text) = item else {
                        fault = "expected an absolute path in quotes"
                        return nil
                    }
                    fault = wrongPath(text)?.text
                    return fault == nil ? text : nil
                }
            },
            written: { "[" + $0.map(SettingValue.quoted).joined(separator: ", ") + "]" })
    }
}

// MARK: - Whom it meets

extension SettingForm where Value == [RejectionClass: Double] {
    static var weights: Self {
        Self(
            read: { value, faults in
                guard case .table(let members) = value else {
                    faults.append(Fault("expected a table of weights such as { rbl = 1.0 }"))
                    return nil
                }
                var weights: [RejectionClass: Double] = [:]
                for (name, node) in members {
                    func wrong(_ text: String) -> Fault {
                        Fault(text, part: "." + Record.escaped(name.utf8, limit: 60), node)
                    }
                    guard let rejectionClass = RejectionClass(rawValue: name) else {
                        let words = RejectionClass.allCases.map(\.rawValue)
                        let hint = nearest(name, among: words).map { "; did you mean \"\($0)\"?" }
                        faults.append(wrong("unknown class" + (hint ?? "; one of " + words.joined(separator: " "))))
                        continue
                    }
                    guard let weight = plainNumber(node.value), (0...1_000_000).contains(weight) else {
                        faults.append(wrong("a weight is a number, 0 or more"))
                        continue
                    }
                    weights[rejectionClass] = weight
                }
                return weights
            },
            written: { weights in
                let parts = RejectionClass.allCases.compactMap { name in
                    weights[name].map { "\(name.rawValue) = \($0)" }
                }
                return parts.isEmpty ? "{}" : "{ " + parts.joined(separator: ", ") + " }"
            })
    }
}

extension SettingForm where Value == [Prefix] {
    static var nets: Self {
        Self(
            read: { value, faults in
                readList(value, 0...10_000, "a list of networks such as [\"192.0.2.0/24\"]", &faults) { item, fault in
                    guard case .text(let text) = item else {
                        fault = "expected a network in quotes"
                        return nil
                    }
                    do throws(PrefixError) {
                        return try Prefix(parsing: text)
                    } catch {
                        fault = error.description
                        return nil
                    }
                }
            },
            written: { "[" + $0.map { SettingValue.quoted($0.description) }.joined(separator: ", ") + "]" })
    }
}

// MARK: - Steps

/// Every item of a list, each wrong one a fault of its own.
func readList<Item>(
    _ value: SettingValue, _ counts: ClosedRange<Int>, _ expected: String, _ faults: inout [Fault],
    _ read: (SettingValue, _ fault: inout String?) -> Item?
) -> [Item]? {
    guard case .list(let items) = value else {
        faults.append(Fault("expected " + expected))
        return nil
    }
    guard counts.contains(items.count) else {
        let bound = items.isEmpty ? "at least one item is needed" : "at most \(counts.upperBound) items"
        faults.append(Fault(bound))
        return nil
    }
    return items.enumerated().compactMap { index, item in
        var fault: String?
        let result = read(item.value, &fault)
        if let fault { faults.append(Fault(fault, part: "[\(index)]", item)) }
        return result
    }
}

func wrongWord(_ value: SettingValue, _ words: [String]) -> Fault {
    let list = "expected " + words.map { "\"\($0)\"" }.joined(separator: ", ")
    guard case .text(let text) = value else { return Fault(list) }
    return Fault(list + nearestHint(text, among: words))
}

func wrongPath(_ text: String, longest: Int = 4095) -> Fault? {
    if text.utf8.first != UInt8(ascii: "/") { return Fault("expected an absolute path, beginning with /") }
    if text.utf8.count > longest { return Fault("longer than \(longest) bytes") }
    if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
        return Fault("a path without control characters is expected")
    }
    return nil
}

private func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
        true
    default: false
    }
}

/// An integer or a finite number.
func plainNumber(_ value: SettingValue) -> Double? {
    switch value {
    case .integer(let number): Double(number)
    case .number(let number) where number.isFinite: number
    default: nil
    }
}

/// A number without a needless fraction: `5`, `2.5`.
func brief(_ number: Double) -> String {
    // Twelve digits hide the binary remainder of 0.07 * 100 and nothing a person wrote.
    let rounded = (number * 1e9).rounded() / 1e9
    return Int(exactly: rounded).map { "\($0)" } ?? "\(rounded)"
}
