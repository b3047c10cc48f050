/// Where a file's bytes are read to.
///
/// It begins with a page: where it lay 16 bytes behind one, as large allocations do, the kernel's copy out of the page
/// cache took 2.5 times as long (AMD EPYC; loads there wait for stores to the same place of another page).
final class ReadBuffer {
    let bytes: UnsafeMutableBufferPointer<UInt8>
    private let memory: UnsafeMutableRawBufferPointer

    init() {
        memory = .allocate(byteCount: ReadBuffer.size, alignment: ReadBuffer.pageSize)
        bytes = memory.bindMemory(to: UInt8.self)
    }

    deinit { memory.deallocate() }

    /// Large enough that the system call is no cost beside the copy, small enough to stay in a level 2 cache.
    private static let size = 256 * 1024
    private static let pageSize = 4096
}
