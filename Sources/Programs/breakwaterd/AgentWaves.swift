import Addresses
import ConnectionSampler
import Events
import Policy
import Posix
import Store
import Waves

/// Waves: each sample is judged, beginnings and ends are announced as decisions, and a wave is in the store while it is
/// still on, so that a restart in the middle of it goes on with it.
extension Agent {
    /// Takes up the latest wave that the store knows.
    func resumeWave() {
        let now = clock.now
        guard let stored = ask({ try store.reader.waves(atMost: 1) })?.first,
            let record = Record(line: stored.text.utf8), let wave = Wave(record)
        else { return }
        // Who was banned since it began has been counted.
        let seen = policy.ledger.bans.filter { $0.prefix.isSource && $0.since >= wave.begin }.map(\.prefix.address)
        let counts = ask { try store.reader.decisionCounts(from: now - .minutes(1), to: now, step: .seconds(1)) } ?? []
        let freed = counts.filter { $0.kind == .shed }.map { (time: $0.time, count: $0.count) }
        if let cutOff = waves.resume(wave, seen: seen, freed: freed, at: now) { announceEnd(of: cutOff, at: now) }
    }

    /// Learns from the samples in the store what is usual, a slice for each turn of the loop: five weeks are 600,000.
    func learnNormal(since start: Instant? = nil) {
        let since = start ?? clock.now - .days(36)
        let samples: [StoredSample]
        do { samples = try store.reader.samples(since: since, atMost: Agent.learnedAtOnce) } catch {
            journal.warn("store-read", "\(error)")
            return waves.endLearning()
        }
        var offset = (until: Instant.distantPast, seconds: 0)
        for sample in samples {
            // Clocks are put forward or back at a full quarter of an hour.
            if sample.time >= offset.until {
                let quarter = sample.time.seconds - sample.time.seconds % 900 + 900
                offset = (Instant(seconds: quarter), LocalTime.offsetSeconds(at: sample.time))
            }
            waves.learn(sample.slots, at: sample.time, offsetSeconds: offset.seconds)
        }
        guard let last = samples.last, samples.count == Agent.learnedAtOnce else { return waves.endLearning() }
        loop.schedule(after: .milliseconds(20)) { [unowned self] in learnNormal(since: last.time) }
    }

    private static let learnedAtOnce = 2000

    func watchForWave(_ sample: Sample, slots: Int, at now: Instant) {
        let change = waves.add(
            slots: slots, connections: sample.connections, new: sample.new ?? 0, limit: slotLimit, at: now,
            offsetSeconds: LocalTime.offsetSeconds(at: now))
        switch change {
        case .began:
            guard let wave = waves.current else { return }
            let freed = wave.peakDemand - wave.peak
            var text = "\(wave.peak)\(slotLimit.map { " of \($0)" } ?? "") slots in use"
            if freed > 0 { text += ", \(freed) freed within a minute" }
            text += ", above \(wave.marks.high)"
            if let normal = wave.normal { text += "; usual are up to \(normal)" }
            write(Decision(.waveBegin, at: now, why: text, outcome: .done))
            postWave()
        case .ended(let wave): announceEnd(of: wave, at: now)
        case nil: break
        }
    }

    private func announceEnd(of wave: Wave, at now: Instant) {
        let good = wave.counts.good
        var text =
            "\(wave.isCutOff ? "not watched to its end, " : "")\((wave.span.nanoseconds + 500_000_000) / 1_000_000_000) s, peak \(wave.peakText)"
        if wave.peakDemand > wave.peak { text += " (\(wave.peakDemand) with those ended)" }
        text += "; \(wave.counts.sources) sources, \(wave.counts.bans) bans, \(wave.counts.sheds) sheds"
        text += "; good senders delayed \(good.delayed), turned away \(good.turnedAway)"
        var decision = Decision(.waveEnd, at: now, why: text, outcome: .done)
        decision.detail = "breakwater report --wave \(wave.number)"
        write(decision)
        store.post(.wave(StoredWave(wave)))
    }

    /// Each minute, and when the daemon ends.
    func postWave() {
        if let wave = waves.current { store.post(.wave(StoredWave(wave))) }
        if let wave = waves.takeAftermath(at: clock.now) { store.post(.wave(StoredWave(wave))) }
    }

    // MARK: - What is counted

    func noteForWave(_ event: Event, at now: Instant) {
        guard event.kind != .connect, event.kind != .disconnect else { return }
        guard let peer = event.peer else { return waves.note(event, source: nil, isGood: false, at: now) }
        waves.note(event, source: policy.sourceBlock(peer).address, isGood: isGood(peer, at: now), at: now)
    }

    func noteForWave(_ decision: Decision) {
        guard decision.kind == .ban || decision.kind == .shed else { return }
        let isGood = decision.kind == .ban && decision.prefix.map { self.isGood($0.address, at: decision.time) } == true
        waves.note(decision, isGood: isGood)
    }

    /// Its mail has been accepted in the last weeks, or it is allowed.
    private func isGood(_ peer: IPAddress, at now: Instant) -> Bool {
        policy.isKnown(peer, at: now) || policy.allowlist.allows(peer, at: now)
    }
}

extension StoredWave {
    fileprivate init(_ wave: Wave) {
        self.init(number: wave.number, begin: wave.begin, text: wave.record.description)
    }
}

extension Prefix {
    /// A host, or a block that an IPv6 peer is banned by.
    fileprivate var isSource: Bool { isHost || !isIPv4 && length >= 48 }
}
