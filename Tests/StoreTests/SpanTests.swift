import Addresses
import Events
import Testing

@testable import Store

/// What a report asks of a span.
@Suite struct SpanTests {
    @Test func `of each step the sample with the most slots survives, at its own time`() throws {
        let directory = try TestDirectory()
        let writer = try directory.writer()
        #expect(try writer.reader.sampledSpan() == nil)
        let begin = CivilTime(year: 2026, month: 11, day: 20, hour: 22).instant()
        for number in 0..<720 {
            let slots = number == 401 || number == 402 ? 216 : number % 7
            writer.post(
                .sample(
                    StoredSample(
                        time: begin + .seconds(Int64(number) * 5), connections: slots + 1, slots: slots, new: number)))
        }
        #expect(writer.flush(timeout: .minutes(1)))
        let reader = writer.reader
        let all = begin...(begin + .seconds(719 * 5))
        #expect(try reader.sampledSpan() == all)
        let peaks = try reader.peaks(from: begin, to: begin + .hours(1), step: .minutes(5))
        #expect(peaks.count == 12)
        #expect(peaks.map(\.slots) == [6, 6, 6, 6, 6, 6, 216, 6, 6, 6, 6, 6])
        #expect(
            peaks[6]
                == StoredSample(time: begin + .seconds(401 * 5), connections: 217, slots: 216, new: 401))
        #expect(try reader.peaks(from: begin, to: begin + .hours(1), step: .seconds(5)).count == 720)
        // The end is not in it.
        #expect(try reader.peaks(from: begin + .seconds(5), to: begin + .seconds(15), step: .seconds(5)).count == 2)
        writer.close(timeout: .minutes(1))
    }

    private func decision(_ kind: Decision.Kind, _ second: Int, outcome: Outcome = .done) -> Decision {
        Decision(kind, at: tonight + .seconds(Int64(second)), prefix: host(second), why: "x", outcome: outcome)
    }

    @Test func `bans, sheds and saturations of a span, each with what counts`() throws {
        let directory = try TestDirectory()
        let writer = try directory.writer()
        var told = decision(.shed, 2)
        told.told = true
        var untold = decision(.shed, 3)
        untold.told = false
        var noted = decision(.ban, 4)
        noted.isObserved = true
        let all = [
            decision(.ban, 0), decision(.ban, 1), told, untold, noted, decision(.ban, 5, outcome: .failed),
            decision(.note, 6), decision(.saturation, 7), decision(.ban, 8),
        ]
        for decision in all { writer.post(.decision(decision, evidence: [])) }
        #expect(writer.flush(timeout: .minutes(1)))
        var briefs: [DecisionBrief] = []
        let kept = try writer.reader.forEachDecision(from: tonight + .seconds(1), to: tonight + .seconds(8)) {
            briefs.append($0)
        }
        #expect(kept == nil)
        func brief(_ kind: Decision.Kind, _ second: Int, _ told: Bool? = nil, noted: Bool = false) -> DecisionBrief {
            DecisionBrief(
                time: tonight + .seconds(Int64(second)), kind: kind, prefix: kind == .ban ? host(second) : nil,
                told: told, isObserved: noted)
        }
        #expect(
            briefs == [
                brief(.ban, 1), brief(.shed, 2, true), brief(.shed, 3, false), brief(.ban, 4, noted: true),
                brief(.saturation, 7),
            ])
        var page = try writer.reader.bans(from: tonight, to: tonight + .seconds(60), atMost: 2)
        #expect(page.bans == [brief(.ban, 0), brief(.ban, 1)])
        page = try writer.reader.bans(from: tonight, to: tonight + .seconds(60), startingAt: page.next, atMost: 2)
        #expect(page.bans == [brief(.ban, 4, noted: true), brief(.ban, 8)])
        page = try writer.reader.bans(from: tonight, to: tonight + .seconds(60), startingAt: page.next, atMost: 2)
        #expect(page.bans == [] && page.next == nil)

        // Where the oldest have left, the first that is kept is told.
        let database = try Database(directory.state.databasePath, .readWrite, busyTimeoutMilliseconds: 5000)
        try database.execute("DELETE FROM decisions WHERE id <= 3")
        #expect(try writer.reader.forEachDecision(from: tonight, to: tonight) { _ in } == tonight + .seconds(3))
        writer.close(timeout: .minutes(1))
        #expect(
            try StoreReader(try TestDirectory().state).forEachDecision(from: tonight, to: tonight) { _ in } == nil)
    }
}
