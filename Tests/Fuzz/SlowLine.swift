import Addresses
import Glibc

/// A second reading of a line's header and of addresses: slow, obvious, and sharing nothing with the one in Sources.
///
/// It only says where things stand in a line that the reader has taken; whether a stamp is one it does not ask.
struct SlowLine {
    var host: [UInt8] = []
    var tag: [UInt8] = []
    var pid: [UInt8]?
    var message: [UInt8] = []

    init?(_ line: some Collection<UInt8>) {
        var rest = Array(line)
        if rest.last == 0x0d { rest.removeLast() }
        var hasPriority = false
        if rest.first == UInt8(ascii: "<") {
            guard let close = rest.firstIndex(of: UInt8(ascii: ">")) else { return nil }
            rest.removeFirst(close + 1)
            hasPriority = true
        }
        if hasPriority, rest.starts(with: "1 ".utf8) {
            rest.removeFirst(2)
            guard readProtocol23(rest) else { return nil }
        } else {
            guard readTraditional(rest) else { return nil }
        }
    }

    private mutating func readTraditional(_ line: [UInt8]) -> Bool {
        guard let first = line.first else { return false }
        var rest = line
        if first == UInt8(ascii: "@"), line.count > 25 {
            message = Array(line.dropFirst(26))
            return true
        }
        if ["rblsmtpd: ", "tcpserver: "].contains(where: { line.starts(with: $0.utf8) }) {
            message = line
            return true
        }
        if line.count > 20, line[10] == 0x20, (0x30...0x39).contains(first), !line[..<10].contains(0x20) {
            readDateTime(line)
            return true
        }
        if line.count > 25, line[3] == 0x20, line[7] == 0x20, !(0x30...0x39).contains(first) {
            // A weekday and 20 bytes of date, then what stands where a tag does.
            guard readTraditional(Array("Nov 20 22:44:29 x ".utf8) + line[25...]) else { return false }
            host = tag
            tag = []
            return true
        }
        if (0x30...0x39).contains(first) {
            guard SlowLine.takeWord(&rest) != nil else { return false }
        } else {
            guard rest.count > 16 else { return false }
            rest.removeFirst(16)
        }
        guard let host = SlowLine.takeWord(&rest) else { return false }
        self.host = host
        guard let stop = rest.firstIndex(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "[") }) else {
            return false
        }
        tag = Array(rest[..<stop])
        if rest[stop] == UInt8(ascii: "[") {
            guard let close = rest[stop...].firstIndex(of: UInt8(ascii: "]")) else { return false }
            pid = Array(rest[(stop + 1)..<close])
            rest.removeFirst(close + 1)
            guard rest.first == UInt8(ascii: ":") else { return false }
            rest.removeFirst()
        } else {
            rest.removeFirst(stop + 1)
        }
        if rest.first == 0x20 { rest.removeFirst() }
        message = rest
        return true
    }

    /// `2026-11-20 22:44:56[.123][ +0100] message`.
    private mutating func readDateTime(_ line: [UInt8]) {
        var rest = Array(line.dropFirst(19))
        if rest.first == UInt8(ascii: ".") {
            let fraction = rest.dropFirst().prefix(10).prefix { (0x30...0x39).contains($0) }
            rest.removeFirst(1 + fraction.count)
        }
        let zone = Array(rest.prefix(6))
        if rest.count > 6, zone[1] == UInt8(ascii: "+") || zone[1] == UInt8(ascii: "-"),
            zone[2...].allSatisfy({ (0x30...0x39).contains($0) })
        {
            rest.removeFirst(6)
        }
        message = Array(rest.dropFirst())
    }

    private mutating func readProtocol23(_ line: [UInt8]) -> Bool {
        var rest = line
        var words: [[UInt8]] = []
        for _ in 0..<5 {
            guard let word = SlowLine.takeWord(&rest) else { return false }
            words.append(word)
        }
        host = words[1]
        tag = words[2]
        pid = words[3]
        if rest.first == UInt8(ascii: "-") {
            rest.removeFirst()
        } else {
            while rest.first == UInt8(ascii: "[") {
                var isQuoted = false
                var isEscaped = false
                var end: Int?
                for (index, byte) in rest.enumerated().dropFirst() {
                    if isEscaped {
                        isEscaped = false
                    } else if byte == UInt8(ascii: "\\") {
                        isEscaped = isQuoted
                    } else if byte == UInt8(ascii: "\"") {
                        isQuoted = !isQuoted
                    } else if byte == UInt8(ascii: "]"), !isQuoted {
                        end = index
                        break
                    }
                }
                guard let end else { return false }
                rest.removeFirst(end + 1)
            }
        }
        if rest.first == 0x20 { rest.removeFirst() }
        // rsyslog's own blank.
        if rest.first == 0x20 { rest.removeFirst() }
        if rest.starts(with: [0xef, 0xbb, 0xbf]) { rest.removeFirst(3) }
        message = rest
        return true
    }

    private static func takeWord(_ rest: inout [UInt8]) -> [UInt8]? {
        guard let blank = rest.firstIndex(of: 0x20) else { return nil }
        let word = Array(rest[..<blank])
        rest.removeFirst(blank + 1)
        return word
    }
}

// MARK: - Steps that oracles are made of

extension [UInt8] {
    /// What stands behind `text` when it begins with it.
    func behind(_ text: String) -> [UInt8]? {
        starts(with: text.utf8) ? Array(dropFirst(text.utf8.count)) : nil
    }

    /// Where `text` stands first.
    func place(of text: String, from start: Int = 0) -> Int? {
        let wanted = Array(text.utf8)
        guard !wanted.isEmpty, count >= wanted.count, start >= 0, start <= count - wanted.count else { return nil }
        for index in start...(count - wanted.count) where self[index] == wanted[0] {
            if self[index..<(index + wanted.count)].elementsEqual(wanted) { return index }
        }
        return nil
    }

    /// Where `text` stands last.
    func lastPlace(of text: String) -> Int? {
        let wanted = Array(text.utf8)
        guard !wanted.isEmpty, count >= wanted.count else { return nil }
        for index in stride(from: count - wanted.count, through: 0, by: -1) where self[index] == wanted[0] {
            if self[index..<(index + wanted.count)].elementsEqual(wanted) { return index }
        }
        return nil
    }

    /// The bytes before `text`; `nil` without it.
    func before(_ text: String) -> [UInt8]? { place(of: text).map { Array(self[..<$0]) } }

    func isText(_ text: String) -> Bool { elementsEqual(text.utf8) }
}

/// The address that `text` is, as the C library reads it; an IPv4 one in its mapped form is an IPv4 one.
func slowAddress(_ text: [UInt8]) -> IPAddress? {
    guard text.count <= 45, !text.contains(0) else { return nil }
    var v4 = in_addr()
    var v6 = in6_addr()
    let word = text.map { CChar(bitPattern: $0) } + [0]
    if inet_pton(AF_INET, word, &v4) == 1 { return IPAddress(v4: UInt32(bigEndian: v4.s_addr)) }
    guard inet_pton(AF_INET6, word, &v6) == 1 else { return nil }
    let bytes = withUnsafeBytes(of: v6) { Array($0) }
    func number(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
    return IPAddress(high: number(bytes[..<8]), low: number(bytes[8...]))
}
