import ControlProtocol
import Events
import Store
import Waves

/// What the command line is told of waves.
extension Agent {
    /// `wave_begin` while one is on; `wave_last_begin` of the latest that has ended.
    func addWave(to row: inout Record) {
        row.add("wave_high", waves.marks.high)
        row.add("wave_low", waves.marks.low)
        row.add("wave_normal", waves.usual)
        if let wave = waves.current {
            row.add("wave_number", wave.number)
            row.add("wave_begin", wave.begin.nanoseconds)
            row.add("wave_peak", wave.peak)
            row.add("wave_demand", wave.peakDemand)
            if wave.isAtLeast { row.add("wave_at_least", "yes") }
            row.add("wave_sources", wave.counts.sources)
            row.add("wave_networks", wave.counts.networks)
            row.add("wave_sheds", wave.counts.sheds)
            row.add("wave_good_hurt", wave.counts.good.hurt)
        }
        if let wave = waves.latest {
            row.add("wave_last_number", wave.number)
            row.add("wave_last_begin", wave.begin.nanoseconds)
            row.add("wave_last_s", wave.span.nanoseconds / 1_000_000_000)
            row.add("wave_last_peak", wave.peakText)
        }
    }

    func listWaves(_ limit: Int) -> ControlServer.Answer {
        let stored = ask { try store.reader.waves(atMost: limit) } ?? []
        return .rows(
            once(stored.compactMap(record)), last: { Reply.done(stored.isEmpty ? ExitStatus.no : ExitStatus.yes) })
    }

    /// The one that is on has counts that are not in the store yet.
    private func record(_ stored: StoredWave) -> Record? {
        if let current = waves.current, current.number == stored.number { return current.record }
        return Record(line: stored.text.utf8)
    }

    /// So much before and after a wave is shown with it.
    private static let margin = Duration.minutes(2)

    /// The wave, what was done and heard meanwhile, counted in steps of five seconds (`mark`), its samples (`sample`), and
    /// who was banned or would have been (`banned`), again for each time.
    func wave(_ number: Int?) -> ControlServer.Answer {
        let stored = ask { try number.map { try store.reader.wave($0) } ?? store.reader.waves(atMost: 1).first } ?? nil
        guard let stored, let record = record(stored), let wave = Wave(record) else {
            return .record(Reply.done(ExitStatus.no, text: number.map { "no wave \($0) is known" } ?? "no wave so far"))
        }
        let end = (wave.end ?? wave.last) + Agent.margin
        let counts = ask {
            try store.reader.decisionCounts(from: wave.begin - Agent.margin, to: end, step: .seconds(5))
        }
        let marks = (counts ?? []).filter { [.ban, .shed, .saturation].contains($0.kind) }.map { mark in
            Record(
                "mark",
                [
                    ("time", String(mark.time.nanoseconds)), ("kind", mark.kind.rawValue),
                    ("count", String(mark.count)),
                ])
        }
        var first: [Record]? = [record] + marks
        var from = wave.begin - Agent.margin
        var next = BanPage.first
        return .rows(
            { [unowned self] in
                if let rows = first {
                    first = nil
                    return rows
                }
                if let rows = samples(after: &from, to: end) { return rows }
                return bans(&next, from: wave.begin, to: end)
            }, last: { Reply.done() })
    }

    private func samples(after time: inout Instant, to end: Instant) -> [Record]? {
        let samples = ask { try store.reader.samples(since: time, to: end, atMost: 1000) } ?? []
        guard let last = samples.last else { return nil }
        time = last.time
        return samples.map { sample in
            Record(
                "sample",
                [
                    ("time", String(sample.time.nanoseconds)), ("slots", String(sample.slots)),
                    ("connections", String(sample.connections)),
                ])
        }
    }

    /// Where the list of bans goes on.
    private enum BanPage {
        case first
        case from(Int)
        case done
    }

    private func bans(_ page: inout BanPage, from begin: Instant, to end: Instant) -> [Record]? {
        var start: Int?
        switch page {
        case .first: break
        case .from(let id): start = id
        case .done: return nil
        }
        let found = ask { try store.reader.bans(from: begin, to: end, startingAt: start, atMost: 1000) }
        page = found?.next.map { .from($0) } ?? .done
        let rows = (found?.bans ?? []).compactMap { ban in
            ban.prefix.map {
                Record("banned", [("time", String(ban.time.nanoseconds)), ("net", $0.description)])
            }
        }
        return rows.isEmpty ? bans(&page, from: begin, to: end) : rows
    }
}
