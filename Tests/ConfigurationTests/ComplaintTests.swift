import Configuration
import Events
import Testing

/// Every wrong key, type and value, with the whole line an administrator reads.
@Suite struct ComplaintTests {
    @Test(arguments: [
        // Spans.
        ("[ban]\nfirst = \"1hr\"", "f:2: ban.first = \"1hr\": unknown unit \"hr\"; did you mean \"1h\"?"),
        (
            "[ban]\nfirst = \"90 minutes\"",
            "f:2: ban.first = \"90 minutes\": unknown unit \"minutes\"; did you mean \"90m\"?"
        ),
        ("[ban]\nfirst = \"1 h\"", "f:2: ban.first = \"1 h\": blanks are not expected; did you mean \"1h\"?"),
        (
            "[ban]\nfirst = \"1h30m\"",
            "f:2: ban.first = \"1h30m\": one number and one unit are expected; did you mean \"90m\"?"
        ),
        ("[ban]\nfirst = \"600\"", "f:2: ban.first = \"600\": the unit is missing; did you mean \"600s\"?"),
        (
            "[ban]\nfirst = 600",
            "f:2: ban.first = 600: expected a span in quotes such as \"10m\"; did you mean \"600s\"?"
        ),
        ("[ban]\nfirst = \"never\"", "f:2: ban.first = \"never\": unknown span; did you mean \"forever\"?"),
        (
            "[ban]\nfirst = \"3 fortnights\"",
            "f:2: ban.first = \"3 fortnights\": unknown unit \"fortnights\"; one of ms s m h d w"
        ),
        ("[ban]\nfirst = \"\"", "f:2: ban.first = \"\": expected a number and a unit, such as \"10m\""),
        ("[ban]\nfirst = \"-5m\"", "f:2: ban.first = \"-5m\": expected a number and a unit, such as \"10m\""),
        (
            "[ban]\nfirst = \"99999999999m\"",
            "f:2: ban.first = \"99999999999m\": a number of at most nine digits is expected"
        ),
        (
            "[ban]\nfirst = \"999999999w\"",
            "f:2: ban.first = \"999999999w\": out of range: \"1s\" to \"36500d\", or \"forever\""
        ),
        ("[ban]\nwindow = \"0s\"", "f:2: ban.window = \"0s\": out of range: \"1s\" to \"30d\""),
        ("[ban]\nwindow = \"forever\"", "f:2: ban.window = \"forever\": out of range: \"1s\" to \"30d\""),
        (
            "[origins]\ndatabases = [\"a.mmdb\"]",
            "f:2: origins.databases[0] = \"a.mmdb\": expected an absolute path, beginning with /"
        ),
        ("[sample]\nevery = \"500ms\"", "f:2: sample.every = \"500ms\": out of range: \"1s\" to \"1h\""),
        // Words.
        (
            "mode = \"enforced\"",
            "f:1: mode = \"enforced\": expected \"observe\", \"enforce\"; did you mean \"enforce\"?"
        ),
        ("mode = true", "f:1: mode = true: expected \"observe\", \"enforce\""),
        (
            "[mta]\nkind = \"currier\"",
            "f:2: mta.kind = \"currier\": expected \"auto\", \"courier\", \"postfix\", \"exim\", \"sendmail\", \"opensmtpd\", "
                + "\"qpsmtpd\", \"qmail\"; did you mean \"courier\"?"
        ),
        (
            "firewall.backend = \"nftables\"",
            "f:1: firewall.backend = \"nftables\": expected \"nft\", \"xt_recent\", \"none\""
        ),
        // Patterns.
        (
            "[mta]\npatterns = [\"d: helo={*} refused {peer}\"]",
            "f:2: mta.patterns[0] = \"d: helo={*} refused {peer}\": {peer} stands behind {*}, where a peer can write "
                + "another's address; before it only fixed words, {name}, {port}, {code} and {zone} may stand. Have the "
                + "program log the address first"
        ),
        (
            "[mta]\npatterns = [{ line = \"d: refused {peer}\", class = \"rlb\" }]",
            "f:2: mta.patterns[0] = { ... }: class: expected \"rbl\", \"rhsbl\", \"relay-denied\", \"helo\", "
                + "\"unknown-user\", \"recipient\", \"client-host\", \"sender\", \"auth\", \"content\", \"conn-limit\", "
                + "\"other\"; did you mean \"rbl\"?"
        ),
        (
            "[mta]\npatterns = [{ tag = \"d\" }]",
            "f:2: mta.patterns[0] = { ... }: expected \"program: text with {peer}\" or { line = \"...\", class = "
                + "\"client-host\" }"
        ),
        // Paths and logs.
        ("state_directory = \"lib\"", "f:1: state_directory = \"lib\": expected an absolute path, beginning with /"),
        (
            "state_directory = \"/a\\nb\"",
            "f:1: state_directory = \"/a\\x0ab\": a path without control characters is expected"
        ),
        (
            "mta.log = \"journald\"",
            "f:1: mta.log = \"journald\": \(logForms); did you mean \"journal\"?"
        ),
        ("mta.log = \"mail.log\"", "f:1: mta.log = \"mail.log\": \(logForms)"),
        ("mta.log = 25", "f:1: mta.log = 25: expected a path or another place in quotes"),
        (
            "mta.log = \"journal:\"",
            "f:1: mta.log = \"journal:\": expected \"journal\", or \"journal:NAME,NAME\" with up to 16 units or identifiers"
        ),
        (
            "mta.log = \"journal:postfix, exim\"",
            "f:1: mta.log = \"journal:postfix, exim\": expected \"journal\", or \"journal:NAME,NAME\" with up to 16 "
                + "units or identifiers"
        ),
        (
            "mta.log = \"tcp://127.0.0.1:5514\"",
            "f:1: mta.log = \"tcp://127.0.0.1:5514\": unknown scheme; expected \"syslog://\", \"syslog+udp://\" or "
                + "\"syslog+tcp://\""
        ),
        (
            "mta.log = \"syslog://localhost:5514\"",
            "f:1: mta.log = \"syslog://localhost:5514\": expected an address, not a name, as in \"syslog://127.0.0.1:5514\""
        ),
        (
            "mta.log = \"syslog://::1:5514\"",
            "f:1: mta.log = \"syslog://::1:5514\": an IPv6 address stands in brackets, as in \"syslog://[::1]:5514\""
        ),
        (
            "mta.log = \"syslog://127.0.0.1\"",
            "f:1: mta.log = \"syslog://127.0.0.1\": the port is missing, as in \"syslog://127.0.0.1:5514\""
        ),
        (
            "mta.log = \"syslog://127.0.0.1:66000\"",
            "f:1: mta.log = \"syslog://127.0.0.1:66000\": a port is a number, 1 to 65535"
        ),
        (
            "mta.log = \"syslog://0.0.0.0:514\"",
            "f:1: mta.log = \"syslog://0.0.0.0:514\": reachable by other hosts, of which mta.senders = "
                + "[\"127.0.0.0/8\", \"::1/128\"] names none; set mta.senders, as in [\"192.0.2.25\"], or listen on 127.0.0.1"
        ),
        (
            "mta.log = [\"/a\", \"/a\"]",
            "f:1: mta.log[1] = \"/a\": named twice"
        ),
        ("mta.log = []", "f:1: mta.log = []: at least one item is needed"),
        ("mta.log = [\"/a\",\n 3]", "f:2: mta.log[1] = 3: expected a path or another place in quotes"),
        (
            "control_group = \"a b\"",
            "f:1: control_group = \"a b\": expected the name of a group, or \"\" for root alone"
        ),
        // Numbers and lists.
        ("mta.ports = []", "f:1: mta.ports = []: at least one item is needed"),
        ("mta.ports = 25", "f:1: mta.ports = 25: expected a list of ports such as [25]"),
        ("mta.ports = [25, 0]", "f:1: mta.ports[1] = 0: a port is an integer, 1 to 65535"),
        ("mta.ports = [65536]", "f:1: mta.ports[0] = 65536: a port is an integer, 1 to 65535"),
        ("mta.ports = [-25]", "f:1: mta.ports[0] = -25: a port is an integer, 1 to 65535"),
        ("mta.slots = 0", "f:1: mta.slots = 0: expected \"auto\" or an integer, 1 to 100000"),
        ("mta.rbl_texts = [\"no\"]", "f:1: mta.rbl_texts[0] = \"no\": expected a text of 4 to 200 bytes"),
        ("ban.score = 0", "f:1: ban.score = 0: out of range: above 0, up to 1000000"),
        ("ban.score = -1.5", "f:1: ban.score = -1.5: out of range: above 0, up to 1000000"),
        ("ban.score = nan", "f:1: ban.score = nan: expected a number above 0"),
        ("ban.score = \"1\"", "f:1: ban.score = \"1\": expected a number above 0"),
        ("ban.ipv6_prefix = 16", "f:1: ban.ipv6_prefix = 16: out of range: 32 to 128"),
        ("ban.widest_ipv4 = 12", "f:1: ban.widest_ipv4 = 12: out of range: 16 to 24"),
        ("ban.max_sources = 1.5", "f:1: ban.max_sources = 1.5: expected an integer, 1000 to 5000000"),
        ("ban.suspend_zone_at = \"101%\"", "f:1: ban.suspend_zone_at = \"101%\": out of range: \"0%\" to \"100%\""),
        (
            "ban.suspend_zone_at = 0.05",
            "f:1: ban.suspend_zone_at = 0.05: expected a share such as \"5%\"; did you mean \"5%\"?"
        ),
        (
            "ban.suspend_zone_at = 7",
            "f:1: ban.suspend_zone_at = 7: expected a share such as \"5%\"; did you mean \"7%\"?"
        ),
        ("ban.refresh = \"true\"", "f:1: ban.refresh = \"true\": expected true or false without quotes"),
        ("ban.refresh = 1", "f:1: ban.refresh = 1: expected true or false"),
        ("limit.burst = 0", "f:1: limit.burst = 0: out of range: 1 to 1000000"),
        // Classes.
        (
            "[ban]\nclasses = { rbl = 1.0, hello = 2 }",
            "f:2: ban.classes.hello = 2: unknown class; did you mean \"helo\"?"
        ),
        ("[ban.classes]\nrbl = 1\n\nhelo = -1", "f:4: ban.classes.helo = -1: a weight is a number, 0 or more"),
        ("ban.classes = [\"rbl\"]", "f:1: ban.classes = [\"rbl\"]: expected a table of weights such as { rbl = 1.0 }"),
        // Networks.
        (
            "allow.nets = [\n  \"192.0.2.0/24\", # fine\n  \"192.0.2.7/24\",\n]",
            "f:3: allow.nets[1] = \"192.0.2.7/24\": 192.0.2.7/24: did you mean 192.0.2.0/24?"
        ),
        (
            "allow.nets = [\"mx.example\"]",
            "f:1: allow.nets[0] = \"mx.example\": \"mx.example\" is not an address: expected 192.0.2.7, 192.0.2.0/24 or 2001:db8::/48"
        ),
        (
            "allow.nets = \"192.0.2.0/24\"",
            "f:1: allow.nets = \"192.0.2.0/24\": expected a list of networks such as [\"192.0.2.0/24\"]"
        ),
        // Names of keys and tables.
        ("[ban]\nfrist = \"1h\"", "f:2: ban.frist: unknown key; did you mean ban.first?"),
        ("[ban]\nnew_per_second = 3", "f:2: ban.new_per_second: unknown key; did you mean limit.new_per_second?"),
        ("ports = [25]", "f:1: ports: unknown key; did you mean mta.ports?"),
        ("[bann]\nfirst = \"1h\"", "f:1: bann: unknown table; did you mean [ban]?"),
        ("zzzzzz = 1", "f:1: zzzzzz: unknown key"),
        ("\"a\\nb\" = 1", "f:1: a\\x0ab: unknown key"),
        ("\"\" = 1", "f:1: unknown key"),
        ("ban.first.x = 1", "f:1: ban.first = { ... }: expected a span in quotes such as \"10m\""),
        ("[[ban]]\nfirst = \"1h\"", "f:1: ban = [{ ... }]: expected a table: [ban]"),
        ("ban = 3", "f:1: ban = 3: expected a table: [ban]"),
        ("ban.first = 2026-11-20", "f:1: ban.first = 2026-11-20: expected a span in quotes such as \"10m\""),
        // Pairs.
        ("[ban]\nfirst = \"8d\"", "f:2: ban.first = \"8d\": longer than ban.max = \"7d\""),
        ("[ban]\nmax = \"5m\"", "f:2: ban.first = \"10m\": longer than ban.max = \"5m\""),
    ])
    func `says file, line, key, what was expected`(text: String, complaint: String) {
        let reading = SettingsReading([SettingsFile(name: "f", text: text)])
        #expect(reading.complaints.map(\.description) == [complaint])
    }

