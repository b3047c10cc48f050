import Foundation
import Testing

/// A lab: a real Courier at 203.0.113.25, and clients with addresses that a DNSBL lists and others.
final class MailServer: Sendable {
    @TaskLocal static var current: MailServer?

    let name: String
    let log: String
    /// Process 1 of the server's namespaces.
    let pid: Int

    /// Brings it up. With the tarpit on, Courier answers errors after 8, 16, 32 s, as Debian has it.
    ///
    /// - Parameter blocks: couriertcpd's -block; without any, the lab's own.
    init(on ground: LabGround, _ name: String, tarpit: Bool, blocks: [String] = []) throws {
        self.name = name
        // The first run ever builds the lab's software.
        let up = try LabGround.$current.withValue(ground) {
            try Lab.run(
                [labScript, "up", "--name", name, "--tarpit", tarpit ? "1" : "0", "--json"]
                    + blocks.flatMap { ["--block", $0] }, atMost: 900)
        }
        try #require(up.code == 0, "\(up.errors)")
        let info = try JSON(parsing: up.output)
        log = try #require(info["log"].string)
        pid = try #require(info["server"]["pid"].int)
    }

    func down() throws { try Lab.run([labScript, "down", "--name", name]) }

    /// The words that run a command on the server or among the clients.
    func inside(_ side: Side, _ words: [String]) -> [String] {
        [labScript, "exec", "--name", name, "--in", side.rawValue, "--"] + words
    }

    enum Side: String { case server, client }

    /// Runs a dialogue of a client, Fixtures/NAME; the JSON it prints.
    func client(_ name: String, _ arguments: String...) throws -> JSON { try client(name, arguments) }

    func client(_ name: String, _ arguments: [String]) throws -> JSON {
        let done = try Lab.run(inside(.client, ["/usr/bin/python3", "-B", fixture(name)] + arguments), atMost: 120)
        try #require(done.code == 0, "\(done.testDescription)")
        return try JSON(parsing: done.output)
    }

    // MARK: - The log

    /// How long the log is now; later lines are those of what follows.
    func logLength() -> UInt64 {
        (try? FileManager.default.attributesOfItem(atPath: log)[.size] as? UInt64) ?? 0
    }

    func logLines(after start: UInt64) throws -> [Substring] {
        let file = try #require(FileHandle(forReadingAtPath: log))
        defer { try? file.close() }
        try file.seek(toOffset: start)
        return String(decoding: file.readDataToEndOfFile(), as: UTF8.self).split(separator: "\n")
    }

    /// The peers that Courier says it rejected for their listing, with the ports of the connections.
    func rejected(after start: UInt64) throws -> Set<Endpoint> {
        // 2026-11-20T22:44:56.033783+00:00 mx courieresmtpd: error,relay=::ffff:198.18.0.9,port=37809,...>: 511 http://...
        let found = try logLines(after: start).compactMap { line -> Endpoint? in
            guard let tail = line.range(of: " courieresmtpd: error,relay=").map({ line[$0.upperBound...] }),
                tail.contains(">: 511 http://www.spamhaus.org/")
            else { return nil }
            let fields = tail.split(separator: ",")
            guard fields.count > 2, fields[1].hasPrefix("port="), let port = Int(fields[1].dropFirst(5)) else {
                return nil
            }
            return Endpoint(
                peer: fields[0].hasPrefix("::ffff:") ? String(fields[0].dropFirst(7)) : String(fields[0]), port: port)
        }
        return Set(found)
    }
}

struct Endpoint: Hashable {
    let peer: String
    let port: Int

    /// What is banned for this peer, as `list --json` names it: the host, of IPv6 its /64.
    ///
    /// The lab's IPv6 clients are 2001:db8:66:N::M, which is all this has to know of IPv6.
    var net: String {
        guard peer.contains(":") else { return peer + "/32" }
        let parts = peer.components(separatedBy: "::")[0]
        return parts + "::/64"
    }
}
