import Addresses
import ControlProtocol
import Events
import Policy
import Posix

/// What enforcing would have come to today, while the daemon only observes: for `status`, so that turning it on is
/// decided on evidence. It begins anew at midnight, and at a start.
struct ObservedDay {
    var effect = Effect(bounds: .day)
    let since: Instant
    /// By the local clock.
    let day: Int64

    init(at now: Instant) {
        since = now
        day = LocalTime.day(of: now)
    }
}

extension Agent {
    private static let mostNames = 5

    /// By the clock: a day ends at midnight, and all of it when enforcing begins.
    func keepDay(at now: Instant) {
        if mode.isEnforcing {
            observedDay = nil
        } else if observedDay?.day != LocalTime.day(of: now) {
            observedDay = ObservedDay(at: now)
        }
    }

    /// Before the event is judged.
    func noteForDay(_ event: Event, at now: Instant) {
        guard !mode.isEnforcing, observedDay != nil, let peer = event.peer, event.kind != .deferral else { return }
        observedDay?.effect.hear(
            event, isBanned: policy.isBanned(peer, at: now), source: policy.sourceBlock(peer).address, at: now)
    }

    func noteForDay(_ ban: Ban, at now: Instant) {
        guard ban.origin == .local else { return }
        observedDay?.effect.note(
            ban, isNetwork: policy.isByEvidence(ban), isKnown: policy.isKnown(ban.prefix.address, at: now))
    }

    func noteForDay(_ shed: Shed) {
        if settings.shed.method != .off { observedDay?.effect.note(shed, at: shed.since) }
    }

    func addDay(to row: inout Record, at now: Instant) {
        guard !mode.isEnforcing, let day = observedDay else { return }
        let slots = day.effect.slotFigures(at: now)
        let touched = day.effect.touchedSenders { policy.sourceBlock($0) }
        row.add("today_since", day.since.nanoseconds)
        row.add("today_sources", day.effect.sources)
        row.add("today_bans", day.effect.bans)
        row.add("today_sheds", slots.ended)
        row.add("today_refused", slots.refused)
        row.add("today_seconds_before", slots.secondsBefore)
        row.add("today_seconds_after", slots.secondsAfter)
        row.add("today_peak_before", slots.peakBefore)
        row.add("today_peak_after", slots.peakAfter)
        row.add("today_touched", touched.count)
        // Who sends most is missed first.
        let first = touched.sorted { ($1.messages, $0.prefix) < ($0.messages, $1.prefix) }.prefix(Agent.mostNames)
        row.add("today_names", first.map(\.prefix.shortDescription).joined(separator: " "))
        row.add("today_partial", day.effect.isPartial ? 1 : 0)
    }
}
