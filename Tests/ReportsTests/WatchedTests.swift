import Addresses
import Events
import Testing
import Waves

@testable import Reports

/// What only the daemon knows, with figures that are known.
@Suite struct WatchedTests {
    private static let begin = CivilTime(year: 2026, month: 3, day: 2).instant()

    private func base(_ watched: Watched, days: Int = 1) -> ReportBase {
        let base = ReportBase(Tally(), hours: LocalHours.of(Self.begin, days: days))
        base.watched = watched
        return base
    }

    private enum LocalHours {
        static func of(_ begin: Instant, days: Int) -> Range<Int> {
            let first = Int(begin.seconds / 3600)
            return first..<(first + days * 24)
        }
    }

    private func wave(_ number: Int, at hour: Int64, peak: Int, sheds: Int, saved: Int64) -> Wave {
        var wave = Wave(
            number: number, begin: Self.begin + .hours(hour), marks: WaterMarks(high: 30, low: 15), normal: 12,
            limit: 300)
        wave.end = wave.begin + .seconds(408)
        wave.peak = peak
        wave.atLimit = peak == 300 ? .seconds(25) : .zero
        wave.savedSlotMilliseconds = saved * 1000
        wave.counts.sources = 41
        wave.counts.bans = 40
        wave.counts.sheds = sheds
        wave.counts.good.delayed = 1
        wave.counts.good.turnedAway = 1
        return wave
    }

