import CLinux
import ControlProtocol
import Events
import Glibc
import Posix

/// The Unix socket that the command line talks to: root changes, a group reads (SO_PEERCRED, unix(7)).
///
/// Everything here is bounded, since whoever may connect may also be slow or hostile: clients, the length of a
/// request, and what is queued for a client that does not read. A client never makes the daemon wait.
final class ControlServer {
    /// One answer, made piece by piece as the client reads it: rows until `nil`, at most about a page of text at a time.
    typealias Rows = () -> [Record]?

    /// What a request leads to: rows and then the last record; or a subscription to decisions.
    enum Answer {
        case rows(Rows, last: () -> Record)
        case record(Record)
        case subscription(first: [Record])
        /// The answer comes later, by calling what is handed over; the client waits until then.
        case later((_ finish: @escaping (Answer) -> Void) -> Void)
    }

    private final class Client {
        let descriptor: Descriptor
        let mayChange: Bool
        var input: [UInt8] = []
        var output: [UInt8] = []
        var written = 0
        var pending: (rows: Rows, last: () -> Record)?
        var isSubscribed = false
        var isAwaiting = false
        var isClosing = false
        var lastActive: Int64

        init(_ descriptor: consuming Descriptor, mayChange: Bool) {
            self.descriptor = descriptor
            self.mayChange = mayChange
            lastActive = MonotonicClock.nanoseconds()
        }
    }

    private static let maxClients = 64
    /// A subscriber that lets this much pile up is let go.
    private static let maxQueuedBytes = 1 << 20
    /// A client that neither asks nor reads for this long is let go, unless it is subscribed.
    private static let idleLimit: Int64 = 60_000_000_000

    private let loop: EventLoop
    private let listener: Descriptor
    private let path: String
    private let answer: (Request) -> Answer
    private var clients: [Int32: Client] = [:]
    private(set) var refusedClients = 0
    /// Whether the group may ask.
    private(set) var isOpenToGroup = false

