import Addresses
import CLinux
import Glibc
import Posix

/// Receives syslog over UDP and TCP from the hosts that may send, and hands their messages over as lines.
///
/// What a host in `senders` says is believed, its own name and those of others included: it can have any address
/// banned, as whoever can write a log can. It cannot speak in this host's name (`SyslogMessage`).
///
/// Bounds: `mostConnections` in all and `mostOfOne` of one host, in each at most one unfinished message of 64 KiB; every
/// connection that has something is read in turn; of UDP, where nothing else keeps a host from crowding out the others,
/// `packetsPerSecond` of each. What is beyond is counted.
///
/// Not `Sendable`, for one thread.
package final class SyslogReceiver: LogStream {
    package let name: String
    package private(set) var counters = LogCounters()
    package let positionText: String? = nil

    private let senders: [Prefix]
    private let ready: ReadySet
    private let packets: Bound?
    private let listener: Bound?
    private var connections: [Int32: Connection] = [:]
    private var packetShares: [IPAddress: PacketShare] = [:]
    private var message: SyslogMessage
    private var trouble: (text: String, at: Int64)?
    private let buffer = ReadBuffer()

    private final class Connection {
        let descriptor: Descriptor
        let sender: SyslogMessage.Sender
        var framing = SyslogFraming()

        init(_ descriptor: consuming Descriptor, _ sender: SyslogMessage.Sender) {
            self.descriptor = descriptor
            self.sender = sender
        }
    }

    private final class Bound {
        let descriptor: Descriptor
        var number: Int32 { descriptor.number }

        init(
            _ type: __socket_type, _ address: IPAddress, _ port: UInt16, _ ready: ReadySet
        ) throws(SystemError) {
            descriptor = try InternetSocket.bound(type, to: address, port: port)
            try ready.add(descriptor.number)
        }
    }

    /// - Parameters:
    ///   - name: as the configuration has it.
    ///   - ownHost: this host's name.
    package init(
        name: String, address: IPAddress, port: UInt16, udp: Bool, tcp: Bool, senders: [Prefix], ownHost: String
    ) throws(SystemError) {
        self.name = name
        self.senders = senders
        message = SyslogMessage(ownHost: ownHost)
        ready = try ReadySet()
        packets = udp ? try Bound(SOCK_DGRAM, address, port, ready) : nil
        listener = tcp ? try Bound(SOCK_STREAM, address, port, ready) : nil
        if let number = packets?.number,
            !InternetSocket.set(number, SOL_SOCKET, SO_RCVBUFFORCE, SyslogReceiver.packetBuffer)
        {
            InternetSocket.set(number, SOL_SOCKET, SO_RCVBUF, SyslogReceiver.packetBuffer)
        }
        if let number = listener?.number, listen(number, 64) != 0 { throw SystemError("listen", name) }
    }

    package var descriptor: Int32? { ready.descriptor }

    /// For a minute: who was turned away or broke off, which is what one looks for when a host's lines do not come.
    package var problem: LogProblem? {
        guard let trouble, MonotonicClock.nanoseconds() - trouble.at < 60_000_000_000 else { return nil }
        return LogProblem(description: trouble.text)
    }

    package func poll() -> Bool { false }

    package func readAvailable(
        maxBytes: Int, _ body: (Span<UInt8>, LineInfo) -> Void
    ) throws(SystemError) -> Bool {
        var budget = maxBytes
        while budget > 0 {
            let numbers = ready.ready()
            if numbers.isEmpty { return false }
            // Each in turn, so that none waits for another's flood to end.
            for number in numbers {
                if number == packets?.number {
                    budget -= receivePackets(number, body)
                } else if number == listener?.number {
                    accept(number)
                } else if let connection = connections[number] {
                    budget -= read(connection, body)
                }
            }
        }
        return true
    }

    private func hear(
        _ bytes: UnsafeBufferPointer<UInt8>, isCut: Bool, _ sender: SyslogMessage.Sender,
        _ body: (Span<UInt8>, LineInfo) -> Void
    ) {
        counters.bytes &+= UInt64(bytes.count)
        guard message.read(bytes, from: sender) else {
            counters.broken &+= 1
            return
        }
        counters.lines &+= 1
        if message.isMisnamed { counters.misnamed &+= 1 }
        let isCut = isCut || message.isCut
        if isCut { counters.cutLines &+= 1 }
        let line = message.line
        body(line.span, LineInfo(isCut: isCut))
    }

    private func isAllowed(_ sender: IPAddress) -> Bool {
        if senders.contains(where: { $0.contains(sender) }) { return true }
        refuse("\(sender) sends syslog to \(name), and mta.senders does not name it")
        return false
    }

    private func refuse(_ text: String) {
        counters.refused &+= 1
        trouble = (text, MonotonicClock.nanoseconds())
    }

    /// A burst waits in the kernel while a turn of the loop is busy; the bound of the host is one for everybody.
    private static let packetBuffer: Int32 = 4 << 20
}

