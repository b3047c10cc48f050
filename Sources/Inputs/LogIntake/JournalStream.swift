import CJournal
import Events
import Glibc
import Posix

/// Follows the systemd journal, by libsystemd, and hands over the mail servers' entries as lines (`JournalLine`).
///
/// - Each entry comes once, through rotation, vacuuming and restarts: the place is a cursor, and if its entry is gone
///   the next one that is left.
/// - Only what root or a mail system's account wrote is handed over (`MailUsers`); the rest is counted.
/// - journald tells of new entries up to 0.25 s late, to write less (`POST_CHANGE_TIMER_INTERVAL_USEC`), and drops what
///   a unit logs beyond its rate limit; a file written by a syslog daemon has neither.
///
/// Not `Sendable`, for one thread.
package final class JournalStream: LogStream {
    package enum Start: Sendable {
        /// Behind the last entry there is now.
        case end
        case beginning
        /// A position text of an earlier run.
        case resume(String)
    }

    package let name: String
    package private(set) var counters = LogCounters()

    private var journal: OpaquePointer
    /// The journal's own descriptor is another one after it was opened anew.
    private let ready: ReadySet
    private let directory: String?
    private let wanted: [Match]
    private var users: MailUsers
    private var line = JournalLine()
    private var place: Place
    /// The entry at the place may be the one that was handed over last.
    private var isResuming = false
    /// Said as long as there is no entry at all of what is named.
    private var absence: LogProblem?

    /// Where reading goes on.
    private enum Place: Equatable {
        /// Behind this entry.
        case cursor(String)
        /// No entry was seen yet; from this time on, in microseconds since 1970.
        case since(UInt64)
        case head
    }

    /// - Parameters:
    ///   - names: units (`postfix@-.service`) and identifiers (`postfix/smtpd`); none means the mail facility, in which
    ///     every mail server logs, whatever it calls itself.
    ///   - directory: journal files to read instead of this host's.
    ///   - passwords: where the mail systems' accounts are looked up.
    package init(
        _ names: [String] = [], start: Start, directory: String? = nil, passwords: String = "/etc/passwd"
    ) throws(LogProblem) {
        name = names.isEmpty ? "journal" : "journal:" + names.joined(separator: ",")
        if let reason = bw_journal_load() {
            throw LogProblem(
                description: "the journal cannot be read: \(String(cString: reason)); "
                    + "install libsystemd0, or let mta.log name a file")
        }
        self.directory = directory
        wanted = names.isEmpty ? [Match("SYSLOG_FACILITY=2", isUnit: false)] : names.map { Match(naming: $0) }
        users = MailUsers(passwords: passwords)
        place = .since(UInt64(clamping: LocalTime.now.nanoseconds / 1000))
        do throws(SystemError) {
            ready = try ReadySet()
            journal = try JournalStream.open(directory, wanted, ready)
        } catch { throw LogProblem(description: "the journal cannot be read: \(error)") }
        if !names.isEmpty, !JournalStream.hasEntries(journal) {
            absence = JournalHint.problem(names, in: directory, of: &users)
        }
        switch start {
        case .beginning: place = .head
        case .end: findEnd()
        case .resume(let text):
            if let earlier = JournalStream.place(text) { place = earlier } else { findEnd() }
        }
        seek()
    }

    deinit { bw_journal_close(journal) }

    package var descriptor: Int32? { ready.descriptor }

    /// journald's POST_CHANGE_TIMER_INTERVAL_USEC.
    package let newsDelay = Duration.milliseconds(250)

    package var problem: LogProblem? {
        // Of another directory's files the library does not say whether there are any.
        guard directory == nil, bw_journal_has_files(journal) == 0 else { return absence }
        return LogProblem(
            description: "there are no journal files that can be read; is systemd-journald running, and may we "
                + "(root, CAP_DAC_READ_SEARCH or the group systemd-journal)?")
    }

    package var positionText: String? {
        switch place {
        case .cursor(let cursor): Record("journal", [("cursor", cursor)]).description
        case .since(let time): Record("journal", [("since", "\(time)")]).description
        case .head: nil
        }
    }

    /// Journal files may lie where the kernel tells of no change, and the library wants to look around.
    package func poll() -> Bool { true }

    package func readAvailable(
        maxBytes: Int, _ body: (Span<UInt8>, LineInfo) -> Void
    ) throws(SystemError) -> Bool {
        // Before reading, so that what is written meanwhile makes the descriptor readable again.
        if bw_journal_process(journal) == JournalStream.filesChanged { counters.rotations &+= 1 }
        var budget = maxBytes
        var hasMoved = false
        while budget > 0 {
            let result = bw_journal_next(journal)
            guard result >= 0 else {
                if hasMoved { notePlace() }
                try reopen()
                throw SystemError("sd_journal_next", name, code: -result)
            }
            guard result > 0 else { break }
            hasMoved = true
            absence = nil
            // To find an entry takes as long as to read some lines.
            budget -= JournalStream.entryCost
            if isResuming {
                isResuming = false
                if case .cursor(let cursor) = place, bw_journal_test_cursor(journal, cursor) > 0 { continue }
            }
            guard readEntry() else { continue }
            budget -= line.bytes.count
            counters.lines &+= 1
            counters.bytes &+= UInt64(line.bytes.count)
            if line.isCut { counters.cutLines &+= 1 }
            body(line.bytes.span, LineInfo(isCut: line.isCut))
        }
        if hasMoved { notePlace() }
        return budget <= 0
    }

    /// Makes the entry's line; false when it is not one of a mail server.
    private func readEntry() -> Bool {
        guard let user = field("_UID", { number($0) }).flatMap({ $0 }),
            users.trusts(user, isUnitNamed: isOfNamedUnit)
        else {
            counters.untrusted &+= 1
            return false
        }
        var time: UInt64 = 0
        guard bw_journal_realtime(journal, &time) >= 0 else { return false }
        // What get_data points to lasts until the next call of it: each field is copied before.
        let host = field("_HOSTNAME") { Array($0) } ?? []
        let process = field("SYSLOG_PID") { Array($0) }
        guard let identifier = field("SYSLOG_IDENTIFIER", { Array($0) }) else { return false }
        host.withUnsafeBufferPointer { host in
            identifier.withUnsafeBufferPointer { identifier in
                if let process {
                    process.withUnsafeBufferPointer {
                        line.begin(microseconds: time, host: host, identifier: identifier, process: $0)
                    }
                } else {
                    line.begin(microseconds: time, host: host, identifier: identifier, process: nil)
                }
            }
        }
        return field("MESSAGE") { line.append($0) } != nil
    }

    /// The unit is one that the configuration names.
    private var isOfNamedUnit: Bool {
        guard wanted.contains(where: \.isUnit) else { return false }
        return field("_SYSTEMD_UNIT") { unit in
            wanted.contains { $0.isUnit && $0.bytes.dropFirst(Match.unitField.utf8.count).elementsEqual(unit) }
        } ?? false
    }

    private func field<Result>(_ name: String, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result? {
        JournalStream.field(name, of: journal, body)
    }

    /// The value of a field of the entry; `nil` when it has none. Only as long as `body` runs.
    static func field<Result>(
        _ name: String, of journal: OpaquePointer, _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result? {
        var data: UnsafeRawPointer?
        var size = 0
        let skipped = name.utf8.count + 1
        guard bw_journal_get_data(journal, name, &data, &size) >= 0, let data, size >= skipped else { return nil }
        return body(
            UnsafeBufferPointer(start: (data + skipped).assumingMemoryBound(to: UInt8.self), count: size - skipped))
    }

    private func number(_ text: UnsafeBufferPointer<UInt8>) -> UInt32? { JournalStream.number(text) }

    static func number(_ text: UnsafeBufferPointer<UInt8>) -> UInt32? {
        text.count <= 10 ? UInt32(String(decoding: text, as: UTF8.self)) : nil
    }

    private static let entryCost = 512
    /// SD_JOURNAL_INVALIDATE.
    private static let filesChanged: Int32 = 2
}

/// What an entry must have to be looked at.
private struct Match {
    static let unitField = "_SYSTEMD_UNIT="
    let bytes: [UInt8]
    let isUnit: Bool

    init(_ text: String, isUnit: Bool) {
        bytes = Array(text.utf8)
        self.isUnit = isUnit
    }

    /// A unit's name has its kind behind the last dot (systemd.unit(5)); mail servers run in these two.
    init(naming name: String) {
        let isUnit = name.hasSuffix(".service") || name.hasSuffix(".scope")
        self.init((isUnit ? Match.unitField : "SYSLOG_IDENTIFIER=") + name, isUnit: isUnit)
    }
}

// MARK: - Opening, and where to go on

extension JournalStream {
    private static func open(
        _ directory: String?, _ wanted: [Match], _ ready: ReadySet
    ) throws(SystemError) -> OpaquePointer {
        var opened: OpaquePointer?
        let result = bw_journal_open(&opened, directory)
        guard result >= 0, let journal = opened else {
            throw SystemError("sd_journal_open", directory ?? "", code: -result)
        }
        for (index, match) in wanted.enumerated() {
            // Without this, two fields would both have to be there.
            if index > 0 { _ = bw_journal_add_disjunction(journal) }
            _ = bw_journal_add_match(journal, match.bytes, match.bytes.count)
        }
        _ = bw_journal_set_data_threshold(journal, LineSplitter.longestLine + 1024)
        do throws(SystemError) {
            // Asked for before the first entry is read: from here on nothing new goes unnoticed.
            let number = bw_journal_fd(journal)
            guard number >= 0 else { throw SystemError("sd_journal_get_fd", "", code: -number) }
            try ready.add(number)
        } catch {
            bw_journal_close(journal)
            throw error
        }
        return journal
    }

    private static func place(_ text: String) -> Place? {
        guard let record = Record(line: text.utf8), record.word == "journal" else { return nil }
        if let cursor = record["cursor"], !cursor.isEmpty, cursor.utf8.count <= 1024 { return .cursor(cursor) }
        return record["since"].flatMap { UInt64($0) }.map { .since($0) }
    }

    private static func hasEntries(_ journal: OpaquePointer) -> Bool {
        bw_journal_seek_tail(journal) >= 0 && bw_journal_previous(journal) > 0
    }

    /// The last entry there is now is the place; with none it stays as it was.
    private func findEnd() {
        // From the tail only a step back leads to an entry for certain (sd_journal_seek_tail(3)).
        guard JournalStream.hasEntries(journal) else { return }
        notePlace()
    }

    /// Goes to the place; to the end when the place is none, as when it was damaged in the store.
    private func seek() {
        isResuming = false
        switch place {
        case .head: _ = bw_journal_seek_head(journal)
        case .since(let time): _ = bw_journal_seek_realtime(journal, time)
        case .cursor(let cursor):
            isResuming = bw_journal_seek_cursor(journal, cursor) >= 0
            if !isResuming { findEnd() }
        }
    }

    private func notePlace() {
        var text: UnsafeMutablePointer<CChar>?
        guard bw_journal_get_cursor(journal, &text) >= 0, let text else { return }
        place = .cursor(String(cString: text))
        free(text)
    }

    /// After an error of the library everything is opened anew, at the place that was reached.
    private func reopen() throws(SystemError) {
        let fresh = try JournalStream.open(directory, wanted, ready)
        bw_journal_close(journal)
        journal = fresh
        seek()
    }
}
