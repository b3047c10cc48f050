import Addresses
import Posix

/// A resolver: where questions go.
package struct NameServer: Hashable, Sendable, CustomStringConvertible {
    package var address: IPAddress
    package var port: UInt16 = 53

    package init(_ address: IPAddress, port: UInt16 = 53) {
        self.address = address
        self.port = port
    }

    /// `192.0.2.53`, `192.0.2.53:5353`, `[2001:db8::53]:5353`.
    package init?(_ text: String) {
        if let address = IPAddress(text) {
            self.init(address)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard let address = IPAddress(host) else { return nil }
        self.init(address, port: port)
    }

    package var description: String {
        if port == 53 { return "\(address)" }
        return address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }

    /// Those of /etc/resolv.conf, or this host itself where it names none, as resolv.conf(5) has it.
    package static func configured() -> [NameServer] {
        configured(
            (try? contents(of: "/etc/resolv.conf", limit: 65536)).map { String(decoding: $0, as: UTF8.self) } ?? "")
    }

    /// The first three count, as they do for the C library; an address with a zone (`fe80::1%eth0`) is passed over.
    static func configured(_ text: String) -> [NameServer] {
        var servers: [NameServer] = []
        for line in text.split(whereSeparator: { $0 == "\n" || $0 == "\r\n" }) {
            let words = line.split { $0 == " " || $0 == "\t" }
            guard words.count >= 2, words[0] == "nameserver", let address = IPAddress(words[1]) else { continue }
            let server = NameServer(address)
            if servers.count < 3, !servers.contains(server) { servers.append(server) }
        }
        return servers.isEmpty ? [NameServer(IPAddress(v4: 0x7f00_0001))] : servers
    }
}
