import Addresses
import NameServers

/// What a name server answers: written by whoever runs the zone. Answers that are made of records must read back as those
/// records; of any bytes at all nothing may be read that does not stand in them.
struct DNSTarget: Target {
    private static let names = ["2.0.0.127.zen.example", "test.dbl.example", "a.b"]
    private static let id: UInt16 = 0x1234

    mutating func run(_ input: [UInt8]) {
        guard let first = input.first else { return }
        let record: DNSQuestion.Record = first & 1 == 0 ? .address : .text
        guard let question = DNSQuestion(DNSTarget.names[Int(first >> 1) % 3], record) else {
            return require(false, "a name is none")
        }
        if first & 0x80 != 0 { made(question, input.dropFirst()) } else { raw(question, Array(input.dropFirst())) }
    }

    /// Behind the question's own bytes whatever comes; with and without a right header.
    private func raw(_ question: DNSQuestion, _ bytes: [UInt8]) {
        _ = question.answer(in: bytes, id: DNSTarget.id)
        guard let count = bytes.first else { return }
        var message = DNSTarget.header(question, count: count % 8)
        let start = message.count
        message += bytes.dropFirst()
        let answer = question.answer(in: message, id: DNSTarget.id)
        require(answer != nil, "its own question is not known: \(shown(message))")
        require(question.answer(in: message, id: DNSTarget.id ^ 1) == nil, "any id will do")
        switch answer {
        case .addresses(let addresses):
            require(question.record == .address && addresses.count <= Int(count % 8), "\(addresses)")
            for address in addresses {
                let isThere = message.indices.dropFirst(start).contains {
                    message[$0...].starts(with: [0, 4] + address.networkBytes)
                }
                require(isThere, "\(address) is not in \(shown(message))")
            }
        case .texts(let texts):
            require(question.record == .text && texts.count <= Int(count % 8), "\(texts.count) texts")
            require(texts.reduce(0) { $0 + $1.count } <= message.count, "more text than bytes: \(shown(message))")
        case .nothing, .failed, nil: break
        }
    }

    /// Records made of the input: of the name that was asked, of a CNAME's target, or of another name.
    private func made(_ question: DNSQuestion, _ input: ArraySlice<UInt8>) {
        var rest = input
        var body: [UInt8] = []
        var addresses: [IPAddress] = []
        var texts: [[UInt8]] = []
        var count: UInt8 = 0
        var hasAlias = false
        let alias = DNSTarget.labels("alias.example")
        while let kind = rest.popFirst(), count < 6 {
            let data = Array(rest.prefix(4))
            rest = rest.dropFirst(4)
            guard data.count == 4 else { break }
            let isOwn = kind & 3 == 0 || (kind & 3 == 1 && hasAlias)
            let owner = kind & 3 == 0 ? [0xc0, 12] : kind & 3 == 1 ? alias : DNSTarget.labels("other.example")
            count += 1
            switch kind >> 2 & 3 {
            case 0:
                body += owner + DNSTarget.record(1, data)
                if isOwn, let address = IPAddress(networkBytes: data) { addresses.append(address) }
            case 1:
                let text = Array(data.prefix(Int(kind >> 4) % 5))
                body += owner + DNSTarget.record(16, [UInt8(text.count)] + text + [1, 0x21])
                if isOwn { texts.append(text + [0x21]) }
            case 2:
                body += [0xc0, 12] + DNSTarget.record(5, alias)
                hasAlias = true
            default: body += owner + DNSTarget.record(kind | 0x20, data)
            }
        }
        let message = DNSTarget.header(question, count: count) + body
        let answer = question.answer(in: message, id: DNSTarget.id)
        let expected: DNSAnswer =
            question.record == .address
            ? addresses.isEmpty ? .nothing : .addresses(addresses) : texts.isEmpty ? .nothing : .texts(texts)
        require(answer == expected, "\(String(describing: answer)), not \(expected): \(shown(message))")
        for end in stride(from: message.count - 1, to: message.count - body.count, by: -7) {
            let cut = question.answer(in: Array(message[..<end]), id: DNSTarget.id)
            require(cut == .failed("broken"), "cut to \(end) bytes: \(String(describing: cut)): \(shown(message))")
        }
    }

    /// The question as an answer's begin.
    private static func header(_ question: DNSQuestion, count: UInt8) -> [UInt8] {
        var message = question.message(id: id)
        (message[2], message[3], message[7]) = (0x81, 0x80, count)
        return message
    }

    private static func record(_ type: UInt8, _ data: [UInt8]) -> [UInt8] {
        [0, type, 0, 1, 0, 0, 0, 60, 0, UInt8(data.count)] + data
    }

    private static func labels(_ name: String) -> [UInt8] {
        name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }
}
