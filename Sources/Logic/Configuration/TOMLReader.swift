import Events

/// What is no TOML in a text, and where.
struct TOMLFault: Error, Equatable {
    var line: Int
    var text: String
}

/// Reads a TOML text (toml.io, v1.0.0) into values that know their lines.
///
/// Ours, since no library tells the line of a value, and since the ones for Swift end the process on some mistakes a
/// person makes (docs/decisions/configuration.md). After a mistake in a pair that fits on its line reading goes on with
/// the next line, so that one run shows many mistakes; after any other it ends. Dates are recognised, not checked: no
/// key takes one. Nesting is bounded, and the caller bounds the text.
struct TOMLReader {
    let bytes: [UInt8]
    var index = 0
    var line = 1
    /// Lists and inline tables around the place being read.
    var depth = 0
    private(set) var faults: [TOMLFault] = []

    /// Deeper nesting, and keys of more parts, are a fault; our own keys need three.
    static let deepest = 32

    /// A table while it grows: further headers and dotted keys may add to it.
    private final class Table {
        enum Origin { case header, passedThrough, dotted, closed }
        enum Entry {
            case value(SettingNode)
            case table(Table)
            /// `[[name]]`, once for each.
            case tables([Table])
        }
        var origin: Origin
        let line: Int
        var entries: [String: Entry] = [:]

        init(_ origin: Origin, line: Int) {
            self.origin = origin
            self.line = line
        }

        var members: [String: SettingNode] {
            entries.mapValues { entry in
                switch entry {
                case .value(let node): node
                case .table(let table): SettingNode(value: .table(table.members), line: table.line)
                case .tables(let tables):
                    SettingNode(
                        value: .list(tables.map { SettingNode(value: .table($0.members), line: $0.line) }),
                        line: tables[0].line)
                }
            }
        }
    }

    init(_ text: some StringProtocol) {
        bytes = Array(text.utf8)
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { index = 3 }
    }

    /// The top-level members; `faults` tells whether they are all.
    mutating func read() -> [String: SettingNode] {
        let root = Table(.header, line: 1)
        if let fault = controlCharacter {
            faults.append(fault)
            return [:]
        }
        var table = root
        while true {
            skipBlanks(acrossLines: true)
            guard let byte = current else { break }
            let isHeader = byte == UInt8(ascii: "[")
            do throws(TOMLFault) {
                if isHeader { table = try readHeader(from: root) } else { try readPair(into: table) }
                try endLine()
            } catch {
                faults.append(error)
                // Keys behind a broken header would land in the wrong table; what is behind an open list is not known.
                if isHeader || depth > 0 { break }
                skipLine()
            }
        }
        return root.members
    }

    /// Only tabs, line feeds and carriage returns before them may stand in a text; anything else hides something.
    private var controlCharacter: TOMLFault? {
        var line = 1
        for (index, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: "\n") { line += 1 }
            let endsLine = byte == 0x0d && index + 1 < bytes.count && bytes[index + 1] == UInt8(ascii: "\n")
            if byte < 0x20 && byte != 0x09 && byte != UInt8(ascii: "\n") && !endsLine || byte == 0x7f {
                return TOMLFault(line: line, text: "a control character (\(Record.escaped([byte]))) has no place here")
            }
        }
        return nil
    }
}

// MARK: - Headers and pairs

extension TOMLReader {
    /// `[a.b]` or `[[a.b]]`: the table that the pairs below belong to.
    private mutating func readHeader(from root: Table) throws(TOMLFault) -> Table {
        let startLine = line
        index += 1
        let isRepeated = current == UInt8(ascii: "[")
        if isRepeated { index += 1 }
        var path = try readKey()
        for _ in 0..<(isRepeated ? 2 : 1) {
            guard current == UInt8(ascii: "]") else { throw TOMLFault(line: line, text: "the header has no closing ]") }
            index += 1
        }
        let last = path.removeLast()
        var table = root
        for part in path {
            switch table.entries[part] {
            case nil:
                let inner = Table(.passedThrough, line: startLine)
                table.entries[part] = .table(inner)
                table = inner
            case .table(let inner) where inner.origin != .closed: table = inner
            case .tables(let tables): table = tables[tables.count - 1]
            case .value(let node): throw alreadyThere(part, node.line)
            case .table(let inner): throw alreadyThere(part, inner.line)
            }
        }
        switch (table.entries[last], isRepeated) {
        case (nil, false):
            let new = Table(.header, line: startLine)
            table.entries[last] = .table(new)
            return new
        case (.table(let known), false) where known.origin == .passedThrough:
            known.origin = .header
            return known
        case (nil, true):
            let new = Table(.header, line: startLine)
            table.entries[last] = .tables([new])
            return new
        case (.tables(let tables), true):
            let new = Table(.header, line: startLine)
            table.entries[last] = .tables(tables + [new])
            return new
        case (.table(let known), _): throw alreadyThere("[\(shown(last))]", known.line)
        case (.tables(let tables), _): throw alreadyThere("[[\(shown(last))]]", tables[0].line)
        case (.value(let node), _): throw alreadyThere(shown(last), node.line)
        }
    }

