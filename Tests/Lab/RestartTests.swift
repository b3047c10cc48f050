import Foundation
import Testing

extension LabTests {
    /// The daemon ends, in one way or another, and comes back.
    @Suite struct Restarts {
        @Test func `kill -9 ten times in a wave: no ban lost, none made twice, every slot freed, no other mail harmed`()
            throws
        {
            let server = try mailServer
            let out = try #require(LabGround.current).directory + "/wave-kill"
            defer { try? FileManager.default.removeItem(atPath: out) }
            try Daemon.with(followsCourier: true) { daemon in
                let start = server.logLength()
                let wave = try Program([
                    labScript, "wave", "--name", server.name, "--out", out, "--json", "--profile", "0:12,22:12",
                    "--tail", "3",
                    "--sources", "1000", "--legit", "8", "--auth-listed", "4", "--legit-every", "2", "--ipv6-share",
                    "0.2",
                ])
                var inKernel: Set<String> = []
                for _ in 0..<10 {
                    // Let it do something between one end and the next.
                    let before = inKernel.count
                    try eventually("bans are added") { try server.banned().count > before || wave.hasEnded }
                    usleep(700_000)
                    inKernel.formUnion(try server.banned().keys)
                    try daemon.kill9()
                    try daemon.start()
                }
                let done = try wave.wait(atMost: 120)
                try #require(done.code == 0, "\(done.testDescription)")
                let summary = try JSON(parsing: done.output)

                var rejected: Set<Endpoint> = []
                var banned: [String: Element] = [:]
                try eventually("all that Courier rejected is banned") {
                    rejected = try server.rejected(after: start)
                    banned = try server.banned()
                    return rejected.allSatisfy { banned[$0.net] != nil }
                }
                #expect(rejected.count > 100)
                #expect(
                    inKernel.subtracting(banned.keys).isEmpty, "bans that were in the kernel before a kill are gone")
                #expect(Set(banned.keys) == Set(rejected.map(\.net)))
                for kind in ["legit", "auth_listed"] {
                    #expect((summary[kind]["messages"].int ?? 0) > 10, "\(kind): no mail was tried")
                    #expect(summary[kind]["delivered"].int == summary[kind]["messages"].int, "\(kind)")
                }

                // A line judged again would be a second ban of the same source, or a later number of its ban.
                let bans = try daemon.bans()
                #expect(Set(bans.keys) == Set(banned.keys))
                #expect(bans.filter { $0.value["count"].int != 1 }.keys.sorted() == [])
                // Lines whose bans the store had not yet written are read again, and say what those were for.
                #expect(bans.filter { $0.value["why"].string?.hasPrefix("rbl") != true }.keys.sorted() == [])
                let decisions = try daemon.decisions { $0.contains { $0.kind == "shed" } }
                let made = Dictionary(
                    decisions.filter { $0.kind == "ban" && $0.outcome == "done" }.map { ($0.net ?? "", 1) },
                    uniquingKeysWith: +)
                #expect(made.filter { $0.value > 1 }.isEmpty)
                // A line that is read again finds its connection gone, which is no decision.
                let shed = Dictionary(
                    decisions.filter { $0.kind == "shed" }.map {
                        (Endpoint(peer: $0.host, port: $0.port ?? 0), [$0.outcome ?? ""])
                    },
                    uniquingKeysWith: +)
                #expect(Set(shed.keys).isSubset(of: rejected))
                #expect(shed.filter { $0.value.count > 1 }.isEmpty)
                let connections = try JSON.lines(
                    try String(contentsOfFile: out + "/connections.jsonl", encoding: .utf8))
                let held = connections.filter { !($0["end"].string ?? "").hasPrefix("server-") }
                #expect(held.isEmpty, "\(held.count) of \(connections.count) kept their slot")
                // Reading went on near where it had ended: the last daemon has not begun anew. On a busy host the last kill
                // comes before the wave's middle.
                let all = try server.logLines(after: 0).count
                let lines = try daemon.counter("lines")
                #expect(lines < all * 4 / 5, "\(lines) lines read by the last daemon, \(all) in the log")
            }
        }