    @Test(arguments: [
        ("\nmode = enforce # now", "f:2: no value: enforce; if it is text it stands in quotes: \"enforce\""),
        ("[ban]\nfirst = 10m", "f:2: no value: 10m; if it is text it stands in quotes: \"10m\""),
        (
            "mta.log = /var/log/mail.log\r\n",
            "f:1: no value: /var/log/mail.log; if it is text it stands in quotes: \"/var/log/mail.log\""
        ),
        ("[ban\nfirst = \"10m\"", "f:1: the header has no closing ]"),
        ("[[[ban]]]", "f:1: expected a key, not \"[ban]]]\""),
        ("[ban]\nfirst = \"1h\"\nfirst = \"2h\"", "f:3: first stands twice, first in line 2"),
        ("[ban]\n[mta]\n[ban]", "f:3: [ban] stands twice, first in line 1"),
        ("ban.first = \"1h\"\n[ban]", "f:2: [ban] stands twice, first in line 1"),
        ("mode = \"observe", "f:1: the text has no closing \""),
        ("mode = 'observe\n", "f:1: the text has no closing '"),
        ("mode = \"\"\"observe\n\n", "f:1: the text has no closing quotes"),
        ("mode", "f:1: expected = behind mode"),
        ("mode =", "f:1: a value is missing"),
        ("= 1", "f:1: expected a key, not \"= 1\""),
        ("mode: \"observe\"", "f:1: expected = behind mode"),
        ("mode = \"observe\" now", "f:1: unexpected \"now\""),
        ("mta.rbl_texts = ['abcd' 'efgh']", "f:1: expected , or ] in the list, not \"'efgh']\""),
        ("\nmta.ports = [25,\n 26", "f:2: the list has no closing ]"),
        ("ban.classes = { rbl = 1\n}", "f:1: expected , or } on the same line, not the end of the line"),
        (
            "mta.log = \"C:\\d\"",
            "f:1: unknown escape \\d; a backslash is written \\\\, or the text put in single quotes"
        ),
        ("mta.log = \"\\ud800\"", "f:1: no character has the number behind \\u"),
        ("limit.burst = 9223372036854775808", "f:1: 9223372036854775808 is beyond 64 bits"),
        ("limit.burst = 010", "f:1: no value: 010; if it is text it stands in quotes: \"010\""),
        ("\nmode = \"observe\"\u{0}\nzzz = 1", "f:2: a control character (\\x00) has no place here"),
        ("# \u{1b}[2J", "f:1: a control character (\\x1b) has no place here"),
    ])
    func `says what is no TOML`(text: String, complaint: String) {
        let reading = SettingsReading([SettingsFile(name: "f", text: text)])
        #expect(reading.complaints.map(\.description) == [complaint])
    }

