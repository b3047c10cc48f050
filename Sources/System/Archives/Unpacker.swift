import CArchives

/// What a file is packed with, told by how it begins and not by its name.
package enum PackedForm: String, CaseIterable, Sendable {
    case gzip
    case xz
    case zstd

    /// `nil` for anything else, text above all. RFC 1952, 2.3.1; the .xz file format, 2.1.1.1; RFC 8878, 3.1.1.
    package init?(beginning bytes: some Collection<UInt8>) {
        let found = PackedForm.allCases.first { bytes.starts(with: $0.magic) }
        guard let found else { return nil }
        self = found
    }

    /// The longest of the beginnings below.
    package static let magicLength = 6

    private var magic: [UInt8] {
        switch self {
        case .gzip: [0x1f, 0x8b, 0x08]
        case .xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]
        case .zstd: [0x28, 0xb5, 0x2f, 0xfd]
        }
    }
}

/// Why packed bytes cannot be unpacked any further.
package struct UnpackError: Error, Equatable, CustomStringConvertible {
    package let description: String
}

/// Unpacks a stream of bytes, several packed parts one after another included, with bounded memory.
final class Unpacker {
    /// What one call did.
    struct Step {
        var consumed = 0
        var produced = 0
        /// A packed part is complete: the input may end here.
        var isComplete = false
        var error: String?
    }

    private let form: PackedForm
    private var gzip = z_stream()
    private var xz = lzma_stream()
    private var zstd: OpaquePointer?
    /// Of gzip: a part is complete, and another may follow.
    private var isBetweenParts = false

    /// `xz -9` takes 65 MiB; what wants more than this is refused. libzstd has a bound of its own, 128 MiB of window.
    private static let mostMemory: UInt64 = 192 << 20
    /// LZMA_CONCATENATED (lzma/container.h), a macro with a cast.
    private static let concatenated: UInt32 = 8

    init(_ form: PackedForm) throws(UnpackError) {
        self.form = form
        var isReady = false
        switch form {
        case .gzip:
            // 15 bits of window, and 16 for gzip's header (zlib.h, inflateInit2).
            isReady = inflateInit2_(&gzip, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        case .xz:
            isReady = lzma_stream_decoder(&xz, Unpacker.mostMemory, Unpacker.concatenated) == LZMA_OK
        case .zstd:
            zstd = ZSTD_createDStream()
            isReady = zstd != nil
        }
        guard isReady else { throw UnpackError(description: "no memory to unpack \(form.rawValue)") }
    }

    deinit {
        switch form {
        case .gzip: inflateEnd(&gzip)
        case .xz: lzma_end(&xz)
        case .zstd: ZSTD_freeDStream(zstd)
        }
    }

    /// Unpacks some of `input` into `output`. `isLast`: no more input will come.
    func step(
        _ input: UnsafeMutableBufferPointer<UInt8>, isLast: Bool, into output: UnsafeMutableBufferPointer<UInt8>
    ) -> Step {
        switch form {
        case .gzip: stepGzip(input, output)
        case .xz: stepXZ(input, isLast, output)
        case .zstd: stepZstd(input, output)
        }
    }

    private func stepGzip(_ input: UnsafeMutableBufferPointer<UInt8>, _ output: UnsafeMutableBufferPointer<UInt8>)
        -> Step
    {
        if isBetweenParts {
            // Zeros may fill up a tape's block; gzip(1) passes over them too.
            let zeros = input.prefix { $0 == 0 }.count
            if zeros > 0 || input.isEmpty { return Step(consumed: zeros, isComplete: true) }
            inflateReset(&gzip)
            isBetweenParts = false
        }
        gzip.next_in = input.baseAddress
        gzip.avail_in = UInt32(input.count)
        gzip.next_out = output.baseAddress
        gzip.avail_out = UInt32(output.count)
        let result = inflate(&gzip, Z_NO_FLUSH)
        var step = Step(consumed: input.count - Int(gzip.avail_in), produced: output.count - Int(gzip.avail_out))
        switch result {
        case Z_STREAM_END:
            isBetweenParts = true
            step.isComplete = true
        case Z_OK, Z_BUF_ERROR: break
        default: step.error = gzip.msg.map { String(cString: $0) } ?? "error \(result)"
        }
        return step
    }

    private func stepXZ(
        _ input: UnsafeMutableBufferPointer<UInt8>, _ isLast: Bool, _ output: UnsafeMutableBufferPointer<UInt8>
    ) -> Step {
        xz.next_in = UnsafePointer(input.baseAddress)
        xz.avail_in = input.count
        xz.next_out = output.baseAddress
        xz.avail_out = output.count
        let result = lzma_code(&xz, isLast ? LZMA_FINISH : LZMA_RUN)
        var step = Step(consumed: input.count - xz.avail_in, produced: output.count - xz.avail_out)
        switch result {
        case LZMA_STREAM_END: step.isComplete = true
        case LZMA_OK, LZMA_BUF_ERROR: break
        case LZMA_MEMLIMIT_ERROR: step.error = "it takes more than \(Unpacker.mostMemory >> 20) MiB of memory"
        case LZMA_FORMAT_ERROR: step.error = "something else follows the packed data"
        default: step.error = "damaged data"
        }
        return step
    }

    private func stepZstd(_ input: UnsafeMutableBufferPointer<UInt8>, _ output: UnsafeMutableBufferPointer<UInt8>)
        -> Step
    {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let result = ZSTD_decompressStream(zstd, &target, &source)
        var step = Step(consumed: source.pos, produced: target.pos)
        if ZSTD_isError(result) != 0 {
            step.error = ZSTD_getErrorName(result).map { String(cString: $0) } ?? "damaged data"
        } else {
            step.isComplete = result == 0
        }
        return step
    }
}
