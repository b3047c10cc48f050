import Events

/// How one MTA writes its log: lines in, events out.
///
/// A dialect may keep a bounded memory of earlier lines (a reply in several lines, a session's parts), so lines are
/// handed over in the order of the file, each once, and every log has a dialect value of its own. It reads complete
/// lines only: half an address is another address, so a line that was cut is not for it.
package protocol Dialect: Sendable {
    /// Lines of this MTA that were no event.
    var unread: Int { get }

    /// Puts what `line`, whose header was read from `bytes`, says happened into `event`; false when it is no event of
    /// this MTA, and then `event` holds nothing of use.
    ///
    /// The caller's event is written over so that a log of a million lines makes no million copies of a value.
    mutating func read(_ line: LogLine, in bytes: Span<UInt8>, into event: inout Event) -> Bool
}

extension Dialect {
    /// Reads header and message of one line.
    package mutating func read(_ bytes: Span<UInt8>, into event: inout Event) -> Bool {
        var line = LogLine()
        guard line.read(bytes) else { return false }
        return read(line, in: bytes, into: &event)
    }

    /// The event of one line; `nil` when it is none.
    package mutating func read(_ bytes: Span<UInt8>) -> Event? {
        var event = Event()
        return read(bytes, into: &event) ? event : nil
    }
}
