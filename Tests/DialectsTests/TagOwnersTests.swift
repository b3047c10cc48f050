import Testing

@testable import Dialects

@Suite struct TagOwnersTests {
    @Test(arguments: [
        ("courieresmtpd", TagOwners.Owner.courier), ("courierd", .courier), ("esmtpd", .courier),
        ("esmtpd-msa", .courier), ("exim", .exim), ("exim4", .exim), ("sendmail", .sendmail), ("sm-msa", .sendmail),
        ("smtpd", .openSMTPD), ("qpsmtpd", .qpsmtpd), ("qpsmtpd-forkserver", .qpsmtpd), ("tcpserver", .qmail),
        ("qmail-smtpd", .qmail), ("postfix/smtpd", .postfix), ("postfix", .postfix), ("", .untagged),
        // Instances of Postfix have names of the site's choice, which may begin or end like another server.
        ("couriere/qmgr", .postfix), ("tcpserve/smtpd", .postfix), ("courieresmtp/smtpd", .postfix),
        ("m/smtpd", .postfix), ("imapd", .nobody), ("sshd", .nobody), ("exim5", .nobody), ("Exim", .nobody),
        ("exi", .nobody), ("smtp4", .nobody),
    ]) func `a tag has one owner`(tag: String, owner: TagOwners.Owner) {
        let line = Array("mx \(tag): text".utf8)
        #expect(TagOwners().owner(3..<(3 + tag.utf8.count), line.span) == owner)
    }
}
