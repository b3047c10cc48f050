import Addresses
import Events
import Netlink
import Posix

/// Orders that do not name one connection: a dump of the kernel's table says which they mean.
extension Shedder {
    func needDump(_ order: Shed) {
        dumpOrders.append(order)
    }

    /// The connections to our ports that a process holds. A dump costs what the kernel's table costs, so the next one
    /// waits four times as long as this one took.
    func dump(_ peer: Prefix?) throws(SystemError) -> [Connection] {
        let begin = MonotonicClock.nanoseconds()
        let found = try sockets.connections(
            toLocalPorts: settings.ports, peer: peer, families: listeners.families)
        let end = MonotonicClock.nanoseconds()
        nextDump = end + max(2_000_000, 4 * (end - begin))
        return found.filter { $0.inode != 0 }
    }

    /// One dump for all the orders that name no connection.
    func dumpForOrders() {
        let orders = dumpOrders
        dumpOrders = []
        var byAddress: [IPAddress: [Connection]] = [:]
        var all: [Connection] = []
        do throws(SystemError) {
            all = try dump(orders.count == 1 ? Shedder.prefix(of: orders[0]) : nil)
        } catch {
            for order in orders { finish(order, port: nil, .failed, "\(error)") }
            return
        }
        for connection in all {
            byAddress[connection.peer, default: []].append(connection)
            noteLocal(Endpoint(address: connection.local, port: connection.localPort))
        }
        for order in orders {
            var found: [Connection]
            switch order.extent {
            case .all(let prefix):
                found = prefix.isHost ? byAddress[prefix.address] ?? [] : all.filter { prefix.contains($0.peer) }
            case .served, .only: found = byAddress[order.peer] ?? []
            case .connection(let port): found = (byAddress[order.peer] ?? []).filter { $0.peerPort == port }
            }
            // A network that is banned by hand may hold peers that are allowed.
            found.removeAll { !mayShed($0.peer) || !isServed($0, by: order.mta) }
            switch meaning(of: order, among: found) {
            case .these(let connections):
                for connection in connections {
                    take(order, Endpoint(address: connection.peer, port: connection.peerPort), connection)
                }
            case .gone(let why): finish(order, port: nil, .gone, why)
            case .unclear(let count):
                finish(order, port: nil, .refused, "ambiguous: \(count) connections of this peer")
            }
        }
    }

    private enum Meaning {
        case these([Connection])
        case gone(String)
        case unclear(count: Int)
    }

    /// Which of the connections of an order's peer it is about.
    private func meaning(of order: Shed, among found: [Connection]) -> Meaning {
        guard let one = found.first else { return .gone("no connection") }
        if order.namesAll { return .these(found) }
        guard case .served(let pid) = order.extent else {
            return found.count == 1 ? .these(found) : .unclear(count: found.count)
        }
        let held = holders.held(found, by: pid, order.mta)
        if held.count == 1 { return .these(held) }
        // By the log each of the peer's sessions was rejected, and by the kernel these are all his connections.
        if held.count > 1 { return held.count == order.rejectedSessions ? .these(held) : .unclear(count: held.count) }
        guard found.count == 1 else { return .unclear(count: found.count) }
        // In our pid namespace the line's process would be the one that holds it. Another holds it: the connection that was
        // rejected has ended, and this is a later one or one beside it.
        let now = MonotonicClock.nanoseconds()
        if let holder = holders.holder(of: one.inode, pid: nil, mta: order.mta, now: now), holders.isOurs(holder.entry)
        {
            return .gone("the process that rejected it no longer holds it")
        }
        return .these(found)
    }

    /// A line of one MTA is about none of the connections of another.
    func isServed(_ connection: Connection, by mta: MTA?) -> Bool {
        guard let mta, mta != .site else { return true }
        if isSlotPort(connection.localPort) { return mta == .courier }
        guard let server = servers[connection.localPort] else { return true }
        return server == mta
    }

    static func prefix(of order: Shed) -> Prefix {
        if case .all(let prefix) = order.extent { return prefix }
        return Prefix(order.peer)
    }

    func noteLocal(_ end: Endpoint) {
        guard localEnds.count < 64, !localEnds.contains(end) else { return }
        localEnds.append(end)
    }
}

extension Shed {
    /// Whether it means every connection of its peers, and not the one that a line was about.
    var namesAll: Bool {
        if case .all = extent { return true }
        return false
    }
}
