import Addresses
import Bytes
import Events

/// tcpserver and rblsmtpd, as qmail is run behind them: what they log about a connection, as events.
package struct Qmail: Dialect {
    package private(set) var unread = 0
    private let listTexts: ListTexts

    package init(_ site: SiteWords = SiteWords()) { listTexts = ListTexts(site.rblTexts) }

    package mutating func read(_ line: LogLine, in bytes: Span<UInt8>, into event: inout Event) -> Bool { false }
}
