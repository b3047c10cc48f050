/// Where the keys of a TOML text stand: from the way to a key, a table or a list item to its line.
///
/// TOMLKit tells positions of syntax errors only, and a complaint about a wrong value without its line is of little use
/// at night. So the text is walked once more, for positions alone: keys bare and quoted, dotted, in tables and inline
/// tables; strings, comments and lists are stepped over. The text has passed TOMLKit by then; where this walk finds
/// something it does not understand it stops, and what follows has no line.
struct KeyLines {
    /// Lines count from 1. A list item's step is `[0]`, `[1]` ...
    private var lines: [[String]: Int] = [:]

    init(_ text: String) {
        var walk = KeyWalk(bytes: Array(text.utf8))
        walk.run()
        lines = walk.lines
    }

    /// The line of this key, or of the nearest thing around it that has one.
    func line(of path: [String]) -> Int? {
        var path = path
        while !path.isEmpty {
            if let line = lines[path] { return line }
            path.removeLast()
        }
        return nil
    }
}

private struct KeyWalk {
    let bytes: [UInt8]
    var lines: [[String]: Int] = [:]
    private var index = 0
    private var line = 1
    /// Deeper nesting than this is not followed; our keys need two levels.
    private static let deepest = 32

    init(bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { index = 3 }
    }

    /// Each round either takes at least one byte or ends the walk.
    mutating func run() {
        var table: [String] = []
        while true {
            skipBlanks(acrossLines: true)
            guard let byte = current else { return }
            if byte == UInt8(ascii: "[") {
                index += 1
                if current == UInt8(ascii: "[") { index += 1 }
                guard let path = readKey(under: []) else { return }
                table = path
                while let byte = current, byte != UInt8(ascii: "\n") { _ = byte; index += 1 }
            } else {
                guard readPair(under: table, depth: 0) else { return }
            }
        }
    }

    private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func take() -> UInt8? {
        guard let byte = current else { return nil }
        index += 1
        if byte == UInt8(ascii: "\n") { line += 1 }
        return byte
    }

    /// Steps over spaces, tabs and carriage returns; with `acrossLines` over line ends and comments too.
    private mutating func skipBlanks(acrossLines: Bool) {
        while let byte = current {
            switch byte {
            case 0x20, 0x09, 0x0d: index += 1
            case UInt8(ascii: "\n") where acrossLines: _ = take()
            case UInt8(ascii: "#") where acrossLines:
                while let byte = current, byte != UInt8(ascii: "\n") { _ = byte; index += 1 }
            default: return
            }
        }
    }

    private mutating func note(_ path: [String], _ line: Int) {
        if lines[path] == nil { lines[path] = line }
    }

    // MARK: Keys

    private mutating func readPair(under table: [String], depth: Int) -> Bool {
        guard let path = readKey(under: table) else { return false }
        skipBlanks(acrossLines: false)
        guard take() == UInt8(ascii: "=") else { return false }
        return skipValue(path, depth: depth)
    }

    /// A key with its dots; every step on the way gets this line unless it has one.
    private mutating func readKey(under table: [String]) -> [String]? {
        var path = table
        while true {
            skipBlanks(acrossLines: false)
            guard let part = readKeyPart() else { return nil }
            path.append(part)
            note(path, line)
            skipBlanks(acrossLines: false)
            guard current == UInt8(ascii: ".") else { return path }
            index += 1
        }
    }

    private mutating func readKeyPart() -> String? {
        guard let first = current else { return nil }
        if first == UInt8(ascii: "'") {
            let start = index + 1
            guard skipString() else { return nil }
            return String(decoding: bytes[start..<(index - 1)], as: UTF8.self)
        }
        if first == UInt8(ascii: "\"") {
            let start = index + 1
            guard skipString() else { return nil }
            return unescaped(bytes[start..<(index - 1)])
        }
        let start = index
        while let byte = current, isBareKeyByte(byte) { index += 1 }
        return index > start ? String(decoding: bytes[start..<index], as: UTF8.self) : nil
    }

    // MARK: Values

    private mutating func skipValue(_ path: [String], depth: Int) -> Bool {
        skipBlanks(acrossLines: false)
        guard let byte = current, depth < KeyWalk.deepest else { return false }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return skipString()
        case UInt8(ascii: "["): return skipList(path, depth: depth)
        case UInt8(ascii: "{"): return skipInlineTable(path, depth: depth)
        default:
            // A number, a word or a date, which may hold a space.
            let start = index
            while let byte = current, !endsPlainValue(byte) { _ = byte; index += 1 }
            return index > start
        }
    }

    private mutating func skipList(_ path: [String], depth: Int) -> Bool {
        index += 1
        var count = 0
        while true {
            skipBlanks(acrossLines: true)
            if current == UInt8(ascii: "]") {
                index += 1
                return true
            }
            let item = path + ["[\(count)]"]
            note(item, line)
            guard skipValue(item, depth: depth + 1) else { return false }
            count += 1
            skipBlanks(acrossLines: true)
            if current == UInt8(ascii: ",") { index += 1 }
        }
    }

    private mutating func skipInlineTable(_ path: [String], depth: Int) -> Bool {
        index += 1
        while true {
            skipBlanks(acrossLines: true)
            if current == UInt8(ascii: "}") {
                index += 1
                return true
            }
            guard readPair(under: path, depth: depth + 1) else { return false }
            skipBlanks(acrossLines: true)
            if current == UInt8(ascii: ",") { index += 1 }
        }
    }

    /// Steps over a string of any of the four kinds; false when it does not end.
    private mutating func skipString() -> Bool {
        guard let quote = take() else { return false }
        let hasEscapes = quote == UInt8(ascii: "\"")
        var needed = 1
        if current == quote {
            index += 1
            guard current == quote else { return true }
            index += 1
            needed = 3
        }
        var run = 0
        while let byte = take() {
            if byte == quote {
                run += 1
                if run == needed {
                    // One or two more quotes belong to the text of a multi-line string: `"""a"""""`.
                    while needed == 3, current == quote { index += 1 }
                    return true
                }
            } else {
                run = 0
                if byte == UInt8(ascii: "\\"), hasEscapes { _ = take() }
            }
        }
        return false
    }
}

private func isBareKeyByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "_"), UInt8(ascii: "-"): true
    default: false
    }
}

private func endsPlainValue(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: "#"), UInt8(ascii: "\n"): true
    default: false
    }
}

/// A basic string's text. Only escapes that may stand in a key someone writes are undone; others stay as they are.
private func unescaped(_ bytes: ArraySlice<UInt8>) -> String {
    var result: [UInt8] = []
    var rest = bytes
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "\\"), let next = rest.first else {
            result.append(byte)
            continue
        }
        switch next {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            result.append(next)
            rest.removeFirst()
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            let digits = rest.dropFirst().prefix(next == UInt8(ascii: "u") ? 4 : 8)
            guard let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16), let scalar = Unicode.Scalar(value)
            else {
                result.append(byte)
                continue
            }
            result += Array(String(Character(scalar)).utf8)
            rest = rest.dropFirst(1 + digits.count)
        default: result.append(byte)
        }
    }
    return String(decoding: result, as: UTF8.self)
}
