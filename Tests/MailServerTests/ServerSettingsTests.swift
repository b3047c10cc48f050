import MailServer
import Testing

@Suite struct ServerSettingsTests {
    @Test func `master.cf: who serves which port, how many at once, and what he is told beside main.cf`() {
        let settings = PostfixSettings(
            main: """
                # comment
                default_process_limit = 40
                  # a comment between
                smtpd_timeout = ${stress?{10}:{300}}s
                mynetworks = 127.0.0.0/8,
                  10.0.0.0/8
                postscreen_pre_queue_limit = $default_process_limit
                loop = $loop
                """,
            master: """
                smtp      inet  n       -       y       -       1       postscreen
                smtpd     pass  -       -       y       -       -       smtpd
                #smtp     inet  n       -       y       -       -       smtpd
                submission inet n       -       y       -       20      smtpd
                  -o syslog_name=postfix/submission
                  -o smtpd_timeout=60s
                127.0.0.1:10025 inet n  -       y       -       0       smtpd
                pickup    unix  n       -       y       60      1       pickup
                """)
        #expect(settings.services.map(\.name) == ["smtp", "smtpd", "submission", "127.0.0.1:10025"])
        #expect(settings.services.map(\.port) == [25, nil, 587, 10025])
        #expect(settings.services.map(\.processLimit) == [1, nil, 20, 0])
        #expect(settings.services(on: [25, 587]).map(\.command) == ["postscreen", "smtpd"])
        #expect(settings.value("smtpd_timeout") == "300s")
        #expect(settings.value("smtpd_timeout", of: settings.services[2]) == "60s")
        #expect(settings.value("postscreen_pre_queue_limit") == "40")
        #expect(settings.value("mynetworks") == "127.0.0.0/8, 10.0.0.0/8")
        #expect(settings.value("smtpd_client_connection_count_limit") == "50", "built in")
        #expect(settings.value("loop").count < 5000)
    }

    @Test(arguments: [
        ("${stress?10}${stress:300}", "300"), ("${a?{yes}:{no}}", "yes"), ("${b?{yes}:{no}}", "no"),
        ("$(a)-${a}", "1-1"),
        ("${a?{${b?{x}:{y}}}:{z}}", "y"), ("${a", "1"), ("$", ""), ("${}", ""), ("${a?", ""), ("${a?{}:", ""),
    ])
    func `parameters put into each other`(_ text: String, _ value: String) {
        #expect(PostfixSettings(main: "a = 1\nx = \(text)", master: "").value("x") == value)
    }

    /// Each of eight parameters refers a hundred times to the next: 10^16 references in all.
    @Test func `parameters that multiply end soon`() {
        let lines = (0..<8).map { "a\($0) = " + String(repeating: "$a\($0 + 1)", count: 100) } + ["a8 ="]
        #expect(PostfixSettings(main: lines.joined(separator: "\n"), master: "").value("a0").utf8.count < 65536)
    }

    @Test func `lines end as editors of any system have it`() {
        let main = "smtpd_timeout = 60s\r\nmaillog_file = /x\r\n"
        #expect(PostfixSettings(main: main, master: "").value("smtpd_timeout") == "60s")
        #expect(EximSettings("smtp_accept_max = 7\r\nb = c\r\n").number("smtp_accept_max") == 7)
        #expect(sendmailOptions("O A=1\r\nO B=2\r\n") == ["a": "1", "b": "2"])
        #expect(CourierSettings(esmtpdFile: "MAXDAEMONS=7\r\nTARPIT=0\r\n").maxDaemons == 7)
        #expect(CourierSettings.span(controlFile: "10m\r\nx") == .minutes(10))
    }

    @Test func `an Exim's main section, with Debian's macros and conditions`() {
        let settings = EximSettings(
            """
            #!!# file
            SMTP_ACCEPT_MAX = 30
            .ifdef SMTP_ACCEPT_MAX
            smtp_accept_max = SMTP_ACCEPT_MAX
            .else
            smtp_accept_max = 20
            .endif
            .ifdef NOT_THERE
            smtp_receive_timeout = 1m
            .endif
            log_file_path = syslog : \\
               /var/log/exim/%slog
            queue_limit = 2K
            begin acl
            smtp_accept_max = 1
            """)
        #expect(settings.number("smtp_accept_max") == 30)
        #expect(settings.value("smtp_receive_timeout") == nil)
        #expect(settings.value("log_file_path") == "syslog : /var/log/exim/%slog")
        #expect(settings.number("queue_limit") == 2048)
    }

    @Test func `options of sendmail.cf`() {
        let options = sendmailOptions("#O Timeout.command=1h\nO MaxDaemonChildren=40\nO Timeout.Command = 5m\nOother\n")
        #expect(options == ["maxdaemonchildren": "40", "timeout.command": "5m"])
    }

    @Test(
        arguments: [
            ("300", 300), ("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("1w", 604_800), ("", nil), ("m", nil),
            ("5x", nil),
            ("99999999999", nil), (String(repeating: "999999999w", count: 20_000), nil),
        ] as [(String, Int64?)])
    func spans(_ text: String, _ seconds: Int64?) {
        #expect(serverSpan(text) == seconds.map { .seconds($0) })
    }
}
