import Dialects
import Events
import Foundation

/// `Fixtures/logs/<mta>/NAME.log` holds lines as a server wrote them; `NAME.events` has the expected event of each in
/// the line with the same number.
enum Fixtures {
    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures/logs")

    static let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures/corpus")

    static func lines(_ name: String) throws -> [[UInt8]] { try lines(of: directory.appendingPathComponent(name)) }

    static func corpusLines(_ name: String) throws -> [[UInt8]] { try lines(of: corpus.appendingPathComponent(name)) }

    private static func lines(of file: URL) throws -> [[UInt8]] {
        let bytes = try Data(contentsOf: file)
        return bytes.split(separator: 0x0a, omittingEmptySubsequences: false).dropLast().map { [UInt8]($0) }
    }

    static func text(_ name: String) throws -> [String] {
        try lines(name).map { String(decoding: $0, as: UTF8.self) }
    }
}

extension Courier {
    mutating func event(_ line: String) -> Event? { event(Array(line.utf8)) }
    mutating func event(_ line: [UInt8]) -> Event? { read(line.span) }

    /// What a dialect without a memory of earlier lines makes of a message of courieresmtpd.
    static func event(of message: String, rblTexts: [String] = []) -> String {
        var dialect = Courier(rblTexts: rblTexts)
        return describe(dialect.event("Nov 20 22:54:18 vm courieresmtpd: " + message))
    }
}

/// An event in one line, every field that is set; `-` for none.
func describe(_ event: Event?) -> String {
    guard let event else { return "-" }
    var words = [event.kind.rawValue]
    if let rejectionClass = event.rejectionClass { words.append(rejectionClass.rawValue) }
    if let code = event.code { words.append("\(code)") }
    if let peer = event.peer { words.append("\(peer)" + (event.port.map { ":\($0)" } ?? "")) }
    if !event.candidates.isEmpty {
        words.append("candidates=" + event.candidates.map(\.description).joined(separator: ","))
    }
    if let zone = event.zone { words.append(zone) }
    if let connections = event.connections { words.append("\(connections)") }
    if let sessions = event.rejectedSessions { words.append("sessions=\(sessions)") }
    if let pid = event.pid { words.append("pid=\(pid)") }
    if event.precedesReply { words.append("+precedes-reply") }
    if event.isAuthenticated { words.append("+authenticated") }
    if event.isContinuation { words.append("+continuation") }
    if event.isListFailure { words.append("+list-failure") }
    if event.isAtLimit { words.append("+limit") }
    return words.joined(separator: " ")
}

/// A fixed sequence of numbers, so that a failure can be repeated.
struct Lottery {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func next(_ limit: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return Int((z ^ (z >> 31)) % UInt64(limit))
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(next(256)) } }
}
