import Addresses

/// A question to a name server, and what one answer to it says (RFC 1035, 4.1), as far as a DNSBL's answers go: A and
/// TXT of the Internet class, through CNAMEs that stand in the same answer.
///
/// Whoever runs the zone writes the answer. Every length is held against the bytes that are there, a compressed name may
/// only point backwards, and no name is longer than 255 bytes, so that reading ends whatever the bytes are.
package struct DNSQuestion: Hashable, Sendable {
    package enum Record: UInt16, Sendable {
        case address = 1
        case text = 16
    }
    /// Without a dot at its end, any case.
    package let name: String
    package let record: Record
    private let labels: [UInt8]

    /// `nil` when it is no name that can be asked: an empty label, one of more than 63 bytes, or more than 255 in all.
    package init?(_ name: String, _ record: Record) {
        var bytes: [UInt8] = []
        for label in name.split(separator: ".", omittingEmptySubsequences: false) {
            guard (1...63).contains(label.utf8.count) else { return nil }
            bytes.append(UInt8(label.utf8.count))
            bytes += Array(label.utf8)
        }
        bytes.append(0)
        guard bytes.count <= 255 else { return nil }
        self.name = name
        self.record = record
        labels = bytes
    }

    /// The message that asks it, with recursion desired.
    package func message(id: UInt16) -> [UInt8] {
        bytes(id) + [0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0] + labels + bytes(record.rawValue) + [0, 1]
    }

    private func bytes(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xff)] }
}

package enum DNSAnswer: Equatable, Sendable {
    case addresses([IPAddress])
    /// The strings of each TXT record joined.
    case texts([[UInt8]])
    /// NXDOMAIN, or no record of that type.
    case nothing
    /// Why there is none: `SERVFAIL`, `no answer in 5 s`.
    case failed(String)
}

extension DNSQuestion {
    /// What `message` answers to this question; `nil` when it is no answer to it, so that the right one may yet come.
    package func answer(in message: [UInt8], id: UInt16) -> DNSAnswer? {
        var reader = DNSReader(message)
        // QR is set and the kind of query is 0; then this question alone.
        guard reader.number() == id, let flags = reader.number(), flags & 0xf800 == 0x8000, reader.number() == 1,
            let count = reader.number(), reader.skip(4), let asked = reader.name(), reader.number() == record.rawValue,
            reader.number() == 1, let own = DNSReader.folded(labels), asked == own
        else { return nil }
        switch flags & 0xf {
        case 0: return records(&reader, count, own) ?? (flags & 0x0200 != 0 ? .failed("cut off") : .failed("broken"))
        case 3: return .nothing
        case let code: return .failed(DNSQuestion.codes[code] ?? "error \(code)")
        }
    }

    /// `nil` when they are not whole.
    private func records(_ reader: inout DNSReader, _ count: UInt16, _ own: [UInt8]) -> DNSAnswer? {
        var names: Set<[UInt8]> = [own]
        var addresses: [IPAddress] = []
        var texts: [[UInt8]] = []
        for _ in 0..<count {
            guard let owner = reader.name(), let type = reader.number(), let kind = reader.number(), reader.skip(4),
                let data = reader.data()
            else { return nil }
            guard kind == 1, names.contains(owner) else { continue }
            if type == 5 {
                guard let target = reader.name(in: data) else { return nil }
                if names.count < DNSQuestion.mostNames { names.insert(target) }
            }
            guard type == record.rawValue else { continue }
            switch record {
            case .address:
                guard let address = reader.address(in: data) else { return nil }
                addresses.append(address)
            case .text:
                guard let text = reader.strings(in: data) else { return nil }
                texts.append(text)
            }
        }
        if !addresses.isEmpty { return .addresses(addresses) }
        return texts.isEmpty ? .nothing : .texts(texts)
    }

    /// A chain of more CNAMEs is nobody's.
    private static let mostNames = 8
    /// RFC 1035, 4.1.1; RFC 2136, 2.2.
    private static let codes: [UInt16: String] = [
        1: "FORMERR", 2: "SERVFAIL", 4: "NOTIMP", 5: "REFUSED", 9: "NOTAUTH",
    ]
}

/// Goes over the bytes of a message from its begin.
private struct DNSReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func number() -> UInt16? {
        guard bytes.count - position >= 2 else { return nil }
        defer { position += 2 }
        return UInt16(bytes[position]) << 8 | UInt16(bytes[position + 1])
    }

    mutating func skip(_ count: Int) -> Bool {
        guard bytes.count - position >= count else { return false }
        position += count
        return true
    }

    /// A length and as many bytes.
    mutating func data() -> Range<Int>? {
        guard let length = number(), skip(Int(length)) else { return nil }
        return (position - Int(length))..<position
    }

    /// The next name in small letters, with the lengths of its labels.
    mutating func name() -> [UInt8]? {
        guard let read = name(at: position, before: bytes.count) else { return nil }
        position = read.end
        return read.name
    }

    func name(in data: Range<Int>) -> [UInt8]? {
        guard let read = name(at: data.lowerBound, before: data.upperBound), read.end == data.upperBound else {
            return nil
        }
        return read.name
    }

    private func name(at start: Int, before limit: Int) -> (name: [UInt8], end: Int)? {
        var name: [UInt8] = []
        var (index, limit, end) = (start, limit, -1)
        // Each pointer leads to before the last one, and each label makes the name longer.
        var lowest = start
        while index < limit {
            let length = Int(bytes[index])
            if length >= 0xc0 {
                guard index + 1 < limit else { return nil }
                let target = (length & 0x3f) << 8 | Int(bytes[index + 1])
                if end < 0 { end = index + 2 }
                guard target < lowest else { return nil }
                (index, limit, lowest) = (target, bytes.count, target)
                continue
            }
            guard length < 0x40, index + 1 + length <= limit, name.count + 1 + length <= 255 else { return nil }
            name.append(bytes[index])
            for byte in bytes[(index + 1)..<(index + 1 + length)] { name.append(DNSReader.folded(byte)) }
            index += 1 + length
            if length == 0 { return (name, end < 0 ? index : end) }
        }
        return nil
    }

    func address(in data: Range<Int>) -> IPAddress? { data.count == 4 ? IPAddress(networkBytes: bytes[data]) : nil }

    /// The strings of a TXT record, joined.
    func strings(in data: Range<Int>) -> [UInt8]? {
        var text: [UInt8] = []
        var index = data.lowerBound
        while index < data.upperBound {
            let end = index + 1 + Int(bytes[index])
            guard end <= data.upperBound else { return nil }
            text += bytes[(index + 1)..<end]
            index = end
        }
        return text
    }

    /// A name without pointers in small letters.
    static func folded(_ labels: [UInt8]) -> [UInt8]? { DNSReader(labels).name(at: 0, before: labels.count)?.name }

    private static func folded(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }
}
