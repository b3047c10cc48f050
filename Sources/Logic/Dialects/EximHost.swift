import Addresses
import Bytes
import Events

/// The client as Exim writes it (host.c, host_build_sender_fullhost): `NAME (HELO) [IP]:PORT`, where NAME, HELO and
/// port may be missing.
///
/// NAME comes from the DNS, went there and back, and holds no blank. HELO is the client's; with
/// helo_accept_junk_hosts it may hold anything, also `) [192.0.2.7] F=<...`, and so may what follows the address. So
/// without a HELO the address is certain; with one, every `) [ADDRESS]` up to the end of the entry could be it.
struct EximHost {
    var peer: IPAddress
    /// The address's text.
    var address: Range<Int>
    var port: UInt16?
    /// Behind address and port.
    var end: Int

    /// The address group that begins at `start`: `[IP]` or `[IP]:PORT`, and then a blank, a colon or the end.
    init?(_ bytes: Span<UInt8>, at start: Int, end limit: Int) {
        var reader = Reader(start..<limit)
        guard reader.skip("[", in: bytes), let peer = reader.address(upTo: UInt8(ascii: "]"), in: bytes) else {
            return nil
        }
        self.peer = peer
        address = (start + 1)..<reader.position
        reader.move(to: reader.position + 1)
        var next = reader
        if next.skip(":", in: bytes), let number = next.port(in: bytes) {
            port = number
            reader = next
        }
        end = reader.position
        guard reader.isAtEnd || bytes[end] == 0x20 || bytes[end] == UInt8(ascii: ":") else { return nil }
    }
}

extension EximHost {
    /// What stands in the parentheses before the address, in an entry whose client begins at `start`.
    func helo(_ bytes: Span<UInt8>, from start: Int) -> Range<Int>? {
        let close = address.lowerBound - 3
        guard close > start, bytes[close] == UInt8(ascii: ")"),
            let open = bytes.firstIndex(of: UInt8(ascii: "("), from: start, to: close)
        else { return nil }
        return (open + 1)..<close
    }
}

/// All that could be the client in one entry, from left to right.
struct EximHosts {
    let first: EximHost
    private(set) var others: [EximHost] = []

    /// More of them than these are somebody's joke, and asking the kernel for each would be his, too.
    static let most = 8

    var all: [EximHost] { [first] + others }

    /// Reads the client at the reader's place and moves behind the leftmost place where it could stand. `nil` when it
    /// is none, or when it could be more than `most`.
    init?(_ bytes: Span<UInt8>, _ reader: inout Reader) {
        if let host = EximHost(bytes, at: reader.position, end: reader.end) {
            first = host
            reader.move(to: host.end)
            return
        }
        if reader.isAtEnd { return nil }
        if bytes[reader.position] != UInt8(ascii: "(") {
            guard let blank = reader.find(0x20, within: EximHosts.longestName, in: bytes) else { return nil }
            reader.move(to: blank + 1)
            if let host = EximHost(bytes, at: reader.position, end: reader.end) {
                first = host
                reader.move(to: host.end)
                return
            }
        }
        guard reader.skip("(", in: bytes),
            let host = EximHosts.next(bytes, reader.rest, behind: UInt8(ascii: ")"))
        else { return nil }
        first = host
        reader.move(to: host.end)
        guard collect(bytes, reader.rest, behind: UInt8(ascii: ")")) else { return nil }
    }

    /// Every place in the rest, for entries where the client's command stands before `H=NAME (HELO) [IP]`.
    init?(anywhereIn range: Range<Int>, _ bytes: Span<UInt8>) {
        guard let host = EximHosts.next(bytes, range, behind: nil) else { return nil }
        first = host
        guard collect(bytes, host.end..<range.upperBound, behind: nil) else { return nil }
    }

    private mutating func collect(_ bytes: Span<UInt8>, _ range: Range<Int>, behind mark: UInt8?) -> Bool {
        var start = range.lowerBound
        while let host = EximHosts.next(bytes, start..<range.upperBound, behind: mark) {
            if others.count == EximHosts.most - 1 { return false }
            others.append(host)
            start = host.end
        }
        return true
    }

    /// The next address group; with a mark, only behind that and a blank, else behind any blank or `H=`.
    private static func next(_ bytes: Span<UInt8>, _ range: Range<Int>, behind mark: UInt8?) -> EximHost? {
        var start = range.lowerBound
        let end = range.upperBound
        while let found = bytes.firstIndex(of: mark ?? UInt8(ascii: "["), from: start, to: end) {
            start = found + 1
            var group = found
            if mark != nil {
                guard bytes.hasBytes(of: " [", at: start), start + 2 < end else { continue }
                group = start + 1
            } else {
                guard found > range.lowerBound,
                    bytes[found - 1] == 0x20 || bytes.hasBytes(of: "H=", at: found - 2)
                else { continue }
            }
            if let host = EximHost(bytes, at: group, end: end) { return host }
        }
        return nil
    }

    /// A name of the DNS with every byte escaped (NI_MAXHOST).
    private static let longestName = 1025
}

extension EximHosts {
    /// The peer, or the candidates where there are several; the rest of the event is the same for each.
    func name(in event: inout Event) {
        if others.allSatisfy({ $0.peer == first.peer }) {
            event.peer = first.peer
            event.port = others.allSatisfy { $0.port == first.port } ? first.port : nil
            return
        }
        for host in all where !event.candidates.contains(host.peer) { event.candidates.append(host.peer) }
    }
}
