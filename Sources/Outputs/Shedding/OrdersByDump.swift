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
            toLocalPorts: settings.ports, peer: peer, families: slots?.listeners.families ?? SockDiag.bothFamilies)
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
            if slots == nil { noteLocal(Endpoint(address: connection.local, port: connection.localPort)) }
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
            found.removeAll { !mayShed($0.peer) }
            if found.isEmpty {
                finish(order, port: nil, .gone, "no connection")
            } else if !order.namesAll, found.count > 1 {
                finish(order, port: nil, .refused, "ambiguous: \(found.count) connections of this peer")
            } else {
                for connection in found {
                    take(order, Endpoint(address: connection.peer, port: connection.peerPort), connection)
                }
            }
        }
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
