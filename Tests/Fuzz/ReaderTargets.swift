import Addresses
import BanLists
import Configuration
import ConnectionSampler
import ControlProtocol
import Dialects
import Events
import Glibc
import ProcFS

@testable import LogIntake
@testable import Shedding

/// The readers of foreign bytes that are no dialects: each with what must hold beside "it does not trap".

/// An address and a network, against the C library's reading.
struct AddressTarget: Target {
    let memory = GuardedMemory()

    mutating func run(_ input: [UInt8]) {
        let place = memory.place(input)
        let address = IPAddress(UnsafeRawBufferPointer(place).bindMemory(to: UInt8.self).span)
        let slow = slowAddress(input)
        require(address == slow, "\(shown(input)): \(String(describing: address)), not \(String(describing: slow))")
        if let address {
            require(IPAddress(address.description) == address, "\(address) is not read back")
            require(slowAddress(Array(address.description.utf8)) == address, "\(address) is no address")
        }
        guard let prefix = try? Prefix(parsing: String(decoding: input, as: UTF8.self)) else { return }
        require((try? Prefix(parsing: prefix.description)) == prefix, "\(prefix) is not read back")
        require(prefix.contains(prefix.lastAddress), "\(prefix)")
    }
}

/// A line's header and stamp, against the slow reading.
struct HeaderTarget: Target {
    let memory = GuardedMemory()

    mutating func run(_ input: [UInt8]) {
        let line = Array(input.prefix { $0 != 0x0a })
        let place = UnsafeRawBufferPointer(memory.place(line)).bindMemory(to: UInt8.self).span
        guard let header = LogLine(place) else { return }
        guard let slow = SlowLine(line) else { return require(false, "a header of nothing: \(shown(line))") }
        require(line[header.host].elementsEqual(slow.host), "host: \(shown(line))")
        require(line[header.tag].elementsEqual(slow.tag), "tag: \(shown(line))")
        require(line[header.message].elementsEqual(slow.message), "message: \(shown(line))")
        let pid = slow.pid.flatMap {
            $0.allSatisfy { (0x30...0x39).contains($0) } ? Int32(String(decoding: $0, as: UTF8.self)) : nil
        }
        // More than ten digits are no pid for the reader, leading zeros or not.
        if (slow.pid?.count ?? 0) <= 10 { require(header.pid == pid, "pid: \(shown(line))") }

        let reference = Instant(nanoseconds: 1_795_000_000_000_000_000)
        guard let time = header.time(in: place, reference: reference) else { return }
        if header.stampForm == .rfc3164 {
            require(time <= reference + .days(1), "a stamp of the future: \(shown(line))")
            // What was read is what is written: day and time of day.
            let text = String(decoding: line[header.stamp], as: UTF8.self)
            let civil = CivilTime(time)
            require(
                civil.day == Int(text.dropFirst(4).prefix(2).drop { $0 == " " }) || text.hasSuffix("60"),
                "\(text) was read as day \(civil.day)")
        } else if header.stampForm == .rfc3339 {
            require(
                HeaderTarget.seconds(line[header.stamp]) == time.nanoseconds / 1_000_000_000 || time.nanoseconds < 0,
                "\(shown(line[header.stamp])) was read as \(time.nanoseconds)")
        }
    }

    /// The stamp's seconds by timegm(3).
    private static func seconds(_ stamp: ArraySlice<UInt8>) -> Int64? {
        let text = Array(stamp)
        func number(_ from: Int, _ count: Int) -> Int32 {
            text[from..<(from + count)].reduce(0) { $0 * 10 + Int32($1 &- 0x30) }
        }
        var parts = tm()
        parts.tm_year = number(0, 4) - 1900
        parts.tm_mon = number(5, 2) - 1
        parts.tm_mday = number(8, 2)
        parts.tm_hour = number(11, 2)
        parts.tm_min = number(14, 2)
        parts.tm_sec = number(17, 2)
        var seconds = Int64(timegm(&parts))
        if text.last.map({ $0 | 0x20 }) != UInt8(ascii: "z") {
            let zone = text.count - 6
            let offset = Int64(number(zone + 1, 2)) * 3600 + Int64(number(zone + 4, 2)) * 60
            seconds += text[zone] == UInt8(ascii: "-") ? offset : -offset
        }
        return seconds
    }
}

