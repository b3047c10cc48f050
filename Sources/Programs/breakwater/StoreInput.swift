import Configuration
import ControlProtocol
import Events
import Reports
import Store
import Waves

/// What only the daemon knows, from its store: it need not run for that.
struct StoreInput {
    private let reader: StoreReader

    init(_ settings: Settings) {
        reader = StoreReader(StateDirectory(settings.stateDirectory))
    }

    /// What it saw from `begin` up to `end`; `nil` when it was not there.
    func watched(from begin: Instant, to end: Instant) -> Result<Watched?, Failure> {
        do throws(StoreError) { return .success(try read(begin, end)) } catch {
            return .failure(StoreInput.failure(error))
        }
    }

    private func read(_ begin: Instant, _ end: Instant) throws(StoreError) -> Watched? {
        guard let sampled = try reader.sampledSpan() else { return nil }
        let first = max(begin, sampled.lowerBound)
        let last = min(end, sampled.upperBound + .seconds(1))
        guard first < last else { return nil }
        var watched = Watched(step: Watched.step(for: last - first))
        watched.points = try reader.peaks(from: first, to: last, step: watched.step).map { ($0.time, $0.slots) }
        watched.waves = try waves(from: begin, to: end)
        let counters = try reader.counters()
        watched.limit = counters[StoreRecord.slotLimitCounter].flatMap { $0 > 0 ? Int($0) : nil }
        watched.bytesPerSlot = counters[StoreRecord.slotBytesCounter].flatMap { $0 > 0 ? Int($0) : nil }
        // The daemon bans before it has taken its first sample.
        let kept = try reader.forEachDecision(from: begin, to: end) { watched.note($0) }
        if let kept, kept > first { watched.marksSince = kept }
        return watched
    }

    private func waves(from begin: Instant, to end: Instant) throws(StoreError) -> [Wave] {
        let stored = try reader.waves(atMost: StoreRecord.mostWaves)
        return stored.reversed().compactMap(Wave.init).filter { $0.begin < end && ($0.end ?? $0.last) >= begin }
    }

    static func failure(_ error: StoreError) -> Failure {
        Failure(error.isPermission ? ExitStatus.noPermission : 74, "the daemon's store cannot be read: \(error)")
    }
}

extension Wave {
    init?(_ stored: StoredWave) {
        guard let record = Record(line: stored.text.utf8) else { return nil }
        self.init(record)
    }
}

extension Watched {
    fileprivate mutating func note(_ decision: DecisionBrief) {
        switch decision.kind {
        case .ban:
            note(.bans, at: decision.time, isObserved: decision.isObserved)
            if let prefix = decision.prefix, !decision.isObserved { noteBan(of: prefix, at: decision.time) }
        case .shed: note(.sheds, at: decision.time, isObserved: decision.isObserved, told: decision.told)
        case .saturation: note(.saturation, at: decision.time)
        case .unban, .waveBegin, .waveEnd, .note: break
        }
    }
}
