import Bytes
import Events

/// The dialects of one host's log, each with its own memory.
///
/// Whose line it is shows in its tag, and every dialect begins by looking at that, so those that have tags of its length
/// are asked one after the other.
package struct DialectSet: Sendable {
    package private(set) var courier: Courier?
    private var postfix: Postfix?
    package private(set) var exim: Exim?
    private var sendmail: Sendmail?
    private var opensmtpd: OpenSMTPD?
    package private(set) var qpsmtpd: Qpsmtpd?
    private var qmail: Qmail?
    private var site: Site?

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
        // The length of a tag leaves few that it can be of; they look at all of it.
        let isEvent =
            switch line.tag.count {
            case 0:
                exim?.read(line, in: bytes, into: &event) == true
                    || qpsmtpd?.read(line, in: bytes, into: &event) == true
                    || qmail?.read(line, in: bytes, into: &event) == true
            case 1...3: false
            case 4:
                exim?.read(line, in: bytes, into: &event) == true
                    || qmail?.read(line, in: bytes, into: &event) == true
            case 5:
                exim?.read(line, in: bytes, into: &event) == true
                    || opensmtpd?.read(line, in: bytes, into: &event) == true
                    || qmail?.read(line, in: bytes, into: &event) == true
            case 6:
                courier?.read(line, in: bytes, into: &event) == true
                    || postfix?.read(line, in: bytes, into: &event) == true
                    || sendmail?.read(line, in: bytes, into: &event) == true
            case 8:
                courier?.read(line, in: bytes, into: &event) == true
                    || postfix?.read(line, in: bytes, into: &event) == true
                    || sendmail?.read(line, in: bytes, into: &event) == true
                    || qmail?.read(line, in: bytes, into: &event) == true
            case 9, 11:
                postfix?.read(line, in: bytes, into: &event) == true
                    || qmail?.read(line, in: bytes, into: &event) == true
            case 10, 13:
                courier?.read(line, in: bytes, into: &event) == true
                    || postfix?.read(line, in: bytes, into: &event) == true
            case 7, 15, 18:
                postfix?.read(line, in: bytes, into: &event) == true
                    || qpsmtpd?.read(line, in: bytes, into: &event) == true
            default: postfix?.read(line, in: bytes, into: &event) == true
            }
        return isEvent || site?.read(line, in: bytes, into: &event) == true
    }
}