    @Test func `without a daemon there is no such section`() {
        let base = ReportBase(Tally(), hours: LocalHours.of(Self.begin, days: 1))
        for key in ["curve", "waves", "shedding", "ban_effect"] { #expect(base.section(key) == nil, "\(key)") }
        #expect(ReportBase.watchedKeys.isSubset(of: ReportBase.keys))
    }

    @Test func `slots over time: peaks by day, waves as spans, what was done as marks`() throws {
        var watched = Watched(step: .minutes(5))
        watched.limit = 300
        watched.points = [(0, 9), (3, 216), (20, 12), (26, 300), (30, 7)].map {
            (time: Self.begin + .hours(Int64($0.0)), value: $0.1)
        }
        watched.waves = [
            wave(1, at: 3, peak: 216, sheds: 20, saved: 900), wave(2, at: 26, peak: 300, sheds: 0, saved: 0),
        ]
        for second in 0..<40 {
            watched.note(.bans, at: Self.begin + .hours(3) + .seconds(Int64(second)))
            watched.note(.sheds, at: Self.begin + .hours(3) + .seconds(Int64(second)), told: second < 30)
        }
        watched.note(.bans, at: Self.begin + .hours(3), isObserved: true)
        watched.note(.saturation, at: Self.begin + .hours(26) + .minutes(2))
        watched.note(.saturation, at: Self.begin + .hours(26) + .minutes(7))
        let section = try #require(base(watched, days: 2).curve)
        #expect(
            section.figures == [
                ["2026-03-02", "216", "03:00", "40", "40", "0"], ["2026-03-03", ">=300", "02:00", "0", "0", "2"],
            ])
        guard case .curve(let curve) = section.picture else {
            Issue.record("no curve")
            return
        }
        #expect(curve.limit == 300 && curve.points.map(\.value) == [9, 216, 12, 300, 7])
        #expect(curve.spans.map(\.label) == ["wave 1", "wave 2"])
        #expect(curve.spans.map { ($0.end - $0.begin).inSeconds } == [408, 408])
        #expect(
            curve.marks.map { "\(($0.time - Self.begin).inSeconds / 60) \($0.kind) \($0.count)" } == [
                "180.0 bans 40", "180.0 sheds 40", "1560.0 saturation 1", "1565.0 saturation 1",
            ])
        #expect(section.notes == ["The curve has the most slots of each 5m."])
        watched.marksSince = Self.begin + .hours(2) + .minutes(30)
        #expect(base(watched).curve?.notes.last == "Bans and sheds are kept from 2026-03-02 02:30 on.")
    }

    @Test func `waves, and what shedding gave back`() throws {
        var watched = Watched(step: .seconds(30))
        watched.waves = [
            wave(1, at: 3, peak: 216, sheds: 20, saved: 900), wave(2, at: 4, peak: 300, sheds: 0, saved: 0),
        ]
        let base = base(watched)
        #expect(
            try #require(base.waves).figures == [
                ["1", "2026-03-02T03:00:00Z", "408", "216", "0", "41", "40", "20", "~900", "2"],
                ["2", "2026-03-02T04:00:00Z", "408", ">=300", "25", "41", "40", "0", "~0", "2"],
            ])
        #expect(base.shedding == nil)
        // 20 of these in the wave; 5 outside of it, each of which would have held its slot for another minute.
        for second in 0..<25 {
            let told: Bool? = second < 20 ? true : second < 24 ? false : nil
            watched.note(.sheds, at: Self.begin + .hours(3) + .seconds(Int64(second)), told: told)
        }
        watched.note(.sheds, at: Self.begin + .hours(3), isObserved: true)
        watched.bytesPerSlot = 3_400_000
        base.watched = watched
        #expect(try #require(base.shedding).figures == [["25", "20", "4", "1", "1", "~1200", "3400000"]])
        watched.marksSince = Self.begin + .hours(3)
        base.watched = watched
        #expect(try #require(base.shedding).figures[0][0] == ">=25")
    }

    @Test(arguments: [(Duration.hours(1), 5), (.days(1), 30), (.days(7), 300), (.days(35), 900), (.days(400), 900)])
    func `a curve has some thousand points at most`(span: Duration, seconds: Int) {
        #expect(Watched.step(for: span) == .seconds(seconds))
        if span <= .days(35) { #expect(span.nanoseconds / Watched.step(for: span).nanoseconds <= 3500) }
    }

    // MARK: - Bans

    private func effect(_ log: CountedLog, _ bans: [(Prefix, Instant)]) throws -> [[String]] {
        let base = ReportBase(log.tally)
        base.watched = Watched(step: .seconds(5))
        for ban in bans { base.watched?.noteBan(of: ban.0, at: ban.1) }
        return try #require(base.banEffect).figures
    }

    /// From five to ten a minute to one every five minutes.
    @Test func `attempts of a network before and after its ban`() throws {
        var log = CountedLog()
        let ban = Self.begin + .hours(12)
        for minute in -60..<60 where minute <= 0 || minute % 5 == 0 {
            for number in 0..<(minute <= 0 ? 6 : 1) {
                log.list(ban + .minutes(Int64(minute)), address(number, 0xc000_0200), "zen.spamhaus.org")
            }
        }
        let network = Prefix(address(0, 0xc000_0200), bits: 120)
        #expect(
            try effect(log, [(network, ban), (network, ban + .minutes(30))]) == [
                ["192.0.2.0/24", "2026-03-02T12:00:00Z", "6.0", "0.2", "366", "11"],
                ["total", "-", "-", "-", "366", "11"],
            ])
    }

    @Test func `a ban of somebody who is in no log`() throws {
        #expect(try effect(CountedLog(), [(Prefix(address(1)), Self.begin)]) == [["total", "-", "-", "-", "0", "0"]])
    }

    @Test func `a host that comes several times a minute, and one that is banned at first sight`() throws {
        var log = CountedLog()
        let ban = Self.begin + .hours(12)
        // Seven a minute for ten minutes, then none; somebody else comes for an hour more.
        for minute in 0..<10 {
            for second in 0..<7 {
                log.list(ban - .minutes(Int64(minute)) + .seconds(Int64(second)), address(1), "zen.spamhaus.org")
            }
        }
        log.list(ban, address(2), "zen.spamhaus.org")
        log.list(ban + .hours(1), address(3), "zen.spamhaus.org")
        // IPv6 counts by its /64, also where one address of it was banned by hand.
        let peer = try #require(IPAddress("2001:db8:7:1::1"))
        log.list(ban, peer, "zen.spamhaus.org")
        log.list(ban + .minutes(6), try #require(IPAddress("2001:db8:7:1::2")), "zen.spamhaus.org")
        #expect(
            try effect(log, [1, 2].map { (Prefix(address($0)), ban) } + [(Prefix(peer), ban)]) == [
                ["\(address(1))", "2026-03-02T12:00:00Z", "7.0", "0.0", "70", "0"],
                ["\(address(2))", "2026-03-02T12:00:00Z", "1.0", "0.0", "1", "0"],
                ["2001:db8:7:1::/64", "2026-03-02T12:00:00Z", "1.0", "0.0", "1", "1"],
                ["total", "-", "-", "-", "72", "1"],
            ])
    }
}
