import Addresses
import Events
import Posix
import ProcFS
import Shedding

/// Answering early, where a Courier runs: when the tarpit of a listed peer is cut short, and what else the listener's verdict on it tells.
extension Agent {
    /// Begins or ends it as mode and configuration have it.
    func setEarly() {
        do throws(SystemError) {
            if mode.isEnforcing, settings.shed.method != .off, settings.shed.early != .off,
                servers.contains(where: { $0.mta == .courier })
            {
                if early == nil {
                    early = try EarlyAnswer(shedder) { [unowned self] in mayAnswerEarly($0) }
                }
                try early?.start()
            } else {
                early?.stop()
            }
        } catch { journal.warn("early", "\(error)") }
        problem("early", early?.problem)
    }

    /// Without CAP_SYS_PTRACE every slot looks like one of which nothing is known: nothing fails, and nobody is found.
    func checkRights() {
        let ptrace: UInt64 = 1 << 19  // CAP_SYS_PTRACE, linux/capability.h
        guard settings.shed.method != .off, let held = ProcessEntry.own.effectiveCapabilities, held & ptrace == 0
        else { return }
        problem(
            "rights",
            "CAP_SYS_PTRACE is missing: the mail server's processes cannot be looked into, so no tarpit is cut short, "
                + "no slot freed by signal, and nobody knows whether a peer had its 5xx")
    }

    /// Only who would be banned and shed on the reply that he is about to get.
    private func mayAnswerEarly(_ slot: Slot) -> Bool {
        guard mode.isEnforcing, isPressed, let peer = slot.ends?.peer else { return false }
        return policy.endsOnListing(peer, at: clock.now)
    }

    /// With `pressure`: half of the slots are taken. Where their number is not known it counts as taken.
    private var isPressed: Bool {
        guard settings.shed.early == .pressure, let slotLimit, let slots = shedder.slots else { return true }
        return slots.count * 2 >= slotLimit
    }

    /// Thousands of slots are a long list: however many lines name unknown slots, it is read no more often than this.
    private static let slotSearchSpan = Duration.milliseconds(10)

    /// A rejection in the site's own words (`550 Go away`) is a list's when the slot it came from was given those words
    /// along with the zone: then it is known for what it is, observing or not. So is a line of which the client has garbled
    /// the middle, without a code therefore.
    func recognise(_ event: inout Event, _ bytes: Span<UInt8>, at now: Instant) {
        guard event.kind == .rejection, !event.isContinuation, !event.isListFailure,
            event.rejectionClass == .clientHost || event.rejectionClass == .rbl && event.zone == nil
                || event.rejectionClass == .other && event.code == nil,
            let slots = shedder.slots, let peer = event.peer, let port = event.port
        else { return }
        // Without a tarpit the line may come before its slot was noticed.
        if slots.slot(peer: peer, port: port) == nil, now - slotsSearched >= Agent.slotSearchSpan {
            slotsSearched = now
            do throws(SystemError) { try slots.refresh() } catch { journal.warn("slots", "\(error)") }
        }
        guard let verdict = slots.slot(peer: peer, port: port)?.verdict, bytes.ends(with: verdict.text) else { return }
        event.rejectionClass = .rbl
        event.zone = verdict.zone
    }
}

extension Span<UInt8> {
    /// Whether its last bytes are those of `text`, which are not none.
    fileprivate func ends(with text: String) -> Bool {
        let wanted = text.utf8
        guard !wanted.isEmpty, wanted.count <= count else { return false }
        var index = count - wanted.count
        for byte in wanted {
            if self[index] != byte { return false }
            index += 1
        }
        return true
    }
}
