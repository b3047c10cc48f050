import Addresses
import Events
import Glibc
import Posix

/// Asks many questions at once, over UDP, and ends in time whatever comes or does not.
///
/// Each question goes out through a socket of its own that is connected: the kernel chooses a port at random, and lets in
/// only what comes from the resolver's address and port. The id is drawn at random, and the answer must repeat the
/// question. What fits nothing is passed over, as the right answer may yet come. A resolver that fails is followed by the
/// next one at once, one that is silent after a second.
package struct Asking {
    /// So many resolvers and questions keep the sockets below the usual 1024 descriptors of a process.
    package static let mostQuestions = 256
    private static let mostServers = 3
    /// When an open question is asked again, of the next resolver where there is one.
    private static let again: [Duration] = [.seconds(1), .seconds(2), .seconds(3)]

    private let questions: [DNSQuestion]
    private let servers: [NameServer]
    private let span: Duration
    private var answers: [DNSAnswer?]
    private var open: [Open] = []
    private var hasAnswer = false

    private final class Socket {
        let descriptor: Descriptor
        init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
    }

    private struct Open {
        let question: Int
        let id: UInt16
        /// By server, those that were asked and have not failed.
        var sockets: [Int: Socket] = [:]
        var next = 0
        /// How often it was asked again because nothing came.
        var repeats = 0
        var failure: String?

        var due: Duration? { repeats < Asking.again.count ? Asking.again[repeats] : nil }
    }

    /// What each question was answered, in their order; and whether any resolver answered anything at all.
    package static func ask(
        _ questions: [DNSQuestion], of servers: [NameServer], within span: Duration
    ) -> (answers: [DNSAnswer], hasAnswer: Bool) {
        var asking = Asking(Array(questions.prefix(mostQuestions)), Array(servers.prefix(mostServers)), span)
        asking.run()
        let silence = DNSAnswer.failed("no answer in \(span.span)")
        let left = [DNSAnswer](repeating: .failed("not asked"), count: max(0, questions.count - mostQuestions))
        return (asking.answers.map { $0 ?? silence } + left, asking.hasAnswer)
    }

    private init(_ questions: [DNSQuestion], _ servers: [NameServer], _ span: Duration) {
        self.questions = questions
        self.servers = servers
        self.span = span
        answers = [DNSAnswer?](repeating: nil, count: questions.count)
    }

    private mutating func run() {
        let clock = ContinuousClock()
        let begin = clock.now
        guard !servers.isEmpty else { return }
        for question in questions.indices {
            open.append(Open(question: question, id: UInt16.random(in: .min ... .max)))
            send(open.count - 1)
        }
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let passed = clock.now - begin
            for place in open.indices {
                guard let due = open[place].due, passed >= due else { continue }
                open[place].repeats += 1
                send(place)
            }
            settle()
            guard !open.isEmpty, passed < span else { break }
            let due = open.compactMap(\.due).min() ?? span
            wait(min(due, span) - passed, &buffer)
        }
        // A resolver's last word says more than that nothing came.
        for entry in open { answers[entry.question] = entry.failure.map { .failed($0) } }
    }

    /// Asks the next resolver, the first again after the last.
    private mutating func send(_ place: Int) {
        let server = open[place].next % servers.count
        open[place].next += 1
        let question = questions[open[place].question]
        do throws(SystemError) {
            let socket: Socket
            if let known = open[place].sockets[server] {
                socket = known
            } else {
                socket = try Asking.socket(to: servers[server])
            }
            let message = question.message(id: open[place].id)
            let sent = message.withUnsafeBytes { Glibc.send(socket.descriptor.number, $0.baseAddress, $0.count, 0) }
            guard sent == message.count else { throw SystemError("send", "\(servers[server])") }
            open[place].sockets[server] = socket
        } catch { fail(place, server, Asking.words(error.code, servers[server])) }
    }

    private static func socket(to server: NameServer) throws(SystemError) -> Socket {
        let flags = SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let family = server.address.isIPv4 ? AF_INET : AF_INET6
        let descriptor = try Descriptor(
            "socket", "\(server)", Glibc.socket(family, Int32(SOCK_DGRAM.rawValue | flags), 0))
        let number = descriptor.number
        let result = InternetSocket.with(server.address, server.port) { connect(number, $0, $1) }
        guard result == 0 else { throw SystemError("connect", "\(server)") }
        return Socket(descriptor)
    }

    private static func words(_ code: Int32, _ server: NameServer) -> String {
        code == ECONNREFUSED ? "nobody answers at \(server)" : "\(server): \(errnoText(code))"
    }

    /// Notes why one resolver has no answer.
    private mutating func fail(_ place: Int, _ server: Int, _ why: String) {
        open[place].sockets[server] = nil
        open[place].failure = why
    }

    /// Ends what has its answer, and what every resolver has failed; those that failed at one are asked of the next.
    private mutating func settle() {
        for place in open.indices where answers[open[place].question] == nil && open[place].sockets.isEmpty {
            while open[place].sockets.isEmpty, open[place].next < servers.count { send(place) }
            if open[place].sockets.isEmpty { answers[open[place].question] = open[place].failure.map { .failed($0) } }
        }
        open.removeAll { answers[$0.question] != nil }
    }

    /// Waits for answers, at most so long, and takes those that came.
    private mutating func wait(_ span: Duration, _ buffer: inout [UInt8]) {
        var places: [(place: Int, server: Int)] = []
        var requests: [pollfd] = []
        for place in open.indices {
            for (server, socket) in open[place].sockets {
                places.append((place, server))
                requests.append(pollfd(fd: socket.descriptor.number, events: Int16(POLLIN), revents: 0))
            }
        }
        let milliseconds = Int32(clamping: max(0, span.nanoseconds / 1_000_000) + 1)
        guard poll(&requests, nfds_t(requests.count), milliseconds) > 0 else { return }
        for (request, (place, server)) in zip(requests, places) where request.revents != 0 {
            let count = buffer.withUnsafeMutableBytes { recv(request.fd, $0.baseAddress, $0.count, 0) }
            guard count >= 0 else {
                let code = errno
                if code != EAGAIN, code != EINTR { fail(place, server, Asking.words(code, servers[server])) }
                continue
            }
            let entry = open[place]
            guard let answer = questions[entry.question].answer(in: Array(buffer[..<count]), id: entry.id) else {
                continue
            }
            hasAnswer = true
            if case .failed(let why) = answer { fail(place, server, why) } else { answers[entry.question] = answer }
        }
    }
}
