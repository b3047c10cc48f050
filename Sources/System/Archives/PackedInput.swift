import Glibc
import Posix

/// The bytes of a file or pipe, unpacked when it begins as something packed does, else as they are.
///
/// A packed file that is damaged or ends too early gives what could be unpacked, and then the error.
package final class PackedInput {
    package let name: String
    /// `nil` for what is not packed; known from the first read on.
    package private(set) var form: PackedForm?
    /// Bytes taken from the file, packed as they are.
    package private(set) var bytesRead = 0

    private let descriptor: Descriptor
    private let chunk: UnsafeMutableBufferPointer<UInt8>
    /// What was read and not unpacked yet.
    private var pending = 0..<0
    private var isAtEnd = false
    private var hasBegun = false
    private var unpacker: Unpacker?
    private var isComplete = true
    private var failure: UnpackError?

    private static let chunkSize = 256 << 10

    package init(_ descriptor: consuming Descriptor, named name: String) {
        self.descriptor = descriptor
        self.name = name
        chunk = .allocate(capacity: PackedInput.chunkSize)
    }

    deinit { chunk.deallocate() }

    /// Reads up to `output.count` bytes; 0 at the end.
    package func read(into output: UnsafeMutableBufferPointer<UInt8>) throws -> Int {
        if let failure { throw failure }
        if !hasBegun { try begin() }
        guard let unpacker else { return try readPlain(into: output) }
        while true {
            if pending.isEmpty, !isAtEnd { try fill() }
            // At the end of the input there may still be something to hand out.
            let step = unpacker.step(
                UnsafeMutableBufferPointer(rebasing: chunk[pending]), isLast: isAtEnd, into: output)
            pending = (pending.lowerBound + step.consumed)..<pending.upperBound
            if step.consumed > 0 || step.produced > 0 || step.isComplete { isComplete = step.isComplete }
            if let error = step.error {
                failure = UnpackError(description: "its \(formName) data cannot be unpacked: \(error)")
            }
            if failure == nil, step.consumed == 0, step.produced == 0, isAtEnd || !pending.isEmpty {
                if isComplete, pending.isEmpty { return 0 }
                failure = UnpackError(description: "its \(formName) data ends too early: the file is not complete")
            }
            if step.produced > 0 { return step.produced }
            if let failure { throw failure }
        }
    }

    private var formName: String { form?.rawValue ?? "" }

    private func begin() throws(SystemError) {
        hasBegun = true
        while pending.count < PackedForm.magicLength, !isAtEnd { try fill() }
        form = PackedForm(beginning: chunk[pending])
        if let form {
            do throws(UnpackError) { unpacker = try Unpacker(form) } catch { failure = error }
            isComplete = false
        }
    }

    /// Appends to what is pending; a pipe may give few bytes at a time.
    private func fill() throws(SystemError) {
        if pending.isEmpty { pending = 0..<0 }
        let room = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(chunk)[pending.upperBound...])
        let count = try descriptor.read(into: room) ?? 0
        bytesRead += count
        if count == 0 { isAtEnd = true }
        pending = pending.lowerBound..<(pending.upperBound + count)
    }

    private func readPlain(into output: UnsafeMutableBufferPointer<UInt8>) throws(SystemError) -> Int {
        guard pending.isEmpty else {
            let count = min(pending.count, output.count)
            for index in 0..<count { output[index] = chunk[pending.lowerBound + index] }
            pending = (pending.lowerBound + count)..<pending.upperBound
            return count
        }
        let count = isAtEnd ? 0 : try descriptor.read(into: UnsafeMutableRawBufferPointer(output)) ?? 0
        bytesRead += count
        return count
    }
}
