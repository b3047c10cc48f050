/// Messages out of a TCP stream (RFC 6587): each with its length in front, or each ended by a newline.
///
/// The first byte of a connection says which, and it stays so: otherwise a newline inside a message, which an octet
/// count makes harmless, could begin another one. What fits neither breaks the connection off, as nothing tells where
/// the next message begins.
package struct SyslogFraming {
    private enum Kind {
        case unknown
        case lines
        case counted
    }

    private var kind = Kind.unknown
    private var splitter = LineSplitter()
    private var counts = LogCounters()
    /// Of a counted message: how many bytes are still to come; `nil` while its length is read.
    private var left: Int?
    private var length = 0
    private var lengthDigits = 0
    private var held: [UInt8] = []
    private var isCut = false

    /// More than this is no message but a broken count.
    private static let longestMessage = 1 << 20

    package init() {}

    /// Bytes of a message whose end has not come.
    package var unfinishedBytes: Int { kind == .lines ? splitter.unfinishedBytes : held.count + lengthDigits }

    /// Hands over the messages that end in `chunk`, without their frames. False: the frames are broken.
    package mutating func feed(
        _ chunk: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>, _ isCut: Bool) -> Void
    ) -> Bool {
        guard let first = chunk.first else { return true }
        if kind == .unknown {
            switch first {
            case UInt8(ascii: "<"): kind = .lines
            case UInt8(ascii: "1")...UInt8(ascii: "9"): kind = .counted
            default: return false
            }
        }
        guard kind == .counted else {
            splitter.feed(chunk, &counts) { line, info in
                if line.count > 0 { line.withUnsafeBufferPointer { body($0, info.isCut) } }
            }
            return true
        }
        return feedCounted(chunk, body)
    }

    private mutating func feedCounted(
        _ chunk: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>, _ isCut: Bool) -> Void
    ) -> Bool {
        var position = 0
        while position < chunk.count {
            guard let wanted = left else {
                let byte = chunk[position]
                position += 1
                if byte == 0x20, length > 0 {
                    left = length
                    continue
                }
                guard (0x30...0x39).contains(byte), lengthDigits > 0 || byte != 0x30 else { return false }
                length = length * 10 + Int(byte - 0x30)
                lengthDigits += 1
                guard length <= SyslogFraming.longestMessage else { return false }
                continue
            }
            let count = min(wanted, chunk.count - position)
            let part = UnsafeBufferPointer(rebasing: chunk[position..<(position + count)])
            position += count
            if count == wanted, held.isEmpty {
                body(
                    UnsafeBufferPointer(rebasing: part.prefix(LineSplitter.longestLine)),
                    count > LineSplitter.longestLine)
            } else {
                held.append(contentsOf: part.prefix(LineSplitter.longestLine - held.count))
                isCut = length > LineSplitter.longestLine
                guard count == wanted else {
                    left = wanted - count
                    return true
                }
                held.withUnsafeBufferPointer { body($0, isCut) }
            }
            held.removeAll(keepingCapacity: held.count <= 4096)
            left = nil
            length = 0
            lengthDigits = 0
        }
        return true
    }
}
