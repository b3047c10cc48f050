/// What a site's own log lines mean where the MTA lets the administrator choose the words.
package struct SiteWords: Equatable, Sendable {
    /// Words by which a reply shows that a DNSBL listed the peer; any case.
    package var rblTexts: [String]
    /// The class of a rejection whose line gives no reason at all: Exim's `deny` without `message`.
    package var unexplained: RejectionClass
    /// Lines of programs that no dialect knows.
    package var patterns: [SitePattern]

    package init(
        rblTexts: [String] = [], unexplained: RejectionClass = .other, patterns: [SitePattern] = []
    ) {
        self.rblTexts = rblTexts
        self.unexplained = unexplained
        self.patterns = patterns
    }
}
