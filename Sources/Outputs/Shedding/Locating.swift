import Addresses
import Events
import Netlink
import Posix
import ProcFS

/// From an order to its connection and the slot that serves it.
extension Shedder {
    func locate(_ one: PendingShed, _ now: Int64) throws(SystemError) {
        guard let slots, try mayBeSlot(one) else {
            try locateSocket(one, now)
            return
        }
        if let slot = try slot(of: one, slots) {
            one.slot = slot
            if one.connection == nil, let ends = slot.ends {
                one.connection = try held(
                    sockets.connection(
                        local: ends.local, port: ends.localPort, peer: ends.peer, port: ends.peerPort,
                        withTransfer: true))
                // A socket bound to an interface is not found by its ends alone, so before a connection counts as
                // ended a dump is asked, too.
                if one.connection == nil {
                    guard now >= nextDump else {
                        one.lookLater(from: now, atMost: longestPause)
                        return
                    }
                    one.connection = try dump(Prefix(ends.peer)).first { ends == Slot.Ends(of: $0) }
                }
            }
            try settle(one, now)
            return
        }
        // No slot names this peer. With an environment unreadable, its socket may still lead to one.
        if one.connection == nil { one.connection = try lookUp(one.peer) }
        if one.connection == nil, slots.localEnds.isEmpty, now >= nextDump {
            one.connection = try dump(Prefix(one.peer.address)).first { $0.peerPort == one.peer.port }
        }
        if let connection = one.connection, let slot = slots.slot(inode: connection.inode) {
            one.slot = slot
            try settle(one, now)
            return
        }
        if let connection = one.connection, !isSlotPort(connection.localPort) {
            try locateSocket(one, now)
            return
        }
        // The list of children may have left one out; the second look decides, unless the socket is there.
        if one.connection == nil, one.looks >= 1 {
            finish(one, .gone, nil)
        } else if now - one.begun > settings.toldLimit.nanoseconds {
            finish(one, .refused, "no slot of the listener holds the connection")
        } else {
            one.lookLater(from: now, atLeast: 4_000_000, atMost: longestPause)
        }
    }

    /// A slot of Courier's is looked for by its own lines, and where nobody said whose connection it is.
    private func mayBeSlot(_ one: PendingShed) throws(SystemError) -> Bool {
        if listeners.walks == 0 { try listeners.refresh() }
        guard one.order.mta == nil || one.order.mta == .courier || one.order.mta == .site else { return false }
        if let connection = one.connection { return isSlotPort(connection.localPort) }
        return slots?.ownListeners.isEmpty == false
    }

    /// Whether couriertcpd listens on it.
    func isSlotPort(_ port: UInt16) -> Bool { slots?.ownListeners.contains { $0.ports.contains(port) } == true }

    private func settle(_ one: PendingShed, _ now: Int64) throws(SystemError) {
        if let port = one.connection?.localPort ?? one.slot?.ends?.localPort, !settings.ports.contains(port) {
            finish(one, .refused, "port \(port) is none of ours")
            return
        }
        if let connection = one.connection, !isServed(connection, by: one.order.mta) {
            finish(one, .gone, "the connection is another mail server's")
            return
        }
        // A peer may come back from the same port, and one without a port in its line certainly does.
        if let slot = one.slot, slot.age < clock.now - one.order.since {
            finish(one, .gone, "the slot was taken after the line was read")
            return
        }
        one.stage = .telling
        try tell(one, now)
    }

    /// The slot whose process is still the one that was seen. The index is refreshed unless it was since the order was
    /// taken, or since the last look: in a wave one reading serves many.
    private func slot(of one: PendingShed, _ slots: SlotIndex) throws(SystemError) -> Slot? {
        let peer = one.peer
        for _ in 0..<2 {
            if let slot = slots.slot(peer: peer.address, port: peer.port) {
                if ProcessEntry(slot.pid).stat?.startTicks == slot.startTicks { return slot }
                slots.forget(slot.pid)
            }
            if one.reading != slots.readings { break }
            try slots.refresh()
        }
        one.reading = slots.readings
        return nil
    }

    /// Where no slot of Courier's is meant: by both ends of the connection.
    private func locateSocket(_ one: PendingShed, _ now: Int64) throws(SystemError) {
        if one.connection == nil { one.connection = try lookUp(one.peer) }
        if one.connection == nil {
            // Its local end may be one never seen: a dump decides.
            if nextDump > now {
                one.lookLater(from: now, atMost: longestPause)
                return
            }
            one.connection = try dump(Prefix(one.peer.address)).first { $0.peerPort == one.peer.port }
            guard let connection = one.connection else {
                finish(one, .gone, nil)
                return
            }
            noteLocal(Endpoint(address: connection.local, port: connection.localPort))
            return
        }
        try settle(one, now)
    }

    /// The connection of a peer by both ends, over the local ends that were seen.
    private func lookUp(_ peer: Endpoint) throws(SystemError) -> Connection? {
        for local in (slots?.localEnds ?? []) + localEnds where settings.ports.contains(local.port) {
            let found = try sockets.connection(
                local: local.address, port: local.port, peer: peer.address, port: peer.port, withTransfer: true)
            if let found = held(found) { return found }
        }
        return nil
    }

    /// A connection that a process holds.
    private func held(_ connection: Connection?) -> Connection? {
        guard let connection, connection.inode != 0, TCPStates.held.contains(TCPStates(connection.state)) else {
            return nil
        }
        return connection
    }
}
