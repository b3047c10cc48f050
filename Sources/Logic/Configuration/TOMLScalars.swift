import Events

/// TOML's texts, numbers, flags and dates (toml.io v1.0.0, String to Local Time).
extension TOMLReader {
    // MARK: Texts

    /// Any of the four kinds of string.
    mutating func readString() throws(TOMLFault) -> String {
        guard let quote = current else { throw TOMLFault(line: line, text: "a value is missing") }
        if index + 2 < bytes.count, bytes[index + 1] == quote, bytes[index + 2] == quote {
            return try readLongString(quote)
        }
        return try readLineString()
    }

    /// A string on one line, in `"` with escapes or in `'` without.
    mutating func readLineString() throws(TOMLFault) -> String {
        guard let quote = current else { throw TOMLFault(line: line, text: "expected a key") }
        index += 1
        var result: [UInt8] = []
        while let byte = current, byte != UInt8(ascii: "\n"), byte != 0x0d {
            index += 1
            if byte == quote { return String(decoding: result, as: UTF8.self) }
            if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                result += try readEscape()
            } else {
                result.append(byte)
            }
        }
        throw TOMLFault(line: line, text: "the text has no closing \(quote == UInt8(ascii: "'") ? "'" : "\"")")
    }

    /// A string in three quotes, over as many lines as it likes.
    private mutating func readLongString(_ quote: UInt8) throws(TOMLFault) -> String {
        let startLine = line
        let hasEscapes = quote == UInt8(ascii: "\"")
        index += 3
        if current == 0x0d { index += 1 }
        if current == UInt8(ascii: "\n") {
            index += 1
            line += 1
        }
        // A string that does not end takes the rest of the text with it: there is nothing to go on with.
        depth += 1
        var result: [UInt8] = []
        while let byte = current {
            index += 1
            if byte == quote, index + 1 < bytes.count, bytes[index] == quote, bytes[index + 1] == quote {
                index += 2
                // One or two more quotes belong to the text: `"""a"""""`.
                for _ in 0..<2 where current == quote {
                    result.append(quote)
                    index += 1
                }
                depth -= 1
                return String(decoding: result, as: UTF8.self)
            }
            if byte == UInt8(ascii: "\n") { line += 1 }
            if byte == UInt8(ascii: "\\"), hasEscapes {
                result += try endsLineHere ? skipToNextText() : readEscape()
            } else {
                result.append(byte)
            }
        }
        throw TOMLFault(line: startLine, text: "the text has no closing quotes")
    }

    /// Whether only blanks stand before the end of this line: what makes a backslash join lines.
    private var endsLineHere: Bool {
        let next = bytes[index...].first { $0 != 0x20 && $0 != 0x09 }
        return next == UInt8(ascii: "\n") || next == 0x0d
    }

    private mutating func skipToNextText() -> [UInt8] {
        while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0d || byte == UInt8(ascii: "\n") {
            if byte == UInt8(ascii: "\n") { line += 1 }
            index += 1
        }
        return []
    }

    /// What the escape behind a backslash stands for.
    private mutating func readEscape() throws(TOMLFault) -> [UInt8] {
        guard let byte = current else { throw TOMLFault(line: line, text: "the text has no closing quotes") }
        index += 1
        switch byte {
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return [byte]
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            let count = byte == UInt8(ascii: "u") ? 4 : 8
            let digits = bytes[index...].prefix(count)
            guard digits.count == count, digits.allSatisfy({ isHexDigit($0) }),
                let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16),
                let scalar = Unicode.Scalar(value)
            else { throw TOMLFault(line: line, text: "no character has the number behind \\\(count == 4 ? "u" : "U")") }
            index += count
            return Array(String(Character(scalar)).utf8)
        default:
            throw TOMLFault(
                line: line,
                text:
                    "unknown escape \\\(Record.escaped([byte])); a backslash is written \\\\, or the text put in single quotes"
            )
        }
    }

    // MARK: Numbers, flags and dates

    mutating func readPlainValue() throws(TOMLFault) -> SettingValue {
        let start = index
        while let byte = current, !endsPlainValue(byte) { _ = byte; index += 1 }
        while index > start, bytes[index - 1] == 0x20 || bytes[index - 1] == 0x09 { index -= 1 }
        let word = String(decoding: bytes[start..<index], as: UTF8.self)
        if word.isEmpty { throw TOMLFault(line: line, text: "a value is missing") }
        if word == "true" { return .flag(true) }
        if word == "false" { return .flag(false) }
        if let value = number(word) { return value }
        if isDate(word) { return .time(word) }
        let quoted = Record.escaped(word.utf8, limit: 60)
        if isDecimal(word) { throw TOMLFault(line: line, text: "\(quoted) is beyond 64 bits") }
        throw TOMLFault(line: line, text: "no value: \(quoted); if it is text it stands in quotes: \"\(quoted)\"")
    }

    /// An integer or a float; `nil` when the word is neither, or an integer beyond 64 bits.
    private func number(_ word: String) -> SettingValue? {
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where word.hasPrefix(prefix) {
            let digits = word.utf8.dropFirst(2)
            guard digits.first != UInt8(ascii: "-"), digits.first != UInt8(ascii: "+") else { return nil }
            return plain(digits).flatMap { Int($0, radix: radix) }.map(SettingValue.integer)
        }
        let unsigned = word.first == "+" || word.first == "-" ? word.dropFirst() : word[...]
        if unsigned == "inf" { return .number(word.first == "-" ? -.infinity : .infinity) }
        if unsigned == "nan" { return .number(.nan) }
        if isDecimal(word) { return plain(word.utf8[...]).flatMap { Int($0) }.map(SettingValue.integer) }
        return isFloat(unsigned) ? plain(word.utf8[...]).flatMap { Double($0) }.map(SettingValue.number) : nil
    }
}

