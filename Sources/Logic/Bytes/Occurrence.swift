/// Texts in texts.
extension StringProtocol {
    /// Where `text` first stands in it, byte by byte.
    ///
    /// The standard library's `contains` and `firstRange` of a text link its regular expressions into the program, a
    /// tenth of the daemon's code.
    package func occurrence(of text: String) -> Range<Index>? {
        var start = utf8.startIndex
        while !utf8[start...].starts(with: text.utf8) {
            if start == utf8.endIndex { return nil }
            utf8.formIndex(after: &start)
        }
        return start..<utf8.index(start, offsetBy: text.utf8.count)
    }
}
