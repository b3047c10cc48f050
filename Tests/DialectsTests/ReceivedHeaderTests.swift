import Addresses
import Dialects
import Testing

@Suite struct ReceivedHeaderTests {
    private static let postfix = "\n\tby mx.example (Postfix) with ESMTP id 4F1\n\tfor <bob@mx.example>; Fri"
    private static let exim = "\n\tby mx.example with esmtp (Exim 4.96)\n\t(envelope-from <a@b.example>)\n\tid 1-2-3"
    private static let longExim = "\n\tby mx.example with esmtps (TLS1.3) tls X\n\t(Exim 4.96)\n\tid 1-2-3"

    @Test(arguments: [
        ("Postfix", "from mail.example (mail.example [192.0.2.7])" + postfix, "192.0.2.7"),
        ("Postfix, IPv6", "from x (unknown [IPv6:2001:db8::7])" + postfix, "2001:db8::7"),
        (
            "Postfix, TLS", "from x (x [192.0.2.7])\n\t(using TLSv1.3)\n\t(No client certificate requested)" + postfix,
            "192.0.2.7"
        ),
        ("Courier", "from x (x [::ffff:192.0.2.7])\n  (TLS: X)\n  by mx with ESMTPS\n  id 1; Fri", "192.0.2.7"),
        ("Sendmail", "from x (y [192.0.2.7] (may be forged))\n\tby mx (8.17.1/8.17.1) with ESMTP id 1", "192.0.2.7"),
        ("Sendmail, no name", "from x ([192.0.2.7])\n\tby mx (8.17.1/8.17.1) with ESMTP id 1", "192.0.2.7"),
        ("OpenSMTPD", "from x (<unknown> [192.0.2.7])\n\tby mx (OpenSMTPD) with ESMTP id 1", "192.0.2.7"),
        ("Exim", "from [192.0.2.7] (helo=x)" + exim, "192.0.2.7"),
        ("Exim, nothing more", "from [192.0.2.7]" + exim, "192.0.2.7"),
        ("Exim, a name", "from n.example ([192.0.2.7]:4711 helo=x)" + exim, "192.0.2.7"),
        ("Exim, divided", "from n.example\n\t([192.0.2.7] helo=x ident=y)" + longExim, "192.0.2.7"),
        ("qmail", "from n (HELO x) (ident@192.0.2.7)\n  by mx with SMTP; 20 Nov 2026", "192.0.2.7"),
        ("qpsmtpd", "from n (HELO x) (192.0.2.7)\n by mx (qpsmtpd/0.96) with ESMTP; Fri", "192.0.2.7"),
    ])
    func `each server's own place`(_ name: String, _ line: String, _ peer: String) {
        let message = "Return-Path: <a@b.example>\nDelivered-To: bob\nReceived: \(line)\nSubject: x\n\nx\n"
        #expect(ReceivedHeader.peer(ofTopmost: Array(message.utf8)) == IPAddress(peer))
        // Stored with the line ends of the network.
        let other = message.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
        #expect(ReceivedHeader.peer(ofTopmost: Array(other.utf8)) == IPAddress(peer))
    }

    /// Postfix takes blanks in a HELO, and Exim an address in brackets.
    @Test(arguments: [
        "from [192.0.2.66] by x (unknown [192.0.2.7])" + postfix, "from [192.0.2.66] (x [192.0.2.7])" + postfix,
        "from x (y [192.0.2.66]) (x [192.0.2.7])" + postfix,
        "from x (x [192.0.2.7])\n\tby mx.example (Postfix) with ESMTP id 4F1\n\tfor <x@[192.0.2.66]>; Fri",
        "from x (x [192.0.2.7])\n\t(Client CN \"(x [192.0.2.66]) by y\", Issuer \"\" (not verified))" + postfix,
        "from [192.0.2.7] (helo=[192.0.2.66])" + exim, "from n ([192.0.2.7] helo=[192.0.2.66])" + exim,
        "from [192.0.2.7] (helo=x (y [192.0.2.66]) by z)" + longExim,
        "from n (HELO [192.0.2.66]) (x@192.0.2.66@192.0.2.7)\n  by mx with SMTP; 20 Nov 2026",
        "from x ([192.0.2.66]@x [192.0.2.7])\n\tby mx (8.17.1/8.17.1) with ESMTP id 1",
    ])
    func `what the peer says of itself is not its address`(_ line: String) {
        let below = "Received: from x (x [192.0.2.66])\n\tby y\n\n"
        #expect(ReceivedHeader.peer(ofTopmost: Array("Received: \(line)\n\(below)".utf8)) == IPAddress("192.0.2.7"))
    }

    @Test(arguments: [
        "", "Subject: x\n\nReceived: from x (x [192.0.2.66])\n\tby y\n",
        "Received: from x (x [192.0.2.7]) by mx; Fri\n",
        "Received: from x (x [192.0.2.7])\n", "Received: from x (x [IPv\u{16}:2001:db8::7])\n\tby y\n",
        "Received: by mx with LMTP\n\tid 1\nReceived: from x (x [192.0.2.66])\n\tby y\n",
        // Either server's, as far as the line goes.
        "Received: from [192.0.2.66] (helo=x (x [192.0.2.7])\n\tby mx.example (Postfix) with ESMTP id 4F1\n",
    ])
    func `what cannot be told is nobody`(_ message: String) {
        #expect(ReceivedHeader.peer(ofTopmost: Array(message.utf8)) == nil)
    }
}
