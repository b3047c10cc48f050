import CJournal
import Glibc

/// What an administrator may have meant by names of which the journal has no entry: on Debian `postfix.service` only starts
/// `postfix@-.service`, and no program of Postfix calls itself `postfix`.
enum JournalHint {
    /// The newest entries of the mail facility that are looked at.
    private static let mostEntries = 2000
    private static let mostNames = 8

    /// One sentence, with the units and identifiers whose entries of the mail facility would be believed.
    static func problem(_ names: [String], in directory: String?, of users: inout MailUsers) -> LogProblem {
        let (units, identifiers) = found(directory, &users)
        let start = "the journal has no entry of \(names.joined(separator: ", "))"
        guard let first = units.first ?? identifiers.first else {
            return LogProblem(description: start + ", and none of a mail server yet")
        }
        var text = start + "; a mail server's are of"
        if !units.isEmpty { text += " the unit\(units.count == 1 ? "" : "s") \(units.joined(separator: ", "))" }
        if !units.isEmpty, !identifiers.isEmpty { text += ", under" }
        if !identifiers.isEmpty {
            text += " the name\(identifiers.count == 1 ? "" : "s") \(identifiers.joined(separator: ", "))"
        }
        return LogProblem(
            description: text, remedy: "[mta] log = \"journal:\(first)\", or \"journal\" for all of them")
    }

    private static func found(
        _ directory: String?, _ users: inout MailUsers
    ) -> (units: [String], identifiers: [String]) {
        var opened: OpaquePointer?
        guard bw_journal_open(&opened, directory) >= 0, let journal = opened else { return ([], []) }
        defer { bw_journal_close(journal) }
        let facility = Array("SYSLOG_FACILITY=2".utf8)
        _ = bw_journal_add_match(journal, facility, facility.count)
        var (units, identifiers): ([String], [String]) = ([], [])
        guard bw_journal_seek_tail(journal) >= 0 else { return ([], []) }
        for _ in 0..<mostEntries {
            guard bw_journal_previous(journal) > 0 else { break }
            // Anybody can have an entry of any name made (logger(1)).
            guard let user = JournalStream.field("_UID", of: journal, { JournalStream.number($0) }).flatMap({ $0 }),
                users.trusts(user, isUnitNamed: false)
            else { continue }
            if let unit = name("_SYSTEMD_UNIT", of: journal), unit.hasSuffix(".service"), !unit.hasPrefix("user@") {
                note(unit, in: &units)
            }
            if let identifier = name("SYSLOG_IDENTIFIER", of: journal) { note(identifier, in: &identifiers) }
        }
        return (units, identifiers)
    }

    /// A field that could stand in the configuration.
    private static func name(_ field: String, of journal: OpaquePointer) -> String? {
        JournalStream.field(field, of: journal) { bytes in
            let isPlain = bytes.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: ",") && $0 != 0x22 }
            return (1...64).contains(bytes.count) && isPlain ? String(decoding: bytes, as: UTF8.self) : nil
        }.flatMap { $0 }
    }

    private static func note(_ name: String, in names: inout [String]) {
        if names.count < mostNames, !names.contains(name) { names.append(name) }
    }
}
