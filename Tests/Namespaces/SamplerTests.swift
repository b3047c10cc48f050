import ConnectionSampler
import Events
import Glibc
import Netlink
import Posix
import Testing

struct SampleScheduleTests {
    static let second: Int64 = 1_000_000_000

    @Test("an hour of late wake-ups is 720 samples, each at its instant")
    func hour() {
        let origin: Int64 = 123_456_789
        let schedule = SampleSchedule(from: origin, every: .seconds(5))
        var now = origin - 1
        var instants: [Int64] = []
        var random: UInt64 = 1
        while true {
            let due = schedule.next(after: now)
            if due > origin + 3600 * Self.second - 1 { break }
            instants.append(due)
            // Up to 4.9 s late: a loaded host.
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            now = due + Int64(random >> 33) % (4_900_000_000)
        }
        #expect(instants == (0..<720).map { origin + $0 * 5 * Self.second })
    }

    @Test(
        "the next instant",
        arguments: [
            ("before the first", Int64(50), Int64(100)), ("at an instant", 100, 105), ("just before", 104, 105),
            ("suspended for an hour: no burst", 3701, 3705), ("at the end of time", .max, .max),
        ])
    func next(_ name: String, now: Int64, expected: Int64) {
        let schedule = SampleSchedule(from: 100_000_000, every: .milliseconds(5))
        let nanoseconds = now == .max ? now : now * 1_000_000
        #expect(schedule.next(after: nanoseconds) == (expected == .max ? .max : expected * 1_000_000), "\(name)")
    }
}

struct SampleTests {
    @Test("the date of a sample's line, in the zone of TZ")
    func date() {
        let old = getenv("TZ").map { String(cString: $0) }
        setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1)
        defer { if let old { setenv("TZ", old, 1) } else { unsetenv("TZ") } }
        let time = CivilTime(year: 2009, month: 7, day: 28, hour: 12, minute: 42, second: 42).instant()
        #expect(localDate(time) == "Tue Jul 28 14:42:42 CEST 2009")
        let early = CivilTime(year: 2009, month: 1, day: 3, hour: 0, minute: 0, second: 1).instant()
        #expect(localDate(early) == "Sat Jan  3 01:00:01 CET 2009")
    }

    @Test(
        "passive opens",
        arguments: [
            ("Ip: a\nIp: 1\nTcp: RtoAlgorithm ActiveOpens PassiveOpens\nTcp: 1 22 333\nUdp: x\n", UInt64(333)),
            ("Tcp: ActiveOpens\nTcp: 1\n", nil), ("Tcp: PassiveOpens\nTcp:\n", nil), ("", nil),
            ("Tcp: PassiveOpens\nTcp: -1\n", nil),
        ])
    func passiveOpens(_ text: String, count: UInt64?) {
        #expect(Sampler.passiveOpens(inStatistics: text) == count)
    }
}

@Suite(.serialized, .enabled(if: isInNamespace, outsideNamespace))
struct SamplerTests {
    @Test("connections count from the first, waiting ones included; new ones as the log or the kernel has them")
    func sample() throws {
        let listener = try TestSocket.listener("::")
        let sampler = Sampler(sockets: try SockDiag(), ports: [listener.port, 1], clock: AnchoredClock()) {
            (7, [listener.port, 1])
        }
        let clients = try (0..<4).map { _ in try TestSocket.connected(to: "127.0.0.1", port: listener.port) }
        let first = try sampler.sample()
        #expect(first.connectionsByPort == [listener.port: 4, 1: 0] && first.connections == 4)
        #expect(first.slots == 7 && first.new == nil)
        let more = try TestSocket.connected(to: "127.0.0.1", port: listener.port)
        let second = try sampler.sample()
        #expect(second.connections == 5 && second.new == 1 && second.isNewOfAllPorts)
        sampler.noteStarted(3)
        sampler.noteStarted(4)
        let third = try sampler.sample()
        #expect(third.new == 7 && !third.isNewOfAllPorts)
        #expect(try sampler.sample().new == 0, "counted once")
        _ = (clients, more)
    }
}
