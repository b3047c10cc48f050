import Addresses
import Configuration
import Events
import Glibc
import Testing

/// The files of the repository, found from here.
private func contents(_ path: String) throws -> String {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let file = try #require(fopen("/\(root)/\(path)", "r"), "\(path) is missing")
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 18)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
}

private func reading(_ texts: String...) -> SettingsReading {
    SettingsReading(texts.enumerated().map { SettingsFile(name: "\($0.offset + 1).toml", text: $0.element) })
}

@Suite struct SettingsTests {
    @Test func `no file at all gives the defaults`() {
        #expect(SettingsReading([]).settings == Settings())
        #expect(SettingsReading([]).complaints == [])
    }

    @Test func `the file we ship is the defaults, key by key`() throws {
        let text = try contents("etc/breakwater.toml")
        let shipped = reading(text)
        #expect(shipped.complaints == [])
        #expect(shipped.settings == Settings())
        // A key that were missing would have its default all the same: each must be written.
        let twice = reading(Settings().toml, text)
        let replaced = twice.notes.map { String($0.split(separator: " ")[1]) }
        #expect(Set(replaced) == Set(Settings.keyNames))
    }

    @Test func `the manual page names every key`() throws {
        let page = try contents("docs/man/breakwater.toml.5")
        for name in Settings.keyNames {
            let last = name.split(separator: ".").last.map(String.init) ?? name
            #expect(page.contains("\n.It Cm \(last) "), "\(name) has no entry")
        }
    }

    /// Each row differs from the defaults in every key of one table.
    @Test(arguments: [
        "mode = \"enforce\"\nstate_directory = \"/var/b \\\"w\\\" \\\\\"\ncontrol_socket = \"/run/s\"\ncontrol_group = \"\"",
        """
        [mta]
        kind = "courier"
        log = ["/var/log/mail.log", "/var/log/mail.err"]
        rbl_texts = ["gelistet bei", "tab\\tand \\u0007"]
        patterns = ["d: refused {peer}", { line = "d: not {peer}", class = "client-host" }]
        ports = [25, 465, 587]
        slots = 300
        """,
        "mta.log = \"/var/log/mail.log\"",
        """
        [ban]
        score = 2.5
        window = "90s"
        first = "1500ms"
        max = "forever"
        refresh = false
        ipv6_prefix = 56
        networks = true
        widest_ipv4 = 24
        widest_ipv6 = 44
        max_sources = 1000
        suspend_zone_at = "7%"
        known_for = "2w"
        [ban.classes]
        rbl = 0.1
        unknown-user = 0.25
        conn-limit = 3
        """,
        "ban.classes = {}",
        "shed = { method = \"destroy\", told = false, told_timeout = \"750ms\", early = \"pressure\" }",
        "limit.new_per_second = 0\nlimit.burst = 1\nlimit.per_source = 4",
        "firewall.backend = \"xt_recent\"\nfirewall.install_rules = true",
        "allow.nets = [\"192.0.2.7\", \"2001:db8::/32\", \"::ffff:198.51.100.0/120\"]",
        "sample.every = \"61s\"",
        "origins.databases = [\"/var/lib/a.mmdb\", \"/var/lib/b.db\"]",
    ])
    func `the settings in force, written as TOML, read back the same`(text: String) {
        let first = reading(text)
        #expect(first.complaints == [])
        #expect(first.settings != Settings())
        let again = reading(first.settings.toml)
        #expect(again.complaints == [])
        #expect(again.settings == first.settings)
    }

    @Test func `values arrive where they belong`() throws {
        let settings = reading(
            """
            mta = { ports = [25, 587], slots = 12, log = "/var/log/mail.log" }
            ban.suspend_zone_at = "2.5%"
            ban.classes.rbl = 1
            "ban".'first' = "1h"
            allow.nets = ["::ffff:192.0.2.0/120"]
            """
        ).settings
        #expect(settings.mta.ports == [25, 587])
        #expect(settings.mta.slots == .count(12))
        #expect(settings.mta.log == .places([.file("/var/log/mail.log")]))
        #expect(settings.ban.suspendZoneAt == 0.025)
        #expect(settings.ban.classes == [.rbl: 1])
        #expect(settings.ban.first == .hours(1))
        #expect(settings.allow.nets == [try Prefix(parsing: "192.0.2.0/24")])
    }

    @Test func `the last file wins, key by key, and says so`() {
        let both = reading(
            "mode = \"enforce\"\n[ban]\nfirst = \"1h\"\nclasses = { rbl = 1.0, helo = 0.5 }\n",
            "[ban]\nfirst = \"2h\"\n\nclasses.rbl = 2\n")
        #expect(both.complaints == [])
        #expect(both.settings.mode == .enforce)
        #expect(both.settings.ban.first == .hours(2))
        #expect(both.settings.ban.classes == [.rbl: 2])
        #expect(
            both.notes.sorted() == [
                "2.toml:2: ban.first replaces that of 1.toml:3", "2.toml:4: ban.classes replaces that of 1.toml:4",
            ])
    }

    @Test func `a pair is compared after all files, and blamed where it was written`() {
        #expect(reading("ban.first = \"8d\"", "ban.max = \"9d\"").complaints == [])
        let wrong = reading("\nban.first = \"8d\"", "ban.max = \"1d\"").complaints
        #expect(wrong.map(\.description) == ["1.toml:2: ban.first = \"8d\": longer than ban.max = \"1d\""])
    }
}

