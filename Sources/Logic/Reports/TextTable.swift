import Bytes

/// How often each text came: the first so many of them, and how many more there were.
struct TextTable: Equatable, Sendable {
    struct Entry: Equatable, Sendable {
        var text: [UInt8]
        var count: Int
        /// The kind of reason that its words give (`ReplyText.reason`).
        var reason: String
    }
    private(set) var entries: [Entry] = []
    /// Texts that came when the table was full.
    var others = 0
    private var numbers: [[UInt8]: Int] = [:]
    /// The place of the text by the lowest bits of its hash: most come again and again.
    private var recent = [Int32](repeating: -1, count: 256)
    let most: Int

    init(most: Int) { self.most = most }

    static func == (left: TextTable, right: TextTable) -> Bool {
        left.entries == right.entries && left.others == right.others
    }

    var total: Int { others.plus(entries.lazy.map(\.count).sum) }

    /// Counts a text; its place, or `nil` when there is none left.
    @inline(__always)
    mutating func add(_ text: Span<UInt8>, count: Int = 1) -> Int? {
        let place = Int(TextTable.hash(text) & 255)
        let known = Int(recent[place])
        if known >= 0, isText(known, text) {
            entries[known].count.add(count)
            return known
        }
        return find(text.withUnsafeBufferPointer(Array.init), count, place)
    }

    mutating func add(_ text: [UInt8], count: Int = 1) -> Int? { add(text.span, count: count) }

    @inline(__always)
    private func isText(_ place: Int, _ text: Span<UInt8>) -> Bool {
        let known = entries[place].text
        return known.count == text.count && text.hasBytes(text.count, of: known.span, from: 0, at: 0)
    }

    private mutating func find(_ text: [UInt8], _ count: Int, _ place: Int) -> Int? {
        if let known = numbers[text] {
            entries[known].count.add(count)
            recent[place] = Int32(known)
            return known
        }
        guard entries.count < most else {
            others.add(count)
            return nil
        }
        numbers[text] = entries.count
        recent[place] = Int32(entries.count)
        entries.append(Entry(text: text, count: count, reason: ReplyText.reason(text)))
        return entries.count - 1
    }

    @inline(__always)
    private static func hash(_ span: Span<UInt8>) -> UInt64 {
        var hash = UInt64(span.count)
        var index = 0
        while index < span.count {
            let mixed = (hash ^ span.word(at: index)).multipliedFullWidth(by: 0xa076_1d64_78bd_642f)
            hash = mixed.high ^ mixed.low
            index += 8
        }
        return hash
    }
}
