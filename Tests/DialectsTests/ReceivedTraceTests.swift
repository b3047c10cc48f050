import Addresses
import Dialects
import Testing

struct ReceivedTraceTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let name: String
        let header: String
        let peer: ReceivedTrace.Peer
        var testDescription: String { name }

        init(_ name: String, _ header: String, _ peer: String?) {
            self.name = name
            self.header = header
            self.peer = peer == "?" ? .ambiguous : peer.flatMap { IPAddress($0) }.map { .address($0) } ?? .local
        }
    }

    /// The servers' own forms; the sender chose the HELO and, in part, the name.
    @Test(arguments: [
        Row(
            "Courier",
            "from mail.example (host.example [::ffff:192.0.2.7])\n  (AUTH: LOGIN bob, TLS: TLSv1.3,256bits)\n  by mx.example with ESMTP\n  id 0000",
            "192.0.2.7"),
        Row(
            "Courier, HELO a literal",
            "from [203.0.113.9] (host.example [::ffff:192.0.2.7])\n  by mx.example with ESMTP", "192.0.2.7"),
        Row(
            "Postfix", "from mail.example (unknown [192.0.2.7])\n\tby mx.example (Postfix) with ESMTP id 4F2",
            "192.0.2.7"),
        Row(
            "Postfix, IPv6",
            "from mail.example (unknown [IPv6:2001:db8::7])\n\tby mx.example (Postfix) with ESMTPS id 4F2",
            "2001:db8::7"),
        Row(
            "Postfix, HELO with an address",
            "from [203.0.113.9]x?[203.0.113.10] (unknown [192.0.2.7])\n\tby mx.example (Postfix)", "192.0.2.7"),
        Row(
            "Postfix, HELO in Exim's words", "from helo=[203.0.113.9] (unknown [192.0.2.7])\n\tby mx.example (Postfix)",
            "192.0.2.7"),
        Row(
            "Postfix, HELO of several words of Exim's",
            "from [203.0.113.9] helo=x (unknown [192.0.2.7])\n\tby mx.example (Postfix)", "192.0.2.7"),
        Row(
            "Postfix, HELO of all of Exim's line",
            "from [203.0.113.9] (helo=x (unknown [192.0.2.7])\n\tby mx.example (Postfix)", "?"),
        Row(
            "Postfix, an address in the client's certificate",
            "from x (unknown [192.0.2.7])\n\t(Client CN \"x [203.0.113.9])\")\n\tby mx.example (Postfix)", "192.0.2.7"),
        Row(
            "Exim, ident a literal", "from [192.0.2.7] (ident=[203.0.113.9])\n\tby mx.example with esmtp (Exim 4.96)",
            "192.0.2.7"),
        Row(
            "Exim, HELO of several words",
            "from [192.0.2.7] (helo=x (y [203.0.113.9]))\n\tby mx.example with esmtps (TLS1.3)\n\t(Exim 4.96)",
            "192.0.2.7"),
        Row(
            "Exim, name, HELO and ident",
            "from host.example\n\t([192.0.2.7] helo=[203.0.113.9] ident=x)\n\tby mx.example with esmtp (Exim 4.96)",
            "192.0.2.7"),
        Row(
            "qmail with an ident", "from unknown (HELO 203.0.113.9) (bob@192.0.2.7)\n  by mx.example with SMTP",
            "192.0.2.7"),
        Row(
            "Exim", "from host.example ([192.0.2.7] helo=mail.example)\n\tby mx.example with esmtp (Exim 4.96)",
            "192.0.2.7"),
        Row(
            "Exim, HELO a literal",
            "from host.example ([192.0.2.7] helo=[203.0.113.9])\n\tby mx.example with esmtp (Exim 4.96)", "192.0.2.7"),
        Row(
            "Exim without a name", "from [192.0.2.7] (helo=[203.0.113.9])\n\tby mx.example with esmtp (Exim 4.96)",
            "192.0.2.7"),
        Row("Exim with a port", "from [192.0.2.7]:4711 (helo=mail.example)\n\tby mx.example with esmtp", "192.0.2.7"),
        Row(
            "Sendmail",
            "from mail.example (host.example [192.0.2.7] (may be forged))\n\tby mx.example (8.17.1/8.17.1) with ESMTP",
            "192.0.2.7"),
        Row(
            "OpenSMTPD", "from mail.example (<unknown> [192.0.2.7])\n\tby mx.example (OpenSMTPD) with ESMTP id 5",
            "192.0.2.7"),
        Row(
            "qpsmtpd", "from host.example (HELO mail.example) (192.0.2.7)\n    by mx.example (qpsmtpd/0.94) with ESMTP",
            "192.0.2.7"),
        Row(
            "qmail, HELO of several words",
            "from unknown (HELO x) (203.0.113.9) y) (192.0.2.7)\n  by mx.example with SMTP", "192.0.2.7"),
        Row("a line in one piece", "from mail.example (unknown [192.0.2.7]) by mx.example with ESMTP", "192.0.2.7"),
        Row(
            "a line in one piece with two ends",
            "from x ([203.0.113.9]) by y (unknown [192.0.2.7]) by mx.example with ESMTP", "?"),
        Row(
            "a second address in the name's place", "from x (a [203.0.113.9] [192.0.2.7])\n\tby mx.example (Postfix)",
            "192.0.2.7"),
        Row(
            "a HELO that joins the blank before it", "from \u{59c} (unknown [192.0.2.7])\n\tby mx.example (Postfix)",
            "192.0.2.7"),
        Row(
            "a HELO that joins the blank behind it", "from [192.0.2.7] (helo=x)\n\tby \u{301} with esmtp (Exim 4.96)",
            "192.0.2.7"),
        Row("handed over on the host", "by mx.example (Postfix, from userid 1000)\n\tid 4F2", nil),
        Row("LMTP", "from mx.example ([unix socket])\n\tby mx.example with LMTP", nil),
    ]) func `the peer of a line is who spoke to the server`(_ row: Row) {
        let trace = ReceivedTrace(
            Array(
                "Received: \(row.header);\n Fri, 20 Nov 2026 21:04:00 +0100\nSubject: x\n\nReceived: from a ([203.0.113.1])\n\tby b; c\n"
                    .utf8))
        #expect(trace.hops.map(\.peer) == [row.peer])
        #expect(trace.hops.first?.date == "Fri, 20 Nov 2026 21:04:00 +0100")
    }

    private static let path = """
        Return-Path: <a@b.example>\r
        Received: from store (localhost [127.0.0.1])\r
        \tby store.example (Postfix); Fri, 20 Nov 2026 21:04:05 +0100\r
        Received: from mx (mx.example [10.0.0.25])\r
        \tby store.example (Postfix); Fri, 20 Nov 2026 21:04:04 +0100\r
        RECEIVED: from spam.example (unknown [192.0.2.9])\r
        \tby mx.example (Postfix); Fri, 20 Nov 2026 21:04:03 +0100\r
        Received: from bank.example (bank.example [203.0.113.1])\r
        \tby spam.example; Fri, 20 Nov 2026 21:04:02 +0100\r
        \r
        Received: from body.example (x [203.0.113.2])\r
        """

    @Test func `the source is the first peer that is not the site's own`() {
        let trace = ReceivedTrace(Array(ReceivedTraceTests.path.utf8))
        #expect(trace.hops.count == 4)
        let own = ["127.0.0.1", "10.0.0.25"].compactMap { IPAddress($0) }
        let source = trace.source { own.contains($0) }
        #expect(source?.peer == IPAddress("192.0.2.9").map { .address($0) })
        #expect(source?.date == "Fri, 20 Nov 2026 21:04:03 +0100")
    }

    @Test func `a line below a stranger's is never believed, an unclear one ends the search`() {
        let text = "Received: from [203.0.113.5] (helo=x (a [192.0.2.7])\n\tby mx; d\n" + ReceivedTraceTests.path
        #expect(ReceivedTrace(Array(text.utf8)).source { _ in false }?.peer == .ambiguous)
        #expect(ReceivedTrace(Array(ReceivedTraceTests.path.utf8)).source { _ in true } == nil)
    }

    @Test func `a message of any bytes is read in bounds`() {
        let many = String(repeating: "Received: from x (y [192.0.2.1])\n\tby z; d\n", count: 1000)
        #expect(ReceivedTrace(Array(many.utf8)).hops.count == 100)
        let long = "Received: from " + String(repeating: "([", count: 100_000) + "\n\n"
        #expect(ReceivedTrace(Array(long.utf8)).hops.map(\.peer) == [.ambiguous])
        #expect(ReceivedTrace([0xff, 0x0a, 0x80, 0x0d, 0x0a]).hops.isEmpty)
    }
}
