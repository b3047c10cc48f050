import Dialects
import Events
import Testing

/// The administrator's own patterns: what they catch, what they leave, and that nobody's words make them name another.
@Suite struct SiteTests {
    private func event(_ pattern: String, _ line: String, class rejectionClass: RejectionClass = .rbl) throws -> String
    {
        var dialect = Site(SiteWords(patterns: [try SitePattern(pattern, class: rejectionClass)]))
        let event = dialect.read(Array(line.utf8).span)
        if let event { #expect(event.mta == .site) }
        return describe(event)
    }

    @Test(arguments: [
        (
            "every field", "rejectd: refused {name}[{peer}]:{port} by {zone}: {code} {text}",
            "rejectd[812]: refused mail.example[198.51.100.9]:4711 by Zen.Example: 554 go away",
            "rejection rbl 554 198.51.100.9:4711 zen.example pid=812"
        ),
        ("an empty name", "d: no {name}[{peer}]", "d: no [2001:db8::9]", "rejection rbl 2001:db8::9"),
        ("a mapped address", "d: no {peer}", "d: no ::ffff:198.51.100.9", "rejection rbl 198.51.100.9"),
        ("a colon behind the address", "d: {peer}: {code}", "d: 198.51.100.9: 550", "rejection rbl 550 198.51.100.9"),
        ("a colon behind IPv6", "d: {peer}: {code}", "d: 2001:db8::: 550", "rejection rbl 550 2001:db8::"),
        ("a port behind a colon", "d: no {peer}:{port}", "d: no 198.51.100.9:25", "rejection rbl 198.51.100.9:25"),
        ("a port behind IPv6", "d: no {peer}:{port}", "d: no 2001:db8::9:25", "rejection rbl 2001:db8::9:25"),
        ("a full stop", "d: refused {peer}.", "d: refused 198.51.100.9.", "rejection rbl 198.51.100.9"),
        ("a deferral", "d: {code} for {peer}", "d: 451 for 198.51.100.9", "deferral rbl 451 198.51.100.9"),
        ("anything behind", "d: refused {peer}, {*}", "d: refused 198.51.100.9, x", "rejection rbl 198.51.100.9"),
        ("nothing behind", "d: refused {peer},{*}", "d: refused 198.51.100.9,", "rejection rbl 198.51.100.9"),
        (
            "the list's name in the text", "d: refused {peer}: {text}",
            "d: refused 198.51.100.9: see https://www.zen.example/q?ip=198.51.100.9",
            "rejection rbl 198.51.100.9 zen.example"
        ),
        (
            "a list that fails", "d: refused {peer}: {text}", "d: refused 198.51.100.9: 127.255.255.254",
            "rejection rbl 198.51.100.9 +list-failure"
        ),
        (
            "behind the text nothing counts", "d: refused {peer}: {text}; from={*}",
            "d: refused 198.51.100.9: listed; from=<127.255.255.254>", "rejection rbl 198.51.100.9"
        ),
        (
            "the text's end is missing", "d: refused {peer}: {text}; from={*}", "d: refused 198.51.100.9: listed",
            "rejection rbl 198.51.100.9"
        ),
        // Not these.
        ("another program", "d: refused {peer}", "dd: refused 198.51.100.9", "-"),
        ("more behind", "d: refused {peer}", "d: refused 198.51.100.9 x", "-"),
        ("no address", "d: refused {peer}", "d: refused 198.51.100.256", "-"),
        ("half of it", "d: refused {peer}.", "d: refused 198.51.100.", "-"),
        ("a blank more", "d: refused {peer}", "d: refused  198.51.100.9", "-"),
        ("words before", "d: refused {peer}", "d: x refused 198.51.100.9", "-"),
        ("no code of a refusal", "d: {code} for {peer}", "d: 250 for 198.51.100.9", "-"),
        ("a port that is none", "d: no {peer}:{port}", "d: no 198.51.100.9:0", "-"),
        ("a zone that is none", "d: {zone} has {peer}", "d: zen has 198.51.100.9", "-"),
    ])
    func `a pattern catches its own lines`(name: String, pattern: String, line: String, expected: String) throws {
        #expect(try event(pattern, "Nov 20 22:54:18 mx " + line) == expected, "\(name)")
    }

    /// 192.0.2.66 is the innocent third party.
    @Test(arguments: [
        "d: refused x] 192.0.2.66[198.51.100.9] ", "d: refused 192.0.2.66[198.51.100.9] ",
        "d: refused [192.0.2.66][198.51.100.9] ", "d: refused x[198.51.100.9] refused x[192.0.2.66] ",
        "d: refused x[198.51.100.9] d: refused x[192.0.2.66] ", "d: HELO refused x[192.0.2.66] ",
        "d: d: refused x[192.0.2.66] ", "d: Nov 20 22:54:18 mx d: refused x[192.0.2.66] ", "d:  refused x[192.0.2.66] ",
        "e: d: refused x[192.0.2.66] ", "d: refused x y[192.0.2.66] ",
    ])
    func `words of others name nobody else`(line: String) throws {
        #expect(try !event("d: refused {name}[{peer}] {*}", "Nov 20 22:54:18 mx " + line).contains("192.0.2.66"))
    }

    @Test func `a program's own file has its name in the message`() throws {
        #expect(
            try event("d: refused {peer}", "@400000006740e5a80c5be0d4 d: refused 198.51.100.9")
                == "rejection rbl 198.51.100.9")
        #expect(try event("d: refused {peer}", "2026-11-20 22:44:56 x d: refused 198.51.100.9") == "-")
    }

