import Addresses
import Events
import Netlink
import Posix

/// Asks the kernel which of several addresses is the peer of the process that wrote a line (`Event.candidates`).
///
/// A client chose some of the addresses, so nothing in the line can tell. The process holds the connection that the line
/// is about, and no client chooses that: one candidate among its peers is the answer, and anything else is none. An
/// answer comes within the round as a rule; questions that come faster than dumps may be made share one.
package final class PeerSearch {
    /// Questions without an answer, those that found too many waiting included.
    package private(set) var unanswered = 0

    private let shedder: Shedder
    private var waiting: [(event: Event, answer: (Event) -> Void)] = []
    private var isScheduled = false
    private static let mostWaiting = 256

    package init(_ shedder: Shedder) { self.shedder = shedder }

    /// Calls `answer` with the event settled on its peer, or never.
    package func settle(_ event: Event, _ answer: @escaping (Event) -> Void) {
        guard !event.isRemote, event.pid != nil, waiting.count < PeerSearch.mostWaiting else {
            unanswered += 1
            return
        }
        waiting.append((event, answer))
        ask()
    }

    private func ask() {
        guard !isScheduled, !waiting.isEmpty else { return }
        guard MonotonicClock.nanoseconds() >= shedder.nextDump else {
            isScheduled = true
            shedder.loop.schedule(at: shedder.nextDump) { [weak self] in
                self?.isScheduled = false
                self?.ask()
            }
            return
        }
        let questions = waiting
        waiting = []
        var found: [Connection] = []
        do throws(SystemError) { found = try shedder.dump(nil) } catch {
            // Without the kernel's word nobody is the peer.
        }
        for question in questions {
            guard let event = settled(question.event, found) else {
                unanswered += 1
                continue
            }
            question.answer(event)
        }
    }

    private func settled(_ event: Event, _ found: [Connection]) -> Event? {
        guard let pid = event.pid else { return nil }
        let named = found.filter { connection in
            guard shedder.isServed(connection, by: event.mta),
                let place = event.candidates.firstIndex(of: connection.peer)
            else { return false }
            let port = place < event.readings.count ? event.readings[place]?.port : event.port
            return port == nil || port == connection.peerPort
        }
        let peers = Set(shedder.holders.heldAlone(named, by: pid, event.mta).map(\.peer))
        guard peers.count == 1, let peer = peers.first else { return nil }
        var event = event
        return event.settle(on: peer) ? event : nil
    }
}
