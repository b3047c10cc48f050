import Addresses
import Bytes
import Events

/// Lines of a program that has no dialect here, by the patterns of the administrator (`[mta] patterns`).
///
/// A pattern is gone through once from the left; where a field ends is decided by its own bytes, so there is nothing to
/// try again. What a pattern may be, `SitePattern` decides.
package struct Site: Dialect {
    /// Nobody knows which other lines of such a program were meant to be events.
    package var unread: Int { 0 }

    private let patterns: [SitePattern]
    private let listTexts = ListTexts([])

    package init(_ site: SiteWords) { patterns = site.patterns }

    package mutating func read(_ line: LogLine, in bytes: Span<UInt8>, into event: inout Event) -> Bool {
        for pattern in patterns {
            var header = line
            guard let start = Site.message(of: pattern.tag, &header, bytes) else { continue }
            event.clear()
            event.mta = .site
            event.pid = header.pid
            event.rejectionClass = pattern.rejectionClass
            var reader = Reader(start..<line.message.upperBound)
            if match(pattern, &reader, bytes, &event) { return true }
        }
        return false
    }

    /// Where the message begins behind `tag: `; `nil` when another program wrote the line. A program's own file has no
    /// tag in the header: there it stands in front of the message, if at all.
    private static func message(of tag: [UInt8], _ header: inout LogLine, _ bytes: Span<UInt8>) -> Int? {
        if !header.tag.isEmpty {
            guard header.tag.count == tag.count, bytes.hasBytes(of: tag, at: header.tag.lowerBound) else { return nil }
            return header.message.lowerBound
        }
        let start = header.message.lowerBound
        let end = start + tag.count
        guard header.message.upperBound - end >= 2, bytes.hasBytes(of: tag, at: start), bytes[end] == UInt8(ascii: ":"),
            bytes[end + 1] == 0x20
        else { return nil }
        return end + 2
    }

    private func match(
        _ pattern: SitePattern, _ reader: inout Reader, _ bytes: Span<UInt8>, _ event: inout Event
    ) -> Bool {
        var peer = 0..<0
        for (index, step) in pattern.steps.enumerated() {
            switch step {
            case .words(let words):
                guard reader.end - reader.position >= words.count, bytes.hasBytes(of: words, at: reader.position) else {
                    return false
                }
                reader.move(to: reader.position + words.count)
            case .field(let field):
                let start = reader.position
                var next: UInt8?
                if index + 1 < pattern.steps.count, case .words(let words) = pattern.steps[index + 1] {
                    next = words.first
                }
                guard Site.take(field, before: next, &reader, bytes, &event) else { return false }
                if field == .peer { peer = start..<reader.position }
            case .text(let stop):
                judge(Site.text(reader.rest, stop, bytes), peer, bytes, &event)
                return true
            }
        }
        return reader.isAtEnd || !pattern.endsTheLine
    }

    /// Steps over a field. `next` is the fixed byte behind it.
    private static func take(
        _ field: SitePattern.Field, before next: UInt8?, _ reader: inout Reader, _ bytes: Span<UInt8>,
        _ event: inout Event
    ) -> Bool {
        switch field {
        case .peer:
            guard let end = addressEnd(reader.rest, next, bytes),
                let address = IPAddress(bytes, in: reader.position..<end)
            else { return false }
            event.peer = address
            reader.move(to: end)
        case .port:
            guard let port = reader.port(in: bytes), port > 0 else { return false }
            event.port = port
        case .code:
            guard let code = decimal(bytes, reader.position..<min(reader.end, reader.position + 3)),
                (400...599).contains(code)
            else { return false }
            event.code = UInt16(code)
            if code < 500 { event.kind = .deferral }
            reader.move(to: reader.position + 3)
        case .zone:
            let end = nameEnd(reader.rest, bytes)
            guard let zone = ListTexts.zone(bytes, urlHost: reader.position..<end) else { return false }
            event.zone = zone
            reader.move(to: end)
        case .name: reader.move(to: nameEnd(reader.rest, bytes))
        case .text, .rest: return false
        }
        return true
    }

    /// The end of all that can stand in an address; where the fixed text behind begins with a colon or full stop, the
    /// last of those is its begin. `nil` when it is longer than any address with a port behind.
    private static func addressEnd(_ range: Range<Int>, _ next: UInt8?, _ bytes: Span<UInt8>) -> Int? {
        var end = range.lowerBound
        let limit = min(range.upperBound, range.lowerBound + 64)
        while end < limit, isHexDigit(bytes[end]) || bytes[end] == 0x3a || bytes[end] == 0x2e { end += 1 }
        guard let next, next == 0x3a || next == 0x2e else { return end }
        while end > range.lowerBound {
            end -= 1
            if bytes[end] == next { return end }
        }
        return nil
    }

    private static func nameEnd(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Int {
        var end = range.lowerBound
        let limit = min(range.upperBound, range.lowerBound + 255)
        while end < limit, SitePattern.isNameByte(bytes[end]) { end += 1 }
        return end
    }

    /// The reply's text, up to the first `stop` within a reply's length.
    private static func text(_ range: Range<Int>, _ stop: [UInt8], _ bytes: Span<UInt8>) -> Range<Int> {
        guard !stop.isEmpty else { return range }
        var index = range.lowerBound
        let limit = min(range.upperBound, range.lowerBound + ListTexts.longestText)
        while index + stop.count <= limit {
            if bytes.hasBytes(of: stop, at: index) { return range.lowerBound..<index }
            index += 1
        }
        return range
    }

    /// The class is the pattern's; the text can only name the list, and tell that it failed.
    private func judge(_ text: Range<Int>, _ peer: Range<Int>, _ bytes: Span<UInt8>, _ event: inout Event) {
        guard event.rejectionClass == .rbl else { return }
        let signs = listTexts.signs(in: bytes, text, peer: peer)
        event.isListFailure = signs.isListFailure
        if event.zone == nil { event.zone = signs.url.flatMap { ListTexts.zone(bytes, urlHost: $0) } }
    }
}

extension Span<UInt8> {
    /// Whether the bytes of `text` stand at `position`.
    fileprivate func hasBytes(of text: [UInt8], at position: Int) -> Bool {
        guard position >= 0, count - position >= text.count else { return false }
        for index in text.indices where self[position + index] != text[index] { return false }
        return true
    }
}
