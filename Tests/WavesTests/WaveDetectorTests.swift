import Dialects
import Events
import Foundation
import Testing
import Waves

@Suite struct WaveDetectorTests {
    @Test(
        arguments: [
            (SeedSeries.untreated, 30, ["19:12:52-open peak at least 301 at 19:17:24"]),
            (.untreated, 15, ["19:12:52-open peak at least 301 at 19:17:24"]),
            (
                .twoHumps, 30,
                ["08:31:26-08:32:01 35 s peak 100 at 08:31:26", "08:32:46-08:33:01 15 s peak 58 at 08:32:51"]
            ),
            (.twoHumps, 15, ["08:31:26-08:32:26 60 s peak 100 at 08:31:26", "08:32:46-open peak 58 at 08:32:51"]),
            (.biggest, 30, ["14:36:54-14:43:27 393 s peak 216 at 14:39:35"]),
            (.biggest, 15, ["14:36:54-14:43:42 408 s peak 216 at 14:39:35"]),
        ] as [(SeedSeries, Int, [String])])
    func `begins, ends and peaks of the seeds`(series: SeedSeries, low: Int, expected: [String]) throws {
        #expect(try series.waves(WaterMarks(high: 30, low: low)).map(figures) == expected)
    }

    @Test(
        arguments: [
            (SeedSeries.untreated, ["19:12:52 +42", "19:12:57 +38", "19:17:24 +28"]),
            (.twoHumps, ["08:31:26 +87", "08:32:46 +34"]),
            (
                .biggest,
                [
                    "14:36:54 +33", "14:36:59 +22", "14:37:14 +27", "14:37:19 +39", "14:37:49 +37", "14:38:25 +40",
                    "14:39:15 +31", "14:39:35 +21", "14:41:47 +24",
                ]
            ),
        ] as [(SeedSeries, [String])])
    func `steps of twenty or more`(series: SeedSeries, expected: [String]) throws {
        let jumps = try series.waves(WaterMarks(high: 30, low: 15)).flatMap(\.jumps)
        #expect(jumps.map { "\(clock($0.time)) +\($0.rise)" } == expected)
    }

    @Test func `a series that ends at the limit says at least, others do not`() throws {
        let open = try #require(try SeedSeries.untreated.waves(WaterMarks(high: 30, low: 15)).first)
        #expect(open.isAtLeast && open.peakText == "at least 301" && open.end == nil)
        // Four samples of 301, the last of which stands for no time yet: 19:17:24, 29 (+6 s), 35, 40.
        #expect(open.atLimit == .seconds(16))
        let whole = try #require(try SeedSeries.biggest.waves(WaterMarks(high: 30, low: 15)).first)
        #expect(!whole.isAtLeast && whole.peakText == "216" && whole.atLimit == .zero)
    }

    @Test func `the marks of the seeds follow from their limit`() throws {
        // Before the wave 4 to 13 connections were open.
        for normal in [nil, 0, 8, 13] {
            #expect(WaterMarks(normal: normal, limit: SeedSeries.limit) == WaterMarks(high: 30, low: 15))
        }
    }

    @Test(
        arguments: [
            // A busy server: twice the usual, but never beyond the limit.
            (60, 300, 120, 60), (250, 300, 275, 250), (300, 300, 299, 299), (400, 300, 299, 299),
            // Small ones: Exim's 20, qpsmtpd's 15.
            (nil, 20, 5, 2), (2, 15, 7, 3), (0, 1, 0, 0),
            // Without a known limit the usual alone.
            (nil, nil, 30, 15), (100, nil, 200, 100), (nil, 5000, 500, 250),
        ] as [(Int?, Int?, Int, Int)])
    func `marks`(normal: Int?, limit: Int?, high: Int, low: Int) {
        #expect(WaterMarks(normal: normal, limit: limit) == WaterMarks(high: high, low: low))
    }

