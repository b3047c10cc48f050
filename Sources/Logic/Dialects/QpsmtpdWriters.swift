import Bytes
import Events

/// Who writes qpsmtpd's log, and what stands there before its own text: by the logging plugin.
extension Qpsmtpd {
    enum Writer {
        case syslog
        /// A file of its own, by logging/file.
        case file
        /// `PID text` or `PID (hook) plugin: text`, through multilog or the journal.
        case standardError

        init?(_ line: LogLine, _ bytes: Span<UInt8>) {
            switch line.tag.count {
            case 0 where line.stampForm == .ctime: self = .file
            case 0 where line.stampForm == .tai64n: self = .standardError
            case 7 where bytes.hasBytes(of: "qpsmtpd", at: line.tag.lowerBound): self = .syslog
            case 15 where bytes.hasBytes(of: "qpsmtpd-prefork", at: line.tag.lowerBound): self = .standardError
            case 18 where bytes.hasBytes(of: "qpsmtpd-forkserver", at: line.tag.lowerBound): self = .standardError
            default: return nil
            }
        }
    }

    /// `(connect) dnsbl: ` of logging/warn, `dnsbl plugin: ` of logging/adaptive, "` " before the latter's accepted ones.
    static func skipPlugin(_ bytes: Span<UInt8>, _ reader: inout Reader) {
        _ = reader.skip("` ", in: bytes)
        var next = reader
        if next.skip("(", in: bytes) {
            guard next.skipName(in: bytes), next.skip(") ", in: bytes) else { return }
            guard next.skip("running plugin: ", in: bytes) || (next.skipName(in: bytes) && next.skip(": ", in: bytes))
            else { return }
            reader = next
        } else if next.skipName(in: bytes), next.skip(" plugin: ", in: bytes) {
            reader = next
        }
    }
}

extension Reader {
    /// The name of a hook or a plugin: `auth-login`, `virus::clamdscan`, `auth::auth_flat_file`.
    fileprivate mutating func skipName(in bytes: Span<UInt8>) -> Bool {
        var index = position
        while index < min(end, position + 64) {
            let byte = bytes[index]
            let isPair = byte == UInt8(ascii: ":") && index + 1 < end && bytes[index + 1] == byte
            guard SignIndex.isWordByte(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || isPair else {
                break
            }
            index += isPair ? 2 : 1
        }
        guard index > position else { return false }
        move(to: index)
        return true
    }
}
