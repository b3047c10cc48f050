import Glibc

/// Bytes as they come from a file, cut into lines at 0x0A and nowhere else: NUL, carriage returns, invalid UTF-8 and
/// Unicode's line separators are bytes of a line like any other.

/// What the reader of a line must know beside its bytes.
package struct LineInfo: Equatable, Sendable {
    /// The line is longer than the bound; these are its first bytes.
    package var isCut = false
    /// The file ended without a newline. Only whole files hand such a line over; a followed file never does, as half
    /// an address is another address.
    package var isUnfinished = false

    package init(isCut: Bool = false, isUnfinished: Bool = false) {
        self.isCut = isCut
        self.isUnfinished = isUnfinished
    }
}

package struct LogCounters: Equatable, Sendable {
    package var lines: UInt64 = 0
    package var bytes: UInt64 = 0
    /// Lines longer than the bound.
    package var cutLines: UInt64 = 0
    /// Lines never handed over: their end was not written before the file was left, or their begin not read.
    package var unfinishedLines: UInt64 = 0
    /// Another file took the path.
    package var rotations: UInt64 = 0
    /// The file began anew in its place.
    package var truncations: UInt64 = 0
    /// Journal entries under a mail program's name that neither root nor a mail system's user wrote.
    package var untrusted: UInt64 = 0
    /// Syslog messages that are none, or whose frame is broken.
    package var broken: UInt64 = 0
    /// Packets and connections of hosts that may not send, and connections beyond the bound.
    package var refused: UInt64 = 0
    /// Syslog messages of another host in the name of this one.
    package var misnamed: UInt64 = 0
    /// Syslog packets of a host that sent more than its share.
    package var overShare: UInt64 = 0

    package init() {}
}

struct LineSplitter {
    /// Longest line handed over whole. Syslog daemons cut earlier (rsyslog at 8 KiB).
    static let longestLine = 65536

    typealias Body = (Span<UInt8>, LineInfo) -> Void

    /// The begin of a line whose end has not been read yet, up to the bound.
    private var held: [UInt8] = []
    /// Everything read since the last newline, what was dropped included.
    private(set) var unfinishedBytes = 0
    /// Reading began in the middle of a line: its rest is no line.
    private var isSkipping: Bool

    init(midLine: Bool = false) { isSkipping = midLine }

    /// Hands over every line that ends in `chunk`; a line that lies in it whole is not copied.
    mutating func feed(_ chunk: UnsafeBufferPointer<UInt8>, _ counters: inout LogCounters, _ body: Body) {
        let span = chunk.span
        var start = 0
        if unfinishedBytes > 0 || isSkipping {
            guard let end = LineSplitter.newline(in: chunk, from: 0) else { return hold(chunk) }
            hold(UnsafeBufferPointer(rebasing: chunk[..<end]))
            finishHeld(&counters, body)
            start = end + 1
        }
        while let end = LineSplitter.newline(in: chunk, from: start) {
            let isCut = end - start > LineSplitter.longestLine
            counters.lines &+= 1
            if isCut { counters.cutLines &+= 1 }
            body(span.extracting(start..<(isCut ? start + LineSplitter.longestLine : end)), LineInfo(isCut: isCut))
            start = end + 1
        }
        if start < chunk.count { hold(UnsafeBufferPointer(rebasing: chunk[start...])) }
    }

    /// The file ends here. `handsOver`: the unfinished rest is a line too.
    mutating func finish(handsOver: Bool, _ counters: inout LogCounters, _ body: Body) {
        guard unfinishedBytes > 0 else { return }
        guard handsOver, !isSkipping else {
            counters.unfinishedLines &+= 1
            forget()
            return
        }
        finishHeld(&counters, body, isUnfinished: true)
    }

    private static func newline(in chunk: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        guard let base = chunk.baseAddress, start < chunk.count,
            let found = memchr(base + start, 0x0a, chunk.count - start)
        else { return nil }
        return UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }

    private mutating func hold(_ bytes: UnsafeBufferPointer<UInt8>) {
        unfinishedBytes += bytes.count
        if !isSkipping { held.append(contentsOf: bytes.prefix(LineSplitter.longestLine - held.count)) }
    }

    private mutating func finishHeld(_ counters: inout LogCounters, _ body: Body, isUnfinished: Bool = false) {
        if isSkipping {
            counters.unfinishedLines &+= 1
        } else {
            let isCut = unfinishedBytes > LineSplitter.longestLine
            counters.lines &+= 1
            if isCut { counters.cutLines &+= 1 }
            body(held.span, LineInfo(isCut: isCut, isUnfinished: isUnfinished))
        }
        forget()
    }

    private mutating func forget() {
        // A long line's room is given back, that of usual ones kept.
        held.removeAll(keepingCapacity: held.count <= 4096)
        unfinishedBytes = 0
        isSkipping = false
    }
}
