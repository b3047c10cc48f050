import CLinux
import Glibc
import Posix

/// One log file that is open, and how far it has been read.
final class Tail {
    struct Identity: Hashable {
        var device: UInt64
        var inode: UInt64

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
        }
    }

    let path: String
    let identity: Identity
    /// Where the next byte is read.
    private(set) var offset: Int64 = 0
    var splitter = LineSplitter()
    /// The file's watch, if the kernel gave one.
    var watch: Int32?
    /// For a file that another one has followed: when it is closed unless something is written to it before;
    /// monotonic, in nanoseconds.
    var leaveAt: Int64?

    private let file: Descriptor
    /// The file's first bytes as they were when they were read.
    private var head: [UInt8] = []

    /// Opens a plain file; anything else is a problem to report, never waited for (O_NONBLOCK: a fifo would).
    init(opening path: String) throws(LogProblem) {
        let number = bw_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0)
        guard number >= 0 else { throw LogProblem(description: SystemError("open", path).description) }
        file = Descriptor(owning: number)
        var status = stat()
        guard fstat(number, &status) == 0 else {
            throw LogProblem(description: SystemError("fstat", path).description)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            let kind = status.st_mode & S_IFMT == S_IFDIR ? "a directory" : "no plain file"
            throw LogProblem(description: "follow \(path): it is \(kind); waiting for a file")
        }
        self.path = path
        identity = Identity(status)
        head = bytes(at: 0, count: Fingerprint.longest)
    }

    var descriptor: Int32 { file.number }

    /// The end of the last line handed over.
    var lineStart: Int64 { offset - Int64(splitter.unfinishedBytes) }

    var mark: LogPosition.Mark {
        LogPosition.Mark(inode: identity.inode, offset: lineStart, fingerprint: Fingerprint(head))
    }

    var status: stat {
        var status = stat()
        fstat(file.number, &status)
        return status
    }

    var size: Int64 { Int64(status.st_size) }

    /// Reading goes on at `offset`. In the middle of a line the rest of that line is skipped.
    func begin(at offset: Int64) {
        self.offset = offset
        splitter = LineSplitter(midLine: offset > 0 && bytes(at: offset - 1, count: 1) != [0x0a])
    }

    /// The file holds something else now: what is known of its begin is forgotten.
    func beginAnew() {
        head = bytes(at: 0, count: Fingerprint.longest)
        begin(at: 0)
    }

    /// Reads the next bytes into `buffer` without moving on; 0 at the file's end.
    func read(into buffer: UnsafeMutableBufferPointer<UInt8>) throws(SystemError) -> Int {
        while true {
            let count = pread(file.number, buffer.baseAddress, buffer.count, off_t(offset))
            if count >= 0 { return count }
            if errno != EINTR { throw SystemError("read", path) }
        }
    }

    /// Moves behind the bytes just read.
    func advance(by chunk: UnsafeBufferPointer<UInt8>) {
        if head.count < Fingerprint.longest, offset <= Int64(head.count) {
            head.append(contentsOf: chunk.dropFirst(head.count - Int(offset)).prefix(Fingerprint.longest - head.count))
        }
        offset += Int64(chunk.count)
    }

    /// Whether the file still begins as it did. Asked after a read: then what was read is of the same file.
    var beginsAsBefore: Bool { head.isEmpty || bytes(at: 0, count: head.count) == head }

    /// Whether the file begins with what the mark was made of; an empty one tells nothing.
    func begins(like fingerprint: Fingerprint) -> Bool {
        guard fingerprint.length > 0 else { return false }
        let bytes = bytes(at: 0, count: fingerprint.length)
        return Fingerprint(bytes) == fingerprint
    }

    /// Whether the file is a copy of `other`, perhaps one that is still being made: as far as both go they begin alike.
    ///
    /// What `other` holds now counts, not the few bytes that it may have had when it was opened: every line of a log may
    /// begin with the same date. Once it holds something else, what it held before counts.
    func isCopy(of other: Tail) -> Bool {
        let theirs = other.beginsAsBefore ? other.bytes(at: 0, count: Fingerprint.longest) : other.head
        let ours = bytes(at: 0, count: Fingerprint.longest)
        let count = min(theirs.count, ours.count)
        return count > 0 && theirs.prefix(count) == ours.prefix(count)
    }

    private func bytes(at offset: Int64, count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = max(0, pread(file.number, buffer.baseAddress, count, off_t(offset)))
        }
    }
}
