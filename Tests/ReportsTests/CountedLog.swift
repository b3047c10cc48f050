import Addresses
import Dialects
import Events
import Foundation
import Reports

/// Postfix lines with counts that are known, read by the real parser as they are written.
///
/// One with a name is kept as a file for `breakwater report --log`, in the directory of BREAKWATER_KEEP where that is set.
struct CountedLog {
    private(set) var tally: Tally
    private(set) var lines = 0
    private var reader = LogReader()
    private var event = Event()
    private var bytes: [UInt8] = []
    private var stamp = (second: Int64.min, text: "")
    private var messages = 0
    private let kept: KeptLog?

    init(_ name: String = "") {
        tally = Tally()
        kept = name.isEmpty ? nil : KeptLog(name)
    }

    mutating func say(_ time: Instant, _ host: String, _ program: String, _ text: String) {
        if stamp.second != time.seconds { stamp = (time.seconds, time.rfc3339Microseconds) }
        // Taken out for the time, as what is read must not be a part of what is changed.
        var bytes: [UInt8] = []
        swap(&bytes, &self.bytes)
        defer { swap(&bytes, &self.bytes) }
        bytes.removeAll(keepingCapacity: true)
        bytes.append(contentsOf: stamp.text.utf8)
        bytes.append(0x20)
        bytes.append(contentsOf: host.utf8)
        bytes.append(contentsOf: " postfix/\(program)[77]: ".utf8)
        bytes.append(contentsOf: text.utf8)
        lines += 1
        kept?.add(bytes)
        guard reader.read(bytes.span, at: time, into: &event) else { return }
        tally.add(event, at: time, header: reader.header, in: bytes.span)
    }

    mutating func connect(_ time: Instant, _ peer: IPAddress, host: String = "mx") {
        say(time, host, "smtpd", "connect from unknown[\(peer)]")
    }

    /// As many connections, without the parser's help: hundreds of thousands of the same line take a while.
    mutating func connections(_ count: Int, from begin: Instant, over span: Duration) {
        let line = Array("2014-09-01T00:00:00.000000Z mx postfix/smtpd[77]: connect from unknown[10.0.0.1]".utf8)
        guard let header = LogLine(line.span) else { return }
        var event = Event(.connect)
        for number in 0..<count {
            event.peer = address(number % 50)
            let time = begin + .nanoseconds(span.nanoseconds / Int64(count) * Int64(number))
            tally.add(event, at: time, header: header, in: line.span)
        }
        lines += count
    }

    mutating func disconnect(_ time: Instant, _ peer: IPAddress, host: String = "mx") {
        say(time, host, "smtpd", "disconnect from unknown[\(peer)] ehlo=1 mail=1 rcpt=0/1 commands=2/3")
    }

    mutating func reject(_ time: Instant, _ peer: IPAddress, _ reply: String, host: String = "mx") {
        say(
            time, host, "smtpd",
            "NOQUEUE: reject: RCPT from unknown[\(peer)]: \(reply); from=<a@b.example> to=<c@d.example> proto=ESMTP helo=<e>"
        )
    }

    mutating func list(_ time: Instant, _ peer: IPAddress, _ zone: String, _ more: String = "", host: String = "mx") {
        reject(
            time, peer, "554 5.7.1 Service unavailable; Client host [\(peer)] blocked using \(zone)\(more)", host: host)
    }

    mutating func accept(_ time: Instant, _ peer: IPAddress, host: String = "mx") {
        messages += 1
        let id = "A" + padded(messages, 9)
        say(time, host, "smtpd", "\(id): client=unknown[\(peer)]")
        say(time, host, "qmgr", "\(id): from=<a@b.example>, size=100, nrcpt=1 (queue active)")
    }
}

/// The lines of a log that is kept; those of one that lives as long as the program are on disk when that ends.
private final class KeptLog: @unchecked Sendable {
    private let file: UnsafeMutablePointer<FILE>

    init?(_ name: String) {
        guard let folder = ProcessInfo.processInfo.environment["BREAKWATER_KEEP"],
            let file = fopen("\(folder)/\(name).log", "w")
        else { return nil }
        self.file = file
    }

    func add(_ line: [UInt8]) {
        fwrite(line, 1, line.count, file)
        putc(0x0a, file)
    }

    deinit { fclose(file) }
}

/// The tables of the posts, as they were printed there.
enum Table {
    static func rows(_ name: String) throws -> [[String]] {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/tables/\(name).tsv")
        return try String(contentsOf: path, encoding: .utf8).split(separator: "\n").dropFirst()
            .map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
    }
}

extension Report.Section {
    /// Every row as it would be read: figures bare, shares in per cent.
    var figures: [[String]] {
        rows.map { row in
            row.map { cell in
                switch cell {
                case .none: "-"
                case .text(let text): text
                case .count(let count): "\(count)"
                case .short(let count): Figures.short(count)
                case .estimate(let count): "~\(count)"
                case .atLeast(let count): ">=\(count)"
                case .share(let share): Figures.percent(share)
                case .factor(let factor): Figures.factor(factor)
                case .number(let number): Figures.number(number)
                case .span(let span): span.span
                case .time(let time): time.rfc3339
                case .country(let country): country?.description ?? "?"
                }
            }
        }
    }

    func row(_ first: String) -> [String]? { figures.first { $0.first == first } }
}

func day(_ year: Int, _ month: Int, _ day: Int) -> Instant { CivilTime(year: year, month: month, day: day).instant() }
func dayNumber(_ instant: Instant) -> Int { Int(instant.seconds / 86400) }
/// A report on the days from `first` to `last`.
func base(_ log: CountedLog, _ first: Instant, _ last: Instant) -> ReportBase {
    ReportBase(log.tally, hours: dayNumber(first) * 24..<(dayNumber(last) + 1) * 24)
}
/// The address with this number among those of a block that has room for all.
func address(_ number: Int, _ block: UInt32 = 0x0a00_0000) -> IPAddress { IPAddress(v4: block &+ UInt32(number)) }
