import CLinux

/// The C library's heap, which keeps what a burst needed for ever unless it is told otherwise (docs/decisions/memory.md).
package enum Heap {
    /// Blocks from 256 KiB on are mapped by themselves, so that they go back to the kernel when they are freed. Left
    /// alone, glibc raises that bound to the largest block ever freed, up to 32 MiB. Call it before they are made.
    package static func giveBackLargeBlocks() { bw_heap_map_blocks_from(256 << 10) }

    /// Gives back the pages of small blocks that are free; about a millisecond for 50 MB.
    package static func trim() { bw_heap_trim() }
}
