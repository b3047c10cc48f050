import Events

/// How one MTA writes its log: lines in, events out.
///
/// A dialect may keep a bounded memory of earlier lines (a reply in several lines, a session's parts), so lines are
/// handed over in the order of the file, each once, and every log has a dialect value of its own. It reads complete
/// lines only: half an address is another address, so a line that was cut is not for it.
package protocol Dialect {
    /// What `line`, whose header was read from `bytes`, says happened; `nil` when it is no event of this MTA.
    mutating func read(_ line: LogLine, in bytes: Span<UInt8>) -> Event?
}

extension Dialect {
    /// Reads header and message of one line.
    package mutating func read(_ bytes: Span<UInt8>) -> Event? {
        guard let line = LogLine(bytes) else { return nil }
        return read(line, in: bytes)
    }
}