    @Test func `the class is the pattern's, and another than rbl names no list`() throws {
        let line = "Nov 20 22:54:18 mx d: refused 198.51.100.9: https://zen.example/ 127.255.255.254"
        #expect(
            try event("d: refused {peer}: {text}", line, class: .clientHost) == "rejection client-host 198.51.100.9")
    }

    @Test func `a log's reader asks the patterns when no dialect knows the line`() throws {
        var reader = LogReader([.courier, .site], SiteWords(patterns: [try SitePattern("d: refused {peer}")]))
        var event = Event()
        #expect(reader.read(Array("Nov 20 22:54:18 mx d: refused 198.51.100.9".utf8).span, into: &event))
        #expect(describe(event) == "rejection rbl 198.51.100.9")
    }

    @Test(arguments: [
        ("refused {peer}", "no program's name"), ("{name}: refused {peer}", "no program's name"),
        ("d[1]: refused {peer}", "no program's name"), (": refused {peer}", "no program's name"),
        ("d: refused", "no {peer}"), ("d: refused {peer} {peer}", "{peer} stands twice"),
        ("d: refused {ip}", "there is no field {ip}"), ("d: refused {peer", "{ without its }"),
        ("d: helo={*} refused {peer}", "{peer} stands behind {*}"),
        ("d: {text}; refused {peer}", "{peer} stands behind {text}"),
        ("d: refused {peer} helo={*} code={code}", "what stands behind {*}"),
        ("d: refused {peer} {text} {code}", "what stands behind {text}"),
        ("d: refused {peer}{port}", "fixed words must stand between"),
        ("d: refused {peer}{*}", "fixed words must stand between"),
        ("d: refused {peer}abc", "\"a\" behind {peer}"), ("d: refused {name}-{peer}", "\"-\" behind {name}"),
        ("d: refused by {zone}. {peer}", "\".\" behind {zone}"), ("d: {code}0 for {peer}", "\"0\" behind {code}"),
        ("d: {peer} {*}", "nothing in it says rejected"), ("d: refused {peer}\n", "control characters"),
    ])
    func `what is not anchored is refused`(pattern: String, why: String) {
        let error = #expect(throws: SitePatternError.self) { try SitePattern(pattern) }
        #expect(error?.description.contains(why) == true, "\(error?.description ?? "taken")")
    }
}
