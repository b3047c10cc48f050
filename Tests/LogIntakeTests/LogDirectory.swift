import Events
import Foundation
import Glibc
import LogIntake
import Posix

/// A directory of its own for one test, gone with it.
final class LogDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/breakwater-log-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func at(_ name: String) -> String { path + "/" + name }

    /// Appends to a file, which is created if need be, as a syslog daemon does.
    func append(_ name: String, _ text: String) throws { try append(name, Array(text.utf8)) }

    func append(_ name: String, _ bytes: [UInt8]) throws {
        let writer = try Writer(at(name))
        try writer.write(bytes)
    }

    func move(_ from: String, _ to: String) throws {
        guard rename(at(from), at(to)) == 0 else { throw SystemError("rename", from) }
    }

    func truncate(_ name: String) throws {
        guard Glibc.truncate(at(name), 0) == 0 else { throw SystemError("truncate", name) }
    }

    func copy(_ from: String, _ to: String) throws { try append(to, try contents(of: at(from), limit: 1 << 30)) }
    func delete(_ name: String) throws { guard remove(at(name)) == 0 else { throw SystemError("remove", name) } }
    func makeDirectory(_ name: String) throws {
        guard mkdir(at(name), 0o755) == 0 else { throw SystemError("mkdir", name) }
    }

    /// Makes `name` a link to `target` in one step, over a link that may be there.
    func link(_ name: String, to target: String) throws {
        guard symlink(target, at(name + ".new")) == 0 else { throw SystemError("symlink", name) }
        try move(name + ".new", name)
    }

    func wholeLog(_ name: String = "mail.log") throws -> WholeLog {
        let file = FileOwner(try Descriptor.open(at(name), O_RDONLY))
        return WholeLog { try file.descriptor.read(into: UnsafeMutableRawBufferPointer($0)) ?? 0 }
    }

    private final class FileOwner {
        let descriptor: Descriptor

        init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
    }

    func follower(
        _ name: String = "mail.log", start: LogFollower.Start = .beginning, grace: Duration = .seconds(60)
    ) throws -> LogFollower {
        try LogFollower(path: at(name), start: start, grace: grace)
    }
}

/// A file kept open for appending, whatever happens to its name.
final class Writer: Sendable {
    private let file: Descriptor

    init(_ path: String) throws { file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o644) }

    func write(_ text: String) throws { try write(Array(text.utf8)) }

    func write(_ bytes: [UInt8]) throws {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { Glibc.write(file.number, $0.baseAddress, $0.count) }
            guard count >= 0 else { throw SystemError("write") }
            done += count
        }
    }
}

extension Span where Element == UInt8 {
    var text: String { withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) } }
}

extension LogStream {
    /// All lines that are there now, read `step` bytes at a time.
    func lines(step: Int = 1 << 20) throws -> [String] {
        var found: [String] = []
        while try readAvailable(maxBytes: step, { line, info in found.append((info.isCut ? "CUT:" : "") + line.text) })
        {}
        return found
    }
}

/// Whether the stream's descriptor is readable, now or within some seconds.
func isReadable(_ stream: some LogStream, within milliseconds: Int32 = 5000) -> Bool {
    guard let descriptor = stream.descriptor else { return false }
    var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&wanted, 1, milliseconds) == 1
}

/// A fixed sequence of numbers, so that a failure can be repeated.
struct Lottery {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func next(_ limit: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return Int((z ^ (z >> 31)) % UInt64(limit))
    }
}
