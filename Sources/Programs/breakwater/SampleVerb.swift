import ArgumentParser
import ConnectionSampler
import ControlProtocol
import Events
import Glibc
import Netlink
import Posix
import Shedding

/// `sample`: connection counts, from the daemon's store or counted here.
struct Sample: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Connection counts over time: date, then the count.",
        discussion: "From the daemon's store; with --local counted here and now, without a daemon.")
    @Option(help: ArgumentHelp("Count here, again and again, one sample each.", valueName: "duration"))
    var every: String?
    @Option(help: ArgumentHelp("How far back.", valueName: "duration"))
    var since = "1h"
    @Flag(help: "Count connections to the configured ports here, without the daemon.")
    var local = false
    @Flag(help: "One JSON object a line.")
    var jsonl = false
    @OptionGroup var common: CommonOptions

    func run() throws {
        guard let span = try readSpan(since) else { return }
        guard every == nil || !common.json else {
            throw Failure(ExitStatus.usage, "sample: a document with --every would never end; use --jsonl")
        }
        var listing = JSONListing("sample", "samples")
        func show(_ time: Instant, connections: Int, slots: Int?, new: Int?) {
            guard !common.quiet else { return }
            guard jsonl || common.json else { return common.say("\(localDate(time)) \(connections)") }
            let value = JSON.object([
                ("t", .string(time.rfc3339)), ("connections", JSON(connections)), ("slots", JSON(slots)),
                ("new", JSON(new)),
            ])
            if common.json { listing.add(value) } else { common.say(value.description) }
        }
        if local || every != nil {
            try sampleHere { show($0.time, connections: $0.connections, slots: $0.slots, new: $0.new) }
        } else {
            try common.connect().ask(.samples(since: span)) { row in
                guard let time = row.instant("time"), let connections = row.integer("connections") else { return }
                show(time, connections: connections, slots: row.integer("slots"), new: row.integer("new"))
            }
        }
        if common.json, !common.quiet { listing.end() }
    }

    /// Counts here and now; with --every again and again, on a schedule that does not drift.
    private func sampleHere(_ show: (ConnectionSampler.Sample) -> Void) throws {
        let settings = try readSettings(common)
        let interval = try readSpan(every)
        if let interval, interval < .seconds(1) { throw Failure(ExitStatus.usage, "--every: 1s or more") }
        let sockets = try SockDiag()
        let index = SlotIndex(
            listeners: ListenerProcesses(sockets: sockets, ports: settings.mta.ports), programs: .courier)
        let sampler = Sampler(sockets: sockets, ports: settings.mta.ports, clock: AnchoredClock()) {
            do { try index.refresh() } catch { return nil }
            return index.ownListeners.isEmpty ? nil : (index.count, Set(index.ownListeners.flatMap(\.ports)))
        }
        let schedule = SampleSchedule(from: MonotonicClock.nanoseconds(), every: interval ?? .seconds(5))
        while true {
            show(try sampler.sample())
            guard interval != nil else { return }
            let wait = schedule.next(after: MonotonicClock.nanoseconds()) - MonotonicClock.nanoseconds()
            usleep(UInt32(clamping: max(0, wait) / 1000))
        }
    }
}