    /// Each figure of the sum is a sample's slots times the time to the next.
    @Test func `slot-seconds are those from the first sample to the last`() throws {
        var detector = WaveDetector()
        let start = Instant(seconds: 1_000_000)
        var ended: Wave?
        for (second, slots) in [(0, 5), (5, 40), (10, 100), (16, 10)] {
            let change = detector.add(
                WaveReading(at: start + .seconds(second), slots: slots), marks: WaterMarks(high: 30, low: 15),
                normal: 5, limit: 100, number: 1)
            if case .ended(let wave) = change { ended = wave }
        }
        let wave = try #require(ended)
        #expect(wave.slotMilliseconds == (40 * 5 + 100 * 6) * 1000)
        #expect(wave.atLimit == .seconds(6))
        #expect(wave.span == .seconds(11))
        #expect(wave.savedSlotMilliseconds == 0)
    }

    /// A guarded server's slots stay few; what was ended within a minute counts as if it still held its slot.
    @Test func `what is held off is a wave, too, and what it would have taken is reckoned up to the limit`() throws {
        var detector = WaveDetector()
        let start = Instant(seconds: 1_000_000)
        let marks = WaterMarks(high: 30, low: 15)
        func add(_ second: Int64, _ slots: Int, _ freed: Int) -> WaveDetector.Change? {
            detector.add(
                WaveReading(at: start + .seconds(second), slots: slots, freed: freed), marks: marks, normal: nil,
                limit: 100, number: 7)
        }
        #expect(add(0, 3, 27) == nil)
        #expect(add(5, 4, 60) == .began)
        #expect(add(10, 4, 200) == nil)
        guard case .ended(let wave) = add(15, 3, 0) else {
            Issue.record("not ended")
            return
        }
        #expect(wave.number == 7 && wave.peak == 4 && wave.peakDemand == 204)
        // 60 more for 5 s; then the limit lets 96 more in.
        #expect(wave.savedSlotMilliseconds == (60 * 5 + 96 * 5) * 1000)
    }

    @Test func `nobody watched for eleven minutes: the wave is cut off`() throws {
        var detector = WaveDetector()
        let start = Instant(seconds: 1_000_000)
        let marks = WaterMarks(high: 30, low: 15)
        _ = detector.add(WaveReading(at: start, slots: 50), marks: marks, normal: nil, limit: nil, number: 1)
        let change = detector.add(
            WaveReading(at: start + .minutes(11), slots: 50), marks: marks, normal: nil, limit: nil, number: 2)
        guard case .ended(let wave) = change else {
            Issue.record("\(String(describing: change))")
            return
        }
        #expect(wave.isCutOff && wave.end == nil && wave.last == start)
    }

    @Test func `the server's own lines that it is full are events of the wave`() throws {
        let log = try Data(
            contentsOf: SeedSeries.directory.appendingPathComponent("courier-maxed-2009-07-27.log"))
        var reader = LogReader([.courier])
        var watch = WaveWatch(limit: SeedSeries.limit)
        var times: [String] = []
        let samples = try SeedSeries.untreated.samples()
        for sample in samples {
            _ = watch.add(
                slots: sample.count, connections: sample.count, new: 0, limit: SeedSeries.limit, at: sample.time,
                offsetSeconds: SeedSeries.offsetSeconds)
        }
        let year = try #require(samples.first?.time)
        for line in log.split(separator: 0x0a) {
            let bytes = [UInt8](line)
            var event = Event()
            #expect(reader.read(bytes.span, into: &event))
            #expect(event.kind == .saturation && event.connections == 300 && event.isAtLimit)
            let time = try #require(
                reader.header.time(in: bytes.span, reference: year) { _ in SeedSeries.offsetSeconds })
            times.append(clock(time))
            watch.note(event, source: nil, isGood: false, at: time)
        }
        #expect(times == ["19:17:23", "19:18:24", "19:21:14"])
        #expect(watch.current?.counts.saturations == 3)
    }
}
