import Events
import Testing

@testable import MailServer

@Suite struct ConfiguredKindTests {
    private func server(_ mta: MTA?, _ command: String, _ ports: [UInt16] = [25]) -> RunningServer {
        RunningServer(mta, command, RunningServer.Listener(pid: 7, command: command, ports: ports))
    }

    @Test(
        arguments: [
            (nil, MTA.exim, true), (MTA.exim, MTA.exim, true), (MTA.postfix, MTA.exim, false), (MTA.postfix, nil, true),
            (MTA.qpsmtpd, MTA.qmail, true), (MTA.postfix, MTA.qmail, false), (MTA.qmail, MTA.qpsmtpd, false),
        ] as [(MTA?, MTA?, Bool)])
    func `a server fits the kind, or may`(kind: MTA?, mta: MTA?, fits: Bool) {
        let servers = [server(mta, "x")]
        #expect(servers[0].fits(kind) == fits)
        #expect((RunningServer.misfit(servers, kind) == nil) == fits)
    }

    @Test func `what listens instead is named, with its ports and what to write`() throws {
        let misfit = try #require(RunningServer.misfit([server(.exim, "exim4", [25, 587])], .postfix))
        #expect(
            misfit.text
                == "[mta] kind = \"postfix\", but what listens is exim4 (exim4, pid 7) on port 25, 587: its lines are not read"
        )
        #expect(misfit.remedy == "set [mta] kind to \"auto\" or \"exim\"")
        let both = try #require(
            RunningServer.misfit([server(.postfix, "master"), server(.exim, "exim4", [587])], .postfix))
        #expect(both.remedy == "set [mta] kind to \"auto\"")
        #expect(!both.text.contains("master"))
    }
}
