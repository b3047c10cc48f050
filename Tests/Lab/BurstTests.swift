import Foundation
import Testing

extension LabTests {
    @Suite struct Bursts {
        @Test func `lines that follow each other share transactions, all are judged, and then the daemon sleeps again`()
            throws
        {
            let server = try mailServer
            // All labs of a host run one file, and answering early listens to its starts.
            try Daemon.with(["shed.early": "\"off\""]) { daemon in
                let monitor = try Program(["nsenter", "--target", "\(server.pid)", "--net", "--", "nft", "monitor"])
                defer { monitor.end() }
                func transactions() -> Int {
                    monitor.outputSoFar.split(separator: "\n").count { $0.hasPrefix("# new generation ") }
                }
                // By itself a line is judged at once; and the monitor is there by then.
                var first = 0
                while transactions() == 0 {
                    first += 1
                    try #require(first < 100, "nft tells of no transaction")
                    try daemon.ban(byLogLine: "10.9.1.\(first)")
                }
                let (bans, before) = (try daemon.bans().count, transactions())
                let lines = 300
                let elapsed = try ContinuousClock().measure {
                    for number in 0..<lines {
                        try daemon.append([rejection(of: "10.9.\(2 + number / 250).\(number % 250)")])
                        usleep(500)
                    }
                }
                try eventually("all are banned") { try daemon.bans().count == bans + lines }
                // One for what three milliseconds bring, however fast the machine is.
                #expect(transactions() - before <= Int(elapsed / .milliseconds(3)) + 10)

                // Each shed looks for its connection for a while, and there is none.
                sleep(4)
                let switches = try daemon.switches()
                sleep(3)
                // Samples and beats are seconds apart; reading by the clock would be a thousand.
                #expect(try daemon.switches() - switches < 50)
                try daemon.ban(byLogLine: "10.9.9.9")
            }
        }

        @Test(arguments: [4, 6])
        func `10,000 rejections of 10,000 sources in one write are 10,000 bans`(family: Int) throws {
            let server = try mailServer
            try Daemon.with { daemon in
                let peers = (0..<10_000).map {
                    family == 4
                        ? "10.\($0 / 2500).\($0 / 250 % 10).\($0 % 250)" : "2001:db8:\(String($0 + 1, radix: 16))::7"
                }
                try #require(Set(peers).count == 10_000)
                try daemon.append(peers.map { rejection(of: $0) })
                // A quarter of a second as a rule; to look at all bans for each of them takes 40.
                try eventually("the daemon has 10,000 bans", within: 20) {
                    try daemon.json("status")["bans"].int == 10_000
                }
                let wanted = Set(peers.map { family == 4 ? $0 + "/32" : $0.dropLast() + "/64" })
                if family == 4 { #expect(try Set(server.elements(of: "banned4").map(\.net)) == wanted) }
                #expect(try server.banned().count == 10_000)
                #expect(try Set(daemon.bans().keys) == wanted)
                #expect(try daemon.counter("bans") == 10_000)
                #expect(try daemon.counter("failed") == 0)
            }
        }
    }
}
