import Events
@testable import Reports

/// A line of an exported history, and the counts in it: what is taken for a day reads back as that day, and counts that
/// are told say what can be summed. What a store has under its keys is told in a report, whatever bytes and days they are.
struct HistoryTarget: Target {
    private static let date = "2024-10-04"

    mutating func run(_ input: [UInt8]) {
        guard let first = input.first else { return }
        if first & 1 == 0 { return text(String(decoding: input.dropFirst(), as: UTF8.self)) }
        if first & 8 != 0 { return stored(Array(input.dropFirst())) }
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

    /// Each count as a store may have it: its span, a day, how many bytes, and these.
    private func stored(_ input: [UInt8]) {
        var rest = input[...]
        var (tally, drops) = (Tally(), [Int: DropCounts]())
        while let span = rest.popFirst(), let number = rest.popFirst(), let length = rest.popFirst() {
            let bytes = Array(rest.prefix(Int(length)))
            rest = rest.dropFirst(bytes.count)
            // Some beside each other, and some at the ends of all numbers.
            let day =
                number < 64 ? 20_000 + Int(number) : number < 128 ? .max - Int(number) : .min / (Int(number) - 120)
            for _ in 0...(span >> 6) {
                if span & 3 == DropCounts.span {
                    if let read = try? DropCounts(bytes, day: day) { drops[day, default: DropCounts()].merge(read) }
                } else {
                    let key = Tally.Key(span & 1 == 0 ? .hour : .day, span & 1 == 0 ? day &* 24 : day, "mx\(span & 4)")
                    try? tally.merge(key, bytes)
                }
            }
        }
        guard !tally.isEmpty || !drops.isEmpty else { return }
        let base = ReportBase(tally)
        base.drops = drops
        for section in base.report("all").sections {
            for cell in section.rows.joined() {
                switch cell {
                case .count(let count), .estimate(let count), .atLeast(let count), .short(let count):
                    require(count >= 0, "\(section.key) has a count below zero")
                default: break
                }
            }
        }
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
        let summary: HistoryDay.Summary
        do { summary = try day.summary(nil) } catch { return require(false, "its counts cannot be summed: \(error)") }
        for figure in summary.figures { require((0..<(1 << 53)).contains(figure.count), "\(figure)") }
        let text = HistoryLine.text(day, summary)
        require(text.utf8.allSatisfy { $0 == 0x09 || ($0 >= 0x20 && $0 < 0x7f) }, "control bytes: \(shown(text.utf8))")
        require((try? HistoryLine(text, today: 30_000)) == .day(day), "not read back: \(shown(text.utf8))")
    }
}
