import Testing

@testable import Pictures

@Suite struct MarkupTests {
    @Test(arguments: [
        ("plain text, 192.0.2.7", "plain text, 192.0.2.7"),
        ("</script><img src=x onerror=\"run()\">", "&lt;/script&gt;&lt;img src=x onerror=&quot;run()&quot;&gt;"),
        ("a ' b & c &amp; d", "a &#39; b &amp; c &amp;amp; d"),
        ("]]>", "]]&gt;"),
        // No document may hold these, and a terminal or a reader would obey them.
        ("\u{0}\u{1b}[2J\u{7f}\u{9b}", "\u{fffd}\u{fffd}[2J\u{fffd}\u{fffd}"),
        ("\u{202e}gnp.elif", "\u{fffd}gnp.elif"),
        ("\u{fffe}\u{1ffff}", "\u{fffd}\u{fffd}"),
        ("Türkiye 中国", "Türkiye 中国"),
    ])
    func `what comes from elsewhere stays text`(text: String, expected: String) {
        #expect(Markup.escaped(text) == expected)
    }

    @Test(arguments: [
        ("countries", "countries"), ("By day", "by-day"), ("", "section"), ("\"><b>", "---b-"),
        ("../../etc", "------etc"),
    ])
    func `an anchor is letters, digits and strokes`(name: String, expected: String) {
        #expect(Markup.anchor(name) == expected)
    }

    @Test func `figures are written as people read them`() {
        #expect(
            [0, 999, 1000, 44_000, -1_234_567, Int.min].map(Wording.grouped) == [
                "0", "999", "1,000", "44,000", "-1,234,567", "-9,223,372,036,854,775,808",
            ])
        #expect([0, 43_690, -8].map(Wording.signed) == ["0", "+43,690", "\u{2212}8"])
        #expect(
            [66.5, 0.05, 1234.96, .nan, .infinity, -0.01].map { Wording.decimal($0, 1) } == [
                "66.5", "0.1", "1,235.0", "-", "inf", "0.0",
            ])
        #expect(
            [0, 12.34, 12.96, -0.04, -0.5, .infinity].map(Wording.place) == ["0", "12.3", "13", "0", "-0.5", "1000000"])
    }
}
