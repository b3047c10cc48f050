import Addresses
import CLinux
import Events
import Glibc
import Posix
import ProcFS
import Shedding
import Synchronization
import Testing

/// Real processes and a real sleep(3); the MTA is Fixtures/slots.py, with 127.0.0.66 listed.
@Suite(.serialized, .enabled(if: isInNamespace, outsideNamespace))
struct EarlyAnswerTests {
    /// A server and early answering for it.
    private func make(mayAnswer: @escaping (Slot) -> Bool = { _ in true }) throws -> (SlotServer, EarlyAnswer) {
        let server = try SlotServer()
        let early = try #require(try EarlyAnswer(server.shedder, mayAnswer: mayAnswer))
        try early.start()
        return (server, early)
    }

    /// Lets the loop run until `condition` holds, or for a while.
    private func run(_ server: SlotServer, for span: Duration, until condition: () -> Bool = { false }) throws {
        var isOver = false
        let limit = server.loop.schedule(after: span) { isOver = true }
        while !isOver, !condition() { try server.loop.turn() }
        server.loop.cancel(limit)
    }

    private func connect(_ server: SlotServer, _ behaviour: String, from source: String) throws -> TestSocket {
        let socket = try TestSocket.connected(to: "127.0.0.1", port: server.port, from: source)
        socket.send(behaviour + "\n")
        return socket
    }

    @Test("a reply held back is given at once, by the server, and nobody is ended")
    func given() throws {
        let (server, early) = try make()
        let first = try connect(server, "held", from: "127.0.0.66")
        try run(server, for: .seconds(10)) { early.answered == 1 }
        #expect(first.receive() == "511 no\r\n")
        #expect(try server.nextWords().first == "line", "its own log line is written")
        let peer = try #require(IPAddress("127.0.0.66"))
        let slot = try #require(server.shedder.slots?.slot(peer: peer, port: first.port))
        #expect(slot.verdict?.zone == "zen.example" && slot.verdict?.text == "no" && slot.isAnsweredEarly)
        #expect(server.isRunning(slot.pid) && ProcessEntry(slot.pid).tracer == 0, "it is nobody's tracee")

        #expect(early.isToldOfStarts)
        let second = try connect(server, "held", from: "127.0.0.66")
        try run(server, for: .seconds(10)) { early.answered == 2 }
        #expect(second.receive() == "511 no\r\n")
    }

    @Test("what is shed on the line says that it was answered early")
    func shedAfterwards() throws {
        let (server, early) = try make()
        let client = try connect(server, "held", from: "127.0.0.66")
        try run(server, for: .seconds(10)) { early.answered == 1 }
        _ = try server.nextWords()
        let decision = try #require(try server.decisions([server.order(client, from: "127.0.0.66")]).first)
        #expect(decision.outcome == .done && decision.told == true && decision.detail == "answered early")
        #expect(client.receive() == "511 no\r\n")
        #expect(client.receive() == "")
    }

    /// Each sleeps in a slot of the listener like the one above, which is awake long before the span is over.
    @Test(
        "a sleep that is not a refusal held back goes on",
        arguments: [
            ("its peer is not listed", "held", "127.0.0.1"),
            ("the list did not answer", "held", "127.0.0.67"),
            ("its judge was asked nothing: a failed AUTH", "refused", "127.0.0.66"),
            ("its peer has authenticated", "authenticated", "127.0.0.66"),
            ("it has no judge", "unjudged", "127.0.0.66"),
            ("it runs another program by now", "becomes", "127.0.0.66"),
        ])
    func sleepsOn(_ name: String, behaviour: String, source: String) throws {
        let (server, early) = try make()
        let other = try connect(server, behaviour, from: source)
        let one = try connect(server, "held", from: "127.0.0.66")
        try run(server, for: .seconds(10)) { early.answered > 0 }
        try run(server, for: .milliseconds(500))
        #expect(early.answered == 1, "\(name)")
        #expect(one.receive() == "511 no\r\n")
        let heard = other.receive(milliseconds: 100)
        #expect(heard == (behaviour == "refused" ? "535 no\r\n" : nil), "\(name)")
    }

