import Testing

@testable import Configuration

/// The reader of the TOML language itself: values, and the line that each begins in.
@Suite struct TOMLReaderTests {
    @Test(arguments: [
        ("basic string", #""a\tb\"\\\u00e4\U0001f600""#, "text a\tb\"\\ä😀"),
        ("literal string", #"'C:\x'"#, #"text C:\x"#),
        ("empty strings", #"["", '']"#, "[text , text ]"),
        ("long string", "\"\"\"\none\ntwo\"\"\"", "text one\ntwo"),
        ("long string with joined lines", "\"\"\"one \\\n\n   two\"\"\"", "text one two"),
        ("long string with quotes inside and at its end", #""""a"b""c"""""#, #"text a"b""c""#),
        ("long literal string", "'''\na\\'b''c'''", #"text a\'b''c"#),
        (
            "integers", "[0, -1, +7, 1_000, 0xff, 0o17, 0b101, -9223372036854775808]",
            "[0, -1, 7, 1000, 255, 15, 5, -9223372036854775808]"
        ),
        ("floats", "[0.5, -1.5e3, 6e-2, 1_0.2_5, inf, -inf]", "[0.5, -1500.0, 0.06, 10.25, inf, -inf]"),
        ("flags", "[true, false]", "[true, false]"),
        (
            "dates", "[2026-11-20, 2026-11-20 22:44:56Z, 22:44:56.5]",
            "[time 2026-11-20, time 2026-11-20 22:44:56Z, time 22:44:56.5]"
        ),
        ("nested lists with a trailing comma and comments", "[ [1], # one\n [ ], ]", "[[1], []]"),
        ("inline table", "{ a.b = 1, c = { d = 2 } }", "{a: {b: 1}, c: {d: 2}}"),
        ("empty inline table", "{}", "{}"),
    ])
    func `reads values`(name: String, text: String, value: String) {
        var reader = TOMLReader("v = \(text) # comment\r\n")
        let members = reader.read()
        #expect(reader.faults == [])
        #expect(members["v"].map { plain($0.value) } == value)
    }

    @Test(arguments: [
        "01", "1_", "_1", "1__0", "1.", ".5", "1.e3", "1e", "0x", "0xg", "+0x1", "0b2", "- 1", "tru", "True", "nul",
        "\"\\x00\"", "\"\\q\"",
        "'a\nb'", "\"a\nb\"", "[1 2]", "[,]", "{a = 1,}", "{,}", "{a = 1 b = 2}", "{a}", "1 2", "[", "{", "\"", "'",
        "\"\"\"", "\"\"\"\"", "'''''",
        "99999999999999999999", "\"\\ud800\"", "\"\\u12\"", "",
    ])
    func `refuses what is no value`(text: String) {
        var reader = TOMLReader("v = \(text)")
        _ = reader.read()
        #expect(!reader.faults.isEmpty)
    }

    @Test(arguments: [
        ("a = 1\na = 2", 2), ("a.b = 1\na = 2", 2), ("a = 1\na.b = 2", 2), ("[a]\n[a]", 2), ("a = 1\n[a]", 2),
        ("[a]\nb = 1\n[a.b]", 3),
        ("[[a]]\n[a]", 2), ("[a]\n[[a]]", 2), ("a = {}\n[a.b]", 2), ("a = {b = 1}\na.c = 2", 2),
        ("[a.b]\n[a]\nb.c = 1", 3),
        ("a = []\n[[a]]", 2), ("[a", 1), ("[a]]", 1), ("[[a]", 1), ("[]", 1), ("[a.]", 1), ("[a] b", 1), ("a b = 1", 1),
        ("a.", 1), ("\"\"\"a\"\"\" = 1", 1),
    ])
    func `refuses what contradicts itself or is no line of TOML`(text: String, line: Int) {
        var reader = TOMLReader(text)
        _ = reader.read()
        #expect(reader.faults.map(\.line) == [line])
    }

    @Test func `knows the line of every value`() {
        let text = """
            # a comment with [brackets] and = signs
            one = 1
            long = \"\"\"
            two = 2
            [not.a.table]
            \"\"\"
            "quoted key".'x' = [
                1, # [
                "#",
                { deep = true },
            ]

            [t . u]
              v.w = 4
            [[many]]
            [[many]]
            last = 9
            """
        var reader = TOMLReader(text)
        var found: [String: Int] = [:]
        func collect(_ node: SettingNode, _ path: String) {
            found[path] = node.line
            switch node.value {
            case .list(let items): for (index, item) in items.enumerated() { collect(item, path + "[\(index)]") }
            case .table(let members): for (name, member) in members { collect(member, path + "/" + name) }
            default: break
            }
        }
        for (name, node) in reader.read() { collect(node, name) }
        #expect(reader.faults == [])
        #expect(
            found == [
                "one": 2, "long": 3, "quoted key": 7, "quoted key/x": 7, "quoted key/x[0]": 8, "quoted key/x[1]": 9,
                "quoted key/x[2]": 10, "quoted key/x[2]/deep": 10, "t": 13, "t/u": 13, "t/u/v": 14, "t/u/v/w": 14,
                "many": 15,
                "many[0]": 15, "many[1]": 16, "many[1]/last": 17,
            ])
    }

    @Test func `no prefix of a file, and no file with one byte changed, brings the reader down`() {
        let bytes =
            Array(Settings().toml.utf8)
            + Array("x = \"\"\"a\\\n b\"\"\"\ny = {a.b = [1, 2]}\n[[z]]\n'k' = 1.5e3\n".utf8)
        for end in bytes.indices {
            var reader = TOMLReader(String(decoding: bytes[..<end], as: UTF8.self))
            _ = reader.read()
            for byte in Array("\n\"'[]{}=.,#\\0 ".utf8) {
                var changed = bytes
                changed[end] = byte
                var reader = TOMLReader(String(decoding: changed, as: UTF8.self))
                #expect(!(reader.read().isEmpty && reader.faults.isEmpty))
            }
        }
    }
}

/// A value as a text, tables in the order of their keys.
private func plain(_ value: SettingValue) -> String {
    switch value {
    case .text(let text): "text " + text
    case .time(let text): "time " + text
    case .integer(let number): "\(number)"
    case .number(let number): "\(number)"
    case .flag(let flag): "\(flag)"
    case .list(let items): "[" + items.map { plain($0.value) }.joined(separator: ", ") + "]"
    case .table(let members):
        "{" + members.sorted { $0.key < $1.key }.map { "\($0.key): \(plain($0.value.value))" }.joined(separator: ", ")
            + "}"
    }
}