    /// `a.b = value`
    private mutating func readPair(into table: Table) throws(TOMLFault) {
        let startLine = line
        var path = try readKey()
        guard current == UInt8(ascii: "=") else {
            throw TOMLFault(line: line, text: "expected = behind \(path.map { shown($0) }.joined(separator: "."))")
        }
        index += 1
        skipBlanks(acrossLines: false)
        let value = try readValue()
        let last = path.removeLast()
        var table = table
        for part in path {
            switch table.entries[part] {
            case nil:
                let inner = Table(.dotted, line: startLine)
                table.entries[part] = .table(inner)
                table = inner
            case .table(let inner) where inner.origin == .dotted: table = inner
            case .table(let inner): throw alreadyThere(shown(part), inner.line)
            case .tables(let tables): throw alreadyThere(shown(part), tables[0].line)
            case .value(let node): throw alreadyThere(shown(part), node.line)
            }
        }
        switch table.entries[last] {
        case nil: table.entries[last] = .value(SettingNode(value: value, line: startLine))
        case .value(let node): throw alreadyThere(shown(last), node.line)
        case .table(let inner): throw alreadyThere(shown(last), inner.line)
        case .tables(let tables): throw alreadyThere(shown(last), tables[0].line)
        }
    }

    /// The parts of a dotted key, and the blanks behind it.
    private mutating func readKey() throws(TOMLFault) -> [String] {
        var path: [String] = []
        while true {
            skipBlanks(acrossLines: false)
            guard path.count < TOMLReader.deepest else { throw TOMLFault(line: line, text: "a key of too many parts") }
            path.append(try readKeyPart())
            skipBlanks(acrossLines: false)
            guard current == UInt8(ascii: ".") else { return path }
            index += 1
        }
    }

    private mutating func readKeyPart() throws(TOMLFault) -> String {
        if current == UInt8(ascii: "\"") || current == UInt8(ascii: "'") { return try readLineString() }
        let start = index
        while let byte = current, isBareKeyByte(byte) { index += 1 }
        guard index > start else { throw TOMLFault(line: line, text: "expected a key, not \(shownRest)") }
        return String(decoding: bytes[start..<index], as: UTF8.self)
    }

    // MARK: Values

    private mutating func readValue() throws(TOMLFault) -> SettingValue {
        switch current {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return .text(try readString())
        case UInt8(ascii: "["): return .list(try readList())
        case UInt8(ascii: "{"): return .table(try readInlineTable())
        default: return try readPlainValue()
        }
    }

    private mutating func readList() throws(TOMLFault) -> [SettingNode] {
        let startLine = line
        try descend()
        var items: [SettingNode] = []
        while true {
            skipBlanks(acrossLines: true)
            guard current != nil else { throw TOMLFault(line: startLine, text: "the list has no closing ]") }
            if current == UInt8(ascii: "]") { break }
            let itemLine = line
            items.append(SettingNode(value: try readValue(), line: itemLine))
            skipBlanks(acrossLines: true)
            if current == UInt8(ascii: ",") {
                index += 1
            } else if current != UInt8(ascii: "]") {
                if current == nil { throw TOMLFault(line: startLine, text: "the list has no closing ]") }
                throw TOMLFault(line: line, text: "expected , or ] in the list, not \(shownRest)")
            }
        }
        index += 1
        depth -= 1
        return items
    }

    private mutating func readInlineTable() throws(TOMLFault) -> [String: SettingNode] {
        let table = Table(.closed, line: line)
        try descend()
        skipBlanks(acrossLines: false)
        while current != UInt8(ascii: "}") {
            try readPair(into: table)
            skipBlanks(acrossLines: false)
            if current == UInt8(ascii: "}") { break }
            guard current == UInt8(ascii: ",") else {
                throw TOMLFault(line: line, text: "expected , or } on the same line, not \(shownRest)")
            }
            index += 1
            skipBlanks(acrossLines: false)
            // Lists may end in a comma, inline tables may not.
            if current == UInt8(ascii: "}") { throw TOMLFault(line: line, text: "expected a key, not \(shownRest)") }
        }
        index += 1
        depth -= 1
        return table.members
    }

    /// Steps over the opening bracket; the matching `depth -= 1` is left out on a fault, which tells where it happened.
    private mutating func descend() throws(TOMLFault) {
        index += 1
        depth += 1
        guard depth <= TOMLReader.deepest else { throw TOMLFault(line: line, text: "nested too deeply") }
    }
}

// MARK: - Steps

extension TOMLReader {
    var current: UInt8? { index < bytes.count ? bytes[index] : nil }

    /// What stands here, for a fault: a few bytes up to the end of the line.
    var shownRest: String {
        let rest = bytes[index...].prefix { $0 != UInt8(ascii: "\n") && $0 != 0x0d }
        return rest.isEmpty ? "the end of the line" : "\"" + Record.escaped(rest, limit: 20) + "\""
    }

    /// Steps over spaces and tabs; with `acrossLines` over line ends and comments too.
    mutating func skipBlanks(acrossLines: Bool) {
        while let byte = current {
            switch byte {
            case 0x20, 0x09: index += 1
            case UInt8(ascii: "\n") where acrossLines:
                index += 1
                line += 1
            case 0x0d where acrossLines: index += 1
            case UInt8(ascii: "#") where acrossLines: toLineEnd()
            default: return
            }
        }
    }

    private mutating func toLineEnd() {
        while let byte = current, byte != UInt8(ascii: "\n"), byte != 0x0d { _ = byte; index += 1 }
    }

    /// Behind a header or a pair only a comment may stand.
    private mutating func endLine() throws(TOMLFault) {
        skipBlanks(acrossLines: false)
        guard let byte = current, byte != UInt8(ascii: "\n"), byte != 0x0d else { return }
        guard byte == UInt8(ascii: "#") else { throw TOMLFault(line: line, text: "unexpected \(shownRest)") }
        toLineEnd()
    }

    private mutating func skipLine() { toLineEnd() }

    private func alreadyThere(_ name: String, _ earlier: Int) -> TOMLFault {
        TOMLFault(line: line, text: "\(name) stands twice, first in line \(earlier)")
    }

    private func shown(_ name: String) -> String { Record.escaped(name.utf8, limit: 60) }
}

private func isBareKeyByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "_"), UInt8(ascii: "-"): true
    default: false
    }
}
