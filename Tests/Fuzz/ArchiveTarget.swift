import Archives
import Glibc
import Posix

/// A packed log: whatever is in it, reading ends, and it gives the same in pieces of any size as in one.
struct ArchiveTarget: Target {
    /// What stands for gigabytes of zeros is not unpacked to the end.
    private static let most = 1 << 18
    private let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 1 << 16)

    mutating func run(_ input: [UInt8]) {
        guard input.count > 2 else { return }
        let packed = Array(input.dropFirst(2))
        let whole = unpack(packed, pieces: packed.count, room: memory.count)
        let pieces = unpack(packed, pieces: Int(input[0] % 16) + 1, room: Int(input[1]) * 8 + 1)
        guard let whole, let pieces else { return }
        let count = min(whole.bytes.count, pieces.bytes.count)
        require(whole.bytes[..<count] == pieces.bytes[..<count], "other bytes in pieces: \(shown(input))")
        guard !whole.isLeft, !pieces.isLeft else { return }
        require(whole.bytes.count == pieces.bytes.count, "more or fewer bytes in pieces: \(shown(input))")
        require((whole.error == nil) == (pieces.error == nil), "damaged or not: \(shown(input))")
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

    /// Through a socket that hands over one piece with each read. `nil` when the kernel has no room for so many.
    private func unpack(_ packed: [UInt8], pieces length: Int, room: Int) -> Result? {
        var ends: [CInt] = [0, 0]
        guard socketpair(AF_UNIX, CInt(SOCK_SEQPACKET.rawValue), 0, &ends) == 0 else { return nil }
        let source = Descriptor(owning: ends[0])
        var isSent = true
        for start in stride(from: 0, to: packed.count, by: length) where isSent {
            let piece = packed[start..<min(start + length, packed.count)]
            isSent = piece.withUnsafeBytes { send(ends[1], $0.baseAddress, $0.count, CInt(MSG_DONTWAIT)) } > 0
        }
        close(ends[1])
        guard isSent else { return nil }
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
