import Posix

/// A log that is read once from begin to end, piece by piece, whatever its bytes come from. A last line without a newline
/// is handed over too, flagged; not after an error, as then half of it may be missing.
package final class WholeLog {
    package private(set) var counters = LogCounters()
    /// Where the last line ended, in bytes from the log's begin, unpacked; an unfinished one is not counted.
    package private(set) var lineEnd: Int64 = 0
    private var splitter = LineSplitter()
    private let buffer: ReadBuffer
    private let read: (UnsafeMutableBufferPointer<UInt8>) throws -> Int
    private var isAtEnd = false

    /// - Parameter read: fills some of a buffer and returns how many bytes; 0 at the end.
    package init(_ read: @escaping (UnsafeMutableBufferPointer<UInt8>) throws -> Int) {
        self.read = read
        buffer = ReadBuffer()
    }

    /// Hands over the lines of the next piece, at most 256 KiB; false when there was none.
    package func readPiece(_ body: (Span<UInt8>, LineInfo) -> Void) throws -> Bool {
        guard !isAtEnd else { return false }
        let count: Int
        do { count = try read(buffer.bytes) } catch {
            isAtEnd = true
            splitter.finish(handsOver: false, &counters, body)
            throw error
        }
        guard count > 0 else {
            isAtEnd = true
            splitter.finish(handsOver: true, &counters, body)
            return false
        }
        counters.bytes &+= UInt64(count)
        splitter.feed(UnsafeBufferPointer(rebasing: buffer.bytes[..<count]), &counters, body)
        lineEnd = Int64(counters.bytes) - Int64(splitter.unfinishedBytes)
        return true
    }
}
