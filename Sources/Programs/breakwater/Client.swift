import ArgumentParser
import CLinux
import ControlProtocol
import Events
import Glibc
import Posix

/// The connection to the daemon's control socket.
final class Client {
    private let descriptor: Descriptor
    private var input: [UInt8] = []
    private var chunk = [UInt8](repeating: 0, count: 65536)
    private var start = 0

    /// Connects; a daemon that cannot be reached ends the program with what to do about it.
    init(_ path: String) throws {
        let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        descriptor = try Descriptor("socket", "", number)
        let result: Int32
        do { result = try withSocketAddress(path) { connect(number, $0, $1) } } catch {
            throw Failure(ExitStatus.usage, "\(path): a socket's path has at most 107 bytes")
        }
        guard result == 0 else {
            switch errno {
            case EACCES, EPERM:
                throw Failure(
                    ExitStatus.noPermission,
                    "\(path): not permitted: run as root (sudo breakwater ...) or join the group of the socket")
            case ENOENT, ECONNREFUSED, ENOTDIR:
                throw Failure(
                    ExitStatus.unavailable,
                    "no daemon at \(path): start it (systemctl start breakwater, or sudo breakwaterd), "
                        + "or name its socket with --socket")
            default: throw Failure(ExitStatus.unavailable, SystemError("connect", path).description)
            }
        }
    }

    func send(_ request: Request) throws {
        var text = request.record.description + "\n"
        guard text.utf8.count <= Request.maxLength else {
            throw Failure(ExitStatus.usage, "too many addresses at once; give fewer")
        }
        let isSent = text.withUTF8 { bytes -> Bool in
            var sent = 0
            while sent < bytes.count {
                let count = Glibc.send(
                    descriptor.number, bytes.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
                if count < 0 {
                    if errno == EINTR { continue }
                    return false
                }
                sent += count
            }
            return true
        }
        guard isSent else { throw Failure(ExitStatus.unavailable, "the daemon closed the connection") }
    }

    /// A daemon that does not answer within `span` is taken for one that has gone.
    func limitWaiting(to span: Duration) {
        var time = timeval(tv_sec: Int(span.nanoseconds / 1_000_000_000), tv_usec: 0)
        setsockopt(
            descriptor.number, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    /// For an event loop; it stays ours.
    var number: Int32 { descriptor.number }

    /// Whether `next` has one without waiting.
    var hasRecord: Bool { input[start...].contains(0x0a) }

    /// The next record, or `nil` at the daemon's end.
    func next() throws -> Record? {
        while true {
            if let end = input[start...].firstIndex(of: 0x0a) {
                let line = input[start..<end]
                start = end + 1
                guard let record = Record(line: line) else {
                    throw Failure(
                        ExitStatus.unavailable, "the daemon's answer is not understood; are both of one version?")
                }
                return record
            }
            input.removeFirst(start)
            start = 0
            let count: Int
            do { count = try chunk.withUnsafeMutableBytes { try descriptor.read(into: $0) } ?? 0 } catch {
                throw Failure(ExitStatus.unavailable, "reading the daemon's answer: \(error)")
            }
            if count == 0 { return nil }
            input += chunk[..<count]
        }
    }

    /// Asks, hands over each row, and returns the last record. A refusal ends the program with the daemon's words.
    @discardableResult
    func ask(_ request: Request, row: (Record) throws -> Void = { _ in }) throws -> Record {
        do { try send(request) } catch {
            // A daemon that takes no more clients says so before it hangs up.
            if let record = try? next(), record.word == "error", let text = record["text"] {
                throw Failure(record.integer("code") ?? ExitStatus.unavailable, text)
            }
            throw error
        }
        return try answer(row: row)
    }

    /// What the daemon answers to the oldest request that was sent and has no answer yet.
    @discardableResult
    func answer(row: (Record) throws -> Void = { _ in }) throws -> Record {
        while let record = try next() {
            switch record.word {
            case "done": return record
            case "error":
                throw Failure(record["code"].flatMap { Int($0) } ?? ExitStatus.unavailable, record["text"] ?? "refused")
            default: try row(record)
            }
        }
        throw Failure(ExitStatus.unavailable, "the daemon closed the connection before it had answered")
    }
}

/// An end with an exit code and a sentence on stderr.
struct Failure: Error {
    let code: Int
    let text: String

    init(_ code: Int, _ text: String) {
        self.code = code
        self.text = text
    }

    /// A file that cannot be read.
    init(reading name: String, _ error: SystemError) {
        let remedy = error.code == EACCES && geteuid() != 0 ? "; root may" : ""
        self.init(ExitStatus.noInput, "\(shown(name)): \(errnoText(error.code))\(remedy)")
    }
}

extension Record {
    func integer(_ key: String) -> Int? { self[key].flatMap { Int($0) } }
    func instant(_ key: String) -> Instant? { self[key].flatMap { Int64($0) }.map { Instant(nanoseconds: $0) } }
}