// MARK: - UDP

extension SyslogReceiver {
    /// A bucket of packets that fills with time.
    private struct PacketShare {
        let sender: SyslogMessage.Sender
        var left = SyslogReceiver.packetsPerSecond
        var filledAt: Int64
    }

    /// Twice what a wave of 5,000 rejected connections a second logs.
    private static let packetsPerSecond = 20_000
    private static let mostSenders = 1024
    private static let packetsPerTurn = 256

    /// Returns how many bytes were read.
    private func receivePackets(_ number: Int32, _ body: (Span<UInt8>, LineInfo) -> Void) -> Int {
        var read = 0
        let now = MonotonicClock.nanoseconds()
        for _ in 0..<SyslogReceiver.packetsPerTurn {
            // No packet is longer than the buffer.
            guard let packet = InternetSocket.datagram(from: number, into: buffer.bytes) else { break }
            // One that is refused costs time, too.
            read += packet.count + 64
            guard let sender = share(of: packet.sender, now) else { continue }
            hear(UnsafeBufferPointer(rebasing: buffer.bytes[..<packet.count]), isCut: false, sender, body)
        }
        return read
    }

    /// The sender, when it may send and has not used up its share.
    private func share(of address: IPAddress, _ now: Int64) -> SyslogMessage.Sender? {
        if packetShares[address] == nil {
            guard isAllowed(address) else { return nil }
            if packetShares.count >= SyslogReceiver.mostSenders { packetShares = [:] }
            packetShares[address] = PacketShare(sender: sender(address), filledAt: now)
        }
        guard var share = packetShares[address] else { return nil }
        let rate = SyslogReceiver.packetsPerSecond
        if now - share.filledAt >= 1_000_000_000 {
            share.left = rate
            share.filledAt = now
        }
        guard share.left > 0 else {
            counters.overShare &+= 1
            return nil
        }
        share.left -= 1
        packetShares[address] = share
        return share.sender
    }

    private func sender(_ address: IPAddress) -> SyslogMessage.Sender {
        SyslogMessage.Sender(address, isOwn: address.isLoopback || ownAddresses().contains(address))
    }
}

// MARK: - TCP

extension SyslogReceiver {
    private static let mostConnections = 64
    private static let mostOfOne = 16
    private static let bytesPerTurn = 65536

    private func accept(_ number: Int32) {
        for _ in 0..<SyslogReceiver.mostConnections {
            let accepted = bw_accept(number)
            guard accepted >= 0 else { return }
            let descriptor = Descriptor(owning: accepted)
            guard let address = InternetSocket.peer(of: accepted), isAllowed(address) else { continue }
            guard connections.count < SyslogReceiver.mostConnections else {
                refuse("\(name) has \(connections.count) connections; that of \(address) was refused")
                continue
            }
            guard connections.count(where: { $0.value.sender.address == address }) < SyslogReceiver.mostOfOne else {
                refuse("\(address) has \(SyslogReceiver.mostOfOne) connections to \(name); one more was refused")
                continue
            }
            // A host that is gone without a word would hold its place for ever.
            InternetSocket.set(accepted, SOL_SOCKET, SO_KEEPALIVE, 1)
            InternetSocket.set(accepted, Int32(IPPROTO_TCP), TCP_KEEPIDLE, 300)
            do throws(SystemError) { try ready.add(accepted) } catch {
                refuse("a connection of \(address) to \(name) was refused: \(error)")
                continue
            }
            connections[accepted] = Connection(descriptor, sender(address))
        }
    }

    /// Returns how many bytes were read.
    private func read(_ connection: Connection, _ body: (Span<UInt8>, LineInfo) -> Void) -> Int {
        let room = UnsafeMutableRawBufferPointer(
            rebasing: UnsafeMutableRawBufferPointer(buffer.bytes)[..<SyslogReceiver.bytesPerTurn])
        let count: Int
        do throws(SystemError) {
            guard let read = try connection.descriptor.read(into: room) else { return 0 }
            count = read
        } catch {
            leave(connection)
            return 0
        }
        guard count > 0 else {
            leave(connection)
            return 0
        }
        let isSound = connection.framing.feed(UnsafeBufferPointer(rebasing: buffer.bytes[..<count])) { bytes, isCut in
            hear(bytes, isCut: isCut, connection.sender, body)
        }
        if !isSound {
            counters.broken &+= 1
            trouble = (
                "\(connection.sender.address) does not send syslog to \(name) (RFC 6587 framing is expected); "
                    + "its connection was closed", MonotonicClock.nanoseconds()
            )
            leave(connection)
        }
        return count
    }

    private func leave(_ connection: Connection) {
        if connection.framing.unfinishedBytes > 0 { counters.unfinishedLines &+= 1 }
        connections[connection.descriptor.number] = nil
    }
}
