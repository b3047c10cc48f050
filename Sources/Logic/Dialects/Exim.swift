import Addresses
import Bytes
import Events

/// Exim 4: what its daemon and the processes that serve a connection log about it, as events.
///
/// Seen from Exim 4.96 (Debian 12), and read against its source from 4.92 to 4.99 (smtp_in.c, receive.c, daemon.c,
/// host.c, log.c); the format is documented in chapter 53 of its specification. Both of its ways are read: syslog, where
/// entries are split (`EximPieces`) and rejections stand twice (`EximRepeats`), and its own mainlog.
///
/// An entry begins with Exim's own words, and the client stands in a fixed form behind them (`EximHost`). HELO, sender
/// and recipient are logged raw, so an entry is read field by field; where more than one address could be the client's,
/// the event has candidates and no peer.
///
/// Not recognised on purpose: `sender verify fail` (the rejection follows), `Warning:` (nothing was refused), syntax and
/// protocol errors (the session goes on), PRDR (its lines name nobody), deliveries, and what is said of local mail.
package struct Exim: Dialect {
    /// Lines that begin like an event of Exim's and were none: many of them mean that its wording has changed.
    package private(set) var unread = 0
    /// Entries that had no room in Exim's buffer, so that nothing can be said of them.
    package private(set) var overflowed = 0

    let listTexts: ListTexts
    let unexplained: RejectionClass
    private var pieces = EximPieces()
    private var repeats = EximRepeats()
    var texts = EximTexts()

    package init(_ site: SiteWords = SiteWords()) {
        listTexts = ListTexts(site.rblTexts)
        unexplained = site.unexplained
    }

    /// Entries of which pieces were lost, and those of which some are still to come.
    package var lostEntries: Int { pieces.lost }
    package var openEntries: Int { pieces.count }

    package mutating func read(_ line: LogLine, in bytes: Span<UInt8>, into event: inout Event) -> Bool {
        switch line.tag.count {
        case 0 where line.stampForm == .dateTime: break
        case 4 where bytes.hasBytes(of: "exim", at: line.tag.lowerBound): break
        case 5 where bytes.hasBytes(of: "exim4", at: line.tag.lowerBound): break
        default: return false
        }
        var text = line.message
        if let piece = EximPieces.Piece(bytes, text) {
            text = piece.text
            if !piece.isWhole {
                guard let entry = pieces.entry(with: piece, of: line, bytes) else { return false }
                return readEntry(entry.span, 0..<entry.count, of: line, &event)
            }
        }
        return readEntry(bytes, text, of: line, &event)
    }

    private mutating func readEntry(
        _ bytes: Span<UInt8>, _ text: Range<Int>, of line: LogLine, _ event: inout Event
    ) -> Bool {
        var reader = Reader(text)
        let prefix = EximPrefix(bytes, &reader)
        guard !Exim.hasOverflowed(bytes, text, reader) else {
            overflowed += 1
            unread += 1
            return false
        }
        event.clear()
        event.mta = .exim
        event.pid = line.pid ?? prefix.pid
        switch entry(bytes, reader, prefix, &event) {
        case .event: break
        case .nothing: return false
        case .unread:
            unread += 1
            return false
        }
        switch event.kind {
        case .rejection, .deferral, .authFailure:
            return line.stampForm == .dateTime || !repeats.hasHeard(bytes, text, of: event.pid, at: line.heard)
        default: return true
        }
    }
}

extension Exim {
    /// Exim's buffer of an entry has 8192 bytes, and a client can fill it with its HELO so that its own address finds no
    /// room (log.c, log_write). Exim then writes `overflow` in the text's place; from 4.98 on over its last 44 bytes, and
    /// what is left before may hold another address from the HELO. A client's own words can end a shorter entry, too.
    private static func hasOverflowed(_ bytes: Span<UInt8>, _ text: Range<Int>, _ start: Reader) -> Bool {
        if bytes.hasBytes(of: overflow, at: start.position) { return true }
        guard text.count > overflowLength else { return false }
        let place = text.upperBound - overflow.utf8CodeUnitCount
        // It may be followed by what is added behind it, and by the line's end as a syslog daemon writes it.
        return (0...8).contains { bytes.hasBytes(of: overflow, at: place - $0) }
    }

