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
    let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: readSize)
    defer { buffer.deallocate() }
    var splitter = LineSplitter()
    var counters = LogCounters()
    while true {
        let count = read(descriptor, buffer.baseAddress, buffer.count)
        if count < 0 {
            if errno == EINTR { continue }
            throw SystemError("read", name)
        }
        if count == 0 { break }
        counters.bytes &+= UInt64(count)
        splitter.feed(UnsafeBufferPointer(rebasing: buffer[..<count]), &counters, body)
    }
    splitter.finish(handsOver: true, &counters, body)
    return counters
}

/// Large enough that the system call is no cost beside the copy, small enough to stay in a level 2 cache.
let readSize = 256 * 1024
