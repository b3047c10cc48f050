import Events

/// A line of an exported history, tab-separated or as a JSON object: a day of a host, a part of a log that was counted, or
/// the end. Figures are for people and other programs; what is read back is day, host, data and check.
package enum HistoryLine: Equatable, Sendable {
    case day(HistoryDay)
    case part(Part)
    /// How many lines of either kind there were.
    case end(days: Int, parts: Int)
    /// A heading, a comment, nothing.
    case nothing

    /// A stretch of a log, which is known by the length and hash of its begin.
    package struct Part: Equatable, Sendable {
        package var length: Int
        package var hash: UInt64
        package var bytes: Range<Int64>

        package init(length: Int, hash: UInt64, bytes: Range<Int64>) {
            self.length = length
            self.hash = hash
            self.bytes = bytes
        }
    }

    /// What a file begins with, in either form.
    package static let schema = "breakwater.history/1"
    package static let columns =
        ["day", "host"] + HistoryDay.Summary().figures.map(\.key) + ["classes", "lists", "countries", "data", "check"]

    /// The first lines of a tab-separated file.
    package static func heading(credits: [String] = []) -> [String] {
        ["# \(schema)"] + credits.map { "# \(Record.escaped($0.utf8))" } + [columns.joined(separator: "\t")]
    }

    /// The fields of a line as `columns` name them, and those of parts and the end by theirs.
    ///
    /// - Parameter today: the last day that may be.
    package init(_ fields: [String: String], today: Int) throws(RollupError) {
        if let date = fields["day"] {
            guard let host = fields["host"], let data = fields["data"], let check = fields["check"] else {
                throw RollupError(description: "no day's line: host, data or check is missing")
            }
            guard UInt64(check, radix: 16) == HistoryDay.check(date, host, data) else {
                throw RollupError(description: "damaged: its check does not fit")
            }
            guard let day = LocalDay.number(date), day >= 0, day <= today else {
                throw RollupError(description: "no day that has been")
            }
            guard let packed = Base64.bytes(data), host.utf8.count <= 255 else {
                throw RollupError(description: "no day's line")
            }
            self = .day(try HistoryDay(day: day, host: host, packed: packed))
        } else if let length = fields["part_length"].flatMap({ Int($0) }) {
            guard let hash = fields["part_hash"].flatMap({ UInt64($0, radix: 16) }),
                let start = fields["part_start"].flatMap({ Int64($0) }),
                let end = fields["part_end"].flatMap({ Int64($0) }), start >= 0, start < end,
                (1...4096).contains(length)
            else { throw RollupError(description: "no part of a log") }
            self = .part(Part(length: length, hash: hash, bytes: start..<end))
        } else if let days = fields["end_days"].flatMap({ Int($0) }) {
            guard let parts = fields["end_parts"].flatMap({ Int($0) }) else {
                throw RollupError(description: "no end of a history")
            }
            self = .end(days: days, parts: parts)
        } else if fields["schema"] == HistoryLine.schema {
            self = .nothing
        } else {
            throw RollupError(description: "no line of a history")
        }
    }

    /// A tab-separated line.
    package init(_ line: String, today: Int) throws(RollupError) {
        let cells = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        if line.isEmpty || line.hasPrefix("#") || cells == HistoryLine.columns {
            self = .nothing
            return
        }
        let names: [String] =
            switch cells[0] {
            case "part": ["", "part_length", "part_hash", "part_start", "part_end"]
            case "end": ["", "end_days", "end_parts"]
            default: HistoryLine.columns
            }
        guard names.count == cells.count else {
            throw RollupError(description: "\(cells.count) fields, where a history's line has \(names.count)")
        }
        var fields = Dictionary(uniqueKeysWithValues: zip(names, cells))
        if let host = fields["host"] {
            guard let plain = HistoryLine.unescaped(host) else { throw RollupError(description: "no host's name") }
            fields["host"] = plain
        }
        try self.init(fields, today: today)
    }

    /// As `columns` name them, those of a summary apart.
    package static func fields(_ day: HistoryDay) -> (date: String, data: String, check: String) {
        let (date, data) = (LocalDay.date(day.day), Base64.text(day.packed))
        return (date, data, hexadecimal(HistoryDay.check(date, day.host, data)))
    }

    package static func text(_ day: HistoryDay, _ summary: HistoryDay.Summary) -> String {
        let (date, data, check) = fields(day)
        func pairs(_ counts: [(name: String, count: Int)]) -> String {
            counts.map { "\(escaped($0.name, " =")) \($0.count)" }.joined(separator: ", ")
        }
        let figures = summary.figures.map { $0.key == "sources" && summary.isEstimate ? "~\($0.count)" : "\($0.count)" }
        return
            ([date, escaped(day.host, "\t")] + figures
            + [pairs(summary.classes), pairs(summary.lists), pairs(summary.countries), data, check])
            .joined(separator: "\t")
    }

    package static func text(_ part: Part) -> String {
        "part\t\(part.length)\t\(hexadecimal(part.hash))\t\(part.bytes.lowerBound)\t\(part.bytes.upperBound)"
    }

    package static func text(days: Int, parts: Int) -> String { "end\t\(days)\t\(parts)" }

    package static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// As records are escaped (`\x09`), and these bytes as well. A line never begins with `#` or one of the words.
    private static func escaped(_ text: String, _ more: String) -> String {
        var result = ""
        for scalar in Record.escaped(text.utf8).unicodeScalars {
            if more.unicodeScalars.contains(scalar) {
                result += "\\x" + hexadecimal(UInt64(scalar.value)).suffix(2)
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func unescaped(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            guard rest.popFirst() == UInt8(ascii: "x"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            else { return nil }
            rest = rest.dropFirst(2)
            bytes.append(value)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension LocalDay {
    /// The number of a day written `2011-02-24`; of years that have instants.
    static func number(_ text: String) -> Int? {
        let fields = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard fields.map(\.count) == [4, 2, 2], text.utf8.allSatisfy({ $0 == 0x2d || (0x30...0x39).contains($0) })
        else {
            return nil
        }
        let numbers = fields.compactMap { Int(String(decoding: Array($0), as: UTF8.self)) }
        guard numbers.count == 3, (1970...2200).contains(numbers[0]), (1...12).contains(numbers[1]),
            (1...31).contains(numbers[2])
        else { return nil }
        let day = Int(CivilTime(year: numbers[0], month: numbers[1], day: numbers[2]).instant().seconds / 86400)
        return date(day) == text ? day : nil
    }
}
