import Bytes
import Events

/// An entry that is too long for syslog, put together again.
///
/// Sendmail cuts what would be longer than 1024 bytes behind a blank or a comma and numbers the pieces, all but the
/// last with ` ...` behind them: `ID[1]: text ...`, `ID[2]: text` (conf.c, `sm_syslog`). One process writes the pieces
/// of an entry one after the other, so they are tied by its pid. A client brings this about with an address of control
/// bytes, each of which takes four in the log.
struct SendmailPieces: Sendable {
    private struct Entry: Sendable {
        var id: QueueID?
        var last: Int
        var text: [UInt8]
    }

    private var entries = SessionTable<Int32, Entry>(capacity: 64, longestAge: .seconds(60))
    /// `arg1=` and the reply of an address of control bytes, and its peer.
    private static let longest = 8192

    /// Entries whose last piece never came.
    var lost: Int { entries.evicted }
    var count: Int { entries.count }

    /// What a line is as a piece.
    enum Step {
        /// It is none.
        case whole
        /// More are to come.
        case held
        /// The last: the entry's id and its text.
        case complete(QueueID?, [UInt8])
    }

    mutating func take(_ bytes: Span<UInt8>, _ message: Range<Int>, pid: Int32?, at now: Instant) -> Step {
        var reader = Reader(message)
        let id = QueueID(ofPiece: bytes, &reader)
        guard reader.skip("[", in: bytes), let number = reader.number(in: bytes), reader.skip("]: ", in: bytes) else {
            return .whole
        }
        let key = pid ?? 0
        let isLast = !Self.endsInDots(bytes, reader.rest)
        let end = isLast ? reader.end : reader.end - 4
        var entry: Entry
        if number == 1 {
            entry = Entry(id: id, last: 0, text: [])
        } else if let known = entries.value(key, at: now), known.last == number - 1, known.id == id {
            entry = known
        } else {
            entries.remove(key)
            return .held
        }
        entries.remove(key)
        guard entry.text.count + end - reader.position <= Self.longest else { return .held }
        bytes.extracting(reader.position..<max(end, reader.position)).withUnsafeBufferPointer {
            entry.text.append(contentsOf: $0)
        }
        entry.last = number
        if isLast { return .complete(entry.id, entry.text) }
        entries.set(key, entry, at: now)
        return .held
    }

    private static func endsInDots(_ bytes: Span<UInt8>, _ text: Range<Int>) -> Bool {
        text.count >= 4 && bytes.hasBytes(of: " ...", at: text.upperBound - 4)
    }
}