        @Test func `a clean stop leaves the bans, and the next start adopts them with the time they have left`() throws
        {
            let server = try mailServer
            try Daemon.with { daemon in
                try daemon.ban(byLogLine: "198.51.100.7")
                try daemon.cli("ban", "198.51.100.8", "--for", "1h", "--why", "kept")
                try daemon.cli("ban", "198.51.100.64/26", "--for", "2h")
                try daemon.cli("ban", "2001:db8:77::/48", "--for", "forever")
                try daemon.cli("ban", "198.51.100.9", "--for", "5s")
                let before = try server.banned()
                #expect(before.count == 5)
                #expect(try daemon.stop() == 0)
                #expect(!FileManager.default.fileExists(atPath: daemon.socket))
                #expect(try server.rules().contains("drop"), "without the daemon the bans hold")
                let stopped = try server.banned()
                #expect(Set(stopped.keys).isSuperset(of: Set(before.keys).subtracting(["198.51.100.9/32"])))
                try eventually("a ban ends without the daemon") { try server.banned()["198.51.100.9/32"] == nil }
                // As if they had stood for a long time: nearly all of these has passed.
                let script = """
                    delete element inet breakwater banned4 { 198.51.100.8 }
                    add element inet breakwater banned4 { 198.51.100.8 timeout 1h expires 20m }
                    delete element inet breakwater banned_nets4 { 198.51.100.64/26 }
                    add element inet breakwater banned_nets4 { 198.51.100.64/26 timeout 2h expires 15m }
                    """
                let aged = try server.nft("-f", "-", input: script)
                try #require(aged.code == 0, "\(aged.testDescription)")

                let start = Date()
                let last = try server.banned()
                try daemon.start()
                let after = try server.banned()
                let elapsed = Int(Date().timeIntervalSince(start)) + 2
                #expect(Set(after.keys) == Set(before.keys).subtracting(["198.51.100.9/32"]))
                for (net, element) in after {
                    let left = last[net]?.expiresSeconds
                    #expect(element.timeoutSeconds == before[net]?.timeoutSeconds, "\(net)")
                    #expect((left == nil) == (element.expiresSeconds == nil), "\(net)")
                    if let left, let now = element.expiresSeconds {
                        #expect((left - elapsed...left).contains(now), "\(net) had \(left) s left, now \(now) s")
                    }
                }
                // What the daemon says agrees with the kernel, and it still knows why.
                let bans = try daemon.bans()
                #expect(Set(bans.keys) == Set(after.keys))
                for (net, ban) in bans {
                    guard let said = ban["left_s"].int, let left = after[net]?.expiresSeconds else { continue }
                    #expect(abs(said - left) <= 3, "\(net)")
                }
                #expect(bans["2001:db8:77::/48"]?["left_s"].isNull == true)
                #expect(bans["198.51.100.7/32"]?["why"].string?.hasPrefix("rbl") == true)
                #expect(bans["198.51.100.7/32"]?["by"].string == "local")
                #expect(bans["198.51.100.8/32"]?["why"].string == "by hand: kept")
                #expect(bans["198.51.100.8/32"]?["by"].string == "manual")
                #expect(try daemon.counter("repaired") == 0)
            }
        }

        @Test func `lines written while the daemon is away are judged when it is back, none of them twice`() throws {
            let server = try mailServer
            try Daemon.with { daemon in
                try daemon.ban(byLogLine: "198.51.100.1")
                try daemon.stop()
                try daemon.append([rejection(of: "198.51.100.2"), rejection(of: "198.51.100.3")])
                try daemon.start()
                try eventually("both are banned") { try server.banned().count == 3 }
                #expect(try daemon.counter("rejections") == 2)
                let made = try daemon.decisions { $0.filter { $0.kind == "ban" }.count >= 3 }.filter {
                    $0.kind == "ban"
                }
                #expect(made.map(\.net) == ["198.51.100.1/32", "198.51.100.2/32", "198.51.100.3/32"])
            }
        }

        @Test func `what an administrator was told is done holds, though kill -9 follows the answer`() throws {
            let server = try mailServer
            try Daemon.with { daemon in
                for net in ["198.51.100.7", "198.51.100.8"] { try daemon.cli("ban", net) }
                try daemon.cli("allow", "203.0.113.192/26")
                #expect(try daemon.cli("unban", "198.51.100.7").code == 0)
                #expect(try daemon.cli("allow", "198.51.100.8").code == 0)
                #expect(try daemon.cli("allow", "--remove", "203.0.113.192/26").code == 0)
                #expect(try daemon.cli("enforce", "off").code == 0)
                try daemon.kill9()
                try daemon.start()
                #expect(try daemon.json("status")["mode"].string == "observing")
                #expect(try daemon.bans().isEmpty)
                #expect(try server.banned().isEmpty)
                let allowed = try daemon.json("allow", "--list")["allowed"].array.compactMap { $0["net"].string }
                #expect(allowed.contains("198.51.100.8") && !allowed.contains("203.0.113.192/26"))
            }
        }

        @Test func `bans of the store come back when the kernel has lost them, as after a reboot`() throws {
            let server = try mailServer
            try Daemon.with { daemon in
                try daemon.cli("ban", "198.51.100.8", "--for", "1h")
                try daemon.cli("ban", "2001:db8:77::/48", "--for", "2h")
                try daemon.stop()
                try server.flushRuleset()
                try daemon.start()
                let after = try server.banned()
                #expect(Set(after.keys) == ["198.51.100.8/32", "2001:db8:77::/48"])
                for element in after.values { #expect((element.expiresSeconds ?? .max) <= 7200) }
            }
        }
    }
}
