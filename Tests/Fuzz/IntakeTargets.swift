import Addresses
import Dialects
import Events

@testable import LogIntake

/// What comes in over the network, from the journal, and in one log from many programs.

/// A TCP stream in pieces of any size, its messages, and the lines made of them: another host never speaks for ours.
struct SyslogTarget: Target {
    private let sender = SyslogMessage.Sender(IPAddress(v4: 0xc000_0242), isOwn: false)
    private var message = SyslogMessage(ownHost: "mx1.example")

    mutating func run(_ input: [UInt8]) {
        guard input.count > 1 else { return }
        let stream = Array(input.dropFirst())
        let whole = SyslogTarget.messages(stream, step: stream.count)
        let pieces = SyslogTarget.messages(stream, step: Int(input[0] % 32) + 1)
        require(whole.messages == pieces.messages, "other messages in pieces: \(shown(input))")
        // A broken frame may be noticed sooner, never not at all.
        require(whole.isWhole == pieces.isWhole, "broken or not: \(shown(input))")
        for text in whole.messages { check(text) }
        // A datagram is a message as it is.
        check(stream)
    }

    private mutating func check(_ text: [UInt8]) {
        guard text.withUnsafeBufferPointer({ message.read($0, from: sender) }) else { return }
        let line = message.line
        require(line.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "a line of several: \(shown(line))")
        guard let header = LogLine(line.span) else { return }
        let host = Array(line[header.host])
        let label = host.prefix { $0 != UInt8(ascii: ".") }.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
        require(!host.isEmpty, "a host without a name counts as this one: \(shown(line))")
        require(!label.elementsEqual("mx1".utf8), "another host speaks for this one: \(shown(line))")
    }

    private static func messages(_ stream: [UInt8], step: Int) -> (messages: [[UInt8]], isWhole: Bool) {
        var framing = SyslogFraming()
        var found: [[UInt8]] = []
        var start = 0
        while start < stream.count {
            let end = min(stream.count, start + max(1, step))
            let isGood = stream[start..<end].withUnsafeBufferPointer { chunk in
                framing.feed(chunk) { message, _ in found.append(Array(message)) }
            }
            if !isGood { return (found, false) }
            start = end
        }
        return (found, true)
    }
}

/// An entry of the journal, whose every field a local program may choose: one line, with the tag that it gave.
struct JournalTarget: Target {
    mutating func run(_ input: [UInt8]) {
        let fields = input.split(separator: 0, maxSplits: 3, omittingEmptySubsequences: false).map(Array.init)
        guard fields.count == 4 else { return }
        let microseconds = input.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } % 4_000_000_000_000_000
        var entry = JournalLine()
        fields[0].withUnsafeBufferPointer { host in
            fields[1].withUnsafeBufferPointer { identifier in
                fields[2].withUnsafeBufferPointer { process in
                    entry.begin(microseconds: microseconds, host: host, identifier: identifier, process: process)
                }
            }
        }
        fields[3].withUnsafeBufferPointer { entry.append($0) }
        require(entry.bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "a line of several: \(shown(entry.bytes))")
        guard let header = LogLine(entry.bytes.span) else {
            return require(false, "no header: \(shown(entry.bytes))")
        }
        require(header.stampForm == .rfc3339, "\(header.stampForm): \(shown(entry.bytes))")
        let tag = fields[1].prefix(100).map { byte -> UInt8 in
            byte > 0x20 && byte < 0x7f && ![0x3a, 0x5b, 0x5d].contains(byte) ? byte : UInt8(ascii: "?")
        }
        require(
            entry.bytes[header.tag].elementsEqual(tag.isEmpty ? Array("unknown".utf8) : tag),
            "tag: \(shown(entry.bytes))")
        let time = header.time(in: entry.bytes.span, reference: .distantPast)
        require(time?.nanoseconds == Int64(microseconds) * 1000, "time: \(shown(entry.bytes))")
    }
}

/// A log of every program and several hosts, read by all dialects together: each event is what its own MTA's second
/// reading says.
struct LogTarget: Target {
    private let reader: LogReader
    private let oracles: [MTA: any Oracle] = [
        .courier: CourierOracle(), .postfix: PostfixOracle(), .exim: EximOracle(), .sendmail: SendmailOracle(),
        .opensmtpd: OpenSMTPDOracle(), .qpsmtpd: QpsmtpdOracle(), .qmail: QmailOracle(), .site: SiteOracle(),
    ]

    init(_ words: SiteWords) { reader = LogReader(Set(MTA.allCases), words, ownHost: "mx1") }

    mutating func run(_ input: [UInt8]) {
        var reader = reader
        let lines = input.split(separator: 0x0a, maxSplits: 64, omittingEmptySubsequences: true).map(Array.init)
        let events = lines.map { line -> Event? in
            var event = Event()
            return reader.read(line.span, into: &event) ? event : nil
        }
        guard let last = events.lastIndex(where: { $0 != nil }) else { return }
        var hosts: [[UInt8]: [MTA: any Oracle]] = [:]
        for (line, event) in zip(lines, events).prefix(last + 1) {
            guard LogLine(line.span) != nil, let header = SlowLine(line) else {
                require(event == nil, "an event without a header: \(shown(line))")
                continue
            }
            var known = hosts[header.host] ?? oracles
            for (mta, oracle) in known {
                var oracle = oracle
                let place = oracle.hear(header)
                known[mta] = oracle
                if let event, event.mta == mta { require(place.allows(event), "\(event): \(shown(line))") }
            }
            hosts[header.host] = known
        }
    }
}
