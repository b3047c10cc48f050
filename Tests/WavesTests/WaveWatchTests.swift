import Addresses
import Events
import Testing
import Waves

/// What is counted during a wave, and what a restart in the middle of it leaves.
@Suite struct WaveWatchTests {
    private static let start = Instant(seconds: 1_800_000_000)
    private static let limit = 100

    private var watch = WaveWatch(limit: limit)

    private static func peer(_ number: Int) -> IPAddress { IPAddress(v4: 0xc633_6400 &+ UInt32(number)) }

    private mutating func sample(_ second: Int64, _ slots: Int) -> WaveDetector.Change? {
        watch.add(
            slots: slots, connections: slots, new: 10, limit: Self.limit, at: Self.start + .seconds(second),
            offsetSeconds: 0)
    }

    private mutating func note(
        _ kind: Event.Kind, _ number: Int, class rejectionClass: RejectionClass? = nil, isGood: Bool = false,
        at second: Int64
    ) {
        let event = Event(kind, class: rejectionClass, peer: Self.peer(number))
        watch.note(event, source: event.peer, isGood: isGood, at: Self.start + .seconds(second))
    }

    private mutating func shed(_ number: Int, told: Bool = true, at second: Int64) {
        var decision = Decision(
            .shed, at: Self.start + .seconds(second), prefix: Prefix(Self.peer(number)), why: "rbl", outcome: .done)
        decision.told = told
        watch.note(decision, isGood: false)
    }