/// The words of `--set key=value`.
@Suite struct OverrideTests {
    @Test(arguments: [
        ("ban.first", "1h", "ban.first = \"1h\""),
        ("ban.first", "\"1h\"", "ban.first = \"1h\""),
        ("ban.refresh", "false", "ban.refresh = false"),
        ("ban.score", "2", "ban.score = 2.0"),
        ("mta.ports", "[25,587]", "mta.ports = [25, 587]"),
        ("mta.log", "/var/log/mail.log", "mta.log = \"/var/log/mail.log\""),
        ("mode", "enforce", "mode = \"enforce\""),
        ("ban.suspend_zone_at", "10%", "ban.suspend_zone_at = \"10%\""),
        ("ban.classes", "{helo=1}", "ban.classes = { helo = 1.0 }"),
        ("ban.classes.helo", "0.5", "ban.classes = { rbl = 1.0, helo = 0.5 }"),
    ])
    func `sets what a file would`(key: String, value: String, line: String) throws {
        var settings = Settings()
        try settings.set(key, value)
        #expect(settings == reading(line).settings)
        #expect(settings != Settings() || key == "ban.refresh")
    }

    @Test(arguments: [
        ("ban.first", "1hr", "--set: ban.first = \"1hr\": unknown unit \"hr\"; did you mean \"1h\"?"),
        ("ban.frist", "1h", "--set: ban.frist: unknown key; did you mean ban.first?"),
        ("first", "1h", "--set: first: unknown key; did you mean ban.first?"),
        ("", "1h", "--set: unknown key"),
        (".", "1h", "--set: .: unknown key"),
        ("ban.first", "8d", "--set: ban.first = \"8d\": ban.first = \"8d\" is longer than ban.max = \"7d\""),
        ("ban.classes.hello", "1", "--set: ban.classes.hello = 1: unknown class; did you mean \"helo\"?"),
        (
            "ban.score", "1\nmode = \"enforce\"",
            "--set: ban.score = \"1\\x0amode = \\x22enforce\\x22\": expected a number above 0"
        ),
        (
            "allow.nets", "[\"192.0.2.7/24\"]",
            "--set: allow.nets = \"192.0.2.7/24\": 192.0.2.7/24: did you mean 192.0.2.0/24?"
        ),
    ])
    func `complains as a file would, and changes nothing`(key: String, value: String, complaint: String) {
        var settings = Settings()
        let error = #expect(throws: Complaint.self) { try settings.set(key, value) }
        #expect(error?.description == complaint)
        #expect(settings == Settings())
    }
}

@Suite struct LogPlaceTests {
    private static let loopback = IPAddress(v4: 0x7f00_0001)

    @Test(arguments: [
        ("/var/log/mail.log", LogPlace.file("/var/log/mail.log")),
        ("/var/log/hosts/*/mail.log", .pattern("/var/log/hosts/*/mail.log")),
        ("/var/log/mail[0-9].log", .pattern("/var/log/mail[0-9].log")),
        ("journal", .journal([])),
        ("journal:postfix@-.service,exim4", .journal(["postfix@-.service", "exim4"])),
        ("syslog://127.0.0.1:5514", .syslog(SyslogAddress(address: loopback, port: 5514, transport: .both))),
        ("syslog+udp://127.0.0.1:514", .syslog(SyslogAddress(address: loopback, port: 514, transport: .udp))),
        (
            "syslog+tcp://[::1]:5514",
            .syslog(SyslogAddress(address: IPAddress(high: 0, low: 1), port: 5514, transport: .tcp))
        ),
        ("-", .standardInput),
    ])
    func `a place that lines come from`(text: String, place: LogPlace) throws {
        let reading = SettingsReading([SettingsFile(name: "f", text: "mta.log = \"\(text)\"")])
        #expect(reading.complaints == [])
        #expect(reading.settings.mta.log == .places([place]))
        #expect(place.description == text)
    }

    @Test func `a list of all kinds, and who may send`() {
        let text = """
            [mta]
            log = ["/var/log/mail.log", "journal", "syslog://0.0.0.0:514", "-"]
            senders = ["192.0.2.25"]
            """
        let reading = SettingsReading([SettingsFile(name: "f", text: text)])
        #expect(reading.complaints == [])
        #expect(
            reading.settings.toml.contains(
                "log = [\"/var/log/mail.log\", \"journal\", \"syslog://0.0.0.0:514\", \"-\"]"))
        #expect(reading.settings.toml.contains("senders = [\"192.0.2.25/32\"]"))
    }

    @Test func `a complaint about the senders is not followed by one about the log`() {
        let text = "[mta]\nlog = \"syslog://0.0.0.0:514\"\nsenders = [\"mx\"]"
        let reading = SettingsReading([SettingsFile(name: "f", text: text)])
        #expect(reading.complaints.map(\.key) == ["mta.senders[0]"])
    }
}
