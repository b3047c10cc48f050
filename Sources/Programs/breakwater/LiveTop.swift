import ControlProtocol
import Events
import Glibc
import Posix

/// `top` on a terminal: asks the daemon each second, shows what it says, and takes keys.
///
/// One thread and one loop. A daemon that goes away is said and looked for again; the terminal is given back whatever
/// ends this.
final class LiveTop {
    private let path: String
    private let style: Style
    private let isUnicode = Screen.isUnicode
    private let loop: EventLoop
    private var state = TopState()
    private var client: Client?
    private var subscription: Client?
    private var code: Int32 = 0
    /// The lists and the history are asked for at every second, third ... round.
    private var rounds = 0

    init(path: String, style: Style) throws {
        self.path = path
        self.style = style
        loop = try EventLoop()
    }

    /// Runs until a key or a signal ends it. A daemon that is not there at the beginning is an error as everywhere.
    func run() throws {
        try connect()
        let signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP, SIGWINCH])
        try Screen.take()
        defer { Screen.restore() }
        try loop.add(signals.descriptor.number) { [unowned self] in
            while let signal = signals.next() {
                if signal == SIGWINCH { show() } else { end(128 + signal) }
            }
        }
        try loop.add(STDIN_FILENO) { [unowned self] in readKeys() }
        refresh()
        try loop.run()
        loop.remove(STDIN_FILENO)
        loop.remove(signals.descriptor.number)
        Screen.restore()
        if code != 0 { exit(code) }
    }

    private func end(_ code: Int32) {
        self.code = code
        loop.stop()
    }

    // MARK: - The daemon

    private func connect() throws {
        let client = try Client(path)
        // One that hangs is taken for gone.
        client.limitWaiting(to: .seconds(3))
        var samples: [(time: Instant, slots: Int)] = []
        try client.ask(.samples(since: .hours(1))) { row in
            guard let time = row.instant("time"), let slots = row.integer("slots") else { return }
            samples.append((time, slots))
        }
        let subscription = try Client(path)
        subscription.limitWaiting(to: .seconds(3))
        try subscription.send(.events(follow: true, limit: 50))
        state.take(samples: samples)
        state.forgetEvents()
        self.client = client
        self.subscription = subscription
        try loop.add(subscription.number) { [unowned self] in readEvents() }
    }

    private func letGo(because text: String) {
        if let subscription { loop.remove(subscription.number) }
        client = nil
        subscription = nil
        state.absence = text
    }

    /// Once a second.
    private func refresh() {
        do {
            if client == nil { try connect() }
            try ask()
        } catch let failure as Failure {
            letGo(because: failure.text)
        } catch {
            letGo(because: "\(error)")
        }
        show()
        loop.schedule(after: .seconds(1)) { [unowned self] in refresh() }
    }

    private func ask() throws {
        guard let client else { return }
        var status = Record("row")
        try client.ask(.status) { status = $0 }
        state.take(status: status, at: LocalTime.now)
        defer { rounds += 1 }
        guard rounds % 2 == 0 else { return }
        var rows: [Record] = []
        try client.ask(.worst(limit: 200)) { rows.append($0) }
        state.take(worst: rows)
    }

    private func readEvents() {
        do {
            repeat {
                guard let record = try subscription?.next() else {
                    letGo(because: "the daemon has gone")
                    break
                }
                if let decision = Decision(record) { state.take(decision) }
            } while subscription?.hasRecord == true
        } catch let failure as Failure {
            letGo(because: failure.text)
        } catch {
            letGo(because: "\(error)")
        }
        showSoon()
    }

    // MARK: - The screen

    private var isShowingSoon = false

    /// In a wave a hundred events a second come: one picture for all that come within a fifth of one.
    private func showSoon() {
        guard !isShowingSoon else { return }
        isShowingSoon = true
        loop.schedule(after: .milliseconds(200)) { [unowned self] in
            isShowingSoon = false
            show()
        }
    }

    private func show() {
        let view = TopView(
            state: state, size: Screen.size, style: style, isUnicode: isUnicode, now: LocalTime.now)
        Screen.show(view.lines)
    }

    // MARK: - Keys

    private func readKeys() {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(STDIN_FILENO, &bytes, bytes.count)
        // The terminal has gone.
        guard count > 0 else { return errno == EINTR && count < 0 ? () : end(128 + SIGHUP) }
        for key in Key.read(bytes[..<count]) { take(key) }
        show()
    }

    private func take(_ key: Key) {
        if key == .interrupt { return end(0) }
        if key == .suspend { return suspend() }
        if let question = state.question {
            state.question = nil
            if key == .character("y") { return carryOut(question) }
            state.message = "nothing done"
            return
        }
        switch key {
        case .character("q"): end(0)
        case .character("s"):
            state.order = state.order.next
            state.arrange()
        case .tab: state.pane = state.pane == .sources ? .networks : .sources
        case .up, .character("k"): state.move(by: -1)
        case .down, .character("j"): state.move(by: 1)
        case .pageUp: state.move(by: -10)
        case .pageDown: state.move(by: 10)
        case .character("b"): ask(.ban)
        case .character("a"): ask(.allow)
        default: break
        }
    }

    private func ask(_ verb: TopState.Question.Verb) {
        state.message = nil
        guard let prefix = state.selectedPrefix else {
            state.message = "nothing is selected"
            return
        }
        state.question = TopState.Question(verb: verb, prefix: prefix)
    }

    private func carryOut(_ question: TopState.Question) {
        let request: Request =
            switch question.verb {
            case .ban:
                .ban(
                    question.prefix, for: nil, why: "by hand", origin: .manual, shed: true, dryRun: false,
                    confirmed: false)
            case .allow: .allow(question.prefix, for: nil, dryRun: false)
            }
        do {
            // A connection of its own: what fails here must not end the view.
            let client = try Client(path)
            client.limitWaiting(to: .seconds(5))
            let answer = try client.ask(request)
            state.message = answer["text"] ?? "done"
            rounds = 0
        } catch let failure as Failure {
            state.message = failure.text
        } catch {
            state.message = "\(error)"
        }
    }

    /// Ctrl-Z: the terminal is the shell's until `fg`.
    private func suspend() {
        Screen.restore()
        kill(getpid(), SIGSTOP)
        do { try Screen.take() } catch { end(74) }
    }
}
