import Foundation
import Testing

// Everything here runs the programs themselves: a real breakwaterd beside a real Courier, on a network of their own
// with the kernel's own nftables, asked through the real `breakwater`. scripts/lab makes that network.
//
// One test after the other on one lab, each with a daemon and an empty ruleset of its own.
//
//     sudo BREAKWATER_LAB=1 swift test --filter 'Lab\.'
//
// BREAKWATER_LAB_BIN names a directory with other programs than those built beside the tests, say a release build.

@Suite(.serialized, .enabled(if: isLabWanted, noLab), .labIsUp)
struct LabTests {}

let isLabWanted = getuid() == 0 && ProcessInfo.processInfo.environment["BREAKWATER_LAB"] == "1"
let noLab: Comment =
    "needs root and BREAKWATER_LAB=1, as scripts/test has it: brings a mail server up in namespaces of its own"

/// Brings the lab up before the first test and takes it away after the last one, also when tests fail.
struct LabIsUp: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let ground = try LabGround()
        defer { ground.clear() }
        let server = try MailServer(on: ground, "plain", tarpit: false)
        try await LabGround.$current.withValue(ground) {
            try await MailServer.$current.withValue(server, operation: function)
        }
    }
}

extension Trait where Self == LabIsUp {
    static var labIsUp: LabIsUp { LabIsUp() }
}

/// The current lab, which the suite's trait has brought up.
var mailServer: MailServer {
    get throws { try #require(MailServer.current) }
}