    @Test mutating func `sources, networks, classes, bans and sheds of the wave, and not of the calm before`() throws {
        note(.rejection, 1, class: .rbl, at: 0)
        #expect(sample(1, 5) == nil)
        for number in 0..<150 { note(.rejection, number, class: .rbl, at: 1) }
        // Above the low mark, which is 5, and not yet above the high one, which is 10.
        #expect(sample(2, 10) == nil)
        // Within the sample that shows the wave.
        for number in 150..<300 { note(.rejection, number, class: .rbl, at: 3) }
        #expect(sample(6, 40) == .began)
        note(.rejection, 7, class: .rbl, at: 7)
        note(.rejection, 7, class: .unknownUser, at: 7)
        note(.deferral, 8, class: .other, at: 7)
        for number in 0..<4 { shed(number, told: number < 3, at: 8) }
        watch.note(
            Decision(.ban, at: Self.start + .seconds(8), prefix: Prefix(Self.peer(1)), why: "rbl", outcome: .done),
            isGood: true)
        var noted = Decision(.ban, at: Self.start, prefix: Prefix(Self.peer(1)), why: "rbl", outcome: .done)
        noted.isObserved = true
        watch.note(noted, isGood: false)
        let counts = try #require(watch.current?.counts)
        #expect(counts.rejections == 302)
        #expect(counts.classes == [.rbl: 301, .unknownUser: 1])
        #expect(counts.deferrals == 1)
        #expect(counts.sources == 300 && counts.networks == 2 && !counts.isEstimate)
        #expect(
            counts.worst.map { "\($0.network.shortDescription) \($0.rejections)" }
                == ["198.51.100.0/24 258", "198.51.101.0/24 44"])
        #expect(counts.sheds == 4 && counts.told == 3 && counts.bans == 1 && counts.observed == 1)
        #expect(counts.good.banned == 1)
        guard case .ended(let wave) = sample(70, 3) else {
            Issue.record("not ended")
            return
        }
        #expect(wave.counts == counts && wave == watch.latest)
        #expect(watch.current == nil)
        // What was ended 62 s before counts no more, and the next wave begins with nothing.
        #expect(sample(75, 31) == .began)
        #expect(watch.current?.counts == WaveCounts() && watch.current?.number == 2)
        #expect(watch.current?.peakDemand == 31)
    }

    @Test mutating func `good senders: delayed when they come back, turned away when not, for reasons of the wave`()
        throws
    {
        #expect(sample(0, 50) == .began)
        note(.deferral, 1, class: .other, isGood: true, at: 1)
        note(.rejection, 2, class: .connLimit, isGood: true, at: 2)
        note(.rejection, 3, class: .rbl, isGood: true, at: 3)
        // His own mistake.
        note(.rejection, 4, class: .unknownUser, isGood: true, at: 3)
        // Nobody knows him.
        note(.deferral, 5, class: .other, at: 3)
        note(.acceptance, 6, isGood: true, at: 4)
        note(.acceptance, 1, isGood: true, at: 31)
        var good = try #require(watch.current?.counts.good)
        #expect(good.accepted == 2 && good.delayed == 1 && good.turnedAway == 2 && good.hurt == 3)
        #expect(good.longestDelay == .seconds(30))
        guard case .ended = sample(40, 2) else {
            Issue.record("not ended")
            return
        }
        #expect(watch.takeAftermath(at: Self.start + .seconds(41)) == nil)
        // Two of them try again after the wave.
        note(.acceptance, 2, isGood: true, at: 602)
        let returned = watch.takeAftermath(at: Self.start + .seconds(603))
        let later = try #require(returned)
        good = later.counts.good
        #expect(good.delayed == 2 && good.turnedAway == 1 && good.longestDelay == .minutes(10))
        #expect(later.number == 1 && watch.latest == later)
        #expect(watch.takeAftermath(at: Self.start + .seconds(604)) == nil)
        // After four hours nobody waits for the last one any more.
        _ = watch.takeAftermath(at: Self.start + .hours(5))
        note(.acceptance, 3, isGood: true, at: 5 * 3600)
        #expect(watch.takeAftermath(at: Self.start + .hours(6)) == nil)
    }

    @Test mutating func `a wave in text, and back`() throws {
        _ = sample(0, 5)
        _ = sample(5, 50)
        for number in 0..<20 { note(.rejection, number, class: .rbl, at: 6) }
        note(.deferral, 1, isGood: true, at: 6)
        note(.acceptance, 1, isGood: true, at: 8)
        shed(1, at: 9)
        _ = sample(10, 100)
        var wave = try #require(watch.current)
        #expect(Wave(wave.record) == wave)
        let line = wave.record.description
        #expect(Wave(try #require(Record(line: line.utf8))) == wave)
        wave.end = wave.last
        wave.limit = nil
        wave.isCutOff = true
        wave.counts.isEstimate = true
        #expect(Wave(wave.record) == wave)
    }

    /// A store's record may say anything; whoever tells of it adds and rounds its numbers.
    @Test(arguments: [Int.max, .min, -1])
    mutating func `a record of any numbers is a wave that can be told of`(number: Int) throws {
        _ = sample(0, 50)
        var record = Record("wave")
        for (key, value) in try #require(watch.current).record.fields {
            record.add(key, Int(value) == nil ? value : "\(number)")
        }
        record.add("normal", number)
        record.add("limit", number)
        record.add("jumps", "\(number):\(number)")
        record.add("classes", "rbl:\(number),helo:\(number)")
        record.add("worst", "192.0.2.0/24=\(number)")
        let wave = try #require(Wave(record))
        let bounds = 0...(1 << 43)
        let counts = wave.counts
        for value in [
            wave.number, wave.marks.high, wave.limit ?? 0, wave.peak, wave.new, wave.jumps.first?.rise ?? -1,
            counts.good.delayed, counts.good.turnedAway, counts.classes[.helo] ?? -1,
            counts.worst.first?.rejections ?? -1,
            counts.sheds, Int(wave.savedSlotMilliseconds), Int(wave.atLimit.milliseconds),
        ] { #expect(bounds.contains(value), "\(value)") }
        #expect(counts.good.hurt >= 0)
        #expect(Wave(wave.record) == wave)
    }

    @Test mutating func `a restart in the middle of a wave goes on with it`() throws {
        _ = sample(0, 50)
        for number in 0..<20 { note(.rejection, number, class: .rbl, at: 1) }
        let stored = try #require(watch.current)

        var next = WaveWatch(limit: Self.limit)
        // Fifteen of the twenty were banned, and the ledger knows since when.
        #expect(next.resume(stored, seen: (0..<15).map(Self.peer), freed: [], at: Self.start + .seconds(60)) == nil)
        #expect(next.current?.counts.sources == 20)
        watch = next
        for number in 10..<25 { note(.rejection, number, class: .rbl, at: 61) }
        #expect(sample(65, 70) == nil)
        let counts = try #require(watch.current?.counts)
        // Five that were not banned came again, and are counted twice: an estimate, and said to be one.
        #expect(counts.rejections == 35 && counts.sources == 30 && counts.isEstimate)
        #expect(watch.current?.peak == 70 && watch.current?.begin == Self.start)
        #expect(sample(70, 100) == nil)
        guard case .ended(let wave) = sample(75, 1) else {
            Issue.record("not ended")
            return
        }
        #expect(wave.number == 1 && wave.isAtLeast && wave.span == .seconds(75))
    }

    @Test mutating func `what was ended just before a restart counts after it`() throws {
        _ = sample(0, 1)
        for number in 0..<20 { shed(number, at: 3) }
        #expect(sample(5, 1) == .began)
        let stored = try #require(watch.current)
        var next = WaveWatch(limit: Self.limit)
        #expect(
            next.resume(stored, seen: [], freed: [(Self.start + .seconds(3), 20)], at: Self.start + .seconds(8)) == nil)
        watch = next
        #expect(sample(10, 1) == nil)
        #expect(watch.isOn)
        guard case .ended = sample(63, 1) else {
            Issue.record("not ended")
            return
        }
    }

    @Test mutating func `a restart long after a wave began says that nobody saw its end`() throws {
        _ = sample(0, 50)
        let stored = try #require(watch.current)
        var next = WaveWatch(limit: Self.limit)
        let resumed = next.resume(stored, seen: [], freed: [], at: Self.start + .hours(1))
        let cutOff = try #require(resumed)
        #expect(cutOff.isCutOff && cutOff.number == 1 && next.current == nil && next.latest == cutOff)
        watch = next
        #expect(sample(4000, 60) == .began)
        #expect(watch.current?.number == 2)
    }
}
