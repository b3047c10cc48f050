import Addresses
import Bytes
import Events

/// spamdyke, a filter between tcpserver and qmail-smtpd: `DENIED_RBL_MATCH from: SENDER to: RECIPIENT origin_ip: PEER
/// origin_rdns: NAME auth: USER encryption: E[ reason: R]`.
///
/// Read against its source only (spamdyke.c of 4.2 and 5.0): Debian has no package of it. Sender and recipient are the
/// client's and may hold the words behind them, so every ` origin_ip: ` counts: one address is the peer, of several the
/// kernel is to say which. `ALLOWED` is no acceptance: it is written when a recipient is, and the mail may still be
/// refused.
extension Qmail {
    /// Reads behind `spamdyke[PID]: `; `nil` when it should have been an event, false when it is none.
    func spamdyke(_ bytes: Span<UInt8>, _ reader: inout Reader, _ event: inout Event) -> Bool? {
        let word = reader.position
        guard let blank = reader.find(0x20, within: 48, in: bytes) else { return false }
        reader.move(to: blank)
        guard reader.skip(" from: ", in: bytes),
            let reason = Qmail.reasons.first(where: {
                $0.word.utf8CodeUnitCount == blank - word && bytes.hasBytes(of: $0.word, at: word)
            })
        else { return false }
        event.kind = reason.code == 535 ? .authFailure : reason.code < 500 ? .deferral : .rejection
        event.rejectionClass = reason.rejectionClass
        event.code = reason.code

        var peers: [IPAddress] = []
        var isSure = true
        while reader.moveBehind(" origin_ip: ", within: reader.end - reader.position, in: bytes) {
            var inside = reader
            guard let peer = inside.address(upTo: 0x20, in: bytes), inside.skip(" origin_rdns: ", in: bytes) else {
                isSure = false
                continue
            }
            // Behind the true one stand a name and an account: it is among the last.
            if let known = peers.firstIndex(of: peer) { peers.remove(at: known) }
            if peers.count == 8 { peers.removeFirst() }
            peers.append(peer)
        }
        guard let last = peers.last else { return nil }
        if isSure, peers.count == 1 { event.peer = last } else { event.candidates = peers }
        return true
    }

    /// spamdyke.h, `REJECTION_DATA_*`.
    private static let reasons: [(word: StaticString, rejectionClass: RejectionClass, code: UInt16)] = [
        ("DENIED_RBL_MATCH", .rbl, 554),
        ("DENIED_RHSBL_MATCH", .rhsbl, 554),
        ("DENIED_RDNS_MISSING", .clientHost, 421),
        ("DENIED_RDNS_RESOLVE", .clientHost, 421),
        ("DENIED_IP_IN_RDNS", .clientHost, 554),
        ("DENIED_IP_IN_CC_RDNS", .clientHost, 554),
        ("DENIED_BLACKLIST_NAME", .clientHost, 554),
        ("DENIED_BLACKLIST_IP", .clientHost, 554),
        ("DENIED_ACCESS_DENIED", .clientHost, 554),
        ("DENIED_SENDER_BLACKLISTED", .sender, 554),
        ("DENIED_SENDER_NO_MX", .sender, 421),
        ("DENIED_IDENTICAL_SENDER_RECIPIENT", .sender, 554),
        ("DENIED_RECIPIENT_BLACKLISTED", .recipient, 554),
        ("DENIED_UNQUALIFIED_RECIPIENT", .recipient, 554),
        ("DENIED_TOO_MANY_RECIPIENTS", .recipient, 421),
        ("DENIED_RELAYING", .relayDenied, 554),
        ("DENIED_AUTH_REQUIRED", .auth, 554),
        ("FAILED_AUTH", .auth, 535),
        ("DENIED_EARLYTALKER", .other, 554),
        ("DENIED_REJECT_ALL", .other, 554),
        ("DENIED_GRAYLISTED", .other, 421),
        ("DENIED_OTHER", .other, 421),
    ]
}
