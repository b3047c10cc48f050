import Events
@testable import Reports

/// A line of an exported history, and the counts in it: what is taken for a day reads back as that day, and counts that
/// are told say what can be summed.
struct HistoryTarget: Target {
    private static let date = "2024-10-04"

    mutating func run(_ input: [UInt8]) {
        guard let first = input.first else { return }
        if first & 1 == 0 { return text(String(decoding: input.dropFirst(), as: UTF8.self)) }
        // Behind the check: the packed pieces, or one piece's own bytes.
        var packed = Array(input.dropFirst())
        if first & 2 != 0 {
            var writer = ByteWriter()
            writer.byte(Tally.version)
            writer.number(1)
            writer.number(first & 4 != 0 ? 24 : 7)
            writer.text([Tally.version] + packed)
            packed = writer.bytes
        }
        let data = Base64.text(packed)
        require(Base64.bytes(data) == packed, "base 64 of \(shown(packed))")
        let check = HistoryLine.hexadecimal(HistoryDay.check(HistoryTarget.date, "mx", data))
        let fields = ["day": HistoryTarget.date, "host": "mx", "data": data, "check": check]
        guard let line = try? HistoryLine(fields, today: 30_000), case .day(let day) = line else { return }
        compare(day)
        require(Base64.text(day.packed).utf8.count < 4 * data.utf8.count + 16384, "it grows")
    }

    private func text(_ line: String) {
        guard let read = try? HistoryLine(line, today: 30_000) else { return }
        switch read {
        case .day(let day): compare(day)
        case .part(let part):
            require((try? HistoryLine(HistoryLine.text(part), today: 0)) == read, "\(part) is not read back")
        case .end(let days, let parts):
            require((try? HistoryLine(HistoryLine.text(days: days, parts: parts), today: 0)) == read, "the end")
        case .nothing: break
        }
    }

    private func compare(_ day: HistoryDay) {
        guard let summary = try? day.summary(nil) else { return require(false, "its counts cannot be summed") }
        let text = HistoryLine.text(day, summary)
        require(text.utf8.allSatisfy { $0 == 0x09 || ($0 >= 0x20 && $0 < 0x7f) }, "control bytes: \(shown(text.utf8))")
        require((try? HistoryLine(text, today: 30_000)) == .day(day), "not read back: \(shown(text.utf8))")
    }
}