    private static let overflow: StaticString = "**** log string overflowed log buffer ****"
    /// The buffer without what is before the text: Exim's stamp and a pid.
    private static let overflowLength = 7900

    enum Found {
        case event
        /// None of the entries that are read.
        case nothing
        /// One of them by its beginning, and not what should follow.
        case unread
    }

    /// By the first words of an entry.
    private mutating func entry(_ bytes: Span<UInt8>, _ start: Reader, _ prefix: EximPrefix, _ event: inout Event)
        -> Found
    {
        var reader = start
        // With +dnssec `DS` stands in front, and no blank between.
        if reader.skip("H=", in: bytes) || reader.skip("DSH=", in: bytes) || reader.skip(" DSH=", in: bytes) {
            let found = rejection(bytes, reader, &event)
            // With a message before it may be a delivery to another server that went wrong.
            return found == .unread && prefix.hasMessageID ? .nothing : found
        }
        if prefix.hasMessageID {
            return reader.skip("<= ", in: bytes) ? acceptance(bytes, reader, &event) : localScan(bytes, reader, &event)
        }
        return service(bytes, reader, &event)
    }
}

/// What Exim puts in front of every entry: its own stamp in syslog (`syslog_timestamp`), `[pid]` (+pid), the message.
struct EximPrefix {
    private(set) var pid: Int32?
    private(set) var hasMessageID = false

    init(_ bytes: Span<UInt8>, _ reader: inout Reader) {
        EximPrefix.skipStamp(bytes, &reader)
        var next = reader
        if next.skip("[", in: bytes), let number = next.number(in: bytes), next.skip("] ", in: bytes) {
            pid = Int32(exactly: number)
            reader = next
        }
        if let end = EximPrefix.messageIDEnd(bytes, reader) {
            hasMessageID = true
            reader.move(to: end)
        }
    }

    /// `2026-11-20 22:44:56[.123][ +0100] `.
    private static func skipStamp(_ bytes: Span<UInt8>, _ reader: inout Reader) {
        let start = reader.position
        // "....-..-" and ".. ..:..".
        let date = bytes.word(at: start)
        guard date & 0xff00_00ff_0000_0000 == 0x2d00_002d_0000_0000,
            bytes.word(at: start + 8) & 0x0000_ff00_00ff_0000 == 0x0000_3a00_0020_0000,
            reader.end - start > 20, bytes[start + 16] == UInt8(ascii: ":"),
            Words.within(UInt8(ascii: "0"), UInt8(ascii: "9"), date) & Words.mask(4) == Words.highs & Words.mask(4)
        else { return }
        var next = reader
        next.move(to: start + 19)
        // As a rule neither a fraction nor a zone stands behind it.
        if bytes[start + 19] == 0x20, bytes[start + 20] != UInt8(ascii: "+"), bytes[start + 20] != UInt8(ascii: "-") {
            reader.move(to: start + 20)
            return
        }
        if next.skip(".", in: bytes) { _ = next.number(in: bytes) }
        var zone = next
        if zone.skip(" +", in: bytes) || zone.skip(" -", in: bytes), zone.number(in: bytes) != nil { next = zone }
        if next.skip(" ", in: bytes) { reader = next }
    }

    /// Behind `1xUXkP-0002hX-1v ` or, from 4.97 on, `1rvKFs-00000006JlM-2Rls `.
    private static func messageIDEnd(_ bytes: Span<UInt8>, _ reader: Reader) -> Int? {
        let start = reader.position
        guard reader.end - start > 16, bytes[start + 6] == UInt8(ascii: "-") else { return nil }
        let (dash, end) = bytes[start + 13] == UInt8(ascii: "-") ? (13, 16) : (18, 23)
        guard reader.end - start > end, bytes[start + dash] == UInt8(ascii: "-"), bytes[start + end] == 0x20 else {
            return nil
        }
        for offset in 0..<end where offset != 6 && offset != dash && !SignIndex.isWordByte(bytes[start + offset]) {
            return nil
        }
        return start + end + 1
    }
}
