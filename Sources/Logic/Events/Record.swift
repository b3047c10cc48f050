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
        var bytes: [UInt8] = []
        write(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends the line, without a newline.
    package func write(to bytes: inout [UInt8]) {
        bytes.append(contentsOf: word.utf8)
        for (key, value) in fields {
            bytes.append(0x20)
            bytes.append(contentsOf: key.utf8)
            bytes.append(UInt8(ascii: "="))
            Record.append(value, to: &bytes)
        }
    }

    private static func append(_ value: String, to bytes: inout [UInt8]) {
        if !value.isEmpty, value.utf8.allSatisfy({ $0 > 0x20 && isPlain($0) }) {
            bytes.append(contentsOf: value.utf8)
        } else {
            bytes.append(UInt8(ascii: "\""))
            for byte in value.utf8 { appendEscaped(byte, to: &bytes) }
            bytes.append(UInt8(ascii: "\""))
        }
    }

    /// Bytes from anywhere as printable ASCII: everything else, `"` and `\` become `\xHH`.
    package static func escaped(_ bytes: some Sequence<UInt8>, limit: Int = .max) -> String {
        // The loop over bytes is here, where it is specialised, and not in the caller's target.
        bytes.withContiguousStorageIfAvailable { escaped($0, limit) }
            ?? Array(bytes).withUnsafeBufferPointer { escaped($0, limit) }
    }

    private static func escaped(_ bytes: UnsafeBufferPointer<UInt8>, _ limit: Int) -> String {
        let shown = UnsafeBufferPointer(rebasing: bytes.prefix(limit))
        if shown.count == bytes.count, shown.allSatisfy(isPlain) { return String(decoding: bytes, as: UTF8.self) }
        var text: [UInt8] = []
        text.reserveCapacity(shown.count + 16)
        for byte in shown { appendEscaped(byte, to: &text) }
        if shown.count < bytes.count { text.append(contentsOf: "...".utf8) }
        return String(decoding: text, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private static func appendEscaped(_ byte: UInt8, to text: inout [UInt8]) {
        if isPlain(byte) {
            text.append(byte)
        } else {
            text.append(UInt8(ascii: "\\"))
            text.append(UInt8(ascii: "x"))
            text.append(hexDigit(byte >> 4))
            text.append(hexDigit(byte & 15))
        }
    }
}

extension Record {
    /// Reads one line as `description` writes it; `nil` when it is not of that form.
    package init?(line: some Sequence<UInt8>) {
        let read =
            line.withContiguousStorageIfAvailable { Record(reading: $0) }
            ?? Array(line).withUnsafeBufferPointer { Record(reading: $0) }
        guard let read else { return nil }
        self = read
    }

    private init?(reading line: UnsafeBufferPointer<UInt8>) {
        var end = line.count
        while end > 0, line[end - 1] == 0x0a || line[end - 1] == 0x0d { end -= 1 }
        var reader = RecordReader(bytes: UnsafeBufferPointer(rebasing: line[..<end]))
        guard let word = reader.word() else { return nil }
        self.init(word)
        fields.reserveCapacity(8)
        while !reader.isAtEnd {
            guard reader.skip(0x20), let key = reader.word(), reader.skip(UInt8(ascii: "=")), let value = reader.value()
            else { return nil }
            fields.append((key, value))
        }
    }
}

/// Goes once over the bytes of a line.
private struct RecordReader {
    let bytes: UnsafeBufferPointer<UInt8>
    var index = 0

    var isAtEnd: Bool { index == bytes.count }

    mutating func skip(_ byte: UInt8) -> Bool {
        guard index < bytes.count, bytes[index] == byte else { return false }
        index += 1
        return true
    }

    mutating func word() -> String? {
        let start = index
        while index < bytes.count, RecordReader.isWordByte(bytes[index]) { index += 1 }
        return index > start ? text(from: start) : nil
    }

    mutating func value() -> String? {
        if skip(UInt8(ascii: "\"")) { return quoted() }
        let start = index
        while index < bytes.count, bytes[index] != 0x20 { index += 1 }
        return text(from: start)
    }

    /// Behind the first quotation mark, up to and with the last.
    private mutating func quoted() -> String? {
        var value: [UInt8] = []
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: value, as: UTF8.self) }
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
        return nil
    }

    private func text(from start: Int) -> String {
        String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<index]), as: UTF8.self)
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "=") && byte != UInt8(ascii: "\"")
    }
}

private func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x61 + value - 10 }

private func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x61...0x66: byte - 0x61 + 10
    case 0x41...0x46: byte - 0x41 + 10
    default: nil
    }
}
