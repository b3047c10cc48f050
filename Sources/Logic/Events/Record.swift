/// One line of text with a word in front and `key=value` fields behind it: the form of our log, of the control
/// socket and of decisions in the store.
///
///     ban prefix=192.0.2.7/32 timeout=1h reason="by hand: spam run" count=3
///
/// A value with anything but plain printable ASCII stands in double quotes; inside them `"`, `\` and every byte
/// outside 0x20...0x7e are written `\xHH`. So a record never holds a newline or a control byte, whatever a peer put
/// into its HELO, and reading back what was written gives the same value.
package struct Record: Equatable, Sendable {
    package var word: String
    package var fields: [(key: String, value: String)]

    package init(_ word: String, _ fields: [(key: String, value: String)] = []) {
        self.word = word
        self.fields = fields
    }

    package subscript(key: String) -> String? {
        fields.first { $0.key == key }?.value
    }

    package mutating func add(_ key: String, _ value: (some CustomStringConvertible)?) {
        if let value { fields.append((key, value.description)) }
    }

    package static func == (left: Record, right: Record) -> Bool {
        left.word == right.word && left.fields.elementsEqual(right.fields) { $0.key == $1.key && $0.value == $1.value }
    }
}

extension Record: CustomStringConvertible {
    package var description: String {
        var text = word
        for (key, value) in fields {
            text += " "
            text += key
            text += "="
            Record.append(value, to: &text)
        }
        return text
    }

    private static func append(_ value: String, to text: inout String) {
        let isPlain =
            !value.isEmpty
            && value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
        if isPlain {
            text += value
        } else {
            text += "\""
            text += escaped(value.utf8)
            text += "\""
        }
    }

    /// Bytes from anywhere as printable ASCII: everything else, `"` and `\` become `\xHH`.
    package static func escaped(_ bytes: some Sequence<UInt8>, limit: Int = .max) -> String {
        var text = ""
        var count = 0
        for byte in bytes {
            if count == limit { return text + "..." }
            count += 1
            if byte >= 0x20, byte < 0x7f, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = Array("0123456789abcdef")
                text += "\\x\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
        return text
    }
}

extension Record {
    /// Reads one line as `description` writes it; `nil` when it is not of that form.
    package init?(line: some Sequence<UInt8>) {
        var bytes = Array(line)
        while bytes.last == UInt8(ascii: "\n") || bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        var index = 0
        func isWordByte(_ byte: UInt8) -> Bool {
            byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "=") && byte != UInt8(ascii: "\"")
        }
        func word() -> String? {
            let start = index
            while index < bytes.count, isWordByte(bytes[index]) { index += 1 }
            return index > start ? String(decoding: bytes[start..<index], as: UTF8.self) : nil
        }
        guard let first = word() else { return nil }
        self.init(first)
        while index < bytes.count {
            guard bytes[index] == 0x20 else { return nil }
            index += 1
            guard let key = word(), index < bytes.count, bytes[index] == UInt8(ascii: "=") else { return nil }
            index += 1
            var value: [UInt8] = []
            if index < bytes.count, bytes[index] == UInt8(ascii: "\"") {
                index += 1
                var isClosed = false
                while index < bytes.count {
                    let byte = bytes[index]
                    index += 1
                    if byte == UInt8(ascii: "\"") {
                        isClosed = true
                        break
                    }
                    if byte == UInt8(ascii: "\\") {
                        guard index + 2 < bytes.count, bytes[index] == UInt8(ascii: "x"),
                            let high = hexValue(bytes[index + 1]), let low = hexValue(bytes[index + 2])
                        else { return nil }
                        value.append(high << 4 | low)
                        index += 3
                    } else {
                        value.append(byte)
                    }
                }
                guard isClosed else { return nil }
            } else {
                while index < bytes.count, bytes[index] != 0x20 {
                    value.append(bytes[index])
                    index += 1
                }
            }
            fields.append((key, String(decoding: value, as: UTF8.self)))
        }
    }
}

private func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x61...0x66: byte - 0x61 + 10
    case 0x41...0x46: byte - 0x41 + 10
    default: nil
    }
}
