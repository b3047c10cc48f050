import Addresses
import CLinux
import Events
import Glibc
import Netlink
import Posix
import Shedding
import Testing

/// The stand-in MTA of Fixtures/slots.py or models.py, a shedder for it, and the loop that drives the shedder.
final class SlotServer {
    let port: UInt16
    /// Served by the same processes, but not protected by the shedder.
    let otherPort: UInt16
    let pid: Int32
    /// Who says that he listens: for OpenSMTPD's model a child of `pid`.
    private(set) var listenerPid: Int32 = 0
    let loop: EventLoop
    let shedder: Shedder
    let sockets: SockDiag
    let clock = AnchoredClock()
    private let process: Int32
    private let output: Descriptor
    private let directory: String
    private let box = Box()
    private var unread: [UInt8] = []

    private final class Box { var decisions: [Decision] = [] }

    /// - Parameter model: one of models.py; without, it is Courier's.
    init(_ model: String? = nil, _ adjust: (inout Shedder.Settings) -> Void = { _ in }) throws {
        var template = Array("/tmp/breakwater-slots.XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // Ports that are free now; nobody else is in this namespace.
        (port, otherPort) = try SlotServer.freePorts()
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        output = Descriptor(owning: ends[0])
        let source = "\(#filePath)".split(separator: "/").dropLast().map { "/" + $0 }.joined()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        var words: [String] = ["python3", source + "/Fixtures/slots.py", directory, "\(port),\(otherPort)"]
        if let model {
            words[1] = source + "/Fixtures/models.py"
            words.append(model)
        }
        let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        // The threads that run tests block all signals, which a child would inherit.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var started: Int32 = 0
        let code = posix_spawnp(&started, "python3", &actions, &attributes, arguments, environ)
        posix_spawn_file_actions_destroy(&actions)
        posix_spawnattr_destroy(&attributes)
        close(ends[1])
        try #require(code == 0, "python3 does not start: \(errnoText(code))")
        process = started
        pid = started

        loop = try EventLoop()
        sockets = try SockDiag()
        var settings = Shedder.Settings(ports: [port])
        adjust(&settings)
        shedder = Shedder(loop: loop, sockets: sockets, clock: clock, settings: settings) { [box] in
            box.decisions.append($0)
        }
        let first = try nextWords()
        try #require(first.count == 2 && first[0] == "ready")
        listenerPid = try #require(Int32(first[1]))
    }

    deinit {
        // Its slots first: they are its children as long as it lives.
        for child in (try? contents(of: "/proc/\(process)/task/\(process)/children")).map({
            String(decoding: $0, as: UTF8.self).split(separator: " ").compactMap { Int32($0) }
        }) ?? [] { kill(child, SIGKILL) }
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
        for name in [
            "couriertcpd", "courieresmtpd", "submit", "couriertls", "other", "master", "smtpd", "postscreen", "exim4",
            "tcpserver", "qmail-smtpd",
        ] { unlink("\(directory)/\(name)") }
        rmdir(directory)
    }

    private static func freePorts() throws -> (UInt16, UInt16) {
        let first = try TestSocket.listener("::")
        let second = try TestSocket.listener("::")
        return (first.port, second.port)
    }

    /// The words of its next line.
    func nextWords() throws -> [String] {
        while true {
            if let end = unread.firstIndex(of: 0x0a) {
                let line = String(decoding: unread[..<end], as: UTF8.self)
                unread.removeSubrange(...end)
                return line.split(separator: " ").map(String.init)
            }
            var wanted = pollfd(fd: output.number, events: Int16(POLLIN), revents: 0)
            try #require(poll(&wanted, 1, 20_000) == 1, "the stand-in is silent")
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(output.number, &buffer, buffer.count)
            try #require(count > 0, "the stand-in has ended")
            unread += buffer[..<count]
        }
    }

    /// A client whose slot has logged its rejection; `pid` is its slot's.
    func client(
        _ behaviour: String, from source: String = "127.0.0.1", to port: UInt16? = nil
    ) throws -> (socket: TestSocket, pid: Int32) {
        let socket = try TestSocket.connected(
            to: source.contains(":") ? "::1" : "127.0.0.1", port: port ?? self.port, from: source)
        socket.send(behaviour + "\n")
        let words = try nextWords()
        return (socket, words.count == 4 ? Int32(words[3]) ?? 0 : 0)
    }

    /// As `client`, past what the stand-in has said meanwhile.
    func clientAfterOthers(_ behaviour: String, from source: String) throws -> (socket: TestSocket, pid: Int32) {
        let socket = try TestSocket.connected(to: "127.0.0.1", port: port, from: source)
        socket.send(behaviour + "\n")
        while true {
            let words = try nextWords()
            if words.first == "line" { return (socket, words.last.flatMap { Int32($0) } ?? 0) }
        }
    }

    func order(_ client: TestSocket, from source: String = "127.0.0.1", extent: Shed.Extent? = nil) throws -> Shed {
        Shed(
            peer: try #require(IPAddress(source)), extent: extent ?? .connection(port: client.port), why: "rbl:test",
            since: clock.now)
    }

    /// Carries out orders and waits until as many decisions have come, or ten seconds.
    func decisions(_ orders: [Shed], count: Int? = nil) throws -> [Decision] {
        box.decisions = []
        let wanted = count ?? orders.count
        var isLate = false
        loop.schedule(after: .zero) { [shedder] in shedder.shed(orders) }
        let limit = loop.schedule(after: .seconds(10)) { isLate = true }
        while box.decisions.count < wanted, !isLate { try loop.turn() }
        loop.cancel(limit)
        return box.decisions
    }

    /// A process closes its descriptors a moment before it has ended.
    func awaitEnd(of pid: Int32) {
        for _ in 0..<2000 where isRunning(pid) { usleep(1000) }
    }

    func isRunning(_ pid: Int32) -> Bool { kill(pid, 0) == 0 }
}
