import Foundation
import Testing

extension LabTests {
    /// A wave of listed senders against a real Courier that breakwater guards.
    @Suite struct Waves {
        @Test func `a wave without the tarpit: every zombie told and shed, every other message delivered`() throws {
            let wave = try WaveRun(
                "--profile", "0:8,4:16,18:16,21:4", "--tail", "4", "--sources", "1000", "--ipv6-share", "0.2",
                "--pipelined", "2", "--legit", "10", "--auth-listed", "5", "--legit-every", "2")
            try wave.run(on: mailServer)
            // Unguarded, all of them would linger for a minute and hold about 260 slots.
            try wave.expectKept(peakBelow: 100)
        }

        @Test func `a comparison leaves a lab alone that was up already`() throws {
            let server = try mailServer
            let words = [labScript, "compare", "--name", server.name, "--guards", "none", "--out"]
            let done = try Lab.run(words + [try #require(LabGround.current).directory + "/refused"], atMost: 30)
            #expect(done.code == 1 && done.errors.contains("is up already"), "\(done.testDescription)")
            #expect(try Lab.run([labScript, "info", "--name", server.name], atMost: 30).code == 0)
        }

        @Test
        func `a wave with the tarpit on: every zombie told and shed, every other message delivered`()
            throws
        {
            let tarpit = try MailServer(on: try #require(LabGround.current), "tarpit", tarpit: true)
            defer { try? tarpit.down() }
            let wave = try WaveRun(
                "--profile", "0:4,3:10,8:10,10:0", "--tail", "10", "--sources", "1000", "--ipv6-share", "0.2",
                "--legit", "6", "--auth-listed", "4", "--legit-every", "2")
            try wave.run(on: tarpit)
            try wave.expectKept(peakBelow: 150)
        }
    }
}

/// One wave and what was seen of it: by the clients, by Courier's log, by the kernel, and by the daemon itself.
private final class WaveRun {
    private let options: [String]
    private let out: String
    private var summary = JSON.null
    private var rejected: Set<Endpoint> = []
    private var banned: [String: Element] = [:]
    private var decisions: [Decision] = []
    private var status = JSON.null
    private var problems = ""

    init(_ options: String...) throws {
        self.options = options
        out = try #require(LabGround.current).directory + "/wave-\(UUID().uuidString)"
    }

    deinit { try? FileManager.default.removeItem(atPath: out) }

    func run(on server: MailServer) throws {
        try Daemon.with(followsCourier: true, on: server) { daemon in
            let start = server.logLength()
            let done = try Lab.run(
                [labScript, "wave", "--name", server.name, "--out", out, "--json"] + options, atMost: 150)
            try #require(done.code == 0, "\(done.testDescription)")
            summary = try JSON(parsing: done.output)
            try eventually("all that Courier rejected is banned") {
                rejected = try server.rejected(after: start)
                banned = try server.banned()
                return rejected.allSatisfy { banned[$0.net] != nil }
            }
            _ = try? eventually("each shed is counted") { try daemon.counter("sheds") >= rejected.count }
            // As many as there are, so that what is missing is told by what is not in them.
            _ = try? daemon.decisions {
                $0.filter { $0.kind == "shed" && $0.outcome == "done" }.count >= rejected.count
            }
            decisions = try daemon.decisions()
            status = try daemon.json("status")
            try expectWave(daemon)
            problems = daemon.stderr.split(separator: "\n").filter { $0.contains(" warning ") }.joined(separator: "\n")
        }
    }

    /// The slots alone would not show this wave, as each is free at once; it is found all the same, announced, and goes on
    /// after a restart in the middle of it.
    private func expectWave(_ daemon: Daemon) throws {
        #expect(decisions.filter { $0.kind == "wave-begin" }.count == 1)
        let wave = status["wave"]
        #expect(wave["on"].bool == true && wave["number"].int == 1, "\(wave)")
        #expect(wave["high"].int == 30 && wave["low"].int == 15, "\(wave)")
        #expect((wave["peak_demand"].int ?? 0) > 30 && wave["peak_at_least"].bool == false, "\(wave)")
        // All but those before the last sample that was calm: 5 s of ten a second.
        let sources = wave["sources"].int ?? 0
        let nets = Set(rejected.map(\.net)).count
        #expect(sources <= nets && sources >= nets - 50, "\(sources) of \(nets)")
        let up = try expectReport(daemon)

        try daemon.stop()
        #expect(try expectReport(daemon) == up, "the store tells what the daemon does")
        try daemon.start()
        let after = try daemon.json("status")["wave"]
        #expect(after["on"].bool == true && after["number"].int == 1 && after["begin"].string == wave["begin"].string)
        #expect(after["sources"].int == sources, "\(after)")
    }

    /// The wave is in the report and in one of its own, with what was done: the same figures whoever is asked.
    private func expectReport(_ daemon: Daemon) throws -> [String] {
        func report(_ words: String...) throws -> JSON {
            try JSON(parsing: daemon.cli(["report", "--json"] + words).output)
        }
        let all = try report("--only", "curve,waves,shedding,ban_effect")
        let own = try report("--wave", "last")["wave"]
        let done = decisions.filter { $0.outcome == "done" }
        let banned = done.filter { $0.kind == "ban" }
        let shed = done.filter { $0.kind == "shed" }
        func marked(_ kind: String, in section: JSON) -> Int {
            section["marks"].array.filter { $0["kind"].string == kind }.reduce(0) { $0 + ($1["count"].int ?? 0) }
        }
        #expect(marked("bans", in: all["curve"]) == banned.count && marked("sheds", in: all["curve"]) == shed.count)
        #expect(all["curve"]["spans"].array.count == 1)
        let row = all["waves"]["rows"].array.first ?? .null
        #expect(row["wave"].int == 1 && row["sources"].int == own["sources"].int, "\(row.text)")
        let shedding = all["shedding"]["rows"].array.first ?? .null
        #expect(shedding["ended"].int == shed.count && shedding["told"].int == shed.count, "\(shedding.text)")
        #expect((shedding["kept_slot_s"].int ?? 0) > shed.count, "\(shedding.text)")
        #expect((all["ban_effect"]["rows"].array.last?["attempts_before"].int ?? 0) >= banned.count)
        #expect(marked("ban", in: own) == banned.count && marked("shed", in: own) == shed.count)
        // Two minutes before it belong to it, too.
        #expect((own["slots"].array.compactMap { $0["slots"].int }.max() ?? 0) >= own["peak"].int ?? .max)
        try expectPages(daemon)
        return [
            row["sources"], row["bans"], row["sheds"], shedding["ended"], shedding["told"], all["ban_effect"],
            all["curve"]["marks"], own["marks"], own["countries"],
        ].map(\.text)
    }

    private func expectPages(_ daemon: Daemon) throws {
        let text = try daemon.cli("report", "--wave", "last").output
        #expect(text.contains("sheds") && text.contains("good senders"), "\(text)")
        for (name, words) in [("wave", ["--wave", "last"]), ("all", ["--only", "curve,waves,shedding,ban_effect"])] {
            let page = daemon.directory + "/\(name).html"
            let written = try daemon.cli(["report", "--html", page, "--svg", daemon.directory + "/" + name] + words)
            #expect(written.code == 0, "\(written.testDescription)")
            let html = try String(contentsOfFile: page, encoding: .utf8)
            #expect(html.contains("class=\"span\"") && html.contains("sheds: "), "no curve in \(name).html")
            let checked = try Lab.run(
                ["/usr/bin/python3", packageDirectory + "/scripts/page-check", page], atMost: 120)
            #expect(checked.code == 0 && checked.output.contains(", 0 problems"), "\(checked.testDescription)")
            let pictures = try FileManager.default.contentsOfDirectory(atPath: daemon.directory + "/" + name)
            #expect(pictures.contains(name == "wave" ? "wave.svg" : "curve.svg"), "\(pictures)")
        }
    }

    func expectKept(peakBelow limit: Int) throws {
        let connections = try JSON.lines(try String(contentsOfFile: out + "/connections.jsonl", encoding: .utf8))
        #expect(connections.count > 50, "the wave was none")
        // "told" is a whole line with a 5xx, seen by the client.
        let untold = connections.filter { $0["told"].bool != true }
        #expect(untold.isEmpty, "\(untold.count) of \(connections.count) had no complete 5xx: \(ends(untold))")
        let held = connections.filter { !($0["end"].string ?? "").hasPrefix("server-") }
        #expect(held.isEmpty, "\(held.count) of \(connections.count) kept their slot: \(ends(held))")

        for kind in ["legit", "auth_listed"] {
            #expect((summary[kind]["messages"].int ?? 0) > 10, "\(kind): no mail was tried")
            #expect(summary[kind]["delivered"].int == summary[kind]["messages"].int, "\(kind): \(summary[kind])")
        }
        let peak = try #require(summary["server"]["peak_slots"].int)
        #expect(peak < limit)

        #expect(
            Set(connections.compactMap(Endpoint.init(connection:))) == rejected,
            "client and log differ on who was rejected")
        #expect(Set(banned.keys) == Set(rejected.map(\.net)), "in the sets: those rejected, and nobody else")
        // Listed are 198.18.0.0/17 and 2001:db8:66::/49; of these 198.18.120.0/24 logs in.
        let wrong = decisions.filter { decision in
            guard let net = decision.net, ["ban", "shed"].contains(decision.kind) else { return false }
            let isListed = net.hasPrefix("198.18.") || net.hasPrefix("2001:db8:66:")
            return !isListed || net.hasPrefix("198.18.120.")
        }
        #expect(wrong.isEmpty)
        let shed = decisions.filter { $0.kind == "shed" && $0.outcome == "done" }
        #expect(Set(shed.map { Endpoint(peer: $0.host, port: $0.port ?? 0) }) == rejected)
        #expect(status["counters"]["sheds"].int == rejected.count)
        #expect(status["counters"]["told"].int == rejected.count)
        #expect(status["counters"]["failed"].int == 0)
        #expect(problems == "")
    }

    private func ends(_ connections: [JSON]) -> [String: Int] {
        Dictionary(connections.map { ($0["end"].string ?? "?", 1) }, uniquingKeysWith: +)
    }
}

extension Endpoint {
    /// A line of the wave's connections.jsonl, if it was told.
    fileprivate init?(connection: JSON) {
        guard connection["told"].bool == true, let peer = connection["source"].string, let port = connection["port"].int
        else { return nil }
        self.init(peer: peer, port: port)
    }
}
