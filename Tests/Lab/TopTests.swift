import Foundation
import Testing

extension LabTests {
    /// `top` on a real terminal.
    @Suite struct Tops {
        /// Rejected for a reason that bans nobody.
        private static func unknownUser(_ peer: String) -> String {
            "2026-11-20T22:44:56.033783+00:00 mx courieresmtpd: error,relay=::ffff:\(peer),port=40001,"
                + "from=<spam@zombie.example>,to=<nobody@mail.example>: 550 User <nobody@mail.example> unknown"
        }

        private static func terminal(
            _ daemon: Daemon, columns: Int = 80, rows: Int = 24, _ environment: [String: String] = ["LC_ALL": "C.UTF-8"]
        ) throws -> Tmux {
            try Tmux(
                columns: columns, rows: rows,
                environment: ["BREAKWATER_SOCKET": daemon.socket, "BREAKWATER_CONFIG": daemon.configPath].merging(
                    environment
                ) { $1 }, "\(programDirectory)/breakwater top")
        }

        /// The first words of the rows of the left list.
        private static func sources(_ screen: [String]) -> [String] {
            guard let head = screen.firstIndex(where: { $0.contains("SOURCE") }) else { return [] }
            return screen[(head + 1)...].prefix { !$0.hasPrefix("  EVENTS") }.compactMap { row in
                row.dropFirst(2).split(separator: " ").first.map(String.init)
            }.filter { $0.contains(".") }
        }

        @Test func `shows slots and who is rejected; sorts, bans, allows, and gives the terminal back`() throws {
            try Daemon.with { daemon in
                try daemon.append(
                    [Self.unknownUser("198.18.9.3"), Self.unknownUser("198.18.9.3"), Self.unknownUser("198.18.9.1")])
                try daemon.append([rejection(of: "198.18.7.2")])
                try eventually("all are read") { try daemon.counter("rejections") == 4 }
                let top = try Self.terminal(daemon)
                let screen = try top.wait(for: "the first picture") { $0.contains { $0.contains("198.18.9.1") } }
                #expect(screen.count == 24)
                #expect(screen[0].hasPrefix("breakwater  enforcing  nft inet/breakwater"), "\(screen[0])")
                #expect(screen[1].hasPrefix("slots    0/300 [░"), "\(screen[1])")
                #expect(screen.contains { $0.hasPrefix("rates    new ") })
                #expect(screen.contains { $0.hasPrefix("wave     none; begins above 30") })
                #expect(screen.contains { $0.hasPrefix("  198.18.7.2 ") && $0.contains("ban ") })
                #expect(screen.contains { $0.contains("198.18.9.0/24") }, "the networks beside it")
                try top.wait(for: "the last events") { $0.contains { $0.contains(" ban 198.18.7.2 ") } }
                #expect(Self.sources(screen) == ["198.18.9.3", "198.18.7.2", "198.18.9.1"])

                try top.type("s")
                // The last one comes first; those of one instant by their address.
                try top.wait(for: "the other order") {
                    Self.sources($0).first == "198.18.7.2" && $0[23].contains("sort: last")
                }
                try top.type("s")
                try top.wait(for: "by address") { Self.sources($0) == ["198.18.7.2", "198.18.9.1", "198.18.9.3"] }

                try top.type("Down")
                try top.wait(for: "the selection") { $0.contains { $0.hasPrefix("> 198.18.9.1 ") } }
                try top.type("b")
                try top.wait(for: "the question") { $0[22].hasPrefix("ban 198.18.9.1, and end its connections? y/n") }
                try top.type("n")
                try top.wait(for: "no ban") { $0[22] == "nothing done" }
                #expect(try !daemon.server.holds("198.18.9.1/32"))
                try top.type("b")
                try top.type("y")
                let banned = try top.wait(for: "the ban") { $0[22].hasPrefix("banned 198.18.9.1 for ") }
                #expect(banned[22].hasSuffix("undo: breakwater unban 198.18.9.1"))
                #expect(try daemon.server.holds("198.18.9.1/32"))
                try top.wait(for: "its state") { $0.contains { $0.hasPrefix("> 198.18.9.1 ") && $0.contains(" ban ") } }

                try top.type("a")
                try top.wait(for: "the question") { $0[22].hasPrefix("allow 198.18.9.1: never ban nor shed it? y/n") }
                try top.type("y")
                let allowed = try top.wait(for: "the answer") { $0[22].hasPrefix("allowed 198.18.9.1; lifted 1 ban") }
                #expect(allowed[22].hasSuffix("undo: breakwater allow --remove 198.18.9.1"))
                #expect(try !daemon.server.holds("198.18.9.1/32"))
                try top.wait(for: "its state") {
                    $0.contains { $0.hasPrefix("> 198.18.9.1 ") && $0.contains("allowed") }
                }

                try top.type("Tab")
                try top.wait(for: "the other list") { $0.contains { $0.contains("> 198.18.7.0/24") } }
                try top.type("q")
                // What stty says of the terminal comes line by line.
                let end = try top.wait(for: "the end") {
                    $0.first == "ended 0" && $0.contains { $0.contains("extproc") }
                }
                #expect(end.joined(separator: " ").contains(" echo "), "the terminal echoes again: \(end)")
                #expect(end.joined(separator: " ").contains(" icanon "))
            }
        }

