import Addresses

/// A place that log lines come from, as `mta.log` names it.
///
///     "/var/log/mail.log"  "/var/log/hosts/*/mail.log"  "journal"  "journal:postfix@-.service"
///     "syslog://127.0.0.1:5514"  "syslog+tcp://[::1]:5514"  "-"
package enum LogPlace: Hashable, Sendable {
    /// An absolute path.
    case file(String)
    /// An absolute path with wildcards of glob(7); files that come later belong to it too.
    case pattern(String)
    /// The systemd journal: entries of these units or identifiers, or with none of the mail facility.
    case journal([String])
    case syslog(SyslogAddress)
    /// `-`, for pipes and tests.
    case standardInput
}

/// Where syslog is received.
package struct SyslogAddress: Hashable, Sendable {
    package var address: IPAddress
    package var port: UInt16
    package var transport: Transport

    package var isUDP: Bool { transport != .tcp }
    package var isTCP: Bool { transport != .udp }

    package init(address: IPAddress, port: UInt16, transport: Transport) {
        self.address = address
        self.port = port
        self.transport = transport
    }

    package enum Transport: String, Sendable {
        case both = "syslog"
        case udp = "syslog+udp"
        case tcp = "syslog+tcp"
    }
}

extension SyslogAddress: CustomStringConvertible {
    package var description: String {
        "\(transport.rawValue)://" + (address.isIPv4 ? "\(address)" : "[\(address)]") + ":\(port)"
    }
}

extension LogPlace: CustomStringConvertible {
    package var description: String {
        switch self {
        case .file(let path), .pattern(let path): path
        case .journal(let names): names.isEmpty ? "journal" : "journal:" + names.joined(separator: ",")
        case .syslog(let address): address.description
        case .standardInput: "-"
        }
    }
}

// MARK: - Reading

extension LogPlace {
    /// Reads one place; `auto` is none, and is the caller's.
    static func read(_ text: String) -> Result<LogPlace, Wrong> {
        if text == "-" { return .success(.standardInput) }
        if text == "journal" { return .success(.journal([])) }
        if text.hasPrefix("journal:") { return journal(text.dropFirst(8)) }
        if let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") {
            return syslog(text[..<colon], text[colon...].dropFirst(3))
        }
        if text.utf8.first == UInt8(ascii: "/") {
            if let fault = wrongPath(text) { return .failure(Wrong(fault.text)) }
            return .success(text.utf8.contains(where: wildcards.contains) ? .pattern(text) : .file(text))
        }
        let hint = nearest(text, among: ["auto", "journal"]).map { "; did you mean \"\($0)\"?" }
        return .failure(Wrong("expected \(forms)" + (hint ?? "")))
    }

    struct Wrong: Error {
        var text: String

        init(_ text: String) { self.text = text }
    }

    private static let wildcards = Set("*?[".utf8)
    private static let forms =
        "\"auto\", an absolute path, \"journal\", \"syslog://127.0.0.1:5514\", \"-\", or a list of them"
    private static let mostNames = 16

    private static func journal(_ text: Substring) -> Result<LogPlace, Wrong> {
        let names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        // As in an identifier or a unit's name: printable, no blanks.
        guard names.count <= mostNames,
            names.allSatisfy({ (1...255).contains($0.utf8.count) && $0.utf8.allSatisfy { (0x21...0x7e).contains($0) } })
        else {
            return .failure(
                Wrong("expected \"journal\", or \"journal:NAME,NAME\" with up to \(mostNames) units or identifiers"))
        }
        return .success(.journal(names))
    }

    private static func syslog(_ scheme: Substring, _ rest: Substring) -> Result<LogPlace, Wrong> {
        guard let transport = SyslogAddress.Transport(rawValue: String(scheme)) else {
            return .failure(Wrong("unknown scheme; expected \"syslog://\", \"syslog+udp://\" or \"syslog+tcp://\""))
        }
        let (host, port): (Substring, Substring)
        if rest.first == "[", let end = rest.firstIndex(of: "]"), rest[end...].hasPrefix("]:") {
            (host, port) = (rest[rest.index(after: rest.startIndex)..<end], rest[end...].dropFirst(2))
        } else if let colon = rest.lastIndex(of: ":"), !rest[..<colon].contains(":") {
            (host, port) = (rest[..<colon], rest[colon...].dropFirst())
        } else if rest.contains(":") {
            return .failure(Wrong("an IPv6 address stands in brackets, as in \"syslog://[::1]:5514\""))
        } else {
            return .failure(Wrong("the port is missing, as in \"syslog://127.0.0.1:5514\""))
        }
        guard let address = IPAddress(host) else {
            return .failure(Wrong("expected an address, not a name, as in \"syslog://127.0.0.1:5514\""))
        }
        guard let number = UInt16(port), number > 0, port.utf8.first != UInt8(ascii: "+") else {
            return .failure(Wrong("a port is a number, 1 to 65535"))
        }
        return .success(.syslog(SyslogAddress(address: address, port: number, transport: transport)))
    }
}
