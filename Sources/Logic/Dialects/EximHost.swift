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

/// The client of one entry: where it stands, or all the places where it could.
struct EximHosts {
    /// The leftmost place.
    let first: EximHost
    /// The reader's place and the entry's end: whether the client could stand here, too, is asked but for a HELO.
    private let more: Range<Int>
    private let mark: UInt8?

    /// More of them than these are not looked at. Where HELO has to be a name, a client has sender and recipient for its
    /// addresses: 256 bytes of the one and 100 of the other are logged, and each of them takes 11.
    static let most = 40

    /// Reads the client at the reader's place and moves behind the leftmost place where it could stand. `nil` when it
    /// is none.
    init?(_ bytes: Span<UInt8>, _ reader: inout Reader) {
        mark = UInt8(ascii: ")")
        let nothing = reader.end..<reader.end
        if let host = EximHost(bytes, at: reader.position, end: reader.end) {
            (first, more) = (host, nothing)
            reader.move(to: host.end)
            return
        }
        if reader.isAtEnd { return nil }
        if bytes[reader.position] != UInt8(ascii: "(") {
            guard let blank = reader.find(0x20, within: EximHosts.longestName, in: bytes) else { return nil }
            reader.move(to: blank + 1)
            if let host = EximHost(bytes, at: reader.position, end: reader.end) {
                (first, more) = (host, nothing)
                reader.move(to: host.end)
                return
            }
        }
        guard reader.skip("(", in: bytes), let host = EximHosts.next(bytes, reader.rest, behind: mark) else {
            return nil
        }
        reader.move(to: host.end)
        (first, more) = (host, reader.rest)
    }

    /// Every place in the rest, for entries where the client's command stands before `H=NAME (HELO) [IP]`.
    init?(anywhereIn range: Range<Int>, _ bytes: Span<UInt8>) {
        guard let host = EximHosts.next(bytes, range, behind: nil) else { return nil }
        (first, more, mark) = (host, host.end..<range.upperBound, nil)
    }

    /// All the places from left to right when there are several, empty when there is one, and `nil` when there are more
    /// than `most`.
    func several(_ bytes: Span<UInt8>) -> [EximHost]? {
        guard var host = EximHosts.next(bytes, more, behind: mark) else { return [] }
        var hosts = [first, host]
        while let next = EximHosts.next(bytes, host.end..<more.upperBound, behind: mark) {
            if hosts.count == EximHosts.most { return nil }
            hosts.append(next)
            host = next
        }
        return hosts
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
    /// The peer, or the candidates where there are several; the rest of the event is the same for each. False when
    /// there are too many.
    func name(in event: inout Event, _ bytes: Span<UInt8>) -> Bool {
        guard let hosts = several(bytes) else { return false }
        if hosts.allSatisfy({ $0.peer == first.peer }) {
            event.peer = first.peer
            event.port = hosts.allSatisfy { $0.port == first.port } ? first.port : nil
            return true
        }
        // Whose connection has ended is not worth a question.
        if case .disconnect = event.kind { return true }
        for host in hosts where !event.candidates.contains(host.peer) { event.candidates.append(host.peer) }
        return true
    }
}
