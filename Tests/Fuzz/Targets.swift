import Dialects
import Events

/// Every target by its name. A new reader is a line here, and seeds for it in Tests/Fuzz/Seeds.
enum Targets {
    nonisolated(unsafe) static var chosen: (any Target)?

    private static let words = SiteWords(
        rblTexts: ["Listed by"], unexplained: .rbl, patterns: SiteOracle.patterns.compactMap { try? SitePattern($0) })

    static var all: [(name: String, make: () -> any Target)] {
        [
            ("courier", { dialect(Courier(rblTexts: words.rblTexts), CourierOracle(), CourierOracle.grammar) }),
            ("postfix", { dialect(Postfix(words), PostfixOracle(), PostfixOracle.grammar) }),
            ("exim", { dialect(Exim(words), EximOracle(), EximOracle.grammar) }),
            ("sendmail", { dialect(Sendmail(words), SendmailOracle(), SendmailOracle.grammar) }),
            ("opensmtpd", { dialect(OpenSMTPD(words), OpenSMTPDOracle(), OpenSMTPDOracle.grammar) }),
            ("qpsmtpd", { dialect(Qpsmtpd(words), QpsmtpdOracle(), QpsmtpdOracle.grammar) }),
            ("qmail", { dialect(Qmail(words), QmailOracle(), QmailOracle.grammar) }),
            ("site", { dialect(Site(words), SiteOracle(), SiteOracle.grammar) }),
            ("log", { LogTarget(words) }),
            ("header", { HeaderTarget() }),
            ("syslog", { SyslogTarget() }),
            ("journal", { JournalTarget() }),
            ("address", { AddressTarget() }),
            ("splitter", { SplitterTarget() }),
            ("position", { PositionTarget() }),
            ("settings", { SettingsTarget() }),
            ("pattern", { PatternTarget() }),
            ("control", { ControlTarget() }),
            ("sockdiag", { SockDiagTarget() }),
            ("netfilter", { NetfilterTarget() }),
            ("proc", { ProcTarget() }),
            ("servers", { ServersTarget() }),
            ("import", { ImportTarget() }),
            ("received", { ReceivedTarget() }),
            ("archive", { ArchiveTarget() }),
            ("dns", { DNSTarget() }),
            ("history", { HistoryTarget() }),
        ]
    }

    private static func dialect(_ dialect: some Dialect, _ oracle: some Oracle, _ grammar: Grammar) -> any Target {
        DialectTarget(dialect: dialect, oracle: oracle, grammar: grammar)
    }
}