        @Test func `fits any size, and follows a change`() throws {
            try Daemon.with { daemon in
                try daemon.append((0..<40).map { Self.unknownUser("198.18.9.\($0)") })
                let top = try Self.terminal(daemon)
                try top.wait(for: "the first picture") { $0.contains { $0.contains("198.18.9.1") } }
                for (columns, rows) in [(120, 40), (76, 20), (75, 20), (60, 12), (40, 8), (20, 4), (10, 2), (80, 24)] {
                    try top.resize(columns: columns, rows: rows)
                    let screen = try top.wait(for: "\(columns)x\(rows)") {
                        $0.count == rows && $0[rows - 1].hasPrefix("q quit") && $0.contains { $0.hasPrefix("breakwa") }
                    }
                    #expect(screen.allSatisfy { $0.count <= columns })
                    #expect(screen[0].hasPrefix("breakwa"), "nothing has scrolled: \(screen)")
                    if rows >= 8 { #expect(screen.contains { $0.hasPrefix("> 198.18.9.") }, "\(screen)") }
                    if rows >= 8 { #expect(screen[1].hasPrefix("slots"), "\(screen)") }
                }
            }
        }

        @Test func `a daemon that goes away is said, and found again; SIGTERM leaves the terminal in order`() throws {
            try Daemon.with { daemon in
                let top = try Self.terminal(daemon, ["LC_ALL": "C", "NO_COLOR": "1"])
                try top.wait(for: "the first picture, in ASCII") { $0.contains { $0.hasPrefix("slots    0/300 [---") } }
                #expect(try top.screen().allSatisfy { $0.allSatisfy(\.isASCII) })
                try daemon.stop()
                let gone = try top.wait(for: "its absence") { $0[22].hasPrefix("trying again: no daemon at ") }
                #expect(gone[0].hasPrefix("no daemon"))
                try daemon.start()
                try top.wait(for: "its return") { $0[0].hasPrefix("breakwater  enforcing") && $0[22] == "" }
                try daemon.append([rejection(of: "198.18.7.9")])
                try top.wait(for: "events of the new one") { $0.contains { $0.contains(" ban 198.18.7.9 ") } }
                #expect(Foundation.kill(try top.command(), SIGTERM) == 0)
                let end = try top.wait(for: "the end") {
                    $0.first == "ended 143" && $0.contains { $0.contains("extproc") }
                }
                #expect(end.joined(separator: " ").contains(" echo "), "\(end)")
            }
        }

        @Test func `in a pipe one line, without a daemon exit code 69`() throws {
            try Daemon.with { daemon in
                let once = try daemon.cli("top")
                #expect(once.code == 0)
                #expect(once.output.hasPrefix("slots 0/300 ----------  connections 0  new "), "\(once.output)")
                #expect(once.output.split(separator: "\n").count == 1 && !once.output.contains("\u{1b}"))
                try daemon.stop()
                #expect(try daemon.cli("top").code == 69)
                let top = try Self.terminal(daemon)
                try top.wait(for: "the end") { $0.contains("ended 69") }
            }
        }
    }
}
