import Archives
import Foundation
import Glibc
import Posix
import Testing

/// What gzip, xz and zstd themselves pack.
@Suite struct PackedInputTests {
    private static let text = (0..<10_000).map { "Nov 20 22:44:29 mx postfix/smtpd[\($0)]: text\n" }.joined()
    private static let programs = [
        ["gzip", "-c"], ["gzip", "-9c"], ["xz", "-c"], ["xz", "-9ec"], ["zstd", "-c"], ["zstd", "-19c"],
    ]

    @Test(arguments: programs)
    func `what was packed comes out again, from a file and from a slow pipe`(program: [String]) throws {
        let packed = try pack(Self.text, program)
        #expect(packed.count < Self.text.utf8.count / 4)
        #expect(PackedForm(beginning: packed)?.rawValue == program[0])
        #expect(try unpack(packed).text == Self.text)
        #expect(try unpack(packed, piece: 7).text == Self.text)
    }

    @Test(arguments: [["gzip", "-c"], ["xz", "-c"], ["zstd", "-c"]])
    func `several packed parts one after another, an empty one among them`(program: [String]) throws {
        let parts = try ["first\n", "", "second\n"].flatMap { try pack($0, program) }
        #expect(try unpack(parts).text == "first\nsecond\n")
        #expect(try unpack(pack("", program)).text == "")
    }

    @Test(arguments: programs)
    func `a file cut anywhere gives what it holds, then says so`(program: [String]) throws {
        let packed = try pack(Self.text, program)
        for share in [1, 2, 5, 9] {
            let result = try unpack(Array(packed[..<(packed.count * share / 10)]))
            #expect(Self.text.hasPrefix(result.text))
            #expect(result.error?.contains("ends too early") == true, "\(result.error ?? "no error")")
        }
        let almost = try unpack(Array(packed.dropLast(1)))
        #expect(almost.error?.contains("ends too early") == true)
        if program[0] != "xz" { #expect(almost.text.utf8.count >= Self.text.utf8.count - 300_000) }
    }

    @Test(arguments: programs)
    func `a damaged file gives an error and no trap`(program: [String]) throws {
        let packed = try pack(Self.text, program)
        var failures = 0
        for position in stride(from: 6, to: packed.count, by: max(1, packed.count / 31)) {
            var damaged = packed
            damaged[position] ^= 0x55
            let result = try unpack(damaged)
            if result.error != nil { failures += 1 }
            #expect(result.text.utf8.count < 100 << 20)
        }
        #expect(failures > 25, "of 31")
    }

    @Test func `what wants too much memory is refused`() throws {
        let packed = try pack(Self.text, ["zstd", "-1", "--long=28", "-c"])
        let result = try unpack(packed)
        #expect(result.text == "")
        #expect(result.error?.contains("memory") == true)
    }

    @Test(arguments: ["", "x", "Nov 20 22:44:29", "\u{1f}", "plain\nlines\n"])
    func `what is not packed comes as it is`(text: String) throws {
        for piece in [1, 1000] { #expect(try unpack(Array(text.utf8), piece: piece).text == text) }
    }

    private func pack(_ text: String, _ program: [String]) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = program
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let writer = Thread {
            try? input.fileHandleForWriting.write(contentsOf: Data(text.utf8)); try? input.fileHandleForWriting.close()
        }
        writer.start()
        let packed = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Array(packed)
    }

    /// All that comes out; `piece` bytes at a time through a pipe, else from a file.
    private func unpack(_ bytes: [UInt8], piece: Int? = nil) throws -> (text: String, error: String?) {
        let source: Descriptor
        if let piece {
            var ends: [Int32] = [0, 0]
            guard pipe(&ends) == 0 else { throw SystemError("pipe") }
            source = Descriptor(owning: ends[0])
            let end = ends[1]
            let writer = Thread {
                for start in stride(from: 0, to: bytes.count, by: piece) {
                    _ = bytes[start..<min(start + piece, bytes.count)].withUnsafeBytes {
                        write(end, $0.baseAddress, $0.count)
                    }
                }
                close(end)
            }
            writer.start()
        } else {
            var template = Array("/tmp/breakwater-packed-XXXXXX".utf8CString)
            let file = mkstemp(&template)
            unlink(template)
            guard bytes.withUnsafeBytes({ write(file, $0.baseAddress, $0.count) }) == bytes.count else {
                throw SystemError("write")
            }
            lseek(file, 0, SEEK_SET)
            source = Descriptor(owning: file)
        }
        let input = PackedInput(source, named: "x")
        let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 100_000)
        defer { buffer.deallocate() }
        var found: [UInt8] = []
        do {
            while true {
                let count = try input.read(into: buffer)
                if count == 0 { break }
                found += buffer[..<count]
            }
        } catch { return (String(decoding: found, as: UTF8.self), "\(error)") }
        return (String(decoding: found, as: UTF8.self), nil)
    }
}