private func isHexDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
    default: false
    }
}

private func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

/// The digits without their underscores; `nil` when one does not stand between two digits.
private func plain(_ digits: Substring.UTF8View.SubSequence) -> String? {
    let bytes = Array(digits)
    for index in bytes.indices where bytes[index] == UInt8(ascii: "_") {
        guard index > 0, index + 1 < bytes.count, isHexDigit(bytes[index - 1]), isHexDigit(bytes[index + 1]) else {
            return nil
        }
    }
    return String(decoding: bytes.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
}

/// Digits with a sign, without a leading zero.
private func isDecimal(_ word: String) -> Bool {
    let digits = word.first == "+" || word.first == "-" ? word.utf8.dropFirst() : word.utf8[...]
    guard let first = digits.first, isDigit(first), digits.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: "_") }) else {
        return false
    }
    return first != 0x30 || digits.count == 1
}

/// `1.5`, `6e23`, `6.02e+23`: an integer part without a leading zero, then a fraction, an exponent or both.
private func isFloat(_ word: Substring) -> Bool {
    var rest = word.utf8[...]
    func digits() -> Int {
        let taken = rest.prefix { isDigit($0) || $0 == UInt8(ascii: "_") }
        rest = rest.dropFirst(taken.count)
        return taken.first == UInt8(ascii: "_") || taken.last == UInt8(ascii: "_") ? 0 : taken.count
    }
    let startsWithZero = rest.first == 0x30
    let whole = digits()
    guard whole > 0, !startsWithZero || whole == 1 else { return false }
    var isFloat = false
    if rest.first == UInt8(ascii: ".") {
        rest.removeFirst()
        guard digits() > 0 else { return false }
        isFloat = true
    }
    if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
        rest.removeFirst()
        if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest.removeFirst() }
        guard digits() > 0 else { return false }
        isFloat = true
    }
    return isFloat && rest.isEmpty
}

/// Begins like `2026-11-20` or `22:44:56`.
private func isDate(_ word: String) -> Bool {
    let bytes = Array(word.utf8.prefix(8))
    let isDay = bytes.count == 8 && bytes[4] == UInt8(ascii: "-") && bytes[7] == UInt8(ascii: "-")
    let isTime = bytes.count == 8 && bytes[2] == UInt8(ascii: ":") && bytes[5] == UInt8(ascii: ":")
    return (isDay || isTime) && bytes.allSatisfy { isDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ":") }
}

private func endsPlainValue(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: "#"), UInt8(ascii: "\n"), 0x0d: true
    default: false
    }
}
