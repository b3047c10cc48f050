import MailServer
import Testing

@Suite struct AskedListsTests {
    private func text(_ lists: [AskedList]) -> [String] { lists.map { ($0.isOfNames ? "names " : "") + $0.zone } }

    @Test func `Courier's blocks`() {
        let file = "BLACKLISTS=\"-block=zen.example,BLOCK,* -block=cbl.example -block=x.example,BLOCK/127.0.0.2\"\n"
        #expect(text(CourierSettings(esmtpdFile: file).lists) == ["zen.example", "cbl.example", "x.example"])
    }

    @Test func `Postfix' restrictions, their classes and postscreen's sites`() {
        let main = """
            smtpd_recipient_restrictions = permit_mynetworks,
                reject_rbl_client zen.example=127.0.0.[2..11], reject_rhsbl_sender dbl.example=127.0.1.[2..99]
                permit_dnswl_client good.example  strict
            smtpd_restriction_classes = strict
            strict = reject_rbl_client $other, reject_rbl_client zen.example
            other = cbl.example
            postscreen_dnsbl_sites = screen.example=127.0.0.[2;4]*2 good.example*-1, /etc/postfix/sites
            """
        let master = """
            smtp inet n - y - 1 postscreen
            smtpd pass - - y - - smtpd -o smtpd_client_restrictions=reject_rbl_client,pass.example
            587 inet n - y - - smtpd -o smtpd_recipient_restrictions=reject_rbl_client,other.example
            """
        let settings = PostfixSettings(main: main, master: master)
        let lists = settings.lists(of: settings.services.filter { $0.port != 587 })
        #expect(
            text(lists) == [
                "zen.example", "names dbl.example", "cbl.example", "screen.example", "pass.example",
            ])
    }

    @Test func `Exim's dnslists, also where a macro has them`() {
        let file = """
            CHECK_LISTS = zen.example : cbl.example=127.0.0.2,127.0.0.3 & 0.1
            begin acl
              deny
                # dnslists = old.example
                dnslists = CHECK_LISTS
              deny !dnslists = dbl.example/$sender_address_domain
              warn dnslists = ${lookup{x}lsearch{/etc/lists}} : a.example,b.example!=127.0.0.1
            """
        #expect(
            text(eximLists(file)) == ["zen.example", "cbl.example", "names dbl.example", "a.example", "b.example"])
    }

    @Test func `Sendmail's features, qpsmtpd's files, rblsmtpd's options`() {
        let file = """
            R$*\t\t\t$: $&{client_addr}
            R$-.$-.$-.$-\t\t$: <?> $(dnsbl $4.$3.$2.$1.zen.example. $: OK $)
            R<?>OK\t\t\t$: OKSOFAR
            """
        #expect(text(sendmailLists(file)) == ["zen.example"])
        #expect(
            text(qpsmtpdLists("# x.example\nzen.example\ncbl.example:go away\n\n", isOfNames: false)) == [
                "zen.example", "cbl.example",
            ])
        let arguments = [
            "tcpserver", "-c", "40", "0", "25", "rblsmtpd", "-b", "-r", "zen.example:x", "-cr", "cbl.example",
        ]
        #expect(text(rblsmtpdLists(arguments)) == ["zen.example", "cbl.example"])
        #expect(rblsmtpdLists(["tcpserver", "-r", "zen.example"]).isEmpty)
    }

    @Test func `what is no domain name, and what comes by the thousand, is left out`() {
        let many = (0..<1000).map { "reject_rbl_client l\($0).example" }.joined(separator: " ")
        let settings = PostfixSettings(
            main: "smtpd_client_restrictions = reject_rbl_client \u{1b}[31m.x reject_rbl_client .x \(many)\n",
            master: "smtp inet n - y - - smtpd\n")
        #expect(settings.lists(of: settings.services).count == 64)
    }
}
