import Archives
import Glibc
import Posix

/// A packed log: whatever is in it, reading ends, and it gives the same in pieces of any size as in one.
struct ArchiveTarget: Target {
    /// What stands for gigabytes of zeros is not unpacked to the end.
    private static let most = 1 << 18
    private let ends: (read: CInt, write: CInt)
    private let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 1 << 16)

    init() {
        var ends: [CInt] = [0, 0]
        guard socketpair(AF_UNIX, CInt(SOCK_SEQPACKET.rawValue), 0, &ends) == 0 else { fatalError("socketpair") }
        self.ends = (ends[0], ends[1])
    }

    mutating func run(_ input: [UInt8]) {
        guard input.count > 2 else { return }
        let packed = Array(input.dropFirst(2))
        let whole = unpack(packed, pieces: packed.count, room: memory.count)
        let length = packed.count / 8 + Int(input[0] % 16) + 1
        // Of a piece that is longer than the room the socket drops the rest.
        let pieces = unpack(packed, pieces: length, room: length + Int(input[1]) * 8)
        guard let whole, let pieces else { return }
        let count = min(whole.bytes.count, pieces.bytes.count)
        require(whole.bytes[..<count] == pieces.bytes[..<count], "other bytes in pieces: \(shown(input))")
        guard !whole.isLeft, !pieces.isLeft else { return }
        require((whole.error == nil) == (pieces.error == nil), "damaged or not: \(shown(input))")
        // How much the libraries hand over of what is damaged depends on how it came.
        if whole.error == nil {
            require(whole.bytes.count == pieces.bytes.count, "more or fewer bytes in pieces: \(shown(input))")
        }
        if PackedForm(beginning: packed) == nil {
            require(whole.error == nil && whole.bytes == packed, "not as it is: \(shown(input))")
        }
    }

    private struct Result {
        var bytes: [UInt8] = []
        var error: String?
        /// There is more, but it is enough.
        var isLeft = false
    }

    /// Through a socket that hands over one piece with each read, and nothing with the last. `nil` when the kernel has
    /// no room for so many.
    private func unpack(_ packed: [UInt8], pieces length: Int, room: Int) -> Result? {
        defer { while recv(ends.read, memory.baseAddress, memory.count, CInt(MSG_DONTWAIT)) >= 0 {} }
        for start in stride(from: 0, through: (packed.count + length - 1) / length * length, by: length) {
            let piece = packed[min(start, packed.count)..<min(start + length, packed.count)]
            let sent = piece.withUnsafeBytes { send(ends.write, $0.baseAddress, $0.count, CInt(MSG_DONTWAIT)) }
            if sent < 0 { return nil }
        }
        let source = Descriptor(owning: dup(ends.read))
        let archive = PackedInput(source, named: "x")
        let output = UnsafeMutableBufferPointer(rebasing: memory[..<min(room, memory.count)])
        var result = Result()
        do {
            while true {
                let count = try archive.read(into: output)
                if count == 0 { return result }
                require(count <= output.count, "\(count) bytes in \(output.count)")
                result.bytes += output[..<count]
                if result.bytes.count > ArchiveTarget.most {
                    result.isLeft = true
                    return result
                }
            }
        } catch {
            result.error = "\(error)"
            return result
        }
    }
}