    /// Binds `path` anew; a socket left behind by a daemon that died is replaced, one that answers is not.
    init(path: String, group: UInt32?, loop: EventLoop, answer: @escaping (Request) -> Answer) throws(SystemError) {
        self.loop = loop
        self.path = path
        self.answer = answer
        if ControlServer.answers(path) { throw SystemError("bind", path, code: EADDRINUSE) }
        unlink(path)
        // Under systemd RuntimeDirectory= has made it; a daemon started by hand has an empty /run. If this fails, so does
        // bind, and that says why.
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex { mkdir(String(path[..<slash]), 0o755) }
        listener = try Descriptor(
            "socket", path,
            socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0))
        // Nobody connects before the owner and mode are right.
        let mask = umask(0o177)
        let number = listener.number
        let bound = try withSocketAddress(path) { bind(number, $0, $1) }
        umask(mask)
        guard bound == 0 else { throw SystemError("bind", path) }
        // Under systemd the daemon's own group is the one that may ask, and chown(2) is not allowed it. A group that
        // cannot be given costs its members their questions, nobody else anything.
        if let group {
            isOpenToGroup = getegid() == group || chown(path, uid_t.max, group) == 0
        } else {
            isOpenToGroup = false
        }
        guard chmod(path, isOpenToGroup ? 0o660 : 0o600) == 0 else { throw SystemError("chmod", path) }
        guard listen(listener.number, 32) == 0 else { throw SystemError("listen", path) }
        try loop.add(listener.number) { [unowned self] in accept() }
    }

    /// Removes the socket's file; clients are cut off.
    func close() {
        loop.remove(listener.number)
        for client in clients.values { loop.remove(client.descriptor.number) }
        clients = [:]
        unlink(path)
    }

    private static func answers(_ path: String) -> Bool {
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { return false }
        let descriptor = Descriptor(owning: probe)
        let result = try? withSocketAddress(path) { connect(descriptor.number, $0, $1) }
        return result == 0
    }

    // MARK: - Clients

    private func accept() {
        while true {
            let number = bw_accept(listener.number)
            guard number >= 0 else {
                if [EMFILE, ENFILE, ENOMEM, ENOBUFS].contains(errno) { waitForRoom() }
                return
            }
            var (pid, uid, gid): (Int32, UInt32, UInt32) = (0, UInt32.max, UInt32.max)
            let isKnown = bw_peer_credentials(number, &pid, &uid, &gid) == 0
            let client = Client(Descriptor(owning: number), mayChange: isKnown && (uid == 0 || uid == geteuid()))
            if clients.count >= ControlServer.maxClients { makeRoom(forRoot: client.mayChange) }
            guard clients.count < ControlServer.maxClients else {
                refusedClients += 1
                append(Reply.error(ExitStatus.unavailable, "too many clients at once; try again"), to: client)
                flush(client)
                continue
            }
            clients[number] = client
            do { try loop.add(number) { [unowned self] in serve(number) } } catch { clients[number] = nil }
        }
    }

    /// No descriptor is free. Whoever waits keeps the listener readable, so that it is left alone for a moment.
    private func waitForRoom() {
        loop.remove(listener.number)
        loop.schedule(after: .milliseconds(200)) { [weak self] in
            guard let self else { return }
            do { try loop.add(listener.number) { [unowned self] in accept() } } catch { waitForRoom() }
        }
    }

    /// Those who have been silent for too long go. Root comes in however many there are: then the one who has been
    /// silent the longest goes, readers before root's own.
    private func makeRoom(forRoot isRoot: Bool) {
        let now = MonotonicClock.nanoseconds()
        for client in clients.values where !client.isSubscribed && now - client.lastActive > ControlServer.idleLimit {
            drop(client)
        }
        guard isRoot, clients.count >= ControlServer.maxClients else { return }
        let stalest = clients.values.min { left, right in
            left.mayChange != right.mayChange ? right.mayChange : left.lastActive < right.lastActive
        }
        if let stalest { drop(stalest) }
    }

    private func serve(_ number: Int32) {
        guard let client = clients[number] else { return }
        client.lastActive = MonotonicClock.nanoseconds()
        guard read(client) else { return drop(client) }
        advance(client)
    }

    /// False when the client is gone.
    private func read(_ client: Client) -> Bool {
        // A client whose answer is not out yet is not heard: its requests wait in its own socket.
        while client.output.isEmpty, client.pending == nil, !client.isClosing, !client.isAwaiting {
            let room = Request.maxLength - client.input.count
            guard room > 0 else {
                append(Reply.error(ExitStatus.usage, "request longer than \(Request.maxLength) bytes"), to: client)
                client.isClosing = true
                return true
            }
            var chunk = [UInt8](repeating: 0, count: min(room, 16384))
            let count: Int?
            do {
                count = try chunk.withUnsafeMutableBytes { bytes throws(SystemError) in
                    try client.descriptor.read(into: bytes)
                }
            } catch { return false }
            guard let count else { return true }
            if count == 0 {
                // Half a request is none, and who has closed reads no answer.
                return false
            }
            client.input += chunk[..<count]
            nextRequest(client)
        }
        return true
    }

    /// Answers the first whole line of the input, if there is one.
    private func nextRequest(_ client: Client) {
        guard client.pending == nil, client.output.isEmpty, !client.isClosing, !client.isAwaiting,
            let end = client.input.firstIndex(of: 0x0a)
        else { return }
        let line = Array(client.input[..<end])
        client.input.removeFirst(end + 1)
        guard let record = Record(line: line) else {
            append(Reply.error(ExitStatus.usage, "not a request"), to: client)
            return
        }
        do {
            let request = try Request(record)
            guard client.mayChange || !request.changes else {
                append(Reply.error(ExitStatus.noPermission, "\(record.word): only root changes things"), to: client)
                return
            }
            give(answer(request), to: client)
        } catch {
            append(Reply.error(error.code, error.description), to: client)
        }
    }

    private func give(_ answer: Answer, to client: Client) {
        switch answer {
        case .record(let last): append(last, to: client)
        case .rows(let rows, let last): client.pending = (rows, last)
        case .subscription(let first):
            client.isSubscribed = true
            for record in first { append(record, to: client) }
        case .later(let start):
            client.isAwaiting = true
            start { [weak self, weak client] answer in
                guard let self, let client, client.isAwaiting else { return }
                client.isAwaiting = false
                give(answer, to: client)
                if clients[client.descriptor.number] === client { advance(client) }
            }
        }
    }

    /// Writes what the client takes, makes more of the answer, and goes on to its next request.
    private func advance(_ client: Client) {
        while true {
            guard flush(client) else { return drop(client) }
            if !client.output.isEmpty { break }
            if let pending = client.pending {
                if let rows = pending.rows() {
                    for row in rows { append(row, to: client) }
                } else {
                    client.pending = nil
                    append(pending.last(), to: client)
                }
            } else if client.isClosing {
                return drop(client)
            } else if !client.isAwaiting, client.input.contains(0x0a) {
                nextRequest(client)
            } else {
                break
            }
        }
        watch(client)
    }

    private func watch(_ client: Client) {
        let number = client.descriptor.number
        guard clients[number] != nil else { return }
        // A client that waits for a later answer is not listened to, or what it says meanwhile would wake us without end.
        if client.isAwaiting { return loop.remove(number) }
        do {
            try loop.add(number, forReading: client.output.isEmpty, forWriting: !client.output.isEmpty) {
                [unowned self] in serve(number)
            }
        } catch { drop(client) }
    }

    private func append(_ record: Record, to client: Client) {
        record.write(to: &client.output)
        client.output.append(0x0a)
    }

    /// False when the client is gone.
    @discardableResult
    private func flush(_ client: Client) -> Bool {
        while client.written < client.output.count {
            let count = client.output.withUnsafeBytes {
                send(
                    client.descriptor.number, $0.baseAddress.map { $0 + client.written },
                    client.output.count - client.written, Int32(MSG_NOSIGNAL))
            }
            if count < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN
            }
            client.written += count
        }
        client.output.removeAll(keepingCapacity: client.output.count <= 65536)
        client.written = 0
        return true
    }

    private func drop(_ client: Client) {
        loop.remove(client.descriptor.number)
        clients[client.descriptor.number] = nil
    }

    // MARK: - Subscribers

    var hasSubscribers: Bool { clients.values.contains { $0.isSubscribed } }

    /// Sends a record to all subscribers; one that is too slow is let go.
    func publish(_ record: Record) {
        for client in clients.values where client.isSubscribed {
            append(record, to: client)
            if client.output.count - client.written > ControlServer.maxQueuedBytes || !flush(client) {
                drop(client)
            } else {
                watch(client)
            }
        }
    }
}
