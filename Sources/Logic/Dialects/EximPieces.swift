import Bytes
import Events

/// Entries that Exim's syslog writes in pieces, put together again (log.c, write_syslog).
///
/// An entry is cut at its line ends and after 870 bytes; each piece has `[3\14] ` in front, with a backslash when a line
/// ended there, else a slash. Behind the first line of an entry come the rejected message's headers, which are the
/// client's, so only the first line is put together, and a piece is never read as an entry of its own.
struct EximPieces: Sendable {
    struct Piece {
        var number: Int
        var count: Int
        var endsLine: Bool
        var text: Range<Int>

        /// `nil` when the message is not one of several.
        init?(_ bytes: Span<UInt8>, _ message: Range<Int>) {
            var reader = Reader(message)
            guard reader.skip("[", in: bytes), let number = reader.number(in: bytes) else { return nil }
            let isLine = reader.skip("\\", in: bytes)
            guard isLine || reader.skip("/", in: bytes), let count = reader.number(in: bytes),
                reader.skip("] ", in: bytes)
            else { return nil }
            (self.number, self.count) = (number, count)
            endsLine = isLine || number >= count
            text = reader.rest
        }

        /// The entry's first line stands in this piece alone.
        var isWhole: Bool { number == 1 && endsLine }
    }

    /// Of one entry, what has come.
    private struct Open: Sendable {
        var next: Int
        let count: Int
        var bytes: [UInt8]
    }

    /// By pid: a process writes one entry after the other. Exim's buffer of an entry has 8192 bytes, which a syslog
    /// daemon may have escaped.
    private var open = SessionTable<Int32, Open>(capacity: 64, longestAge: .seconds(60))
    private static let longestEntry = 16384
    private var broken = 0

    /// Entries that were given up: a piece was missing, or it took too long.
    var lost: Int { broken + open.evicted }
    var count: Int { open.count }

    /// The entry's first line, when `piece` completes it.
    mutating func entry(with piece: Piece, of line: LogLine, _ bytes: Span<UInt8>) -> [UInt8]? {
        guard let pid = line.pid else { return nil }
        if piece.number == 1 {
            if open.value(pid, at: line.heard) != nil { broken += 1 }
            var text: [UInt8] = []
            text.reserveCapacity(piece.text.count * 2)
            EximPieces.append(bytes, piece.text, to: &text)
            open.set(pid, Open(next: 2, count: piece.count, bytes: text), at: line.heard)
            return nil
        }
        guard var entry = open.value(pid, at: line.heard) else { return nil }
        guard entry.next == piece.number, entry.count == piece.count,
            entry.bytes.count + piece.text.count <= EximPieces.longestEntry
        else {
            open.remove(pid)
            broken += 1
            return nil
        }
        open.remove(pid)
        EximPieces.append(bytes, piece.text, to: &entry.bytes)
        if piece.endsLine { return entry.bytes }
        entry.next += 1
        open.set(pid, entry, at: line.heard)
        return nil
    }

    private static func append(_ bytes: Span<UInt8>, _ range: Range<Int>, to text: inout [UInt8]) {
        bytes.extracting(range).withUnsafeBufferPointer { text.append(contentsOf: $0) }
    }
}