/// Bytes of a file in pieces of any size: the lines are those between newlines.
struct SplitterTarget: Target {
    mutating func run(_ input: [UInt8]) {
        guard input.count > 2 else { return }
        let midLine = input[0] & 1 == 1
        let handsOver = input[0] & 2 == 2
        let step = Int(input[1]) + 1
        // A few inputs have lines beyond the bound.
        let stretch = input[0] == 0xa7 && input.count < 16 ? LineSplitter.longestLine / 4 : 1
        var text: [UInt8] = []
        for byte in input.dropFirst(2) {
            if byte >= 0xf0, stretch > 1 { text += [UInt8](repeating: byte, count: stretch) } else { text.append(byte) }
        }

        var found: [[UInt8]] = []
        var cut = 0
        var splitter = LineSplitter(midLine: midLine)
        var counters = LogCounters()
        func take(_ line: Span<UInt8>, _ info: LineInfo) {
            found.append(line.withUnsafeBufferPointer { Array($0) })
            if info.isCut { cut += 1 }
        }
        var offset = 0
        var size = step
        while offset < text.count {
            let end = min(offset + size, text.count)
            text[offset..<end].withUnsafeBufferPointer { splitter.feed($0, &counters, take) }
            offset = end
            size = size * 7 % 251 + (stretch > 1 ? 4096 : 1)
        }
        splitter.finish(handsOver: handsOver, &counters, take)

        var expected = text.split(separator: 0x0a, omittingEmptySubsequences: false).map(Array.init)
        let last = expected.removeLast()
        if !last.isEmpty, handsOver, !midLine || !expected.isEmpty { expected.append(last) }
        if midLine, !expected.isEmpty, text.contains(0x0a) { expected.removeFirst() }
        let bounded = expected.map { Array($0.prefix(LineSplitter.longestLine)) }
        require(found == bounded, "\(found.count) lines of \(bounded.count): \(shown(input))")
        require(counters.lines == UInt64(found.count) && counters.cutLines == UInt64(cut), "counts: \(shown(input))")
        require(cut == expected.filter { $0.count > LineSplitter.longestLine }.count, "cut: \(shown(input))")
    }
}

/// A saved position, which a damaged store may hand back in any shape.
struct PositionTarget: Target {
    mutating func run(_ input: [UInt8]) {
        guard let record = Record(line: input), let position = LogPosition(record) else { return }
        require(LogPosition(position.record) == position, "\(position.record) is not read back")
        for mark in position.marks { require(mark.offset >= 0, "\(position.record)") }
    }
}

/// The configuration: whatever the text, settings or complaints; and settings in force can be written and read again.
struct SettingsTarget: Target {
    mutating func run(_ input: [UInt8]) {
        let text = String(decoding: input, as: UTF8.self)
        let reading = SettingsReading([SettingsFile(name: "f", text: text)])
        require(reading.complaints.count <= SettingsReading.mostComplaints, "\(reading.complaints.count) complaints")
        for complaint in reading.complaints {
            let line = complaint.description
            require(
                line.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "a complaint of several lines: \(shown(line.utf8))")
        }
        if reading.complaints.isEmpty, input.count % 4 == 0 {
            let again = SettingsReading([SettingsFile(name: "g", text: reading.settings.toml)])
            require(again.complaints.isEmpty, "\(again.complaints): \(reading.settings.toml)")
            require(again.settings == reading.settings, "settings are not read back: \(reading.settings.toml)")
        }
        guard let equals = text.firstIndex(of: "=") else { return }
        var settings = Settings()
        try? settings.set(String(text[..<equals]), String(text[text.index(after: equals)...]))
    }
}

/// A pattern and a line for it, a newline between them: whatever pattern is taken, a word written where its free text
/// stands changes nothing.
struct PatternTarget: Target {
    mutating func run(_ input: [UInt8]) {
        let parts = input.split(separator: 0x0a, maxSplits: 1).map(Array.init)
        guard parts.count == 2, let pattern = try? SitePattern(String(decoding: parts[0], as: UTF8.self)) else {
            return
        }
        require((try? SitePattern(pattern.line)) == pattern, "a pattern is not read back: \(pattern.line)")
        var dialect = Site(SiteWords(patterns: [pattern]))
        let line = Array("Nov 20 22:44:29 mx ".utf8) + parts[1].filter { $0 != 0x0a }
        guard let event = dialect.read(line.span), !pattern.endsTheLine else { return }
        guard let peer = event.peer else { return require(false, "an event of nobody: \(shown(line))") }
        let longer = line + Array(" 192.0.2.66 ".utf8) + parts[1]
        require(dialect.read(longer.span)?.peer == peer, "foreign text changes the peer: \(shown(longer))")
    }
}

/// The control socket: a request, a decision of the store, a record.
struct ControlTarget: Target {
    mutating func run(_ input: [UInt8]) {
        guard let record = Record(line: input) else { return }
        let text = record.description
        require(text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f }, "control bytes in a record: \(shown(text.utf8))")
        require(Record(line: text.utf8) == record, "a record is not read back: \(text)")
        if let decision = Decision(record) {
            require(Decision(decision.timedRecord)?.kind == decision.kind, "a decision is not read back: \(text)")
        }
        guard let request = try? Request(record) else { return }
        require((try? Request(request.record)) == request, "a request is not read back: \(text)")
    }
}

