import Bytes
import Events

/// The dialects of one host's log, each with its own memory.
///
/// Whose line it is shows in its tag (`TagOwners`), and every dialect begins by looking at that for itself.
package struct DialectSet: Sendable {
    package private(set) var courier: Courier?
    private var postfix: Postfix?
    package private(set) var exim: Exim?
    private var sendmail: Sendmail?
    private var opensmtpd: OpenSMTPD?
    package private(set) var qpsmtpd: Qpsmtpd?
    private var qmail: Qmail?
    private var site: Site?
    private let owners = DialectSet.tagOwners
    private static let tagOwners = TagOwners()

    package init(_ kinds: Set<MTA>, _ site: SiteWords) {
        if kinds.contains(.courier) { courier = Courier(rblTexts: site.rblTexts) }
        if kinds.contains(.postfix) { postfix = Postfix(site) }
        if kinds.contains(.exim) { exim = Exim(site) }
        if kinds.contains(.sendmail) { sendmail = Sendmail(site) }
        if kinds.contains(.opensmtpd) { opensmtpd = OpenSMTPD(site) }
        if kinds.contains(.qpsmtpd) { qpsmtpd = Qpsmtpd(site) }
        if kinds.contains(.qmail) { qmail = Qmail(site) }
        if kinds.contains(.site), !site.patterns.isEmpty { self.site = Site(site) }
    }

    /// Lines of these MTAs that were no event: many of them mean that a wording has changed.
    package var unread: Int {
        (courier?.unread ?? 0) + (postfix?.unread ?? 0) + (exim?.unread ?? 0) + (sendmail?.unread ?? 0)
            + (opensmtpd?.unread ?? 0) + (qpsmtpd?.unread ?? 0) + (qmail?.unread ?? 0)
    }

    package mutating func read(_ line: LogLine, in bytes: Span<UInt8>, into event: inout Event) -> Bool {
        let isEvent =
            switch owners.owner(line.tag, bytes) {
            case .nobody: false
            case .courier: courier?.read(line, in: bytes, into: &event) == true
            case .postfix: postfix?.read(line, in: bytes, into: &event) == true
            case .exim: exim?.read(line, in: bytes, into: &event) == true
            case .sendmail: sendmail?.read(line, in: bytes, into: &event) == true
            case .openSMTPD:
                opensmtpd?.read(line, in: bytes, into: &event) == true
                    || qmail?.read(line, in: bytes, into: &event) == true
            case .qpsmtpd: qpsmtpd?.read(line, in: bytes, into: &event) == true
            case .qmail: qmail?.read(line, in: bytes, into: &event) == true
            case .untagged:
                exim?.read(line, in: bytes, into: &event) == true
                    || qpsmtpd?.read(line, in: bytes, into: &event) == true
                    || qmail?.read(line, in: bytes, into: &event) == true
            }
        return isEvent || site?.read(line, in: bytes, into: &event) == true
    }
}