    @Test func `all complaints are collected, in the order of files and lines`() {
        let reading = SettingsReading([
            SettingsFile(
                name: "breakwater.toml",
                text: "mode = \"on\"\nzz = 1\n[mta]\nports = [0, 25, 70000]\n[ban]\nfirst = \"x\"\n"),
            SettingsFile(name: "broken.toml", text: "mode = enforce\nmta.slots = \n[ban\nfirst = 3"),
            SettingsFile(name: "conf.d/10.toml", text: "\n\n[ban]\nmax = 3\n"),
        ])
        let places = reading.complaints.map { "\($0.file):\($0.line ?? 0) \($0.key)" }
        #expect(
            places == [
                "breakwater.toml:1 mode", "breakwater.toml:2 zz", "breakwater.toml:4 mta.ports[0]",
                "breakwater.toml:4 mta.ports[2]",
                "breakwater.toml:6 ban.first", "broken.toml:1 ", "broken.toml:2 ", "broken.toml:3 ",
                "conf.d/10.toml:4 ban.max",
            ])
    }

    @Test func `the number of complaints is bounded`() {
        let text = (0..<5000).map { "k\($0) = 1\n" }.joined()
        let reading = SettingsReading([SettingsFile(name: "f", text: text)])
        #expect(reading.complaints.count == SettingsReading.mostComplaints)
        #expect(reading.complaints.last?.text == "... and 4901 more complaints")
    }

    @Test func `a file beyond the bound is refused unread`() {
        let text = String(repeating: "#", count: SettingsReading.mostBytes + 1)
        #expect(
            SettingsReading([SettingsFile(name: "f", text: text)]).complaints.map(\.text) == [
                "larger than 1048576 bytes"
            ])
    }

    @Test(arguments: [
        String(repeating: "[", count: 5000), "x = " + String(repeating: "[", count: 5000),
        "x = " + String(repeating: "{a=", count: 5000), "x = \"\"\"", "x = '''a''", "\u{feff}[", "\"a", "a.", "= 1",
        "[]", "[[x]", "x = \"\\",
        "x = [1,,2]", String(repeating: "a.", count: 3000) + "b = 1",
    ])
    func `no text brings the reader down`(text: String) {
        #expect(!SettingsReading([SettingsFile(name: "f", text: text)]).complaints.isEmpty)
    }
}

private let logForms =
    "expected \"auto\", an absolute path, \"journal\", \"syslog://127.0.0.1:5514\", \"-\", or a list of them"