/// What processes choose themselves: names, arguments, environments in /proc.
struct ProcTarget: Target {
    let memory = GuardedMemory()

    mutating func run(_ input: [UInt8]) {
        let bytes = UnsafeRawBufferPointer(memory.place(input)).bindMemory(to: UInt8.self).span
        if let stat = ProcessStat(bytes) {
            // State and parent stand behind the last parenthesis and a blank, whatever the name holds.
            guard let close = input.lastIndex(of: UInt8(ascii: ")")) else { return require(false, shown(input)) }
            let fields = input[min(close + 2, input.count)...].split(omittingEmptySubsequences: false) {
                $0 == 0x20 || $0 == 0x0a
            }
            require(
                fields.count > 1 && Int32(String(decoding: fields[1], as: UTF8.self)) == stat.parent,
                "parent: \(shown(input))")
        }
        for pid in childList(bytes) { require(pid > 0, "pid \(pid)") }
        _ = environmentValue("TCPREMOTEIP", in: bytes)
        _ = kilobyteField("VmRSS", in: bytes)
        _ = numberField("Uid", in: bytes)
        _ = bitsField("CapEff", in: bytes)
        if let call = systemCall(bytes) {
            require(call.number == systemCallNumber(bytes) && call.arguments.count == 6, "call: \(shown(input))")
        }
        for descriptor in epollTargets(bytes) { require(descriptor >= 0, "descriptor \(descriptor)") }
        if let ends = Slot.Ends(environment: bytes) {
            let values = input.split(separator: 0, omittingEmptySubsequences: false).compactMap {
                Array($0).behind("TCPREMOTEIP=")
            }
            require(values.first.map(slowAddress) == ends.peer, "\(ends.peer): \(shown(input))")
        }
        if let verdict = Slot.Verdict(environment: bytes) {
            require(!verdict.zone.isEmpty && !verdict.text.isEmpty, shown(input))
        }
        let text = String(decoding: input, as: UTF8.self)
        if let inode = socketInode(linkTarget: text) { require(text.contains("\(inode)"), text) }
        require(!programName(linkTarget: text).contains("/"), text)
        _ = Sampler.passiveOpens(inStatistics: text)
    }
}

/// A line of `import`: what was read of it is read again where `export` has written it.
struct ImportTarget: Target {
    mutating func run(_ input: [UInt8]) {
        for line in BanListLine.lines(String(decoding: input, as: UTF8.self)) {
            guard let first = try? BanListLine(line) else { continue }
            let special = SpecialNetworks.all.first { $0.overlaps(first.prefix) }
            require(special == nil, "\(first.prefix) is no network of the internet's")
            let told = BanListLine(first.prefix, span: first.span ?? .minutes(1), why: first.why)
            let text = told.text
            require(
                text.utf8.allSatisfy { $0 == 0x09 || $0 >= 0x20 && $0 < 0x7f }, "control bytes: \(shown(text.utf8))")
            compare(told, text)
            compare(told, ImportTarget.object(told))
        }
    }

    private func compare(_ told: BanListLine, _ text: String) {
        guard let again = try? BanListLine(text[...]) else {
            return require(false, "not read back: \(shown(text.utf8))")
        }
        require(again.prefix == told.prefix, "\(again.prefix), not \(told.prefix)")
        require((again.why ?? "") == (told.why ?? ""), "\(again.why ?? "nothing"): \(shown(text.utf8))")
        let (span, wanted) = (again.span ?? .zero, told.span ?? .zero)
        // Whole seconds, in centuries whole minutes; at least one.
        let grain = wanted > .seconds(999_999_999) ? Duration.minutes(1) : .seconds(1)
        require(
            span == wanted || span <= max(wanted, .seconds(1)) && wanted - span < grain,
            "\(span), not \(wanted): \(shown(text.utf8))")
    }

    /// As `export jsonl` has it, with every other character of the reason escaped.
    private static func object(_ line: BanListLine) -> String {
        var why = ""
        for (index, unit) in (line.why ?? "").utf16.enumerated() {
            let digits = String(unit, radix: 16)
            why +=
                index % 2 == 0 || unit < 0x30 || unit >= 0x7b || unit == 0x5c
                ? "\\u" + String(repeating: "0", count: 4 - digits.count) + digits : String(UnicodeScalar(UInt8(unit)))
        }
        let span = line.span ?? .zero
        let left = span == .forever ? "null" : "\(max(1, span.nanoseconds / 1_000_000_000))"
        return "{\"net\":\"\(line.prefix)\",\"left_s\":\(left),\"why\":\"\(why)\",\"hits\":0}"
    }
}
