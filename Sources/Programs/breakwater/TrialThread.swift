import Events
import Posix

/// A policy on trial, with a thread of its own that judges batches of events.
///
/// The one who hands them out and the thread take turns: what is in here is the thread's from `judge` until `wait`, and
/// the other's at all other times.
final class TrialThread: @unchecked Sendable {
    typealias Batch = [(event: Event, time: Instant)]
    /// Events in a batch: enough that handing it over costs next to nothing.
    static let batch = 4096

    private let trial: Trial
    private var batch: Batch = []
    private var isBusy = false
    private var isOver = false
    private let begin = Semaphore()
    private let end = Semaphore()
    /// Zones as the events name them, and the same as texts that no other thread counts references to.
    private var zones: [(heard: String, own: String)] = []

    init(_ trial: Trial) throws(SystemError) {
        self.trial = trial
        try startThread(named: "policy") { [self] in run() }
    }

    /// Judges a batch once the one before is done.
    func judge(_ batch: Batch) {
        wait()
        self.batch = batch
        isBusy = true
        begin.signal()
    }

    /// Waits for the last batch and ends the thread. Last call.
    func finish() -> Trial {
        wait()
        isOver = true
        begin.signal()
        return trial
    }

    private func wait() {
        if isBusy { end.wait() }
        isBusy = false
    }

    private func run() {
        while true {
            begin.wait()
            if isOver { return }
            for index in batch.indices {
                var event = batch[index].event
                if let zone = event.zone { event.zone = own(zone) }
                trial.judge(event, at: batch[index].time)
            }
            batch = []
            end.signal()
        }
    }

    private func own(_ zone: String) -> String {
        for known in zones where known.heard == zone { return known.own }
        if zones.count == 16 { zones.removeFirst() }
        let own = String(decoding: Array(zone.utf8), as: UTF8.self)
        zones.append((zone, own))
        return own
    }
}
