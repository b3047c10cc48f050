import Dialects
import Events
import Testing

/// A log that several hosts write to.
@Suite struct LogReaderTests {
    private static func rejection(_ host: String, _ pid: Int = 7) -> String {
        "Nov 20 22:54:18 \(host) courieresmtpd[\(pid)]: error,relay=::ffff:192.0.2.7,port=1025,from=<a@b.example>,"
            + "to=<c@d.example>: 511 http://www.spamhaus.org/query/bl?ip=192.0.2.7"
    }

    private func events(_ reader: inout LogReader, _ lines: [String]) -> [Event] {
        var events: [Event] = []
        for line in lines {
            var event = Event()
            if reader.read(Array(line.utf8).span, into: &event) { events.append(event) }
        }
        return events
    }

    @Test func `lines of another host are events and not ours`() {
        var reader = LogReader(ownHost: "mx1.example")
        let events = events(&reader, [Self.rejection("MX1"), Self.rejection("mx2"), Self.rejection("mx1.example")])
        #expect(events.map(\.isRemote) == [false, true, false])
        #expect(events.allSatisfy { $0.peer?.description == "192.0.2.7" })
        #expect(
            reader.shares.map { "\(String(decoding: $0.host, as: UTF8.self)) \($0.lines) \($0.events) \($0.isRemote)" }
                .sorted() == ["MX1 1 1 false", "mx1.example 1 1 false", "mx2 1 1 true"])
    }

    @Test func `a log without our own name is ours, unless others send to it`() {
        var file = LogReader(ownHost: "mx1")
        #expect(events(&file, [Self.rejection("mail")]).map(\.isRemote) == [false])
        #expect(events(&file, [Self.rejection("mx1"), Self.rejection("mail")]).map(\.isRemote) == [false, true])
        var socket = LogReader(ownHost: "mx1", isSentHere: true)
        #expect(events(&socket, [Self.rejection("mail")]).map(\.isRemote) == [true])
    }

    @Test func `what is remembered of one host is nothing to another`() {
        let inner = { (host: String) in
            Self.rejection(host).replacing("511 http", with: "511-http")
        }
        let last = { (host: String) in
            "Nov 20 22:54:18 \(host) courieresmtpd[7]: error,relay=::ffff:192.0.2.7,port=1025,from=<a@b.example>,"
                + "to=<c@d.example>: 511 Go away"
        }
        var reader = LogReader()
        let found = events(&reader, [inner("mx1"), last("mx2"), last("mx1")])
        #expect(found.map(\.rejectionClass) == [.rbl, .clientHost, .rbl])
    }

    @Test func `names that somebody invents push no mail server out`() {
        let inner = Self.rejection("mx1").replacing("511 http", with: "511-http")
        let last =
            "Nov 20 22:54:18 mx1 courieresmtpd[7]: error,relay=::ffff:192.0.2.7,port=1025,from=<a@b.example>,"
            + "to=<c@d.example>: 511 Go away"
        let invented = (0..<1000).map { "Nov 20 22:54:18 x\($0) sshd[7]: Connection closed" }
        var reader = LogReader(ownHost: "mx1", isSentHere: true)
        let found = events(&reader, [inner] + invented + [last])
        #expect(found.map(\.rejectionClass) == [.rbl, .rbl], "the first line of the reply is remembered")
        #expect(found.map(\.isRemote) == [false, false])
        #expect(reader.shares.count == 64)
        #expect(reader.shares.allSatisfy { $0.isRemote == ($0.host != Array("mx1".utf8)) })
    }

    @Test func `whose own name is gone again is ours no more`() {
        var reader = LogReader(ownHost: "mx1")
        #expect(events(&reader, [Self.rejection("mail"), Self.rejection("mx1")]).map(\.isRemote) == [false, false])
        #expect(reader.shares.map(\.isRemote).contains(true))
        for number in 0..<64 { _ = events(&reader, [Self.rejection("host\(number)")]) }
        #expect(reader.shares.allSatisfy { !$0.isRemote }, "none of those that are left bears our name")
    }

    @Test func `hosts are bounded and the stalest goes`() {
        var reader = LogReader()
        for number in 0..<200 { _ = events(&reader, [Self.rejection("host\(number)"), Self.rejection("mx")]) }
        #expect(reader.shares.count == 64)
        #expect(reader.forgottenHosts == 137)
        #expect(reader.shares.first.map { String(decoding: $0.host, as: UTF8.self) } == "mx")
    }

    /// A line of each tag that a dialect knows.
    private static let tagged: [(mta: MTA, tags: [String], message: String)] = [
        (
            .courier, ["courieresmtpd", "esmtpd", "esmtpd-ssl", "esmtpd-msa"],
            "started,ip=[::ffff:192.0.2.7],port=[1025]"
        ),
        (.courier, ["courierd"], "newmsg,id=1.2.3: dns; x (x [::ffff:192.0.2.7])"),
        (
            .postfix,
            ["postfix", "postfix-mx", "x/smtpd", "mx/smtpd", "mx-in/smtpd", "postfix/smtpd", "postfix/a/smtpd"],
            "connect from x[192.0.2.7]"
        ),
        (.exim, ["exim", "exim4"], "H=x [192.0.2.7] F=<a@b.example> rejected RCPT <c@d.example>: no"),
        (.sendmail, ["sendmail", "sm-mta", "sm-msa"], "connect from x [192.0.2.7]"),
        (.opensmtpd, ["smtpd"], "99749b960b4b2be7 smtp connected address=192.0.2.7 host=x"),
        (.qpsmtpd, ["qpsmtpd"], "Connection from x [192.0.2.7]"),
        (.qpsmtpd, ["qpsmtpd-prefork", "qpsmtpd-forkserver"], "7 Connection from x [192.0.2.7]"),
        (
            .qmail, ["smtp", "qmail", "smtpd", "splogger", "rblsmtpd", "tcpserver", "qmail-smtpd"],
            "tcpserver: pid 7 from 192.0.2.7"
        ),
        (
            .qmail, ["spamdyke"],
            "DENIED_RBL_MATCH from: a@b.example to: c@d.example origin_ip: 192.0.2.7 origin_rdns: x auth: (unknown) "
                + "encryption: (none) reason: 127.0.0.2"
        ),
    ]

    @Test func `all dialects together know every tag that one of them knows`() {
        for (mta, tags, message) in Self.tagged {
            for tag in tags {
                let line = ["Nov 20 22:54:18 mx \(tag)[7]: \(message)"]
                var one = LogReader([mta])
                let alone = events(&one, line)
                #expect(alone.map(\.peer?.description) == ["192.0.2.7"], "\(tag)")
                var all = LogReader()
                #expect(events(&all, line) == alone, "\(tag)")
            }
        }
    }
}
