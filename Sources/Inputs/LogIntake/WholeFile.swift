import Glibc
import Posix

/// Calls `body` with every line of a file that is read once from begin to end; `-` is standard input. A last line
/// without a newline is handed over too, flagged.
@discardableResult
package func forEachLine(
    ofFileAt path: String, _ body: (Span<UInt8>, LineInfo) -> Void
) throws(SystemError) -> LogCounters {
    if path == "-" { return try forEachLine(ofDescriptor: STDIN_FILENO, named: "standard input", body) }
    let file = try Descriptor.open(path, O_RDONLY | O_NOCTTY)
    posix_fadvise(file.number, 0, 0, POSIX_FADV_SEQUENTIAL)
    return try forEachLine(ofDescriptor: file.number, named: path, body)
}

/// The same for a descriptor, which stays its owner's.
@discardableResult
package func forEachLine(
    ofDescriptor descriptor: Int32, named name: String, _ body: (Span<UInt8>, LineInfo) -> Void
) throws(SystemError) -> LogCounters {
    let buffer = ReadBuffer()
    var splitter = LineSplitter()
    var counters = LogCounters()
    while true {
        let count = read(descriptor, buffer.bytes.baseAddress, buffer.bytes.count)
        if count < 0 {
            if errno == EINTR { continue }
            throw SystemError("read", name)
        }
        if count == 0 { break }
        counters.bytes &+= UInt64(count)
        splitter.feed(UnsafeBufferPointer(rebasing: buffer.bytes[..<count]), &counters, body)
    }
    splitter.finish(handsOver: true, &counters, body)
    return counters
}