    @Test("who has the pid of a slot but is none is not even stopped")
    func notStopped() throws {
        final class Word { var isYes = false }
        let word = Word()
        let (server, early) = try make { _ in word.isYes }
        _ = try connect(server, "becomes", from: "127.0.0.66")
        try run(server, for: .seconds(10)) { server.shedder.slots?.count == 1 }
        let pid = try #require(server.shedder.slots?.all.first?.pid)
        // Asleep in the other program, and with it the judge that it had as a slot.
        let limit = MonotonicClock.nanoseconds() + 10_000_000_000
        while MonotonicClock.nanoseconds() < limit,
            !(ProcessEntry(pid).programName == "other" && bw_syscall_sleeps(ProcessEntry(pid).systemCall ?? 0) != 0)
        { try run(server, for: .milliseconds(10)) }
        #expect(ProcessEntry(pid).programName == "other")
        // A stop shows as a switch to another task; a sleep that goes on has none. It is in its call before it sleeps.
        var before = try switches(of: pid)
        while MonotonicClock.nanoseconds() < limit {
            try run(server, for: .milliseconds(200))
            let now = try switches(of: pid)
            if now == before { break }
            before = now
        }
        word.isYes = true
        try run(server, for: .seconds(1))
        #expect(try switches(of: pid) == before)
        #expect(early.answered == 0)
    }

    private func switches(of pid: Int32) throws -> UInt64? {
        let bytes = try contents(of: "/proc/\(pid)/status")
        return numberField("voluntary_ctxt_switches", in: bytes.span)
    }

    @Test("a slot that is killed while it is stopped leaves nothing behind")
    func killedInItsStop() throws {
        let (server, early) = try make()
        let hunter = try StopHunter()
        defer { hunter.end() }
        for _ in 0..<30 {
            let client = try connect(server, "held", from: "127.0.0.66")
            let peer = try #require(IPAddress("127.0.0.66"))
            // The list of children may leave one out while another ends; the daemon's samples look again.
            for _ in 0..<100 where server.shedder.slots?.slot(peer: peer, port: client.port) == nil {
                try run(server, for: .milliseconds(100)) {
                    server.shedder.slots?.slot(peer: peer, port: client.port) != nil
                }
                try server.shedder.slots?.refresh()
            }
            let slot = try #require(server.shedder.slots?.slot(peer: peer, port: client.port))
            hunter.prey = slot.pid
            let answered = early.answered
            try run(server, for: .seconds(10)) { early.answered > answered || ProcessEntry(slot.pid).stat == nil }
            hunter.prey = 0
            kill(slot.pid, SIGKILL)
            try run(server, for: .seconds(1)) { ProcessEntry(slot.pid).stat == nil }
            // A tracee that nobody waits for is a zombie for as long as its tracer lives.
            #expect(ProcessEntry(slot.pid).stat == nil)
            if ProcessEntry(slot.pid).stat != nil { break }
        }
        #expect(hunter.kills > 0)
    }

    @Test("who may not be answered early is not, and is when that changes")
    func forbidden() throws {
        final class Word { var isYes = false }
        let word = Word()
        let (server, early) = try make { _ in word.isYes }
        let client = try connect(server, "held", from: "127.0.0.66")
        try run(server, for: .milliseconds(500))
        #expect(early.answered == 0 && server.shedder.slots?.count == 1)
        word.isYes = true
        try run(server, for: .seconds(10)) { early.answered == 1 }
        #expect(client.receive() == "511 no\r\n")
    }

    @Test("ended, it touches nobody; begun again, it finds who was there before")
    func offAndOn() throws {
        let (server, early) = try make()
        early.stop()
        let client = try connect(server, "held", from: "127.0.0.66")
        try run(server, for: .milliseconds(300))
        try server.shedder.slots?.refresh()
        #expect(early.answered == 0 && client.receive(milliseconds: 50) == nil)
        try early.start()
        try run(server, for: .seconds(10)) { early.answered == 1 }
        #expect(client.receive() == "511 no\r\n")
    }
}

/// Kills a process in the middle of a tracing stop, each time a bit later into it.
private final class StopHunter: Sendable {
    private let target = Atomic<Int32>(0)
    private let killed = Atomic<Int>(0)
    private let isOver = Atomic<Bool>(false)

    var prey: Int32 {
        get { target.load(ordering: .relaxed) }
        set { target.store(newValue, ordering: .relaxed) }
    }
    var kills: Int { killed.load(ordering: .relaxed) }

    init() throws { try startThread(named: "hunter") { [self] in hunt() } }

    func end() { isOver.store(true, ordering: .relaxed) }

    private func hunt() {
        while !isOver.load(ordering: .relaxed) {
            let pid = prey
            guard pid > 0, ProcessEntry(pid).stat?.state == UInt8(ascii: "t") else { continue }
            usleep(UInt32(kills % 20) * 100)
            kill(pid, SIGKILL)
            killed.add(1, ordering: .relaxed)
            prey = 0
        }
    }
}
