import Addresses

/// Lines as an MTA writes them, with a peer that is known and foreign text where foreigners write.
///
/// A template is `tag[pid]|message`, several lines of one session with a newline between them. In it `$P` is the peer
/// as this MTA spells it, and `$` with another letter is foreign text, put through what the MTA does to it.
struct Grammar {
    enum Expected {
        /// The last line is an event of the peer, whatever foreigners write.
        case peer
        /// It may be none, or name nobody; it never names another.
        case peerOrNothing
        /// No event may come of it.
        case nothing
    }

    struct Made {
        var lines: [[UInt8]]
        var peer: IPAddress
        var expected: Expected
        var isCut = false
    }

    private enum Piece {
        case text([UInt8])
        case peer
        case foreign(UInt8)
    }
    private struct Line {
        var tag: [UInt8]
        var message: [Piece]
    }

    private let shapes: [(lines: [Line], expected: Expected)]
    private let peers: [(address: IPAddress, text: [UInt8])]
    /// What the MTA makes of a foreign text, by the letter of its field; without an entry it stays as it is.
    private let cleaning: [UInt8: ([UInt8]) -> [UInt8]]
    /// Nothing foreign stands before the peer, so that half a line names him or nobody. Where it does, a line must be
    /// whole, and the readers of logs see to that.
    private let canBeCut: Bool

    init(
        _ templates: [(String, Expected)], spelled: (IPAddress) -> String = { "\($0)" },
        cleaning: [Character: ([UInt8]) -> [UInt8]] = [:], canBeCut: Bool = true
    ) {
        self.canBeCut = canBeCut
        shapes = templates.map { (Grammar.lines($0.0), $0.1) }
        peers = ["198.51.100.9", "203.0.113.255", "10.0.0.1", "2001:db8::9", "2001:db8:66:0:1::"].compactMap { text in
            IPAddress(text).map { ($0, Array(spelled($0).utf8)) }
        }
        self.cleaning = Dictionary(uniqueKeysWithValues: cleaning.map { ($0.key.asciiValue ?? 0, $0.value) })
    }

    private static func lines(_ template: String) -> [Line] {
        template.split(separator: "\n").map { line in
            let parts = line.split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false)
            var pieces: [Piece] = []
            var text: [UInt8] = []
            var isField = false
            for byte in parts[1].utf8 {
                if isField {
                    pieces.append(.text(text))
                    text = []
                    pieces.append(byte == UInt8(ascii: "P") ? .peer : .foreign(byte))
                    isField = false
                } else if byte == UInt8(ascii: "$") {
                    isField = true
                } else {
                    text.append(byte)
                }
            }
            pieces.append(.text(text))
            return Line(tag: Array(parts[0].utf8), message: pieces)
        }
    }

    /// The input's first bytes choose shape, peer, header and cut; what is behind is foreign text, a field up to each 0.
    func line(from input: [UInt8]) -> Made? {
        guard input.count >= 4, !shapes.isEmpty else { return nil }
        let shape = shapes[Int(input[0]) % shapes.count]
        let peer = peers[Int(input[1]) % peers.count]
        var fields = input.dropFirst(4).split(separator: 0, omittingEmptySubsequences: false).map {
            $0.filter { $0 != 0x0a }
        }[...]
        var made = Made(lines: [], peer: peer.address, expected: shape.expected)
        var endsInPeer = false
        for line in shape.lines {
            var message: [UInt8] = []
            for piece in line.message {
                switch piece {
                case .text(let text):
                    message += text
                    if !text.isEmpty { endsInPeer = false }
                case .peer:
                    message += peer.text
                    endsInPeer = true
                case .foreign(let letter):
                    let text = fields.popFirst() ?? []
                    message += cleaning[letter]?(text) ?? text
                    endsInPeer = false
                }
            }
            made.lines.append(Grammar.header(line.tag, Int(input[2])) + message)
        }
        if canBeCut, made.expected != .nothing, input[3] >= 128, let last = made.lines.last, !endsInPeer {
            // Cut somewhere: then it may be no event, but never another one's.
            made.lines[made.lines.count - 1] = Array(last.prefix(last.count * Int(input[3] - 128) / 128))
            made.expected = .peerOrNothing
            made.isCut = true
        }
        return made
    }

    private static func header(_ tag: [UInt8], _ form: Int) -> [UInt8] {
        // A file of the program's own.
        if tag.isText("@multilog") { return Array("@400000006740e5a80c5be0d4 ".utf8) }
        if tag.isText("@mainlog") { return Array("2026-11-20 22:44:56 ".utf8) }
        if tag.first == UInt8(ascii: "@") {
            return Array("Fri Nov 20 22:44:56 2026 mx".utf8) + tag.dropFirst() + Array(": ".utf8)
        }
        switch form % 3 {
        case 0: return Array("Nov 20 22:44:29 mx ".utf8) + tag + Array(": ".utf8)
        case 1: return Array("2026-11-20T22:44:56.033783+00:00 mx ".utf8) + tag + Array(": ".utf8)
        default:
            // rsyslog cuts the name at a slash there.
            let name = tag.prefix { $0 != UInt8(ascii: "[") && $0 != UInt8(ascii: "/") }
            let pid = tag.drop { $0 != UInt8(ascii: "[") }.dropFirst().dropLast()
            return Array("<22>1 2026-11-20T22:44:56.033783+00:00 mx ".utf8) + name + [0x20]
                + (pid.isEmpty ? [UInt8(ascii: "-")] : Array(pid)) + Array(" - -  ".utf8)
        }
    }
}
