import Events
import Netlink
import Posix

/// How many connections and slots there are at an instant.
package struct Sample: Equatable, Sendable {
    package var time: Instant
    /// ESTABLISHED connections, for each of the ports sampled, 0 included. At the MTA's limit this counts those too
    /// that wait in the kernel without a process.
    package var connectionsByPort: [UInt16: Int]
    /// Processes that hold a slot; `nil` for an MTA whose processes are not known.
    package var slots: Int?
    /// Connections begun since the sample before; `nil` for the first one.
    package var new: Int?
    /// `new` was counted from the kernel's passive opens, which are those of all ports of the host.
    package var isNewOfAllPorts = false

    package init(time: Instant, connectionsByPort: [UInt16: Int], slots: Int? = nil) {
        self.time = time
        self.connectionsByPort = connectionsByPort
        self.slots = slots
    }

    package var connections: Int { connectionsByPort.values.reduce(0, +) }
}

/// Takes samples. What the MTA logs of beginning connections is passed in by `noteStarted`, as only the log knows the
/// connections that one port has begun; without such lines the kernel's counter stands in.
package final class Sampler {
    private let sockets: SockDiag
    private let ports: [UInt16]
    private let clock: AnchoredClock
    private let slots: () -> SlotCount?
    private var started: Int?
    private var passiveOpens: UInt64?
    private var hasSampled = false

    /// Processes that hold a slot, and the ports that they serve; on others each connection counts as one.
    package typealias SlotCount = (slots: Int, ports: Set<UInt16>)

    /// - Parameter slots: counts the processes that hold a slot, where that is possible; asked once for each sample.
    package init(sockets: SockDiag, ports: [UInt16], clock: AnchoredClock, slots: @escaping () -> SlotCount?) {
        self.sockets = sockets
        self.ports = ports
        self.clock = clock
        self.slots = slots
    }

    /// Lines read that say a connection has begun. Call it with 0, too, once the MTA is known to write such lines.
    package func noteStarted(_ count: Int) { started = (started ?? 0) + count }

    package func sample() throws(SystemError) -> Sample {
        let counts = try sockets.count(ports: ports)
        let held = slots().map { held in
            counts.reduce(held.slots) { held.ports.contains($1.key) ? $0 : $0 + $1.value }
        }
        var sample = Sample(time: clock.now, connectionsByPort: counts, slots: held)
        let opens = Sampler.passiveOpens()
        if hasSampled {
            if let started {
                sample.new = started
            } else if let opens, let before = passiveOpens, opens >= before {
                sample.new = Int(clamping: opens - before)
                sample.isNewOfAllPorts = true
            }
        }
        if started != nil { started = 0 }
        passiveOpens = opens
        hasSampled = true
        return sample
    }

    private static func passiveOpens() -> UInt64? {
        guard let bytes = try? contents(of: "/proc/net/snmp", limit: 65536) else { return nil }
        return passiveOpens(inStatistics: String(decoding: bytes, as: UTF8.self))
    }

    /// `PassiveOpens` of /proc/net/snmp: a line of names and a line of values, both beginning with `Tcp:`.
    package static func passiveOpens(inStatistics text: String) -> UInt64? {
        let lines = text.split(separator: "\n").filter { $0.hasPrefix("Tcp:") }
        guard lines.count == 2 else { return nil }
        let names = lines[0].split(separator: " ")
        let values = lines[1].split(separator: " ")
        guard let index = names.firstIndex(of: "PassiveOpens"), index < values.count else { return nil }
        return UInt64(values[index])
    }
}
