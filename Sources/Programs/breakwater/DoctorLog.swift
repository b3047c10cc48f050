import Configuration
import Dialects
import Events
import Glibc
import LogIntake
import Posix

/// The doctor's look at the logs: is there one, may it be read, and is it the mail server's?
extension Examination {
    mutating func checkLog() {
        if case .places(let places) = settings.mta.log {
            for case .syslog(let address) in places { checkPort(address) }
            let readable = places.filter { place in
                if case .syslog = place { return false }
                guard case .pattern(let text) = place else { return true }
                var pattern = PathPattern(text)
                if !pattern.files().isEmpty { return true }
                add(.fail, "log", "\(shown(text)) names no file", "set [mta] log; is a syslog daemon running?")
                return false
            }
            if readable.isEmpty { return }
        }
        do {
            for name in try LogInput.configured(settings) where name != "-" { try checkLog(name) }
        } catch { add(.fail, "log", (error as? Failure)?.text ?? "\(error)") }
    }

    /// A port that the daemon has, or could have.
    private mutating func checkPort(_ address: SyslogAddress) {
        if case .success = daemon {
            return add(.ok, "log", "\(address): received by the daemon; breakwater status shows what each host sends")
        }
        do throws(SystemError) {
            _ = try SyslogReceiver(
                name: "\(address)", address: address.address, port: address.port, udp: address.isUDP,
                tcp: address.isTCP, senders: [], ownHost: "")
            add(.ok, "log", "\(address): the port is free for the daemon")
        } catch {
            add(
                .fail, "log", "\(address): \(errnoText(error.code))",
                SyslogReceiver.remedy(for: error, port: address.port, udp: address.isUDP, tcp: address.isTCP))
        }
    }

    private mutating func checkLog(_ name: String) throws {
        do {
            let look = try look(at: name)
            if look.events == 0 {
                add(
                    .warn, "log", "\(shown(name)): none of the last \(look.lines) lines tells of a mail server's peer",
                    "right if nobody has connected yet; else set [mta] log: breakwater parse FILE shows what is read")
            } else {
                add(
                    .ok, "log",
                    "\(shown(name)): \(look.events) of the last \(look.lines) lines are read, \(look.rejections) are "
                        + "DNSBL rejections")
            }
        } catch let error as SystemError {
            add(
                .fail, "log", "\(shown(name)): \(errnoText(error.code))",
                error.code == EACCES ? "run as root" : "set [mta] log; is a syslog daemon running?")
        } catch let problem as LogProblem {
            add(.fail, "log", problem.text, problem.remedy ?? "run as root, or set [mta] log")
        }
    }

    private mutating func look(at name: String) throws -> (lines: Int, events: Int, rejections: Int) {
        var reader = LogReader(settings.mta.kinds, settings.mta.siteWords)
        var event = Event()
        var (lines, events, rejections) = (0, 0, 0)
        let now = LocalTime.now
        var clock = LogClock(reference: now)
        var first: Instant?
        defer {
            if reader.overflowed > 0 {
                add(.warn, "exim", overflowText(reader.overflowed), "end such connections in an ACL: docs/mtas/exim.md")
            }
        }
        try eachLastLine(of: name, now) { bytes in
            lines += 1
            guard reader.read(bytes, into: &event) else { return }
            events += 1
            let time = clock.time(of: reader.header, in: bytes)
            guard event.kind == .rejection, event.rejectionClass == .rbl, !event.isContinuation else { return }
            rejections += 1
            guard time != .distantPast else { return }
            first = first ?? time
            listings = (rejections, first ?? time, time)
        }
        return (lines, events, rejections)
    }

    /// The end of a file, or the last day of the journal.
    private func eachLastLine(of name: String, _ now: Instant, _ body: (Span<UInt8>) -> Void) throws {
        guard name == "journal" || name.hasPrefix("journal:") else {
            let tail = try lastBytes(of: name, count: 1 << 18)
            for line in tail.split(separator: 0x0a) { body(Array(line).span) }
            return
        }
        let names = name.dropFirst("journal:".count).split(separator: ",").map(String.init)
        let since = (now - .days(1)).nanoseconds / 1000
        let journal = try JournalStream(names, start: .resume(Record("journal", [("since", "\(since)")]).description))
        if let problem = journal.problem { throw problem }
        _ = try journal.readAvailable(maxBytes: 8 << 20) { line, _ in body(line) }
    }
}

func overflowText(_ count: Int) -> String {
    "\(grouped(count)) entries had no room in Exim's buffer, as a client filled it with its HELO: nobody is banned for them"
}

/// The last bytes of a file, from the begin of a line on.
private func lastBytes(of path: String, count: Int) throws -> [UInt8] {
    let file = try Descriptor.open(path, O_RDONLY | O_NONBLOCK)
    var status = stat()
    guard fstat(file.number, &status) == 0 else { throw SystemError("fstat", path) }
    let size = Int(status.st_size)
    lseek(file.number, max(0, size - count), SEEK_SET)
    var bytes = [UInt8](repeating: 0, count: min(size, count))
    let read = try bytes.withUnsafeMutableBytes { try file.read(into: $0) } ?? 0
    bytes.removeLast(bytes.count - read)
    if size > count, let newline = bytes.firstIndex(of: 0x0a) { bytes.removeFirst(newline + 1) }
    return bytes
}
