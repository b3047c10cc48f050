import Addresses
import Events
import LogIntake
import Posix
import Store

/// Reading the logs: lines become events, events are judged, and what led to a decision is kept as its evidence.
extension Agent {
    func readLogs() {
        for log in logs { read(log) }
    }

    /// A line that comes alone is judged at once. In a wave lines gather for three milliseconds, so that they share what
    /// costs the most: a wake-up, a transaction in the kernel, a look at the processes. A server that writes several lines
    /// for one rejection is no wave yet: the first times are shorter.
    private static let gathering = Duration.milliseconds(1)
    private static let longestGathering = 3
    /// Lines that follow each other within this are a wave's.
    private static let waveGap = Duration.milliseconds(6)

    /// Waits for the log to be written to; `isListening` false: only until its time to gather is over.
    func listen(to log: FollowedLog, _ isListening: Bool = true) throws(SystemError) {
        if let former = log.listened, log.stream.descriptor == nil {
            loop.remove(former)
            log.listened = nil
        }
        guard let descriptor = log.stream.descriptor else { return }
        try loop.add(descriptor, forReading: isListening) { [unowned self] in attend(log) }
        log.listened = descriptor
    }

    /// The log was written to, or lines have had their time to gather.
    private func attend(_ log: FollowedLog) {
        guard log.listened != nil else { return }
        let before = tally.lines
        read(log)
        let now = clock.now
        // The journal tells of news late, and of a wave's once in 0.25 s: meanwhile it is looked at by the clock.
        let gap = max(Agent.waveGap, log.stream.newsDelay * 2)
        let hasNews = tally.lines > before
        let isWave = (hasNews || log.isGathering) && now - log.lastNews < gap
        if hasNews { log.lastNews = now }
        do throws(SystemError) {
            if isWave != log.isGathering || log.stream.descriptor == nil { try listen(to: log, !isWave) }
            log.gatherings = isWave ? log.gatherings + 1 : 0
        } catch {
            // As it was: woken by each line, or reading by the clock.
            journal.warn("log", "\(error)")
        }
        guard log.isGathering, log.listened != nil else { return }
        let span = max(
            Agent.gathering * min(log.gatherings, Agent.longestGathering), log.stream.newsDelay / 12)
        loop.schedule(after: span) { [unowned self] in attend(log) }
    }

    /// Read at most in one turn of the loop: some 14,000 rejections, judged in less than 0.1 s. What is read together
    /// becomes one batch of orders, and all its bans are in the sets before anything is logged or shed.
    private static let bytesPerTurn = 2 << 20

    /// Reads what has been written, a bounded piece at a time, so that the rest of the loop has its turn.
    func read(_ log: FollowedLog) {
        let now = clock.now
        var isMoreWaiting = false
        do {
            isMoreWaiting = try log.stream.readAvailable(maxBytes: Agent.bytesPerTurn) { bytes, info in
                // Half an address is another address: a line that was cut is not judged.
                if info.isCut { tally.lines += 1 } else { hear(bytes, of: log, at: now) }
            }
        } catch {
            // The next event or tick tries again.
            journal.warn("log", "\(error)")
        }
        if isMoreWaiting, !log.isMoreWaiting {
            log.isMoreWaiting = true
            loop.schedule(after: .zero) { [unowned self] in
                log.isMoreWaiting = false
                read(log)
            }
        }
        notePositions()
    }

    private func hear(_ bytes: Span<UInt8>, of log: FollowedLog, at now: Instant) {
        tally.lines += 1
        var event = Event()
        guard log.reader.read(bytes, at: now, into: &event) else { return }
        guard event.candidates.isEmpty else {
            // A line with several addresses in the peer's place is one with a peer once the kernel has said which.
            let line = excerpt(bytes)
            peerSearch.settle(event) { [unowned self] in
                var header = LogLine()
                guard header.read(line.span) else { return }
                heed($0, line.span, header, of: log, at: now)
            }
            return
        }
        recognise(&event, bytes, at: now)
        heed(event, bytes, log.reader.header, of: log, at: now)
    }

    private func heed(_ event: Event, _ bytes: Span<UInt8>, _ header: LogLine, of log: FollowedLog, at now: Instant) {
        tally.lastEvent = now
        tally.count(event)
        journal.event(event)
        gather(event, header, bytes, of: log, at: now)
        if event.kind == .saturation { heardSaturation(event, at: now) }
        noteForDay(event, at: now)
        noteForWave(event, at: now)
        noteRejected(event, at: now)
        policy.judge(event, at: now)
        if let peer = event.peer, policy.weighs(event) { keepEvidence(excerpt(bytes), for: policy.sourceBlock(peer)) }
    }

    /// The line as evidence: at most 300 bytes.
    private func excerpt(_ bytes: Span<UInt8>) -> [UInt8] {
        var copy: [UInt8] = []
        let count = min(300, bytes.count)
        copy.reserveCapacity(count)
        for index in 0..<count { copy.append(bytes[index]) }
        return copy
    }

    /// The last lines of a source wait for the decision they lead to. When too many wait, most lead to none.
    private func keepEvidence(_ line: [UInt8], for source: Prefix) {
        if evidence.count >= 20_000 { evidence = [:] }
        var lines = evidence[source] ?? []
        if lines.count >= StoreRecord.mostEvidenceLines { lines.removeFirst() }
        lines.append(line)
        evidence[source] = lines
    }

    private func heardSaturation(_ event: Event, at now: Instant) {
        var decision = Decision(
            .saturation, at: now, why: event.isAtLimit ? "at the limit" : "near the limit", outcome: .done)
        decision.detail = event.connections.map { "\($0) connections" }
        write(decision)
    }

    /// The position reaches the store once for many reads, and 0.2 s late: a peer rejected before it has its
    /// reply by then, as a rule, and is shed. After a crash the lines behind it are read again, and whoever still holds
    /// a slot is found by them.
    private func notePositions() {
        guard positionTimer == nil else { return }
        positionTimer = loop.schedule(after: .milliseconds(100)) { [unowned self] in
            positionTimer = nil
            let records = positionRecords
            loop.schedule(after: .milliseconds(200)) { [unowned self] in
                for record in records { store.post(record) }
            }
        }
    }

    private var positionRecords: [StoreRecord] {
        logs.compactMap { log in log.stream.positionText.map { .logPosition(path: log.stream.name, text: $0) } }
    }

    func postPositions() {
        for record in positionRecords { store.post(record) }
    }
}
